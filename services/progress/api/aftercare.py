"""What follows after the program, and who else is asked to help, over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import ShortText, Token
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Day, Reason

routes = APIRouter()


class AftercareBody(Body):
    meeting_on: Day | None = None
    components: Annotated[tuple[Token, ...], Field(max_length=20)] = ()
    relapse_prevention_plan: bool
    override_reason: ShortText | None = None


class CheckInBody(Body):
    reached: bool
    status_summary: Token | None = None
    contact_mode: Token | None = None


class AlumniBody(Body):
    consented: bool


class CommunityReferralBody(Body):
    kind: Token
    follow_up_on: Day


class OutcomeBody(Body):
    outcome: Reason


@routes.post("/v1/episodes/{episode_id}/aftercare", status_code=201)
async def plan_aftercare(episode_id: Token, body: AftercareBody, call: Call) -> Answer:
    """Record the future-steps meeting and begin aftercare."""
    command = domain.PlanAftercare(
        body.meeting_on, body.components, body.relapse_prevention_plan, body.override_reason
    )
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/check-ins", status_code=201)
async def record_check_in(episode_id: Token, body: CheckInBody, call: Call) -> Answer:
    """Record the check-in call that is due, or what an alumnus told."""
    command = domain.RecordCheckIn(body.reached, body.status_summary, body.contact_mode)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/alumni", status_code=201)
async def enrol_alumni(episode_id: Token, body: AlumniBody, call: Call) -> Answer:
    """Enrol a person who finished aftercare with the alumni, after the discharge too."""
    return await call.take(domain.EnrolAlumni(body.consented), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/community-referrals", status_code=201)
async def make_referral(episode_id: Token, body: CommunityReferralBody, call: Call) -> Answer:
    """Refer the person to somebody outside the network."""
    command = domain.MakeCommunityReferral(body.kind, body.follow_up_on)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/community-referrals/{referral_id}/close", status_code=201)
async def close_loop(episode_id: Token, referral_id: Token, body: OutcomeBody, call: Call) -> Answer:
    """Say what became of a referral to somebody outside."""
    return await call.take(domain.CloseLoop(referral_id, body.outcome), on=episode_id)
