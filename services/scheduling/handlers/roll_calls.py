"""Recording who was there: as they come, late, and corrected."""

from collections.abc import Sequence

from contracts.decisions import Moment
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import roll_call
from services.scheduling.domain.bookings import WALK_IN
from services.scheduling.domain.roll_call import CorrectAttendance, LateEntry, RollCall
from services.scheduling.domain.sessions import Booked, Presence, RollCalled, RosterCounted, Session
from services.scheduling.handlers import single
from services.scheduling.handlers.meetings import session_at, tell
from services.scheduling.store import CALENDARS, SESSIONS


async def call_roll(unit: Unit, key: str, command: RollCall, moment: Moment) -> None:
    """Record who is there; raises Refused outside the session's time or for strangers."""
    session = await session_at(unit, key, command.network_id, command.sites)
    roll_call.while_it_lasts(session, moment)
    roster = await store.roster_of(unit.db, session)
    roster += await _let_in(unit, session, roster, command, moment)
    facts = roll_call.call_roll(session, command, roster, moment)
    after = unit.record(SESSIONS, key, facts)
    await _let_go(unit, session, after, roster, command, moment)


async def _let_in(
    unit: Unit, session: Session, roster: list[Booked], command: RollCall, moment: Moment
) -> list[Booked]:
    """Book whoever walks in."""
    booked = {b.episode_id for b in roster}
    coming = [k for k in sorted(command.walk_ins) if k not in booked and command.entries[k].present]
    states = await unit.load_many(CALENDARS, coming)
    new: list[Booked] = []
    for episode_id in coming:
        state = single.visible(states.get(episode_id), command.network_id, command.sites)
        new.append(await single.seat_one(unit, session, state, [*roster, *new], WALK_IN, moment))
    return new


async def _let_go(
    unit: Unit, before: Session, after: Session, roster: list[Booked], command: RollCall, moment: Moment
) -> None:
    """Whoever walked in by mistake is not booked any more."""
    for booked in roster:
        mark = command.entries.get(booked.episode_id)
        undone = mark is not None and mark.status is Presence.UNMARKED and booked.episode_id in before.marks
        if booked.cause == WALK_IN and undone and booked.episode_id not in {*after.missed, *after.arrivals}:
            await single.withdraw(unit, after, booked, moment)


async def enter_late(unit: Unit, key: str, command: LateEntry, moment: Moment) -> None:
    """Record whom nobody recorded, after the end; raises Refused when it is too late."""
    session = await session_at(unit, key, command.network_id, command.sites)
    moment = moment.there(session)
    roster = await store.roster_of(unit.db, session)
    facts = roll_call.enter_late(session, command, roster, moment)
    await _restate(unit, session, roster, facts, moment, reason="late_entry", late_entry=True)


async def correct(unit: Unit, key: str, command: CorrectAttendance, moment: Moment) -> None:
    """Replace what was said about one person; raises Refused where nothing was."""
    session = await session_at(unit, key, command.network_id, command.sites)
    moment = moment.there(session)
    roster = await store.roster_of(unit.db, session)
    facts = roll_call.correct(session, command)
    await _restate(unit, session, roster, facts, moment, reason=command.reason)


async def _restate(
    unit: Unit,
    session: Session,
    roster: list[Booked],
    facts: Sequence[RollCalled],
    moment: Moment,
    *,
    reason: str,
    late_entry: bool = False,
) -> None:
    after = unit.record(SESSIONS, session.id, facts)
    changed = [k for fact in facts for k in fact.marks]
    before = {k: roll_call.word_on(session, k) for k in changed if k in session.roster}
    words = {k: roll_call.word_on(after, k) for k in changed}
    told = await tell(unit, after, roster, words, moment, before=before, reason=reason, late_entry=late_entry)
    now = roll_call.counted(told).roster
    unit.record(SESSIONS, session.id, [RosterCounted(dict(sorted({**session.roster, **now}.items())))])
