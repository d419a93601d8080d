"""What progress keeps for itself: private facts about an episode, and the values its state is made of."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from contracts.progress import Goal
from contracts.vocabulary import AgeBand, Criterion, LevelOfCare, PlanKind, ProgramKind, Risk
from services.progress.domain.kept import Start

MACHINES = ("measure", "tox_screen")
"""The sources of a report of use that are no person."""


class Stage(StrEnum):
    """Where an episode stands; extended, stepped down and alerted are facts beside it."""

    ADMITTED = "ADMITTED"
    SCHEDULED = "SCHEDULED"
    ATTENDING = "ATTENDING"
    STEP_UP_PENDING = "STEP_UP_PENDING"
    AFTERCARE = "AFTERCARE"
    ALUMNI = "ALUMNI"
    DISCHARGED = "DISCHARGED"


class Direction(StrEnum):
    """Which way a recommendation points."""

    DOWN = "step_down"
    UP = "step_up"


class Kind(StrEnum):
    """What a recommendation would change."""

    INTENSITY_REDUCTION = "intensity_reduction"
    TRANSITION_TAPER = "transition_taper"
    INTENSITY_INCREASE = "intensity_increase"
    LEVEL_CHANGE = "level_change"
    TRANSFER = "transfer"
    READMIT = "readmit"


@dataclass(frozen=True, slots=True)
class Sitting:
    """One session in which the person took part."""

    session_id: str
    on: date
    minutes: int
    service_kind: str
    group_kind: str | None = None
    starts_at: datetime | None = field(default=None, compare=False)
    """When it began, or was heard of if that was earlier; unknown where only a correction told of it."""
    event_id: str = field(default="", compare=False)
    counted: bool = field(default=True, compare=False)
    """Not toward a part of the curriculum that began again since."""


@dataclass(frozen=True, slots=True)
class Week:
    """One closed treatment week."""

    week_start: date
    scheduled_minutes: int
    creditable_minutes: int
    minimum: int
    below: bool
    short: bool
    ratio: int | None
    event_id: str = field(default="", compare=False)
    earlier: tuple[str, ...] = field(default=(), compare=False)
    """Ids of the events that closed it before."""

    def overlaps(self, first: date, last: date) -> bool:
        """Whether a day of it lies between two others."""
        return self.week_start <= last and first <= self.week_start + timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Contact:
    """One attempt to reach a person who stayed away."""

    on: date
    channel: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Result:
    """One scored instrument; the answers themselves are not kept."""

    at: datetime
    total: int
    change: int | None
    deteriorated: bool
    subscales: dict[str, int] = field(default_factory=dict)
    measure_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pursuit:
    """A goal of the plan in force, and how far the person has come."""

    goal: Goal
    value: int | None = None
    percent: int = 0
    current: bool = True
    """Not once the value has grown older than the goal's window."""
    met_on: date | None = None
    met_by: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A safety alert that nobody has resolved yet."""

    id: str
    kind: str
    severity: Risk
    due_ack_at: datetime
    acknowledged: bool = False
    escalations: int = 0
    escalated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one of the team thinks of a recommendation."""

    by: str
    role: str
    opinion: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A recommendation and, once it is off the table, why."""

    id: str
    direction: Direction
    kind: Kind
    trigger: str
    from_level: LevelOfCare
    to_level: LevelOfCare
    from_minutes: int
    to_minutes: int
    criteria: tuple[Criterion, ...]
    generated_by: str
    expires_at: datetime
    closed: str | None = None
    decided: bool = False
    """A person approved or declined it."""
    urgency: str = ""
    until_on: date | None = None
    payer_review: bool = False
    reviewer_id: str | None = None
    agreed: bool | None = None
    """What the patient thinks of it, once somebody asked."""
    asked: tuple[str, ...] = ()
    opinions: tuple[Opinion, ...] = ()

    @property
    def evidence(self) -> frozenset[str]:
        """Ids of everything that its criteria rest on."""
        return frozenset(id for c in self.criteria for id in c.evidence)


@dataclass(frozen=True, slots=True)
class Declined:
    """The newest no of a clinician in one direction, and to which step."""

    on: date
    kind: Kind
    to_level: LevelOfCare
    to_minutes: int


@dataclass(frozen=True, slots=True)
class Taper:
    """Days below the minimum of a level that is about to end."""

    recommendation_id: str
    since: date
    until_on: date
    ended: bool = False
    """Another step took its place."""


@dataclass(frozen=True, slots=True)
class UseReport:
    """Use that became known, and whether somebody said what is done about it."""

    id: str
    on: date
    classification: str
    confirmed: bool = True
    superseded: bool = False
    responded: bool = False
    source: str = ""
    withdrawn: bool = False
    """It was no use at all."""

    @property
    def stands(self) -> bool:
        """Whether it is still the word about that use."""
        return not (self.superseded or self.withdrawn)

    @property
    def by_machine(self) -> bool:
        """Whether nobody but an instrument or a test ever said so."""
        return not self.confirmed or self.source in MACHINES

    @property
    def unsettled(self) -> bool:
        """Whether somebody has yet to say what is done about it, or what it was."""
        relapse = self.classification == "relapse" and not self.responded
        return self.stands and (relapse or not self.confirmed)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that a person must look at, and what came of it."""

    id: str
    about: str
    subject_id: str
    due_on: date
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """Days asked for beyond the planned end, not yet decided."""

    id: str
    to_planned_end_on: date
    reasons: tuple[str, ...] = ()
    generated_by: str = "rule"


