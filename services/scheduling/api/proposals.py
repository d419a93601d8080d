"""What the engine would propose to one person, or why it has nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from contracts.vocabulary import Slot, Token
from services.chassis.http import Call
from services.scheduling import store
from services.scheduling.domain import candidates, legality
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.week import Choice, minutes_of
from services.scheduling.domain.wishes import Barrier

routes = APIRouter()


class ProposedWeek(BaseModel):
    """A legal week on free seats."""

    slots: list[Slot]
    weekly_minutes: int


class BarrierView(BaseModel):
    """A rule without which there would be a week, and the weekdays of groups that it closes."""

    cause: str
    where: list[str]


class ProposalsView(BaseModel):
    """The best few weeks, the best first; where there is none, each rule that alone stands in the way."""

    weeks: list[ProposedWeek]
    barriers: list[BarrierView]


@routes.get("/v1/episodes/{episode_id}/proposals")
async def proposals(
    episode_id: Token,
    call: Call,
    weekly_minutes: Annotated[int | None, Query(ge=1, le=10_080)] = None,
    days_per_week: Annotated[int | None, Query(ge=1, le=7)] = None,
    individual: bool = False,
    family: bool = False,
) -> ProposalsView:
    """Weeks that a person could agree on from tomorrow; unless said otherwise as much as is prescribed."""
    async with call.reading() as db:
        state = await store.calendar_of(db, call.who, episode_id)
        if state is None or state.request is None:
            raise call.not_found()
        first = civil_date(call.now, state.tz) + timedelta(days=1)
        credited = state.rules_on(first, call.rules).attendance.breaks_creditable
        offers = await store.offers_of(db, state.network_id, state.site_id, state.id, credited)
        others = await store.kept_apart_from(db, state.id)
        barred = await store.seats_of(db, others) if others else set()
    asked = state.request
    request = replace(
        asked,
        earliest_start=first,
        level=state.level_on(first),
        weekly_minutes=weekly_minutes or state.prescribed_on(first) or asked.weekly_minutes,
        days_per_week=days_per_week or asked.days_per_week,
    )
    found = candidates.for_person(
        state,
        request,
        legality.open_to(state, offers, barred),
        call.rules,
        individual=individual,
        family=family,
    )
    return ProposalsView(
        weeks=[_week(choice) for choice in found.weeks], barriers=[_barrier(b) for b in found.barriers]
    )


def _week(choice: Choice) -> ProposedWeek:
    return ProposedWeek(slots=[o.slot() for o in choice], weekly_minutes=minutes_of(choice))


def _barrier(barrier: Barrier) -> BarrierView:
    return BarrierView(cause=barrier.cause, where=[f"{group}/{dow}" for group, dow in barrier.where])
