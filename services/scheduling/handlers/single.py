"""Single bookings: made, cancelled, taken up again."""

from collections.abc import Collection, Sequence

from contracts.decisions import Moment, Refused
from contracts.vocabulary import MissKind
from services.chassis.commands import not_found
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import bookings
from services.scheduling.domain.bookings import BookSession, By, CancelBooking, Seating, UndoCancellation
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.sessions import Booked, Cancellation, Session
from services.scheduling.handlers.meetings import session_at
from services.scheduling.store import CALENDARS, SESSIONS


def visible(state: Calendar | None, network_id: str, sites: Collection[str]) -> Calendar:
    """A calendar of the caller's; raises Refused (404) about any other."""
    if state is None or state.network_id != network_id or state.site_id not in sites:
        raise not_found()
    return state


async def book(unit: Unit, key: str, command: BookSession, moment: Moment) -> None:
    """Book one person into one session; raises Refused where a rule or the last seat is against it."""
    session = await session_at(unit, key, command.network_id, command.sites)
    state = visible(await unit.load(CALENDARS, command.episode_id), command.network_id, command.sites)
    roster = await store.roster_of(unit.db, session)
    if any(b.episode_id == state.id for b in roster):
        raise Refused(
            "booked_already",
            "This person is booked into this session.",
            hint="Take back the cancellation if there is one.",
        )
    await seat_one(unit, session, state, roster, command.cause.value, moment)


async def seat_one(
    unit: Unit, session: Session, state: Calendar, roster: Sequence[Booked], cause: str, moment: Moment
) -> Booked:
    """Give a person a seat of one day. The session's lock makes sure that nobody else gets the same."""
    seating = await _seating(unit, session, state, roster)
    said = bookings.book(session, state, seating, cause, moment)
    unit.record(CALENDARS, state.id, said)
    await store.book_one(unit.db, session, said[0], moment.at)
    return Booked(state.id, moment.at, cause, said[0].booking_id)


async def _seating(unit: Unit, session: Session, state: Calendar, roster: Sequence[Booked]) -> Seating:
    group = await store.group_of(unit.db, session.network_id, session.group_id)
    clashes = await store.clashes(unit.db, state.id, session)
    apart = set(await store.kept_apart_from(unit.db, state.id))
    met = any(b.episode_id in apart for b in roster)
    return Seating(group, bookings.taken(session, roster), clashes, met)


async def withdraw(unit: Unit, session: Session, booked: Booked, moment: Moment) -> None:
    """Take a booking back as if it had not been made."""
    state = await unit.load(CALENDARS, booked.episode_id)
    nothing = Cancellation(MissKind.EXCUSED, 0)
    said = bookings.called_off(session, state, nothing, By.CLINIC, booked.booking_id, moment)
    unit.record(CALENDARS, state.id, [said])
    await store.unbook(unit.db, booked)


async def cancel(unit: Unit, key: str, command: CancelBooking, moment: Moment) -> None:
    """One person does not come; raises Refused once the session has begun."""
    session = await session_at(unit, key, command.network_id, command.sites)
    state, booked, _ = await _on_roster(unit, session, command)
    said, noted = bookings.cancel(session, state, booked, command, moment.there(session))
    unit.record(CALENDARS, state.id, [said])
    unit.record(SESSIONS, key, [noted])


async def undo(unit: Unit, key: str, command: UndoCancellation, moment: Moment) -> None:
    """One person comes after all; raises Refused where the seat is gone or the session has begun."""
    session = await session_at(unit, key, command.network_id, command.sites)
    state, booked, roster = await _on_roster(unit, session, command)
    seating = await _seating(unit, session, state, roster)
    said, noted = bookings.undo(session, state, booked, seating, moment)
    unit.record(CALENDARS, state.id, [said])
    unit.record(SESSIONS, key, [noted])


async def _on_roster(
    unit: Unit, session: Session, command: CancelBooking | UndoCancellation
) -> tuple[Calendar, Booked, list[Booked]]:
    roster = await store.roster_of(unit.db, session)
    booked = next((b for b in roster if b.episode_id == command.episode_id), None)
    if booked is None:
        raise Refused(
            "not_on_roster", "This person is not booked into this session.", episodes=[command.episode_id]
        )
    return await unit.load(CALENDARS, booked.episode_id), booked, roster
