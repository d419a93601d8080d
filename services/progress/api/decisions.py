"""Recommendations and what people decide on them, over HTTP."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

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
    until_on: Annotated[Day | None, Field(description="Last day of a transition taper.")] = None


class ApprovalBody(Body):
    effective_on: Day
    patient_agreed: Annotated[
        bool | None, Field(description="As it was recorded before, unless it is said now.")
    ] = None
    credential: Token | None = None


class RefusalBody(Body):
    reason: Reason


class TeamBody(Body):
    roles: Annotated[tuple[Token, ...], Field(min_length=1, max_length=10)]


class OpinionBody(Body):
    opinion: Literal["for", "against", "unsure"]


class AgreementBody(Body):
    agreed: bool


class OutcomeBody(Body):
    outcome: Reason


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
    command = domain.RecommendStep(
        body.direction, body.kind, body.to_weekly_minutes, body.to_level, body.until_on
    )
    return await call.take(command, on=episode_id)


@routes.post("/v1/recommendations/{recommendation_id}/approve", status_code=201)
async def approve_recommendation(recommendation_id: Token, body: ApprovalBody, call: Call) -> Answer:
    """Approve a recommendation as it stands."""
    command = domain.ApproveRecommendation(
        recommendation_id, body.effective_on, body.patient_agreed, body.credential
    )
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/decline", status_code=201)
async def decline_recommendation(recommendation_id: Token, body: RefusalBody, call: Call) -> Answer:
    """Decline a recommendation."""
    command = domain.DeclineRecommendation(recommendation_id, body.reason)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/review", status_code=201)
async def open_review(recommendation_id: Token, call: Call) -> Answer:
    """Take a step up in hand: until it is approved or declined nothing leads to less treatment."""
    command = domain.OpenReview(recommendation_id)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/team", status_code=201)
async def ask_team(recommendation_id: Token, body: TeamBody, call: Call) -> Answer:
    """Ask some of the team what they think of a recommendation; no rule depends on the answers."""
    command = domain.AskTeam(recommendation_id, body.roles)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/opinions", status_code=201)
async def give_opinion(recommendation_id: Token, body: OpinionBody, call: Call) -> Answer:
    """Say what one thinks of a recommendation, having been asked."""
    command = domain.GiveOpinion(recommendation_id, body.opinion)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/agreement", status_code=201)
async def record_agreement(recommendation_id: Token, body: AgreementBody, call: Call) -> Answer:
    """Record what the patient thinks of a recommendation, before anybody decides."""
    command = domain.RecordAgreement(recommendation_id, body.agreed)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/episodes/{episode_id}/review-tasks/{task_id}/close", status_code=201)
async def close_review_task(episode_id: Token, task_id: Token, body: OutcomeBody, call: Call) -> Answer:
    """Say what came of something that had to be looked at."""
    return await call.take(domain.CloseReviewTask(task_id, body.outcome), on=episode_id)


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
