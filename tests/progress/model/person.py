"""One person's way through the program as the rules on paper know it: plain values, nothing of the domain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
BANDS = {
    ("2.1", True): (540, 1199),
    ("2.1", False): (360, 1199),
    ("1", True): (0, 539),
    ("1", False): (0, 359),
    ("2.5", True): (1200, 10080),
    ("2.5", False): (1200, 10080),
}
RANKS = {"1": 0, "2.1": 1, "2.5": 2}
LADDER = (720, 540)
LOWER_LEVEL, LOWER_MINUTES, HIGHER_LEVEL = "1", 180, "2.5"
PERMILLE, WEEKS_ATTENDED = 800, 2
CLEAN_DAYS = SPACING_DAYS = OPEN_DAYS = 14
EXTENSION_NOTICE, EXTENSION_DAYS, MAX_DAYS, REVIEW_DAYS = 14, 30, 365, 30
DROPOUT_DAYS, DROPOUT_ATTEMPTS, DROPOUT_CHANNELS = 30, 3, 2
NEVER_DAYS, NEVER_ATTEMPTS = 14, 2
READMIT_DAYS, DEFAULT_DAYS = 90, 90
CALL_EVERY, CALL_DAYS, CALLS_MISSED = 14, 90, 2
ESCALATE_MINUTES = {"moderate": 480, "high": 15}
RELIABLE = 5
REST_DAYS, TAPER_DAYS = 14, 14
HOLD_DAYS, AHEAD_DAYS, RESCREEN_AFTER, REASSESS_AFTER = 30, 14, 7, 30
ASSESSMENT_DAYS, EXIT_DAYS = 30, 14
ABSENCE_DAYS = 7
CERTIFIED_DAYS, CERTIFY_NOTICE = 60, (14, 7, 1)
IN_TIME_DAYS, FOLLOW_UP_DAYS = 7, 180
BEFORE_AFTERCARE = ("ADMITTED", "SCHEDULED", "ATTENDING", "STEP_UP_PENDING")
GRAVITY = {"attendance": 0, "deterioration": 1, "at_risk": 1, "clinician": 2, "relapse": 2}
"""Which ground for more treatment takes the place of which."""
RESTING = ("deterioration", "attendance")
"""What a clinician's no silences for some days; a relapse is news each time."""
TEDS = {
    "completed_goals": "completed",
    "completed_court": "completed",
    "transferred_higher_level": "transferred",
    "transferred_lower_level": "transferred",
    "transferred_other_provider": "transferred",
    "left_against_advice": "dropped_out",
    "dropped_out_no_contact": "dropped_out",
    "never_attended": "dropped_out",
    "declined_further": "dropped_out",
    "administrative": "terminated_by_facility",
    "incarcerated": "incarcerated",
    "deceased": "death",
    "moved": "other",
    "hospitalized_medical": "other",
    "coverage_ended": "other",
    "other": "other",
}


class No(Exception):
    """An action is refused, and by which guards; or by one code alone."""

    def __init__(self, *guards: str) -> None:
        super().__init__(*guards)
        self.guards = frozenset(guards)


def unless(**guards: bool) -> None:
    """Refuse, naming every guard that does not hold."""
    if failed := [name for name, holds in guards.items() if not holds]:
        raise No(*failed)


