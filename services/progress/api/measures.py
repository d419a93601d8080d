"""Measures and safety alerts over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import (
    Token,
    utc,
)
from services.chassis.http import Answer, Body, Call
from services.progress import domain
from services.progress.api.forms import Answered, Time

routes = APIRouter()


class MeasuresBody(Body):
    instrument: Token
    answers: Annotated[tuple[Answered, ...], Field(max_length=60)]
    administered_at: Time | None = None
    version: Token | None = None
    lifetime_months: Annotated[int, Field(ge=0, le=1200)] | None = None
    supersedes: Token | None = None


class ResolutionBody(Body):
    plan_ref: Token | None = None


@routes.post("/v1/episodes/{episode_id}/measures", status_code=201)
async def record_measure(episode_id: Token, body: MeasuresBody, call: Call) -> Answer:
    """Score one instrument; the answers are not kept."""
    command = domain.RecordMeasure(
        body.instrument,
        body.answers,
        administered_at=body.administered_at,
        version=body.version,
        lifetime_months=body.lifetime_months,
        supersedes=body.supersedes,
    )
    return await call.take(command, on=episode_id, extra=_entries(body.instrument))


@routes.post("/v1/episodes/{episode_id}/safety-alerts/{alert_id}/acknowledge", status_code=201)
async def acknowledge_alert(episode_id: Token, alert_id: Token, call: Call) -> Answer:
    """Take a safety alert in hand."""
    return await call.take(domain.AcknowledgeAlert(alert_id), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/safety-alerts/{alert_id}/resolve", status_code=201)
async def resolve_alert(
    episode_id: Token, alert_id: Token, call: Call, body: ResolutionBody | None = None
) -> Answer:
    """Close a safety alert, and say where the plan for it is written."""
    command = domain.ResolveAlert(alert_id, body.plan_ref if body else None)
    return await call.take(command, on=episode_id)


def _entries(instrument: str) -> Callable[[domain.Episode], dict[str, Any]]:
    """The newest entries of an instrument, oldest first, by the ids under which they can be corrected."""

    def entries(state: domain.Episode) -> dict[str, Any]:
        kept = state.entries(instrument)
        return {"entries": [{"measure_id": e.measure_id, "administered_at": utc(e.at)} for e in kept]}

    return entries
