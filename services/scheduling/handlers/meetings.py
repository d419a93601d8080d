"""Sessions: called over while they last, counted at the end."""

from collections.abc import Collection, Iterable, Mapping

from contracts.decisions import Moment, Woke
from contracts.vocabulary import MissKind
from services.chassis.commands import not_found
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import roll_call, sessions, telling
from services.scheduling.domain.roll_call import Word
from services.scheduling.domain.sessions import Booked, CancelSession, Session
from services.scheduling.domain.telling import Telling
from services.scheduling.store import CALENDARS, SESSIONS


async def session_at(unit: Unit, key: str, network_id: str, sites: Collection[str]) -> Session:
    """A session of the caller's, with its lock; raises Refused (404) about any other."""
    session: Session | None = await unit.load(SESSIONS, key)
    if session is None or session.network_id != network_id or session.site_id not in sites:
        raise not_found()
    return session


async def call_off(unit: Unit, key: str, command: CancelSession, moment: Moment) -> None:
    """Cancel a session; raises Refused once it has begun."""
    session = await session_at(unit, key, command.network_id, command.sites)
    unit.record(SESSIONS, key, sessions.call_off(session, command, moment))


async def say_absences(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """The grace is over: whoever is expected and not there is missing."""
    session = await unit.load(SESSIONS, key)
    if session is None or session.over:
        return
    roster = await store.roster_of(unit.db, session)
    absent = roll_call.absences(session, roster)
    said = await tell(unit, session, roster, absent, moment.there(session))
    if said:
        kinds = {k: word for k, word in said.items() if isinstance(word, MissKind)}
        unit.record(SESSIONS, key, [sessions.AbsencesSaid(kinds)])


async def end(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """The session is over: say what it was for each person, and count it."""
    session = await unit.load(SESSIONS, key)
    if session is None or session.over:
        return
    roster = await store.roster_of(unit.db, session)
    words = roll_call.words(session, roster)
    told = await tell(unit, session, roster, words, moment.there(session), before=session.missed)
    unit.record(SESSIONS, key, roll_call.complete(session, told))


async def tell(
    unit: Unit,
    session: Session,
    roster: Iterable[Booked],
    words: Mapping[str, Word],
    moment: Moment,
    *,
    before: Mapping[str, Word] | None = None,
    reason: str = "",
    late_entry: bool = False,
) -> dict[str, Word]:
    """Say the last word about people, in place of what was said before; returns whatever stands now."""
    before = before or {}
    group = await store.group_of(unit.db, session.network_id, session.group_id) if words else None
    kind = group.kind if group is not None else None
    about = Telling(session, telling.present_among(session, words), kind, reason, late_entry)
    causes = {b.episode_id: b.cause for b in roster}
    stands: dict[str, Word] = {}
    for episode_id, state in (await unit.load_many(CALENDARS, words)).items():
        word, was, said = words[episode_id], before.get(episode_id), None
        if was is not None and was != word:
            said = await unit.last_said(episode_id, telling.STATEMENTS, session_id=session.id)
        facts = telling.tell(about, state, word, was, said, causes.get(episode_id, ""), moment)
        if facts is not None:
            unit.record(CALENDARS, episode_id, facts)
            stands[episode_id] = word
    return stands
