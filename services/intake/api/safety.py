"""Safety alerts: what is open, who takes it in hand, and how it was closed."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.vocabulary import Token
from services.chassis.http import Call, Limit, PageOf
from services.intake import domain, store
from services.intake.api import models, views
from services.intake.api.forms import ContactBody, ResolutionBody
from services.intake.api.views import CARE, CLINICAL

routes = APIRouter()


@routes.get("/v1/alerts")
async def list_alerts(
    call: Call,
    site_id: Annotated[Token | None, Query()] = None,
    cursor: Annotated[Token | None, Query()] = None,
    limit: Limit = 50,
) -> PageOf[models.AlertRow]:
    """Every open safety alert before admission, also of referrals that ended."""
    call.require_role(*CARE)
    sites = call.who.sites if site_id is None else (site_id,)
    async with call.reading() as db:
        rows = await store.find_alerted(db, call.who, sites=sites, after=cursor, limit=limit)
    shown = [alert for row in rows for alert in views.alert_rows(row["state"], call.now)]
    return PageOf(items=shown, cursor=views.cursor(rows, limit))


@routes.post("/v1/referrals/{referral_id}/alerts/{alert_id}/acknowledgement", **models.TAKEN)
async def acknowledge_alert(referral_id: Token, alert_id: Token, call: Call) -> Any:
    """A clinician takes the alert in hand; the escalation stops."""
    call.require_role(*CLINICAL)
    return await call.take(domain.AcknowledgeAlert(alert_id), on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/alerts/{alert_id}/resolution", **models.TAKEN)
async def resolve_alert(referral_id: Token, alert_id: Token, body: ResolutionBody, call: Call) -> Any:
    """A clinician closes the alert, and points at the plan that was made."""
    call.require_role(*CLINICAL)
    command = domain.ResolveAlert(alert_id, body.plan_ref)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/contacts", **models.TAKEN)
async def log_contact(referral_id: Token, body: ContactBody, call: Call) -> Any:
    """Record an attempt to reach the person."""
    call.require_role(*CARE)
    return await call.take(
        domain.LogContact(body.channel, body.reached), on=referral_id, extra=views.stage_of
    )
