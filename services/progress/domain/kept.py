"""What an episode keeps of plans, measures and records, of its rests and of referrals to somebody outside."""

from dataclasses import dataclass, field
from datetime import date, datetime

from contracts.progress import ExitMeasure, Goal, Intervention
from contracts.vocabulary import DischargeReason, LevelOfCare


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that not everybody who must has signed yet."""

    plan_id: str
    version: int
    goals: tuple[Goal, ...]
    interventions: tuple[Intervention, ...]
    curriculum: str | None
    drafted_on: date
    signed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Where an instrument stood before the first attended session."""

    total: int | None
    subscales: dict[str, int] = field(default_factory=dict)
    at: datetime | None = None
    """Unknown where intake did not say."""
    version: str = ""
    measure_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """One result of an instrument that has no total."""

    at: datetime
    version: str
    subscales: dict[str, int]
    band: str | None
    measure_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Request:
    """Instruments that are to be filled in, and until when."""

    instruments: tuple[str, ...]
    due_on: date
    expires_on: date
    reminder: int


@dataclass(frozen=True, slots=True)
class Screening:
    """Staff ask the person anew about suicide, from a day on."""

    instrument: str
    because: str
    due_on: date


@dataclass(frozen=True, slots=True)
class Activity:
    """Something outside the program in which the person took part."""

    id: str
    kind: str
    on: date


@dataclass(frozen=True, slots=True)
class Homework:
    """What a person took home, and whether it came back done."""

    id: str
    kind: str
    due_on: date
    goal_id: str | None = None
    returned_on: date | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Medication:
    """How a person takes a medication, as last said."""

    ref: str
    adherence: str
    on: date


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in which treatment rests, agreed and not yet over."""

    id: str
    reason: str
    since: date
    until: date
    """The day on which the person is expected back."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A hold that is over: the days from one to another, the last one not among them."""

    since: date
    until: date

    def days_in(self, first: date, last: date) -> int:
        """How many of its days lie between two others."""
        return max(0, (min(self.until, last) - max(self.since, first)).days)


@dataclass(frozen=True, slots=True)
class Ended:
    """What was said last of an episode that is over."""

    reason: DischargeReason
    teds_reason: str
    discharged_on: date
    last_service_on: date | None
    first_service_on: date | None
    los_days: int
    level_at_discharge: LevelOfCare
    goals_total: int
    goals_met: int
    readmission_eligible: bool
    aftercare_plan_id: str | None
    detail_code: str | None
    handoff_basis: str | None
    exit_measures: tuple[ExitMeasure, ...]
    signed: bool | None = None
    corrections: int = 0


@dataclass(frozen=True, slots=True)
class Reassessment:
    """A screening or an assessment made anew during the episode."""

    id: str
    depth: str
    level: LevelOfCare
    on: date


@dataclass(frozen=True, slots=True)
class Outward:
    """A referral to somebody outside the network, and what became of it."""

    id: str
    kind: str
    referred_on: date
    follow_up_on: date
    asked: bool = False
    outcome: str | None = None
    closed_on: date | None = None
