"""Recommendations and what people decide on them, over HTTP."""

from typing import Any

from fastapi import APIRouter

from contracts.vocabulary import (
    LevelOfCare,
    Minutes,
    Token,
)
from services.chassis.http import Answer, Body, Call, Limit, Page
from services.progress import domain, store
from services.progress.api.forms import Day, Reason

routes = APIRouter()


class StepBody(Body):
    direction: domain.Direction
    kind: domain.Kind
    to_weekly_minutes: Minutes
    to_level: LevelOfCare | None = None


class ApprovalBody(Body):
    effective_on: Day
    patient_agreed: bool


class RefusalBody(Body):
    reason: Reason


@routes.get("/v1/recommendations")
async def recommendations(call: Call, site_id: Token | None = None, limit: Limit = 100) -> Page:
    """Recommendations that wait for a clinician, with the facts behind them."""
    if site_id is not None:
        call.require_site(site_id)
    async with call.reading() as db:
        found = await store.find_undecided(db, call.who, site_id, limit)
    return Page(items=[_recommendation(row) for row in found])


@routes.post("/v1/episodes/{episode_id}/recommendations", status_code=201)
async def recommend_step(episode_id: Token, body: StepBody, call: Call) -> Answer:
    """Recommend other minutes or another level than the machine did; it supersedes the open one."""
    command = domain.RecommendStep(body.direction, body.kind, body.to_weekly_minutes, body.to_level)
    return await call.take(command, on=episode_id)


@routes.post("/v1/recommendations/{recommendation_id}/approve", status_code=201)
async def approve_recommendation(recommendation_id: Token, body: ApprovalBody, call: Call) -> Answer:
    """Approve a recommendation as it stands."""
    command = domain.ApproveRecommendation(recommendation_id, body.effective_on, body.patient_agreed)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/decline", status_code=201)
async def decline_recommendation(recommendation_id: Token, body: RefusalBody, call: Call) -> Answer:
    """Decline a recommendation."""
    command = domain.DeclineRecommendation(recommendation_id, body.reason)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


async def _episode_of(recommendation_id: str, call: Call) -> str:
    async with call.reading() as db:
        episode_id = await store.find_episode_of(db, call.who, recommendation_id)
    if episode_id is None:
        raise call.not_found()
    return episode_id


def _recommendation(row: dict[str, Any]) -> dict[str, Any]:
    recommendation = row.pop("recommendation")
    return {
        **recommendation,
        "recommendation_id": recommendation["id"],
        "episode_id": row["episode_id"],
        "site_id": row["site_id"],
        "patient_id": row["patient_id"],
        "state": row["stage"],
    }
