"""Groups and their sessions: planned ahead, called over, counted at the end."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Refused, Wake, Woke
from contracts.vocabulary import MissKind
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import attendance, places, sessions
from services.scheduling.domain.localtime import midnight
from services.scheduling.domain.places import Group, OpenGroup
from services.scheduling.domain.sessions import RollCall, Session
from services.scheduling.store import CALENDARS, GROUPS, SESSIONS

PLAN_EVERY = timedelta(days=7)


async def open_group(unit: Unit, key: str, command: OpenGroup, moment: Moment) -> None:
    """Open a group with all its seats and its first sessions."""
    site = await store.site_of(unit.db, command.network_id, command.site_id)
    if site is None:
        raise Refused("unknown_site", "Open the site before its groups.", status=404)
    existing = await unit.load(GROUPS, key)
    if existing is not None and existing.network_id != command.network_id:
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    group = unit.record(GROUPS, key, places.open_group(existing, site, key, command))
    await store.make_seats(unit.db, group)
    await _plan(unit, group, moment)


async def extend(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """Put the next sessions of a group on the calendar."""
    group = await unit.load(GROUPS, key)
    if group is not None:
        await _plan(unit, group, moment)


async def _plan(unit: Unit, group: Group, moment: Moment) -> None:
    days, through = places.days_to_plan(group, moment)
    ids = {day: sessions.session_id_of(group.id, day) for day in days}
    known = await unit.load_many(SESSIONS, ids.values())
    for day, session_id in ids.items():
        facts = sessions.schedule(group, day, moment) if session_id not in known else ()
        if facts:
            unit.record(SESSIONS, session_id, facts)
    unit.record(
        GROUPS, group.id, [places.SessionsPlanned(through), Wake(_again_at(group, through, moment), "extend")]
    )


def _again_at(group: Group, through: date, moment: Moment) -> datetime:
    ahead = timedelta(days=moment.rules.attendance.schedule_ahead_days)
    return midnight(through - ahead + PLAN_EVERY, group.tz)


async def call_roll(unit: Unit, key: str, command: RollCall, moment: Moment) -> None:
    """Record who is there; raises Refused outside the session's time or for strangers."""
    session = await unit.load(SESSIONS, key)
    if session is None or session.network_id != command.network_id or session.site_id not in command.sites:
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    roster = await store.roster_of(unit.db, session)
    unit.record(SESSIONS, key, sessions.call_roll(session, command, roster, moment))


async def say_absences(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """The grace is over: whoever is expected and not there is missing."""
    session = await unit.load(SESSIONS, key)
    if session is None or session.over:
        return
    absent = sessions.absent_at_grace(session, await store.roster_of(unit.db, session))
    await _say_missed(unit, session, absent, moment)


async def _say_missed(
    unit: Unit, session: Session, absent: Mapping[str, MissKind], moment: Moment
) -> Session:
    calendars = await unit.load_many(CALENDARS, absent)
    said = {k: kind for k, kind in absent.items() if k in calendars and calendars[k].stage != "ended"}
    for episode_id, kind in said.items():
        unit.record(CALENDARS, episode_id, attendance.miss(calendars[episode_id], session, kind, moment))
    if not said:
        return session
    after: Session = unit.record(SESSIONS, session.id, [sessions.AbsencesSaid(said)])
    return after


async def end(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """The session is over: say what it was for each person, and count it."""
    session = await unit.load(SESSIONS, key)
    if session is None or session.over:
        return
    roster = await store.roster_of(unit.db, session)
    session = await _say_missed(unit, session, sessions.absent_at_grace(session, roster), moment)
    present, amended = sessions.present_at_end(session, roster), sessions.amended(session, roster)
    calendars = await unit.load_many(CALENDARS, [*present, *amended])
    for episode_id, state in calendars.items():
        mark = present.get(episode_id)
        if mark is None or episode_id in session.missed:
            facts = attendance.correct(state, session, mark, amended.get(episode_id), moment)
        else:
            facts = attendance.attend(state, session, mark, len(present), moment)
        unit.record(CALENDARS, episode_id, facts)
    missed = {**session.missed, **amended}
    unit.record(SESSIONS, key, sessions.complete(session, present, missed))
