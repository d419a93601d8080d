"""Sites and the groups that meet there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from contracts.decisions import Moment, Refused
from contracts.scheduling import Attributes, Break, GroupOpened, SiteOpened
from contracts.vocabulary import GroupKind, LevelOfCare, Modality, ServiceKind
from services.scheduling.domain.localtime import civil_date, wall_length, wall_minutes, zone_exists

MAX_CAPACITY = 200


@dataclass(frozen=True, slots=True)
class Site:
    """A treatment site: its zone, its hours and whether 42 CFR part 2 binds it."""

    id: str
    network_id: str
    site_id: str
    tz: str
    opens_local: str
    closes_local: str
    part2: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A weekly recurring group with a seat for each place on each of its weekdays."""

    id: str
    network_id: str
    site_id: str
    kind: GroupKind | None
    levels: tuple[LevelOfCare, ...]
    capacity: int
    dow: tuple[int, ...]
    start_local: str
    end_local: str
    breaks: tuple[Break, ...]
    tz: str
    planned_through: date | None = None
    service_kind: ServiceKind = ServiceKind.GROUP
    """An individual or family appointment is a group of one seat, led by its clinician."""
    min_to_run: int = 0
    open_enrolment: bool = True
    attributes: Attributes = field(default_factory=Attributes)
    room_id: str | None = None
    facilitator_id: str | None = None
    modality: Modality = Modality.IN_PERSON
    closes_on: date | None = None
    """The first day on which it does not meet any more."""


@dataclass(frozen=True, slots=True)
class OpenSite:
    """Open a site for scheduling."""

    network_id: str
    site_id: str
    tz: str
    opens_local: str
    closes_local: str
    part2: bool


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open a weekly group at a site."""

    network_id: str
    site_id: str
    kind: GroupKind
    levels: tuple[str, ...]
    capacity: int
    dow: tuple[int, ...]
    start_local: str
    end_local: str
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionsPlanned:
    """The group's sessions are on the calendar up to and including a day."""

    through: date


def open_site(state: Site | None, command: OpenSite, _moment: Moment) -> Sequence[SiteOpened]:
    """Open a site once; its zone must exist and its hours must run forward."""
    if state is not None:
        raise Refused("site_exists", f"Site {command.site_id} is open already.")
    if not zone_exists(command.tz):
        raise Refused(
            "unknown_zone", f"{command.tz} is no IANA time zone.", status=422, hint="Try America/New_York."
        )
    if wall_length(command.opens_local, command.closes_local) <= 0:
        raise Refused("hours_reversed", "A site must close after it opens.", status=422)
    return [
        SiteOpened(
            network_id=command.network_id,
            site_id=command.site_id,
            tz=command.tz,
            opens_local=command.opens_local,
            closes_local=command.closes_local,
            part2=command.part2,
        )
    ]


def evolve_site(state: Site | None, fact: object) -> Site:
    """Fold one fact into a site."""
    if isinstance(fact, SiteOpened):
        return Site(
            fact.site_id,
            fact.network_id,
            fact.site_id,
            fact.tz,
            fact.opens_local,
            fact.closes_local,
            fact.part2,
        )
    if state is None:
        raise TypeError(f"a site does not begin with {type(fact).__name__}")
    return state


def open_group(state: Group | None, site: Site, group_id: str, command: OpenGroup) -> Sequence[GroupOpened]:
    """Open a group once, inside its site's hours."""
    if state is not None:
        raise Refused("group_exists", f"Group {group_id} is open already.")
    length = wall_length(command.start_local, command.end_local)
    if length <= 0:
        raise Refused("hours_reversed", "A group must end after it starts.", status=422)
    if not 1 <= command.capacity <= MAX_CAPACITY:
        raise Refused("capacity_out_of_range", f"A group has 1 to {MAX_CAPACITY} seats.", status=422)
    if not command.levels or not command.dow:
        raise Refused("group_incomplete", "A group needs at least one level and one weekday.", status=422)
    if not _breaks_fit(command.breaks, length):
        raise Refused("breaks_misplaced", "Breaks must follow each other inside the session.", status=422)
    opens, closes = wall_minutes(site.opens_local), wall_minutes(site.closes_local)
    if wall_minutes(command.start_local) < opens or wall_minutes(command.end_local) > closes:
        raise Refused(
            "outside_site_hours",
            f"The site is open from {site.opens_local} to {site.closes_local}.",
            start_local=command.start_local,
            end_local=command.end_local,
        )
    return [
        GroupOpened(
            network_id=command.network_id,
            site_id=command.site_id,
            group_id=group_id,
            kind=command.kind,
            levels=tuple(LevelOfCare(code=code) for code in command.levels),
            capacity=command.capacity,
            dow=tuple(sorted(set(command.dow))),
            start_local=command.start_local,
            end_local=command.end_local,
            tz=site.tz,
            breaks=command.breaks,
        )
    ]


def _breaks_fit(breaks: Sequence[Break], length: int) -> bool:
    at = 0
    for pause in breaks:
        if pause.offset < at:
            return False
        at = pause.offset + pause.minutes
    return at <= length


def evolve_group(state: Group | None, fact: object) -> Group:
    """Fold one fact into a group."""
    if isinstance(fact, GroupOpened):
        return Group(
            id=fact.group_id,
            network_id=fact.network_id,
            site_id=fact.site_id,
            kind=fact.kind,
            levels=fact.levels,
            capacity=fact.capacity,
            dow=fact.dow,
            start_local=fact.start_local,
            end_local=fact.end_local,
            breaks=fact.breaks,
            tz=fact.tz,
        )
    if state is None:
        raise TypeError(f"a group does not begin with {type(fact).__name__}")
    if isinstance(fact, SessionsPlanned):
        return replace(state, planned_through=fact.through)
    return state


def days_to_plan(group: Group, moment: Moment) -> tuple[list[date], date]:
    """The days on which sessions are still missing, and the day up to which there will be none missing."""
    today = civil_date(moment.at, group.tz)
    through = today + timedelta(days=moment.rules.attendance.schedule_ahead_days)
    first = today if group.planned_through is None else max(today, group.planned_through + timedelta(days=1))
    span = range(max(0, (through - first).days + 1))
    return [d for n in span if (d := first + timedelta(days=n)).isoweekday() in group.dow], through
