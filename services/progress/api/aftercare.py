"""What follows after the program, over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import (
    ShortText,
    Token,
)
from services.chassis.http import Answer, Body, Call
from services.progress import domain

routes = APIRouter()


class AftercareBody(Body):
    meeting_held: bool
    components: Annotated[tuple[Token, ...], Field(max_length=20)] = ()
    relapse_prevention_plan: bool
    override_reason: ShortText | None = None


class CheckInBody(Body):
    reached: bool
    status_summary: Token | None = None


class AlumniBody(Body):
    consented: bool


@routes.post("/v1/episodes/{episode_id}/aftercare", status_code=201)
async def plan_aftercare(episode_id: Token, body: AftercareBody, call: Call) -> Answer:
    """Record the future-steps meeting and begin aftercare."""
    command = domain.PlanAftercare(
        body.meeting_held, body.components, body.relapse_prevention_plan, body.override_reason
    )
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/check-ins", status_code=201)
async def record_check_in(episode_id: Token, body: CheckInBody, call: Call) -> Answer:
    """Record the check-in call that is due."""
    return await call.take(domain.RecordCheckIn(body.reached, body.status_summary), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/alumni", status_code=201)
async def enrol_alumni(episode_id: Token, body: AlumniBody, call: Call) -> Answer:
    """Enrol a person who finished aftercare with the alumni."""
    return await call.take(domain.EnrolAlumni(body.consented), on=episode_id)
