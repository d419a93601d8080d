"""Plans and goals over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import (
    GoalCategory,
    Score,
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


class GoalBody(Body):
    category: GoalCategory
    measure: MeasureBody
    required_for_step_down: bool = False
    target_on: Day | None = None


class PlanBody(Body):
    goals: Annotated[tuple[GoalBody, ...], Field(max_length=40)]
    signed_by_patient: bool
    signed_by_clinician: bool


@routes.post("/v1/episodes/{episode_id}/plan", status_code=201)
async def approve_plan(episode_id: Token, body: PlanBody, call: Call) -> Answer:
    """Sign the plan: the first one, or a reviewed one that replaces it."""
    goals = tuple(
        domain.WantedGoal(
            category=goal.category,
            kind=goal.measure.kind,
            comparator=goal.measure.comparator,
            target=goal.measure.target,
            window_days=goal.measure.window_days,
            instrument=goal.measure.instrument,
            required_for_step_down=goal.required_for_step_down,
            target_on=goal.target_on,
        )
        for goal in body.goals
    )
    command = domain.ApprovePlan(goals, body.signed_by_patient, body.signed_by_clinician)
    return await call.take(command, on=episode_id, extra=_plan_of)


@routes.post("/v1/episodes/{episode_id}/goals/{goal_id}/attest", status_code=201)
async def attest_goal(episode_id: Token, goal_id: Token, call: Call) -> Answer:
    """State that a goal which no number can settle is reached."""
    return await call.take(domain.AttestGoal(goal_id), on=episode_id)


def _plan_of(state: domain.Episode) -> dict[str, Any]:
    return {
        "plan_id": state.plan_id,
        "goals": [{"goal_id": p.goal.goal_id, "category": p.goal.category} for p in state.goals],
    }
