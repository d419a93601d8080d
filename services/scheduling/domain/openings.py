"""What must hold for a group or an appointment to open, to change and to close. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, require
from contracts.scheduling import AppointmentOpened, Break, GroupChanged, GroupClosed, GroupOpened
from contracts.vocabulary import Modality
from services.scheduling.domain import groups
from services.scheduling.domain.board import NEIGHBOURS, Board
from services.scheduling.domain.clinicians import Clinician
from services.scheduling.domain.groups import ChangeGroup, CloseGroup, Group, OpenAppointment, OpenGroup
from services.scheduling.domain.localtime import civil_date, instant, wall_length, wall_minutes
from services.scheduling.domain.sites import Site

AHEAD = timedelta(days=366)
"""How far ahead a change may be announced, and how long two zones are compared."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A group as it would be from a day on, among everything else on the board."""

    group: Group
    since: date
    site: Site
    board: Board

    @property
    def leader(self) -> Clinician | None:
        return self.board.clinicians.get(self.group.facilitator_id or "")


def open_group(
    state: Group | None, site: Site, board: Board, group_id: str, command: OpenGroup, moment: Moment
) -> Sequence[GroupOpened]:
    """Open a group once, in a free room and with a leader who can; raises Refused naming all that fails."""
    _once(state, group_id)
    length = wall_length(command.start_local, command.end_local)
    if length <= 0:
        raise Refused("hours_reversed", "A group must end after it starts.", status=422)
    if not command.levels or not command.dow:
        raise Refused("group_incomplete", "A group needs at least one level and one weekday.", status=422)
    if not _breaks_fit(command.breaks, length):
        raise Refused("breaks_misplaced", "Breaks must follow each other inside the session.", status=422)
    said = groups.opened(site.tz, group_id, command)
    opening = Opening(groups.evolve_group(None, said), civil_date(moment.at, site.tz), site, board)
    cap = moment.rules.groups.cap(command.kind)
    require(
        "group_refused",
        "This group cannot be opened",
        [
            *_hours(opening),
            Guard(
                "capacity_allowed",
                1 <= command.capacity <= cap,
                f"a group of this kind has 1 to {cap} seats",
                {"capacity": command.capacity, "max_capacity": cap, "cite": moment.rules.groups.cite},
            ),
            _census(command.min_to_run, command.capacity),
            *_room(opening),
            *_leader(opening, moment),
        ],
    )
    return [said]


def open_appointment(
    state: Group | None, site: Site, board: Board, group_id: str, command: OpenAppointment, moment: Moment
) -> Sequence[AppointmentOpened]:
    """Open a weekly time of a clinician once; raises Refused naming all that fails."""
    _once(state, group_id)
    if wall_length(command.start_local, command.end_local) <= 0:
        raise Refused("hours_reversed", "An appointment must end after it starts.", status=422)
    said = groups.appointment_opened(site.site_id, site.tz, group_id, command)
    opening = Opening(groups.evolve_group(None, said), civil_date(moment.at, site.tz), site, board)
    require(
        "appointment_refused",
        "This appointment cannot be opened",
        [*_hours(opening), *_room(opening), *_leader(opening, moment)],
    )
    return [said]


def change_group(
    state: Group, site: Site, board: Board, command: ChangeGroup, moment: Moment
) -> Sequence[GroupChanged]:
    """Change a group from a day on; raises Refused naming all that fails."""
    said = groups.changed(state, command)
    opening = Opening(groups.evolve_group(state, said), command.effective_on, site, board)
    require(
        "group_refused",
        "This group cannot be changed so",
        [
            *_when(state, command.effective_on, moment),
            *([_census(command.min_to_run, state.capacity)] if command.min_to_run is not None else ()),
            *(_room(opening) if command.room_id is not None else ()),
            *(_leader(opening, moment) if command.facilitator_id is not None else ()),
        ],
    )
    return [said]


def close_group(state: Group, command: CloseGroup, moment: Moment) -> Sequence[GroupClosed]:
    """Close a group from a day on, or earlier than was said before."""
    require("group_refused", "This group cannot be closed so", _when(state, command.effective_on, moment))
    return [groups.closed(state, command)]


def misfits(board: Board, clinician: Clinician, since: date) -> list[str]:
    """The groups that a clinician leads at times at which they do not work, from a day on."""
    return sorted(
        {
            group.id
            for each in board.groups.values()
            for group in each.from_on(since)
            if group.facilitator_id == clinician.id and not _works(clinician, group)
        }
    )


def _once(state: Group | None, group_id: str) -> None:
    if state is not None:
        raise Refused("group_exists", f"Group {group_id} is open already.")


def _breaks_fit(breaks: Sequence[Break], length: int) -> bool:
    at = 0
    for pause in breaks:
        if pause.offset < at:
            return False
        at = pause.offset + pause.minutes
    return at <= length


def _when(group: Group, on: date, moment: Moment) -> list[Guard]:
    today = civil_date(moment.at, group.tz)
    return [
        Guard(
            "not_in_the_past",
            on >= today,
            f"{on} is before {today}, today at the site",
            {"effective_on": str(on), "today": str(today)},
        ),
        Guard(
            "not_too_far_ahead",
            on <= today + AHEAD,
            f"{on} is more than {AHEAD.days} days ahead",
            {"effective_on": str(on), "latest": str(today + AHEAD)},
        ),
        Guard(
            "not_closed",
            not group.closed_on(on),
            f"it meets no more from {group.closes_on} on",
            {"closes_on": str(group.closes_on)},
        ),
    ]


