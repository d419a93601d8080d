"""How an episode goes on over HTTP: more days, outreach, discharge."""

from fastapi import APIRouter

from contracts.vocabulary import (
    DischargeReason,
    ShortText,
    Token,
)
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Reason

routes = APIRouter()


class ExtensionBody(Body):
    approve: bool
    reason: Reason | None = None


class OutreachBody(Body):
    channel: Token
    reached: bool


class DischargeBody(Body):
    reason: DischargeReason
    risks_discussed: bool = False
    receiving_program: ShortText | None = None
    written_notice: bool = False


@routes.post("/v1/episodes/{episode_id}/extension", status_code=201)
async def decide_extension(episode_id: Token, body: ExtensionBody, call: Call) -> Answer:
    """Grant or deny the days that were asked for."""
    return await call.take(domain.DecideExtension(body.approve, body.reason), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/outreach", status_code=201)
async def log_outreach(episode_id: Token, body: OutreachBody, call: Call) -> Answer:
    """Record an attempt to reach a person who stayed away."""
    return await call.take(domain.LogOutreach(body.channel, body.reached), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/discharge", status_code=201)
async def discharge_patient(episode_id: Token, body: DischargeBody, call: Call) -> Answer:
    """End the episode of care."""
    command = domain.DischargePatient(
        body.reason, body.risks_discussed, body.receiving_program, body.written_notice
    )
    return await call.take(command, on=episode_id)
