"""Use that became known, and what is done about it, over HTTP."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import Minutes, Token
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Day, Reason

routes = APIRouter()

Action = Literal["add_sessions", "restart_early_recovery", "individual_session", "step_up", "detox_referral"]


class SubstanceUseBody(Body):
    source: Token
    used_on: Day
    classification: Token
    substances: Annotated[tuple[Token, ...], Field(max_length=20)] = ()
    confirmed: bool = True
    supersedes_report_id: Token | None = None


class WithdrawalBody(Body):
    reason: Reason


class ResponseBody(Body):
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=5)]
    report_id: Token | None = None
    added_weekly_minutes: Minutes = 0
    effective_on: Day | None = None
    expected_return_on: Day | None = None


@routes.post("/v1/episodes/{episode_id}/substance-use", status_code=201)
async def report_substance_use(episode_id: Token, body: SubstanceUseBody, call: Call) -> Answer:
    """Report a lapse or relapse, or what an unconfirmed report really was."""
    command = domain.ReportSubstanceUse(
        body.source,
        body.used_on,
        body.classification,
        body.substances,
        body.confirmed,
        body.supersedes_report_id,
    )
    return await call.take(command, on=episode_id, extra=_reported)


@routes.post("/v1/episodes/{episode_id}/substance-use/{report_id}/withdraw", status_code=201)
async def withdraw_use_report(
    episode_id: Token, report_id: Token, body: WithdrawalBody, call: Call
) -> Answer:
    """Say that what a machine reported as use was none; what was decided because of it stays decided."""
    return await call.take(domain.WithdrawUseReport(report_id, body.reason), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/relapse-responses", status_code=201)
async def respond_to_relapse(episode_id: Token, body: ResponseBody, call: Call) -> Answer:
    """Record everything that is done about use that became known, as one decision."""
    command = domain.RespondToRelapse(
        body.actions,
        body.report_id,
        body.added_weekly_minutes,
        body.effective_on,
        body.expected_return_on,
    )
    return await call.take(command, on=episode_id)


def _reported(state: domain.Episode) -> dict[str, Any]:
    return {"report_id": state.use_reports[-1].id}
