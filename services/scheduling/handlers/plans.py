"""A plan for a site: laid before those whom it moves, carried out at once when all have agreed."""

from collections.abc import Mapping
from datetime import date, timedelta

from contracts.decisions import Moment, Refused, Woke
from contracts.scheduling import SeatReleased
from services.chassis.db import Connection
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import agreement, calendar, plans, siteweek
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.plans import AnswerMove, Plan, ProposePlan, Shift
from services.scheduling.domain.sites import Site
from services.scheduling.domain.siteweek import SiteWeek
from services.scheduling.domain.week import minutes_of
from services.scheduling.handlers.seats import offers_for
from services.scheduling.handlers.weeks import expect
from services.scheduling.store import CALENDARS, PLANS


async def propose(unit: Unit, key: str, command: ProposePlan, moment: Moment) -> None:
    """Ask everybody whom a plan moves; raises Refused where somebody's seats changed meanwhile."""
    existing = await unit.load(PLANS, key)
    if existing is not None:
        raise Refused("plan_exists", "There is a plan with this id already.")
    if not await _lay_out(unit, key, command, moment):
        raise Refused(
            "plan_outdated",
            "Seats have changed while the plan was made.",
            hint="Ask for a plan once more.",
            read_version=command.read_version,
        )


async def _lay_out(unit: Unit, plan_id: str, command: ProposePlan, moment: Moment) -> bool:
    """Ask those whom a plan moves, unless somebody's seats have changed since it was made."""
    calendars = await unit.load_many(CALENDARS, command.shifts)
    if not await _stands(unit, command.shifts, calendars, moment):
        return False
    plan: Plan = unit.record(PLANS, plan_id, plans.propose(plan_id, command, moment))
    for id, state in calendars.items():
        unit.record(CALENDARS, id, [plans.asked_of(state, plan, moment)])
    return True


async def site_week(db: Connection, network_id: str, site: Site, first: date) -> SiteWeek:
    """Everything that a plan for a site from a day on is made from."""
    calendars = await store.calendars_at(db, network_id, site.id)
    offers = {paid: await store.offers_at(db, network_id, site.id, paid) for paid in (True, False)}
    return SiteWeek(
        network_id=network_id,
        site_id=site.id,
        first=first,
        read_version=sum(c.version for c in calendars),
        offers=offers,
        calendars=calendars,
        apart=await store.pairs_apart(db, network_id, site.id),
    )


async def make_room(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """Look for one person whose other seats would make room for somebody who found none, and ask them."""
    state = await unit.load(CALENDARS, key)
    site = None if state is None else await store.site_of(unit.db, state.network_id, state.site_id)
    if state is None or site is None or state.stage != "asked" or state.request is None:
        return
    first = civil_date(moment.at, state.tz) + timedelta(days=1)
    week = await site_week(unit.db, state.network_id, site, first)
    command = siteweek.room_for(week, state.id, moment.rules, moment.at)
    if command is not None:
        plan_id = moment.new_id("plan")
        await unit.load(PLANS, plan_id)
        await _lay_out(unit, plan_id, command, moment)


async def answer(unit: Unit, key: str, command: AnswerMove, moment: Moment) -> None:
    """Take one person's answer; the last yes puts the plan in force, the first no ends it."""
    plan = await unit.load(PLANS, key)
    if plan is None or plan.network_id != command.network_id or plan.site_id not in command.sites:
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    facts = plans.agree(plan, command.episode_id, moment)
    if not (command.agreed_by_patient and command.agreed_by_clinician):
        await _drop(unit, plan, "declined", command.episode_id, moment)
        return
    plan = unit.record(PLANS, key, facts)
    if plans.all_agreed(plan):
        await _carry_out(unit, plan, moment)


async def expire(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """Not everybody has answered in time."""
    plan = await unit.load(PLANS, key)
    if plan is not None and plan.stage == plans.PROPOSED:
        await _drop(unit, plan, "expired", None, moment)


async def _drop(unit: Unit, plan: Plan, cause: str, by: str | None, moment: Moment) -> None:
    unit.record(PLANS, plan.id, plans.drop(plan, cause))
    calendars = await unit.load_many(CALENDARS, plan.shifts)
    for id, state in calendars.items():
        said = cause if by is None or id == by else "withdrawn"
        unit.record(CALENDARS, id, [plans.answered(state, plan, said, moment)])


async def _carry_out(unit: Unit, plan: Plan, moment: Moment) -> None:
    """Everybody changes seats in one transaction, or nobody does."""
    calendars = await unit.load_many(CALENDARS, plan.shifts)
    stands = await _stands(unit, plan.shifts, calendars, moment)
    if not stands or not await _exchange(unit, plan, moment):
        await _drop(unit, plan, "outdated", None, moment)
        return
    for state in calendars.values():
        await _move(unit, state, plan, moment)
    unit.record(PLANS, plan.id, plans.publish(plan))


async def _stands(
    unit: Unit, shifts: Mapping[str, Shift], calendars: Mapping[str, Calendar], moment: Moment
) -> bool:
    """Whether a plan still moves people from the weeks that they have into weeks that they may have."""
    if not plans.still_fits(shifts, calendars, moment):
        return False
    for id, state in calendars.items():
        offers = await offers_for(unit, state, plans.first_on(state, moment), moment)
        barred = await _barred_from(unit, state, shifts)
        if not plans.still_legal(state, shifts[id], offers, barred, moment):
            return False
    return True


async def _barred_from(unit: Unit, state: Calendar, shifts: Mapping[str, Shift]) -> set[tuple[str, int]]:
    """Where those from whom a person is kept apart sit once a plan has moved whom it moves."""
    others = await store.kept_apart_from(unit.db, state.id)
    if not others:
        return set()
    await unit.load_many(CALENDARS, others)
    stay = await store.seats_of(unit.db, [o for o in others if o not in shifts])
    moved = [slot for o in others if o in shifts for slot in shifts[o].to_slots]
    return stay | {(slot.group_id or "", slot.dow) for slot in moved}


async def _exchange(unit: Unit, plan: Plan, moment: Moment) -> bool:
    done: bool = await store.exchange_seats(
        unit.db,
        {
            id: (
                calendar.slots_without(shift.from_slots, shift.to_slots),
                calendar.slots_without(shift.to_slots, shift.from_slots),
            )
            for id, shift in plan.shifts.items()
        },
        moment.at,
    )
    return done


def _released(state: Calendar, seats: int, moment: Moment) -> list[SeatReleased]:
    return [agreement.released(state, seats, "moved", moment)] if seats else []


async def _move(unit: Unit, state: Calendar, plan: Plan, moment: Moment) -> None:
    """From tomorrow on the person sits elsewhere; until then they keep what nobody in the plan takes."""
    shift = plan.shifts[state.id]
    first = plans.first_on(state, moment)
    wanted = plans.seats_of(shift.to_slots)
    minutes = minutes_of(o for o in await offers_for(unit, state, first, moment) if o.key in wanted)
    left = calendar.slots_without(shift.from_slots, shift.to_slots)
    kept = tuple([s for s in left if await store.take_seats(unit.db, state.id, [s], moment.at)])
    facts = agreement.agree(state, shift.to_slots, first, minutes, "move", moment)
    state = unit.record(
        CALENDARS,
        state.id,
        [
            plans.answered(state, plan, "accepted", moment),
            *_released(state, len(left) - len(kept), moment),
            calendar.SeatsKept((*shift.to_slots, *kept)),
            *facts,
        ],
    )
    begins = agreement.in_force_from(state, first, moment)
    await expect(unit, state, shift.to_slots, begins, moment)
