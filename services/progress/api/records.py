"""Homework, medication and recovery activities over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import Token
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Day

routes = APIRouter()


class HomeworkBody(Body):
    kind: Token
    due_on: Day
    goal_id: Token | None = None


class ReturnBody(Body):
    done: bool


class MedicationBody(Body):
    medication_ref: Token
    adherence: Token


class ActivityBody(Body):
    kind: Token
    on: Day | None = None
    minutes: Annotated[int, Field(ge=0, le=10_080)] | None = None
    step: Annotated[int, Field(ge=0, le=100)] | None = None


@routes.post("/v1/episodes/{episode_id}/homework", status_code=201)
async def assign_homework(episode_id: Token, body: HomeworkBody, call: Call) -> Answer:
    """Give somebody something to work on at home."""
    command = domain.AssignHomework(body.kind, body.due_on, body.goal_id)
    return await call.take(command, on=episode_id, extra=_homework)


@routes.post("/v1/episodes/{episode_id}/homework/{homework_id}/return", status_code=201)
async def return_homework(episode_id: Token, homework_id: Token, body: ReturnBody, call: Call) -> Answer:
    """Record that homework came back, done or not."""
    return await call.take(domain.ReturnHomework(homework_id, body.done), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/medications", status_code=201)
async def record_medication(episode_id: Token, body: MedicationBody, call: Call) -> Answer:
    """Record how somebody takes a medication."""
    return await call.take(domain.RecordMedication(body.medication_ref, body.adherence), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/recovery-activities", status_code=201)
async def log_activity(episode_id: Token, body: ActivityBody, call: Call) -> Answer:
    """Log a meeting, a contact with the sponsor or the like; it is never treatment time."""
    command = domain.LogActivity(body.kind, body.on, body.minutes, body.step)
    return await call.take(command, on=episode_id)


def _homework(state: domain.Episode) -> dict[str, Any]:
    return {"homework_id": state.homework[-1].id}
