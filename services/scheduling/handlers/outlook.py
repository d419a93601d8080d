"""Looking ahead: what a week can still come to, what is near a risk date, and who must not meet."""

from datetime import date, timedelta
from typing import Any

from contracts.decisions import Moment, Refused, Woke
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import forecast, riskdates
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.forecast import Ahead
from services.scheduling.domain.pairs import KeepApart, MayMeet
from services.scheduling.store import CALENDARS


async def look(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:
    """Say that a week is at risk while something can still be done."""
    monday = date.fromisoformat(woke.what.partition(":")[2])
    state = await unit.load(CALENDARS, key)
    if state is None or not state.running:
        return
    ahead = await _ahead(unit, state, monday, monday + timedelta(days=6))
    found = forecast.forecast(state, monday, ahead, moment.rules, moment.at)
    unit.record(CALENDARS, key, forecast.at_risk(state, found, moment))


async def propose_booster(unit: Unit, key: str, woke: Woke, moment: Moment) -> None:
    """Say which sessions around a risk date have a seat."""
    risk_date_id = woke.what.partition(":")[2]
    state = await unit.load(CALENDARS, key)
    if state is None or risk_date_id not in state.risk_dates:
        return
    on = state.risk_dates[risk_date_id].on
    rules = state.rules_on(on, moment.rules).risk_dates
    ahead = await _ahead(unit, state, *riskdates.days_around(on, rules))
    options = forecast.options(state, ahead, moment.rules, moment.at)
    unit.record(CALENDARS, key, riskdates.propose(state, risk_date_id, options, moment))


async def _ahead(unit: Unit, state: Calendar, first: date, last: date) -> list[Ahead]:
    barred = await store.kept_apart_from(unit.db, state.id)
    return await store.sessions_ahead(unit.db, state, first, last, barred)


async def keep_apart(unit: Unit, key: str, command: KeepApart, moment: Moment) -> dict[str, Any]:
    """Two people are never given the same session from now on; tells where they share one already."""
    first, second = await _pair(unit, command)
    await store.keep_apart(
        unit.db, (command.network_id, key), (first.id, second.id), moment.at, moment.actor.id
    )
    shared = await store.seats_of(unit.db, [first.id]) & await store.seats_of(unit.db, [second.id])
    return {"shared": [{"group_id": group, "dow": dow} for group, dow in sorted(shared)]}


async def may_meet(unit: Unit, key: str, command: MayMeet, _moment: Moment) -> dict[str, Any]:
    """Two people may meet again."""
    first, second = await _pair(unit, command)
    return {"lifted": await store.lift_apart(unit.db, (first.id, second.id))}


async def _pair(unit: Unit, command: KeepApart | MayMeet) -> list[Calendar]:
    if len(set(command.episodes)) < len(command.episodes):
        raise Refused("same_person", "Nobody can be kept apart from themselves.", status=422)
    found = await unit.load_many(CALENDARS, command.episodes)
    mine = [
        state
        for state in found.values()
        if state.network_id == command.network_id and state.site_id in command.sites
    ]
    if len(mine) < len(command.episodes):
        raise Refused("not_found", "There is nothing with this id here.", status=404)
    return mine