def _census(min_to_run: int, capacity: int) -> Guard:
    return Guard(
        "census_reachable",
        min_to_run <= capacity,
        f"{min_to_run} people never come to {capacity} seats",
        {"min_to_run": min_to_run, "capacity": capacity},
    )


def _hours(opening: Opening) -> list[Guard]:
    group, site = opening.group, opening.site
    opens, closes = wall_minutes(site.opens_local), wall_minutes(site.closes_local)
    free_days = [d for d in group.dow if d not in site.service_days]
    return [
        Guard(
            "inside_site_hours",
            opens <= wall_minutes(group.start_local) and wall_minutes(group.end_local) <= closes,
            f"the site is open from {site.opens_local} to {site.closes_local}",
            {"start_local": group.start_local, "end_local": group.end_local},
        ),
        Guard(
            "on_service_days",
            not free_days,
            "the site does not treat on every one of these weekdays",
            {"dow": free_days, "service_days": list(site.service_days)},
        ),
    ]


def _room(opening: Opening) -> list[Guard]:
    group, site = opening.group, opening.site
    if group.room_id is None:
        return []
    room = site.room(group.room_id)
    taken = {other.id for other in _others(opening) if other.room_id == group.room_id}
    seats = room.capacity if room is not None else 0
    return [
        Guard("room_exists", room is not None, "the site has no such room", {"room_id": group.room_id}),
        Guard(
            "room_large_enough",
            room is None or group.modality is not Modality.IN_PERSON or group.capacity <= seats,
            f"the room seats {seats}",
            {"capacity": group.capacity, "room_capacity": seats},
        ),
        Guard(
            "room_free",
            not taken,
            "another group meets in this room then",
            {"room_id": group.room_id, "groups": sorted(taken)},
        ),
    ]


def _leader(opening: Opening, moment: Moment) -> list[Guard]:
    group, site, leader = opening.group, opening.site, opening.leader
    if group.facilitator_id is None:
        return []
    listing = leader.listing(site.site_id) if leader is not None else None
    if leader is None or listing is None:
        who = {"facilitator_id": group.facilitator_id}
        return [Guard("facilitator_listed", False, "the facilitator is not listed at this site", who)]
    rules = moment.rules.facilitators
    allowed = rules.credentials[group.service_kind]
    busy = {other.id for other in _others(opening) if other.facilitator_id == leader.id}
    busy |= _led_once(opening, leader.id)
    return [
        Guard(
            "facilitator_credentialed",
            listing.credential in allowed,
            f"a facilitator with {listing.credential} may not lead {group.service_kind} sessions",
            {"credential": listing.credential, "allowed": list(allowed), "cite": rules.cite},
        ),
        Guard(
            "facilitator_works_then",
            _works(leader, group),
            "the facilitator does not work at these times",
            {"hours": [h.model_dump(mode="json") for h in listing.hours]},
        ),
        Guard(
            "facilitator_free",
            not busy,
            "the facilitator leads something else then",
            {"facilitator_id": leader.id, "groups": sorted(busy)},
        ),
    ]


def _works(clinician: Clinician, group: Group) -> bool:
    return all(clinician.works(group.site_id, dow, group.start_local, group.end_local) for dow in group.dow)


def _others(opening: Opening) -> Iterator[Group]:
    """Every other group that meets at the same time, as it is from the opening on."""
    for other in opening.board.groups.values():
        if other.id != opening.group.id and _at_once(opening.group, other, opening.since):
            yield from other.from_on(opening.since)


def _at_once(a: Group, b: Group, since: date) -> bool:
    """Whether two groups ever meet at the same time; across zones that changes in the year."""
    if a.tz == b.tz:
        return bool(set(a.dow) & set(b.dow)) and (
            wall_minutes(a.start_local) < wall_minutes(b.end_local)
            and wall_minutes(b.start_local) < wall_minutes(a.end_local)
        )
    days = (since + timedelta(days=n) for n in range(AHEAD.days))
    return any(_touches(a, d, _times(b, _around(d))) for d in days if d.isoweekday() in a.dow)


def _touches(group: Group, day: date, times: Collection[tuple[datetime, datetime]]) -> bool:
    return any(s < end and start < e for s, e in times for start, end in _times(group, (day,)))


def _times(group: Group, days: Sequence[date]) -> list[tuple[datetime, datetime]]:
    return [
        (instant(day, group.start_local, group.tz), instant(day, group.end_local, group.tz))
        for day in days
        if day.isoweekday() in group.dow
    ]


def _around(day: date) -> tuple[date, ...]:
    return tuple(day + near for near in NEIGHBOURS)


def _led_once(opening: Opening, leader: str) -> set[str]:
    """The groups of which a clinician leads a session as a substitute while this one meets."""
    return {
        s.group_id
        for s in opening.board.sessions_led(leader)
        if s.group_id != opening.group.id
        and s.local_date >= opening.since
        and _touches_around(opening.group, s.local_date, (s.start_at, s.end_at))
    }


def _touches_around(group: Group, day: date, time: tuple[datetime, datetime]) -> bool:
    return any(_touches(group, near, (time,)) for near in _around(day))
