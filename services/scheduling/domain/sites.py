"""Sites: their hours, their rooms, and the days on which they are closed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from contracts.decisions import Guard, Moment, Refused, require
from contracts.scheduling import RoomOpened, SiteClosureLifted, SiteClosureSet, SiteOpened
from contracts.vocabulary import DevicePolicy
from services.scheduling.domain.localtime import civil_date, wall_length, zone_exists

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
YEAR = timedelta(days=366)
"""The longest closure, and how long a past one is remembered."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room, and how many people of a group it seats."""

    id: str
    capacity: int


@dataclass(frozen=True, slots=True)
class Closure:
    """Days on which a site is closed, the first and the last included."""

    id: str
    from_on: date
    to_on: date
    cause: str

    def covers(self, day: date) -> bool:
        return self.from_on <= day <= self.to_on


@dataclass(frozen=True, slots=True)
class Site:
    """A treatment site: its zone, its hours, its rooms and whether 42 CFR part 2 binds it."""

    id: str
    network_id: str
    site_id: str
    tz: str
    opens_local: str
    closes_local: str
    part2: bool
    service_days: tuple[int, ...] = EVERY_DAY
    device_policy: DevicePolicy = DevicePolicy.SURRENDER
    rooms: tuple[Room, ...] = ()
    closures: tuple[Closure, ...] = ()

    def closure_on(self, day: date) -> Closure | None:
        """The closure that covers a day, the first one set where there are several."""
        return next((c for c in self.closures if c.covers(day)), None)

    def room(self, room_id: str | None) -> Room | None:
        return next((r for r in self.rooms if r.id == room_id), None)


@dataclass(frozen=True, slots=True)
class OpenSite:
    """Open a site for scheduling."""

    network_id: str
    site_id: str
    tz: str
    opens_local: str
    closes_local: str
    part2: bool
    service_days: tuple[int, ...] = EVERY_DAY
    device_policy: DevicePolicy = DevicePolicy.SURRENDER


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Open a room of a site."""

    room_id: str
    capacity: int


@dataclass(frozen=True, slots=True)
class SetClosure:
    """Close a site on some days."""

    network_id: str
    closure_id: str
    from_on: date
    to_on: date
    cause: str


@dataclass(frozen=True, slots=True)
class LiftClosure:
    """Take a closure back."""

    network_id: str
    closure_id: str


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
            service_days=tuple(sorted(set(command.service_days))),
            device_policy=command.device_policy,
        )
    ]


def open_room(site: Site, command: OpenRoom, _moment: Moment) -> Sequence[RoomOpened]:
    """Open a room once."""
    if site.room(command.room_id) is not None:
        raise Refused("room_exists", f"Room {command.room_id} is open already.")
    return [
        RoomOpened(
            network_id=site.network_id,
            site_id=site.site_id,
            room_id=command.room_id,
            capacity=command.capacity,
        )
    ]


def set_closure(site: Site, command: SetClosure, moment: Moment) -> Sequence[SiteClosureSet]:
    """Close a site on days still to come; closures may overlap."""
    if command.to_on < command.from_on:
        raise Refused("closure_reversed", "A closure must end on its first day or later.", status=422)
    if any(c.id == command.closure_id for c in site.closures):
        raise Refused("closure_exists", f"Closure {command.closure_id} is set already.")
    today = civil_date(moment.at, site.tz)
    days, longest = (command.to_on - command.from_on).days + 1, YEAR.days
    require(
        "closure_refused",
        "The site cannot be closed on these days",
        [
            Guard(
                "not_in_the_past",
                command.from_on >= today,
                f"{command.from_on} is before {today}, today at the site",
                {"from_on": str(command.from_on), "today": str(today)},
            ),
            Guard(
                "not_too_far_ahead",
                command.from_on <= today + 2 * YEAR,
                f"{command.from_on} is more than two years ahead",
                {"from_on": str(command.from_on), "latest": str(today + 2 * YEAR)},
            ),
            Guard(
                "not_too_long",
                days <= longest,
                f"a closure of {days} days is longer than a year",
                {"days": days, "longest": longest},
            ),
        ],
    )
    return [
        SiteClosureSet(
            network_id=site.network_id,
            site_id=site.site_id,
            closure_id=command.closure_id,
            from_on=command.from_on,
            to_on=command.to_on,
            cause=command.cause,
        )
    ]


def lift_closure(site: Site, closure: Closure) -> Sequence[SiteClosureLifted]:
    """Take a closure back."""
    return [SiteClosureLifted(network_id=site.network_id, site_id=site.site_id, closure_id=closure.id)]


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
            fact.service_days,
            fact.device_policy,
        )
    if state is None:
        raise TypeError(f"a site does not begin with {type(fact).__name__}")
    if isinstance(fact, RoomOpened):
        return replace(state, rooms=(*state.rooms, Room(fact.room_id, fact.capacity)))
    if isinstance(fact, SiteClosureSet):
        known = [c for c in state.closures if c.to_on + YEAR >= fact.from_on]
        return replace(
            state, closures=(*known, Closure(fact.closure_id, fact.from_on, fact.to_on, fact.cause))
        )
    if isinstance(fact, SiteClosureLifted):
        return replace(state, closures=tuple(c for c in state.closures if c.id != fact.closure_id))
    return state
