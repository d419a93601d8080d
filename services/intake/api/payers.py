"""Coverage, authorizations and what remains of them, certifications."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.vocabulary import Token
from services.chassis.http import Call, Limit, PageOf
from services.intake import domain, store
from services.intake.api import models, views
from services.intake.api.forms import AuthorizationBody, CertificationBody, CoverageBody
from services.intake.api.views import CARE, MONEY

routes = APIRouter()

_LIVE = [str(stage) for stage in (*domain.OPEN, domain.Stage.ADMITTED)]


@routes.post("/v1/referrals/{referral_id}/coverage", **models.TAKEN)
async def verify_coverage(referral_id: Token, body: CoverageBody, call: Call) -> Any:
    """Record what the payer said about coverage, or that payment is waived."""
    call.require_role(*MONEY)
    command = domain.VerifyCoverage(
        payer_id=body.payer_id,
        plan_kind=body.plan_kind,
        status=body.status,
        auth_required=body.auth_required,
        valid_from=body.valid_from,
        valid_through=body.valid_through,
        patient_share_cents=body.patient_share_cents,
        hardship=body.hardship,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/authorization", **models.TAKEN)
async def record_authorization(referral_id: Token, body: AuthorizationBody, call: Call) -> Any:
    """Record a payer's decision on an authorization, a new one or one on file."""
    call.require_role(*MONEY)
    command = domain.RecordAuthorization(
        status=body.status,
        level=body.level,
        unit_kind=body.unit_kind,
        units_approved=body.units_approved,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
        service_codes=tuple(body.service_codes),
        days_per_week=body.days_per_week,
        authorization_id=body.authorization_id,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/certification", **models.TAKEN)
async def certify(referral_id: Token, body: CertificationBody, call: Call) -> Any:
    """Record a physician's certification that this level of care is needed."""
    call.require_role(*CARE)
    command = domain.Certify(body.certified_by, body.credential, body.certified_on)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.get("/v1/authorizations")
async def list_authorizations(
    call: Call,
    site_id: Annotated[Token | None, Query()] = None,
    status: Annotated[Token | None, Query()] = None,
    units_left_at_most: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    days_left_at_most: Annotated[int | None, Query(ge=0, le=100_000)] = None,
    cursor: Annotated[Token | None, Query()] = None,
    limit: Limit = 50,
) -> PageOf[models.AuthorizationRow]:
    """Authorizations of open ways, with what remains; `limit` counts the people looked at."""
    call.require_role(*MONEY)
    sites = call.who.sites if site_id is None else (site_id,)
    async with call.reading() as db:
        rows = await store.find_referrals(db, call.who, sites=sites, stages=_LIVE, after=cursor, limit=limit)
    shown = [
        views.authorization_row(row["state"], a, call.now)
        for row in rows
        for a in row["state"].authorizations
        if status is None or a.status == status
    ]
    units, days = units_left_at_most, days_left_at_most
    found = [
        a for a in shown if (units is None or a.units_left <= units) and (days is None or a.days_left <= days)
    ]
    return PageOf(items=found, cursor=views.cursor(rows, limit))
