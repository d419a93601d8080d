"""Plans and goals over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import (
    GoalCategory,
    Score,
    ServiceKind,
    Token,
)
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Day, Word

routes = APIRouter()


class MeasureBody(Body):
    kind: Word
    instrument: Token | None = None
    comparator: Word = ">="
    target: Score = 1
    window_days: Annotated[int, Field(ge=0, le=domain.MAX_WINDOW_DAYS)] = 0
    subscale: Token | None = None


class GoalBody(Body):
    category: GoalCategory
    measure: MeasureBody
    required_for_step_down: bool = False
    target_on: Day | None = None


class InterventionBody(Body):
    modality: Token
    service_kind: ServiceKind
    times_per_week: Annotated[int, Field(ge=0, le=100)]
    goals: Annotated[tuple[Annotated[int, Field(ge=1, le=40)], ...], Field(max_length=40)]
    """The goals that it serves, by their place in the list, from 1 on."""


class DraftBody(Body):
    goals: Annotated[tuple[GoalBody, ...], Field(max_length=40)]
    interventions: Annotated[tuple[InterventionBody, ...], Field(max_length=40)] = ()
    curriculum: Token | None = None


class PlanBody(DraftBody):
    signed_by_patient: bool
    signed_by_clinician: bool
    signed_by_physician: bool = False


class SignatureBody(Body):
    role: Token


@routes.post("/v1/episodes/{episode_id}/plan/draft", status_code=201)
async def draft_plan(episode_id: Token, body: DraftBody, call: Call) -> Answer:
    """Write a plan down; it comes into force once everybody who must has signed it."""
    return await call.take(domain.DraftPlan(**_content(body)), on=episode_id, extra=_draft_of)


@routes.post("/v1/episodes/{episode_id}/plan/signatures", status_code=201)
async def sign_plan(episode_id: Token, body: SignatureBody, call: Call) -> Answer:
    """Record that the patient, the clinician or the physician signed the draft."""
    return await call.take(domain.SignPlan(body.role), on=episode_id, extra=_plan_of)


@routes.post("/v1/episodes/{episode_id}/plan", status_code=201)
async def approve_plan(episode_id: Token, body: PlanBody, call: Call) -> Answer:
    """Write a plan down and sign it in one go."""
    command = domain.ApprovePlan(**_content(body), **_signatures(body))
    return await call.take(command, on=episode_id, extra=_plan_of)


@routes.post("/v1/episodes/{episode_id}/plan/review", status_code=201)
async def review_plan(episode_id: Token, body: PlanBody, call: Call) -> Answer:
    """Record a review: the plan as it is from now on, signed like the first one."""
    command = domain.ReviewPlan(**_content(body), **_signatures(body))
    return await call.take(command, on=episode_id, extra=_plan_of)


@routes.post("/v1/episodes/{episode_id}/goals/{goal_id}/attest", status_code=201)
async def attest_goal(episode_id: Token, goal_id: Token, call: Call) -> Answer:
    """State that a goal which no number can settle is reached."""
    return await call.take(domain.AttestGoal(goal_id), on=episode_id)


def _content(body: DraftBody) -> dict[str, Any]:
    return {
        "goals": tuple(_goal(goal) for goal in body.goals),
        "interventions": tuple(
            domain.WantedIntervention(i.modality, i.service_kind, i.times_per_week, i.goals)
            for i in body.interventions
        ),
        "curriculum": body.curriculum,
    }


def _goal(goal: GoalBody) -> domain.WantedGoal:
    return domain.WantedGoal(
        category=goal.category,
        kind=goal.measure.kind,
        comparator=goal.measure.comparator,
        target=goal.measure.target,
        window_days=goal.measure.window_days,
        instrument=goal.measure.instrument,
        subscale=goal.measure.subscale,
        required_for_step_down=goal.required_for_step_down,
        target_on=goal.target_on,
    )


def _signatures(body: PlanBody) -> dict[str, Any]:
    return {
        "signed_by_patient": body.signed_by_patient,
        "signed_by_clinician": body.signed_by_clinician,
        "signed_by_physician": body.signed_by_physician,
    }


def _plan_of(state: domain.Episode) -> dict[str, Any]:
    return {
        "plan_id": state.plan_id or (state.draft.plan_id if state.draft else None),
        "plan_version": state.plan_version,
        "signed_by": list(state.draft.signed_by) if state.draft else [],
        "goals": [{"goal_id": p.goal.goal_id, "category": p.goal.category} for p in state.goals],
    }


def _draft_of(state: domain.Episode) -> dict[str, Any]:
    assert state.draft is not None
    return {
        "plan_id": state.draft.plan_id,
        "goals": [{"goal_id": g.goal_id, "category": g.category} for g in state.draft.goals],
    }
