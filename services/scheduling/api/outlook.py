"""What is ahead of one person: the week as it stands, risk dates, and whom they must not meet."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.scheduling import SessionOption
from contracts.vocabulary import Token
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import Day
from services.scheduling.domain import forecast
from services.scheduling.domain.forecast import Lived
from services.scheduling.domain.localtime import monday_of
from services.scheduling.domain.pairs import KeepApart, MayMeet
from services.scheduling.domain.riskdates import ClearRiskDate, SetRiskDate

routes = APIRouter()


class WeekNowView(BaseModel):
    """A week as it stands: earned, booked, and what could be reached."""

    episode_id: str
    week_start: date
    level: str
    sessions: list[Lived]
    planned_minutes: int
    credited_minutes: int
    booked_minutes: int
    reachable_minutes: int
    level_min_minutes: int
    level_max_minutes: int
    at_risk: bool
    lost: bool
    options: list[SessionOption]


class RiskDateBody(Body):
    """A day on which this person will need more support."""

    on: Day
    kind: Token


class RiskDateView(BaseModel):
    """A risk date, and whether sessions around it were proposed."""

    risk_date_id: str
    on: date
    kind: str
    proposed: bool


class RiskDatesView(BaseModel):
    """The risk dates of one person, the next first."""

    items: list[RiskDateView]


class PairBody(Body):
    """Two people."""

    episodes: Annotated[list[Token], Field(min_length=2, max_length=2)]


@routes.get("/v1/episodes/{episode_id}/week")
async def week(episode_id: Token, call: Call, start: Day) -> WeekNowView:
    """The week of a day as it stands, and the sessions that could make up for what is missing."""
    monday = monday_of(start)
    async with call.reading() as db:
        state = await store.calendar_of(db, call.who, episode_id)
        if state is None:
            raise call.not_found()
        barred = await store.kept_apart_from(db, episode_id)
        ahead = await store.sessions_ahead(db, state, monday, monday + timedelta(days=6), barred)
    found = forecast.forecast(state, monday, ahead, call.rules, call.now)
    return WeekNowView(
        episode_id=episode_id,
        week_start=monday,
        level=found.level.code,
        sessions=forecast.lived(state, monday, ahead, call.rules),
        planned_minutes=found.planned_minutes,
        credited_minutes=found.credited_minutes,
        booked_minutes=found.booked_minutes,
        reachable_minutes=found.reachable_minutes,
        level_min_minutes=found.band.min_minutes,
        level_max_minutes=found.band.max_minutes,
        at_risk=found.at_risk,
        lost=found.lost,
        options=list(found.options),
    )


@routes.post("/v1/episodes/{episode_id}/risk-dates", status_code=201)
async def set_risk_date(episode_id: Token, body: RiskDateBody, call: Call) -> Answer:
    """Remember a day that will be hard; sessions around it are proposed two weeks before."""
    call.require_role("clinician", "scheduler", "director")
    return await call.take(SetRiskDate(body.on, body.kind), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/risk-dates/{risk_date_id}/clear", status_code=201)
async def clear_risk_date(episode_id: Token, risk_date_id: Token, call: Call) -> Answer:
    """A risk date no longer stands."""
    call.require_role("clinician", "scheduler", "director")
    return await call.take(ClearRiskDate(risk_date_id), on=episode_id)


@routes.get("/v1/episodes/{episode_id}/risk-dates")
async def risk_dates(episode_id: Token, call: Call) -> RiskDatesView:
    """The risk dates of one person."""
    async with call.reading() as db:
        state = await store.calendar_of(db, call.who, episode_id)
    if state is None:
        raise call.not_found()
    dates = sorted(state.risk_dates.items(), key=lambda item: (item[1].on, item[0]))
    return RiskDatesView(
        items=[RiskDateView(risk_date_id=k, on=r.on, kind=r.kind, proposed=r.proposed) for k, r in dates]
    )


@routes.post("/v1/sites/{site_id}/keep-apart", status_code=201)
async def keep_apart(site_id: Token, body: PairBody, call: Call) -> Answer:
    """Two people are never given the same session; who is told of a refusal learns of neither."""
    call.require_role("clinician", "director")
    call.require_site(site_id)
    first, second = body.episodes
    return await call.take(KeepApart(call.who.network_id, tuple(call.who.sites), (first, second)), on=site_id)


@routes.post("/v1/sites/{site_id}/keep-apart/lift", status_code=201)
async def lift(site_id: Token, body: PairBody, call: Call) -> Answer:
    """Two people may meet again."""
    call.require_role("clinician", "director")
    call.require_site(site_id)
    first, second = body.episodes
    return await call.take(MayMeet(call.who.network_id, tuple(call.who.sites), (first, second)), on=site_id)
