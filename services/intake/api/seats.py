"""Seats and the waiting list."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.vocabulary import Token
from services.chassis.http import Call, Limit, PageOf
from services.intake import domain, store
from services.intake.api import models, views
from services.intake.api.forms import OfferBody, OutOfTurnBody, PriorityBody, SeatRequestBody
from services.intake.api.views import CARE

routes = APIRouter()


@routes.post("/v1/referrals/{referral_id}/seat-request", **models.TAKEN)
async def request_seat(referral_id: Token, body: SeatRequestBody, call: Call) -> Any:
    """Ask for a weekly place; the answer comes with the next look at the referral."""
    call.require_role(*CARE)
    command = domain.RequestSeat(
        body.earliest_start, body.weekly_minutes, body.days_per_week, body.program_kind
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/seat-request/out-of-turn", **models.TAKEN)
async def offer_seat(referral_id: Token, body: OutOfTurnBody, call: Call) -> Any:
    """Ask for a place for one waiting person before their turn, for a reason."""
    call.require_role(*CARE)
    return await call.take(
        domain.OfferSeat(body.reason, body.earliest_start), on=referral_id, extra=views.stage_of
    )


@routes.post("/v1/referrals/{referral_id}/priority", **models.TAKEN)
async def prioritize(referral_id: Token, body: PriorityBody, call: Call) -> Any:
    """Move a waiting person up or down; 1 comes first."""
    call.require_role(*CARE)
    return await call.take(
        domain.Prioritize(body.priority, body.reason), on=referral_id, extra=views.stage_of
    )


@routes.post("/v1/referrals/{referral_id}/offer", **models.TAKEN)
async def answer_offer(referral_id: Token, body: OfferBody, call: Call) -> Any:
    """The person takes the offered place, or does not."""
    call.require_role(*CARE)
    command = domain.AnswerOffer(call.who.network_id, call.who.sites, body.accept)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.get("/v1/waitlist")
async def list_waitlist(
    call: Call,
    site_id: Annotated[Token | None, Query()] = None,
    cursor: Annotated[Token | None, Query()] = None,
    limit: Limit = 50,
) -> PageOf[models.EntryRow]:
    """Who waits, in the order of the referrals; `position` is the place in the site's queue."""
    call.require_role(*CARE)
    sites = call.who.sites if site_id is None else (site_id,)
    async with call.reading() as db:
        rows = await store.find_waiting(db, call.who, sites=sites, after=cursor, limit=limit)
        positions = await store.find_positions(db, call.who, [r["id"] for r in rows])
    shown = [
        views.entry_row(row["state"]).model_copy(update={"position": positions.get(row["id"])})
        for row in rows
    ]
    return PageOf(items=shown, cursor=views.cursor(rows, limit))
