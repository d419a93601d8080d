"""Sessions: called over while they last, counted at the end."""

from collections.abc import Mapping

from contracts.decisions import Moment, Refused, Woke
from contracts.vocabulary import MissKind
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import attendance, sessions
from services.scheduling.domain.sessions import RollCall, Session
from services.scheduling.store import CALENDARS, SESSIONS


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