def day_of(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def midnight(day: date) -> datetime:
    """The instant at which a day begins at the site."""
    return datetime.combine(day, time(), ZONE).astimezone(ZoneInfo("UTC"))


def after(day: date, days: int) -> date:
    return day + timedelta(days=days)


@dataclass
class Aim:
    """A goal: what would meet it, and whether it is met."""

    name: str
    required: bool
    met: bool = False


@dataclass
class Advice:
    """A recommendation as it was made."""

    way: str
    kind: str
    level: str
    minutes: int
    trigger: str
    machine: bool
    expires: datetime
    criteria: dict[str, int] = field(default_factory=dict)
    base: int = 0
    """The minutes it is a step from."""
    until: date | None = None
    ground: object = None
    open: bool = True
    decided: bool = False
    approved: bool = False

    @property
    def step(self) -> tuple[str, str, int]:
        return self.kind, self.level, self.minutes


@dataclass
class Taper:
    """A week or two below the level's minimum, agreed on."""

    since: date
    until: date
    over: bool = False


@dataclass
class Hold:
    """Treatment rests, and from when until when."""

    since: date
    until: date


@dataclass
class Asked:
    """More days that somebody asks for, or the machine."""

    until: date
    machine: bool


@dataclass
class Alarm:
    """A safety alert."""

    kind: str
    severity: str
    due: datetime
    acknowledged: bool = False
    escalations: int = 0
    open: bool = True


@dataclass
class Week:
    """A closed week."""

    scheduled: int
    credited: int
    below: bool
    short: bool
    said: int = field(default=0, compare=False)

    @property
    def ratio(self) -> int | None:
        return min(1000, 1000 * self.credited // self.scheduled) if self.scheduled else None


@dataclass
class Calls:
    """Aftercare: when it began, and how the calls went."""

    began: date
    until: date
    made: int = 0
    due: date | None = None
    missed: int = 0


@dataclass
class Person:
    """Everything that the rules need to know of one person."""

    admitted: date
    adult: bool
    counts_use: bool
    minutes: int
    planned_end: date
    baseline: int | None
    level: str = "2.1"
    level_before: str = "2.1"
    level_since: date = date.min
    stepped_on: date = date.min
    stage: str = "ADMITTED"
    extended: bool = False
    stepped_down: bool = False
    pending: bool = False
    """A step was agreed on and no calendar has carried it out yet."""
    version: int = 0
    aims: list[Aim] = field(default_factory=list)
    plans: int = 0
    totals: list[tuple[int, bool]] = field(default_factory=list)
    measured: list[tuple[date, int]] = field(default_factory=list)
    taken: list[datetime] = field(default_factory=list)
    alumnus: bool = False
    left_on: date | None = None
    """The day of the discharge."""
    alarms: list[Alarm] = field(default_factory=list)
    screening: date | None = None
    """Since when somebody is to ask the person about suicide."""
    used: date | None = None
    sat: dict[str, tuple[date, int]] = field(default_factory=dict)
    weeks: dict[date, Week] = field(default_factory=dict)
    answered: date | None = None
    contacts: list[tuple[date, str, bool]] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)
    noes: dict[str, tuple[date, tuple[str, str, int]]] = field(default_factory=dict)
    cleared: datetime | None = None
    """When a person last took a step down off the table: the machine may have another."""
    taper: Taper | None = None
    tapers: list[Taper] = field(default_factory=list)
    tapered: bool = False
    reviewed: str = ""
    """What the step up under review was about when it was taken in hand."""
    reports: list[str] = field(default_factory=list)
    tested: list[bool] = field(default_factory=list)
    """Of each report, whether a test made it and no person."""
    used_on: list[date | None] = field(default_factory=list)
    """When each report was made; none once it was no use at all."""
    unanswered: list[int] = field(default_factory=list)
    """Relapses about which nobody has said what is done."""
    hold: Hold | None = None
    rests: list[tuple[date, date]] = field(default_factory=list)
    looked: list[tuple[str, date]] = field(default_factory=list)
    medicare: bool = False
    certified_on: date | None = None
    notices: int = 0
    treated_since: date = date.min
    outward: list[date | None] = field(default_factory=list)
    died: bool = False
    extension: Asked | None = None
    denied: date | None = None
    calls: Calls | None = None
    discharge: dict[str, object] | None = None
    authorized: dict[str, tuple[str, date, date, bool]] = field(default_factory=dict)
    auth_needed: dict[date, bool] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    changed: bool = False
    reached: set[str] = field(default_factory=set)

    @property
    def over(self) -> bool:
        return self.stage == "DISCHARGED"

    @property
    def held(self) -> bool:
        return self.hold is not None

    def resting(self, today: date) -> bool:
        """Whether treatment rests: a hold that is agreed may begin later."""
        return self.hold is not None and self.hold.since <= today

    @property
    def in_treatment(self) -> bool:
        return self.stage in ("ATTENDING", "STEP_UP_PENDING")

    @property
    def remaining(self) -> int:
        return sum(a.required and not a.met for a in self.aims)

    @property
    def last_service(self) -> date | None:
        return max((on for on, _ in self.sat.values()), default=None)

    def band(self, level: str | None = None) -> tuple[int, int]:
        return BANDS[level or self.level, self.adult]

    def standing(self, way: str) -> Advice | None:
        """The open recommendation of a direction."""
        return next((a for a in self.advice if a.way == way and a.open), None)

    def open_alarms(self) -> list[Alarm]:
        return [a for a in self.alarms if a.open]

    def say(self, *events: str) -> None:
        self.said += events

    def move(self, to: str, transition: str) -> None:
        self.stage = to
        self.reached.add(transition)
        self.say(f"EpisodeStateChanged:{transition}")

    def close(self, ways: Iterable[str] = ("down", "up")) -> None:
        """Take recommendations off the table, saying so."""
        for a in self.advice:
            if a.open and a.way in ways:
                a.open = False
                self.say("RecommendationDeclined")