@dataclass(frozen=True, slots=True)
class Aftercare:
    """The calls that follow the program."""

    started_on: date
    until_on: date
    cadence_days: int
    called: int = 0
    due_on: date | None = None
    missed: int = 0
    last_status: str | None = None
    id: str | None = None
    components: tuple[str, ...] = ()
    meeting_on: date | None = None
    goals_overridden: bool = False


@dataclass(frozen=True, slots=True)
class Covered:
    """Who pays from a day on, and whether they want to be asked first."""

    since: date
    payer_id: str
    plan_kind: PlanKind
    auth_required: bool


@dataclass(frozen=True, slots=True)
class Authorized:
    """What a payer said yes to, or took back."""

    id: str
    level: LevelOfCare
    valid_from: date
    valid_to: date
    granted: bool = True

    def covers(self, level: LevelOfCare, first: date, last: date) -> bool:
        """Whether it holds for a level from one day to another."""
        return self.granted and self.level == level and self.valid_from <= first and last <= self.valid_to


@dataclass(frozen=True, slots=True)
class Admitted:
    """Everything that progress remembers of an admission."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    program_id: str
    program_kind: ProgramKind
    age_band: AgeBand
    clinician_id: str
    level: LevelOfCare
    weekly_minutes: int
    admitted_on: date
    planned_end_on: date
    baselines: dict[str, int]
    alerts: tuple[Alert, ...] = ()
    """The safety alerts that came with the person, open and under the ids they had."""
    coverage: tuple[Covered, ...] = ()
    authorizations: tuple[Authorized, ...] = ()
    starts: dict[str, Start] = field(default_factory=dict)
    certified_on: date | None = None
    certified_through: date | None = None


@dataclass(frozen=True, slots=True)
class CoverageNoted:
    """Somebody else pays from a day on."""

    coverage: Covered


@dataclass(frozen=True, slots=True)
class AuthorizationNoted:
    """A payer said yes, or took it back."""

    authorization: Authorized


@dataclass(frozen=True, slots=True)
class ScheduleNoted:
    """A weekly calendar holds; `weekly_minutes` is the dose it stands for."""

    version: int
    planned_minutes: int
    weekly_minutes: int


@dataclass(frozen=True, slots=True)
class ScheduleStuck:
    """An approved change of minutes found no legal week."""

    wanted_minutes: int
    cause: str


@dataclass(frozen=True, slots=True)
class AttendanceNoted:
    """The person took part in a session, or took part differently than said before."""

    sitting: Sitting


@dataclass(frozen=True, slots=True)
class AttendanceStruck:
    """The person had not taken part in a session after all."""

    session_id: str


@dataclass(frozen=True, slots=True)
class MissNoted:
    """The person stayed away from a session."""

    session_id: str
    consecutive: int


@dataclass(frozen=True, slots=True)
class WeekNoted:
    """A treatment week closed, for the first time or again."""

    week: Week


PRIVATE_FACTS: tuple[type, ...] = (
    Admitted,
    CoverageNoted,
    AuthorizationNoted,
    ScheduleNoted,
    ScheduleStuck,
    AttendanceNoted,
    AttendanceStruck,
    MissNoted,
    WeekNoted,
)
