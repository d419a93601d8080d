"""What the simulated staff share: the sites, the people they know, the clock, and who plays which part."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from deploy.local.simulator.api import Api
from deploy.local.simulator.people import Person, generator

NAMES = (
    "north",
    "east",
    "west",
    "lake",
    "hill",
    "river",
    "harbor",
    "meadow",
    "canyon",
    "summit",
    "valley",
    "prairie",
)
ZONES = ("America/New_York", "America/Chicago", "America/Phoenix")


@dataclass(frozen=True, slots=True)
class Site:
    """One treatment site of the simulated network."""

    id: str
    tz: str

    def day(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.tz)).date()

    def at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, ZoneInfo(self.tz)).astimezone(UTC)


def make_sites(count: int) -> list[Site]:
    """Sites under neutral names, across the time zones."""
    names = [NAMES[i] if i < len(NAMES) else f"site-{i + 1}" for i in range(count)]
    return [Site(name, ZONES[i % len(ZONES)]) for i, name in enumerate(names)]


@dataclass(slots=True)
class Member:
    """A person as the staff's desk knows them."""

    person: Person
    episode_id: str = ""
    steps: int = 0
    """Commands sent so far: no two carry the same key."""
    stopped: bool = False
    """The way before admission is over."""
    detoxed: bool = False
    was_late: bool = False
    calm: bool = False
    """A high risk of suicide was answered, and is lower since."""
    begins_on: date | None = None
    """The day on which the person would like to begin."""
    ready_on: date | None = None
    """The same day once the payer has agreed."""
    certified_on: date | None = None
    waits_since: date | None = None
    moved_up: bool = False
    units_seen: int = 0
    reviewed_until: date | None = None
    """The last day of the newest authorization."""
    screened_on: date | None = None
    assessed_on: date | None = None
    offers: int = 0
    tries: int = 0
    admitted_on: date | None = None
    left: bool = False
    level: str = "2.1"
    planned: str = ""
    """How far the plan is: drafted, or signed."""
    goal_attested: bool = False
    homework: str = ""
    """What was given last and is to come back."""
    owes_measures: bool = False
    """Did not fill them in on the day they were due."""
    jailed_on: int | None = None
    """Day of the stay, for the rare case."""
    attends: bool = False
    went_on: bool = False
    """Reached aftercare."""
    was_away: bool = False
    held_until: date | None = None
    outside_since: date | None = None
    answer: str = ""
    """What was done about the last relapse."""
    tapered: bool = False
    finishing: bool = False
    """The program is through but for the close of its last week."""
    aftercare_since: date | None = None
    dies_on: date | None = None
    again_until: date | None = None
    """For somebody who came back from aftercare."""

    @property
    def key(self) -> str:
        return self.person.key

    def stay(self, today: date) -> int:
        """Days since admission."""
        return (today - self.admitted_on).days if self.admitted_on else -1


@dataclass(slots=True)
class Scene:
    """The stage on which staff act: their tools and the people they know."""

    seed: int
    api: Api
    sites: list[Site]
    settle: Callable[[], Awaitable[object]]
    """Wait until every service has finished with what was asked."""
    members: dict[str, Member] = field(default_factory=dict)
    """By episode id, once a referral is open."""

    def site(self, site_id: str) -> Site:
        return next(site for site in self.sites if site.id == site_id)

    def luck(self, member: Member, purpose: str) -> Random:
        """The generator of one person for one purpose."""
        return generator(self.seed, member.person.site_id, member.person.number, purpose)

    def chance(self, purpose: str) -> Random:
        """The generator of what befalls a site rather than a person."""
        return Random(f"{self.seed}/{purpose}")


def next_workday(day: date) -> date:
    """The next weekday after a day."""
    following = day + timedelta(days=1)
    while following.weekday() > 4:
        following += timedelta(days=1)
    return following
