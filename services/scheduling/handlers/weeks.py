"""The agreed week: agreed by people, changed by approved steps, closed day by day and week by week."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Refused, Wake, Woke
from contracts.progress import StepDownApproved, StepUpApproved
from contracts.vocabulary import Slot
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import agreement, calendar, candidates, closing
from services.scheduling.domain.agreement import Agreed, AgreeSchedule
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import civil_date, midnight
from services.scheduling.domain.week import Choice, minutes_of
from services.scheduling.handlers import single
from services.scheduling.handlers.seats import barred_from, first_legal, offers_for, proposable
from services.scheduling.store import CALENDARS


async def agree(unit: Unit, key: str, command: AgreeSchedule, moment: Moment) -> None:
    """Put an agreed week in force; raises Refused where a rule or a seat is missing."""
    state = await unit.load(CALENDARS, key)
    mine = state is not None and state.network_id == command.network_id and state.site_id in command.sites
    if state is None or not mine or state.stage == "known":
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    site = await store.site_of(unit.db, state.network_id, state.site_id)
    if site is None:
        raise Refused("not_found", "The site of this episode is not open for scheduling.", status=404)
    first, _ = agreement.first_day(state, command, moment)
    offers = {o.key: o for o in await offers_for(unit, state, first, moment)}
    barred = await barred_from(unit, state)
    legal = agreement.check(state, command, site, offers, moment, barred)
    if not await sit(unit, state, legal.slots, moment):
        raise Refused(
            "seat_taken",
            "Not every slot of this week has a free seat.",
            hint="Choose other slots from GET /v1/groups.",
        )
    full = await _full_days(unit, state, legal.slots, first, moment)
    if full:
        raise Refused(
            "day_full",
            "On some days of this week single bookings have taken the last seat.",
            hint="Cancel a single booking, choose other slots, or let the week begin later.",
            sessions=full,
        )
    state = await _put_in_force(unit, state, legal, "patient_request", moment)
    for day in state.terms.changes_after(first):
        await count_anew(unit, state, day, moment)


async def sit(unit: Unit, state: Calendar, slots: Sequence[Slot], moment: Moment) -> bool:
    """Take the seats that the person does not have yet: all of them or none."""
    return await store.take_seats(unit.db, state.id, calendar.slots_without(slots, state.seats), moment.at)


async def _full_days(
    unit: Unit, state: Calendar, slots: Sequence[Slot], first: date, moment: Moment
) -> list[str]:
    if state.pause is not None:
        return []
    begins = max(midnight(first, state.tz), moment.at)
    return await store.full_days(unit.db, state, slots, begins)


async def expect(
    unit: Unit, state: Calendar, slots: Sequence[Slot], begins: datetime, moment: Moment
) -> None:
    """Expect a person in their week from an instant on; a single booking at the same time gives way."""
    await store.book(unit.db, state, slots, begins, moment.at)
    for session, booked in await store.doubled_bookings(unit.db, state.id, max(begins, moment.at)):
        await single.withdraw(unit, session, booked, moment)


async def count_anew(unit: Unit, state: Calendar, since: date, moment: Moment) -> None:
    """Hold the weeks in force from a day on against the rules of whoever pays then."""
    if state.stage != "scheduled":
        return
    for day in (since, *(w.effective_from for w in state.weeks if w.effective_from > since)):
        offers = {o.key: o for o in await offers_for(unit, state, day, moment)}
        state = unit.record(CALENDARS, state.id, agreement.recounted(state, offers, day, moment))


async def _put_in_force(unit: Unit, state: Calendar, legal: Agreed, reason: str, moment: Moment) -> Calendar:
    slots, first = legal.slots, legal.first
    kept = (*state.seats, *calendar.slots_without(slots, state.seats))
    facts = agreement.agree(state, slots, first, legal.minutes, reason, moment, legal.override_reason)
    state = unit.record(CALENDARS, state.id, [calendar.SeatsKept(kept), *facts])
    if state.pause is None:
        for week in (w for w in state.weeks if w.effective_from >= first):
            begins = agreement.in_force_from(state, week.effective_from, moment)
            await expect(unit, state, week.slots, begins, moment)
    await _leave_unused(unit, state, reason, moment)
    return state


async def _leave_unused(unit: Unit, state: Calendar, cause: str, moment: Moment) -> None:
    """Give back the seats that no week in force or to come needs."""
    needed = () if state.stage == "ended" else state.slots_from(civil_date(moment.at, state.tz))
    unused = calendar.slots_without(state.seats, needed)
    if not unused:
        return
    seats = await store.free_seats(unit.db, state.id, unused)
    kept = calendar.SeatsKept(calendar.slots_without(state.seats, unused))
    said = [agreement.released(state, seats, cause, moment)] if seats else []
    unit.record(CALENDARS, state.id, [*said, kept])


async def swap(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """A changed week has begun: the seats of the old one are free."""
    state = await unit.load(CALENDARS, key)
    begun = state.week_on(civil_date(moment.at, state.tz)) if state is not None else None
    if state is not None and begun is not None:
        await _leave_unused(unit, state, begun.reason, moment)


async def step(unit: Unit, key: str, event: StepDownApproved | StepUpApproved, moment: Moment) -> None:
    """Carry out an approved step down or up, or say that no legal week can."""
    state = await unit.load(CALENDARS, key)
    if state is None or state.stage not in ("admitted", "scheduled", "ended"):
        return
    down = isinstance(event, StepDownApproved)
    if state.stage == "ended" and (down or event.kind != "readmit"):
        return
    first = max(event.effective_on, civil_date(moment.at, state.tz))
    offers = await proposable(unit, state, first, moment)
    choices, cause = candidates.for_step(state, event, offers, first, moment)
    prescribed = calendar.LevelSet(
        first, event.to_level, event.to_weekly_minutes, candidates.tapers_until(event)
    )
    state = unit.record(CALENDARS, key, [prescribed])
    if cause == "nothing_to_change":
        return
    legal = first_legal(state, choices, first, moment)
    chosen = await _first_free(unit, state, legal, first, moment)
    if chosen is None:
        wanted, why = event.to_weekly_minutes, cause or ("no_free_seat" if legal else "no_legal_week")
        unit.record(CALENDARS, key, [agreement.infeasible(state, wanted, why, moment)])
        return
    slots = tuple(o.slot() for o in sorted(chosen, key=lambda o: o.dow))
    reason = "step_down" if down else "step_up"
    await _put_in_force(unit, state, Agreed(slots, first, minutes_of(chosen)), reason, moment)


async def _first_free(
    unit: Unit, state: Calendar, choices: Sequence[Choice], first: date, moment: Moment
) -> Choice | None:
    for choice in choices:
        slots = [o.slot() for o in choice]
        full = await _full_days(unit, state, slots, first, moment)
        if not full and await sit(unit, state, slots, moment):
            return choice
    return None


async def close_day(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:
    """Close a day once its sessions are counted."""
    day = date.fromisoformat(woke.what.partition(":")[2])
    state = await unit.load(CALENDARS, key)
    if state is None:
        return
    if await _waits(unit, state, day, day, woke, moment):
        return
    unit.record(CALENDARS, key, closing.close_day(state, day, moment))


async def close_week(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:
    """Close a week once its sessions are counted."""
    monday = date.fromisoformat(woke.what.partition(":")[2])
    state = await unit.load(CALENDARS, key)
    if state is None:
        return
    if await _waits(unit, state, monday, monday + timedelta(days=6), woke, moment):
        return
    unit.record(CALENDARS, key, closing.close_week(state, monday, moment))


async def _waits(unit: Unit, state: Calendar, first: date, last: date, woke: Woke, moment: Moment) -> bool:
    if not await store.sessions_unfinished(unit.db, state.id, first, last):
        return False
    unit.record(CALENDARS, state.id, [Wake(moment.at + closing.RECHECK, woke.what)])
    return True
