"""Which sessions take place and who leads them: by closures, absences and substitutes. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Moment
from contracts.scheduling import SessionReassigned
from contracts.vocabulary import ServiceKind
from services.scheduling.domain import sessions
from services.scheduling.domain.clinicians import Clinician
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import instant, monday_of
from services.scheduling.domain.sessions import HeldBack, Session
from services.scheduling.domain.sites import Site

UNAVAILABLE = "clinician_unavailable"
NEIGHBOURS = tuple(timedelta(days=n) for n in (-1, 0, 1))
"""A day somewhere touches the day before and after elsewhere."""


@dataclass(frozen=True, slots=True)
class Board:
    """What decides about the sessions of some sites; decisions are put on it as they fall."""

    sites: Mapping[str, Site]
    groups: dict[str, Group]
    clinicians: dict[str, Clinician]
    sessions: dict[str, Session]

    def meetings_led(self, clinician_id: str, day: date) -> Iterator[tuple[str, datetime, datetime]]:
        """The weekly times that a clinician has for groups around a day, whether or not they take place."""
        for group in self.groups.values():
            for near in NEIGHBOURS:
                on = day + near
                if group.meets_on(on) and group.on(on).facilitator_id == clinician_id:
                    start, end = (instant(on, at, group.tz) for at in (group.start_local, group.end_local))
                    yield group.id, start, end

    def sessions_led(self, clinician_id: str) -> Iterator[Session]:
        return (s for s in self.sessions.values() if s.facilitator_id == clinician_id and not s.cancelled)


def settle(board: Board, affected: Iterable[str], cause: str, moment: Moment) -> dict[str, Sequence[object]]:
    """What must be said of sessions still to come so that the calendar is true, each by its id.

    What somebody else cancelled stays cancelled, and a substitute who still can stays.
    """
    said: dict[str, Sequence[object]] = {}
    for session in sorted((board.sessions[i] for i in affected), key=lambda s: (s.start_at, s.id)):
        if session.over or session.start_at <= moment.at or session.group_id not in board.groups:
            continue
        facts = _settled(board, session, cause, moment)
        for fact in facts:
            board.sessions[session.id] = sessions.evolve(board.sessions[session.id], fact)
        if facts:
            said[session.id] = facts
    return said


def _settled(board: Board, session: Session, cause: str, moment: Moment) -> Sequence[object]:
    group = board.groups[session.group_id].on(session.local_date)
    off = _why_off(board.sites[session.site_id], group, session)
    leader = group.facilitator_id
    if not off and leader is not None and _absent(board, leader, session):
        leader = _substitute(board, group, session, moment)
        off = "" if leader is not None else UNAVAILABLE
    if off:
        cancelled = sessions.cancel(session, off)
        return [*cancelled, HeldBack()] if cancelled else []
    if session.cancelled and not session.held_back:
        return []
    restored = sessions.restore(session, cause, moment)
    if (session.facilitator_id, session.room_id) == (leader, group.room_id):
        return restored
    moved = leader != group.facilitator_id
    return [
        *restored,
        SessionReassigned(
            network_id=session.network_id,
            site_id=session.site_id,
            session_id=session.id,
            facilitator_id=leader,
            room_id=group.room_id,
            cause=UNAVAILABLE if moved else cause,
        ),
    ]


def _why_off(site: Site, group: Group, session: Session) -> str:
    if group.closed_on(session.local_date):
        return group.closing_cause
    closure = site.closure_on(session.local_date)
    return closure.cause if closure is not None else ""


def _absent(board: Board, clinician_id: str, session: Session) -> bool:
    clinician = board.clinicians.get(clinician_id)
    return clinician is not None and bool(clinician.away(session.start_at, session.end_at))


def _substitute(board: Board, group: Group, session: Session, moment: Moment) -> str | None:
    """Who leads instead: whoever does already, else who leads least that week."""
    leader = board.clinicians[str(group.facilitator_id)]
    personal = group.service_kind is not ServiceKind.GROUP
    away = leader.away(session.start_at, session.end_at)
    if personal and not all(a.substitute_individuals for a in away):
        return None
    able = [
        c.id for c in board.clinicians.values() if c is not leader and _can(board, c, group, session, moment)
    ]
    if session.facilitator_id in able:
        return session.facilitator_id
    return min(able, key=lambda c: (_led_that_week(board, c, session), c), default=None)


def _can(board: Board, clinician: Clinician, group: Group, session: Session, moment: Moment) -> bool:
    listing = clinician.listing(session.site_id)
    if listing is None:
        return False
    allowed = moment.there(session).rules.facilitators.credentials[session.service_kind]
    return (
        listing.credential in allowed
        and clinician.works(
            session.site_id, session.local_date.isoweekday(), group.start_local, group.end_local
        )
        and not clinician.away(session.start_at, session.end_at)
        and not _busy(board, clinician.id, session)
    )


def _busy(board: Board, clinician_id: str, session: Session) -> bool:
    weekly = board.meetings_led(clinician_id, session.local_date)
    once = ((s.group_id, s.start_at, s.end_at) for s in board.sessions_led(clinician_id))
    return any(
        group_id != session.group_id and start < session.end_at and session.start_at < end
        for group_id, start, end in (*weekly, *once)
    )


def _led_that_week(board: Board, clinician_id: str, session: Session) -> int:
    monday = monday_of(session.local_date)
    return sum(monday_of(s.local_date) == monday for s in board.sessions_led(clinician_id))
