"""What payers say, and holds: they change what counts and who is expected, never what was."""

from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Unwake, Wake, Woke
from contracts.intake import AuthorizationRecorded, CoverageVerified
from contracts.progress import EpisodeHeld, EpisodeResumed, ExtensionApproved
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import agreement, calendar, terms
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import civil_date, midnight, midnight_after
from services.scheduling.handlers.weeks import count_anew, expect, sit
from services.scheduling.store import CALENDARS

NO_COVERAGE = "inactive"
A_YEAR = timedelta(days=366)


async def cover(unit: Unit, key: str, event: CoverageVerified, moment: Moment) -> None:
    """Another payer's rules hold from a day on; the weeks from then on are counted again by them."""
    if event.status == NO_COVERAGE:
        return
    state = await _known(unit, key, event)
    today = civil_date(moment.at, state.tz)
    coverage = terms.coverage_of(event, state.tz, today if state.begun_on is not None else None)
    before = state.rules_on(coverage.since, moment.rules)
    state = unit.record(CALENDARS, key, [terms.Covered(coverage)])
    if state.rules_on(coverage.since, moment.rules) is not before:
        await count_anew(unit, state, coverage.since, moment)


async def authorize(unit: Unit, key: str, event: AuthorizationRecorded, _moment: Moment) -> None:
    """Remember what a payer authorized."""
    await _known(unit, key, event)
    unit.record(CALENDARS, key, [terms.Authorized(terms.authorization_of(event))])


async def _known(unit: Unit, key: str, event: CoverageVerified | AuthorizationRecorded) -> Calendar:
    state: Calendar | None = await unit.load(CALENDARS, key)
    if state is not None:
        return state
    site = await store.site_of(unit.db, event.network_id, event.site_id)
    known: Calendar = unit.record(CALENDARS, key, [terms.known(event, site.tz if site else "UTC")])
    return known


async def extend(unit: Unit, key: str, event: ExtensionApproved, _moment: Moment) -> None:
    """The seats are in use for longer."""
    if await unit.load(CALENDARS, key) is not None:
        unit.record(CALENDARS, key, [calendar.Extended(event.to_planned_end_on)])


async def hold(unit: Unit, key: str, event: EpisodeHeld, moment: Moment) -> None:
    """Nobody expects a person on hold; their seats wait until the expected return."""
    state = await unit.load(CALENDARS, key)
    if state is None or not state.running:
        return
    since, until = (_sound(day, state, moment) for day in (event.held_from, event.expected_return_on))
    facts: list[object] = [] if state.pause else [calendar.Paused(since, until)]
    overdue = max(moment.at, midnight_after(until, state.tz))
    unit.record(CALENDARS, key, [*facts, Wake(overdue, "return")])
    await store.end_bookings(unit.db, key, _expected_until(since, state, moment))


def _sound(day: date, state: Calendar, moment: Moment) -> date:
    """No hold is about days more than a year away: such a date is a mistake, and seats do not wait for it."""
    today = civil_date(moment.at, state.tz)
    return min(max(day, today - A_YEAR), today + A_YEAR)


def _expected_until(day: date, state: Calendar, moment: Moment) -> datetime:
    return max(midnight(day, state.tz), moment.at)


async def overdue(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """The expected return has passed: the seats are free for others."""
    state = await unit.load(CALENDARS, key)
    if state is None or state.pause is None or not state.seats:
        return
    seats = await store.free_seats(unit.db, key, state.seats)
    said = [agreement.released(state, seats, "hold_overdue", moment)] if seats else []
    unit.record(CALENDARS, key, [*said, calendar.SeatsKept(())])


async def resume(unit: Unit, key: str, event: EpisodeResumed, moment: Moment) -> None:
    """A person is back: they are expected again, or a person must decide where their seats are gone."""
    state = await unit.load(CALENDARS, key)
    if state is None or state.pause is None:
        return
    unit.record(CALENDARS, key, [calendar.Returned(event.resumed_on), Unwake("return")])
    first = max(event.resumed_on, civil_date(moment.at, state.tz))
    for day in (first, *(w.effective_from for w in state.weeks if w.effective_from > first)):
        week = state.week_on(day)
        if week is None:
            continue
        from_at = _expected_until(day, state, moment)
        full = await store.full_days(unit.db, state, week.slots, from_at)
        if full or not await sit(unit, state, week.slots, moment):
            wanted = week.planned_weekly_minutes
            unit.record(CALENDARS, key, [agreement.infeasible(state, wanted, "no_free_seat", moment)])
            return
        kept = (*state.seats, *calendar.slots_without(week.slots, state.seats))
        state = unit.record(CALENDARS, key, [calendar.SeatsKept(kept)])
        await expect(unit, state, week.slots, from_at, moment)
