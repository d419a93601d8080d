"""How an episode rests, goes on and ends over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import DischargeReason, LevelOfCare, ShortText, Token
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Day, Reason

routes = APIRouter()


class HoldBody(Body):
    reason: domain.HoldReason
    expected_return_on: Day
    held_from: Day | None = None


class ReassessmentBody(Body):
    depth: domain.Depth
    recommended_level: LevelOfCare
    assessor_credential: Token
    reassessed_on: Day | None = None


class CertificationBody(Body):
    certified_by: Token
    credential: Token
    certified_on: Day


class ExtensionRequestBody(Body):
    reasons: Annotated[tuple[Reason, ...], Field(max_length=10)]
    days: Annotated[int, Field(ge=1, le=366)]
    late: bool = False
    late_reason: Reason | None = None


class ExtensionBody(Body):
    approve: bool
    reason: Reason | None = None


class OutreachBody(Body):
    channel: Token
    reached: bool
    attempted_on: Day | None = None


class DischargeBody(Body):
    reason: DischargeReason
    risks_discussed: bool = False
    signed: bool | None = None
    aftercare_offered: bool = False
    receiving_program: ShortText | None = None
    receiving_accepted: bool = False
    handoff_basis: Reason | None = None
    written_notice: bool = False
    readmission_eligible: bool = True
    detail_code: Token | None = None
    died_on: Day | None = None
    stay_in_touch: bool = False


class DeathBody(Body):
    died_on: Day | None = None


@routes.post("/v1/episodes/{episode_id}/hold", status_code=201)
async def hold_episode(episode_id: Token, body: HoldBody, call: Call) -> Answer:
    """Let treatment rest until the expected return, or move that day."""
    command = domain.HoldEpisode(body.reason, body.expected_return_on, body.held_from)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/resume", status_code=201)
async def resume_episode(episode_id: Token, call: Call) -> Answer:
    """Go on with treatment after a hold."""
    return await call.take(domain.ResumeEpisode(), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/reassessments", status_code=201)
async def reassess(episode_id: Token, body: ReassessmentBody, call: Call) -> Answer:
    """Record that the person was screened or assessed anew."""
    command = domain.Reassess(
        body.depth, body.recommended_level, body.assessor_credential, body.reassessed_on
    )
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/certification", status_code=201)
async def record_certification(episode_id: Token, body: CertificationBody, call: Call) -> Answer:
    """Record that a physician certified the need for treatment."""
    command = domain.RecordCertification(body.certified_by, body.credential, body.certified_on)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/extension/request", status_code=201)
async def request_extension(episode_id: Token, body: ExtensionRequestBody, call: Call) -> Answer:
    """Ask for more days than were planned."""
    command = domain.RequestExtension(body.reasons, body.days, body.late, body.late_reason)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/extension", status_code=201)
async def decide_extension(episode_id: Token, body: ExtensionBody, call: Call) -> Answer:
    """Grant or deny the days that were asked for."""
    return await call.take(domain.DecideExtension(body.approve, body.reason), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/outreach", status_code=201)
async def log_outreach(episode_id: Token, body: OutreachBody, call: Call) -> Answer:
    """Record an attempt to reach a person who stayed away."""
    command = domain.LogOutreach(body.channel, body.reached, body.attempted_on)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/discharge", status_code=201)
async def discharge_patient(episode_id: Token, body: DischargeBody, call: Call) -> Answer:
    """End the episode of care."""
    return await call.take(domain.DischargePatient(**dict(body)), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/death", status_code=201)
async def record_death(episode_id: Token, body: DeathBody, call: Call) -> Answer:
    """Record that the person died, in whatever state the episode is."""
    return await call.take(domain.RecordDeath(body.died_on), on=episode_id)
