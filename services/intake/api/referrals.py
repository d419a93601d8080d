"""Referrals in, as a form or in FHIR, and what is known of them."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from contracts.vocabulary import ReferralSource, Token, Urgency
from services.chassis.http import Body, Call, Caller, Limit, PageOf
from services.intake import domain, store
from services.intake.api import models, views
from services.intake.api.forms import ReferralBody, StageName
from services.intake.api.views import CARE, READERS, REFERRERS

routes = APIRouter()

FHIR = "application/fhir+json"
HISTORY = {
    "screenings": ("ScreeningKept",),
    "assessments": ("intake.patient_assessed.v1",),
    "consents": (
        "intake.consent_granted.v1",
        "intake.consent_revoked.v1",
        "intake.consent_expired.v1",
    ),
    "coverages": ("intake.coverage_verified.v1",),
    "authorizations": ("intake.authorization_recorded.v1", "intake.authorization_running_low.v1"),
    "offers": (
        "intake.waitlist_offer_made.v1",
        "intake.waitlist_offer_accepted.v1",
        "intake.waitlist_offer_declined.v1",
        "intake.waitlist_offer_expired.v1",
    ),
    "alerts": (
        "intake.safety_alert_raised.v1",
        "intake.safety_alert_escalated.v1",
        "intake.safety_alert_acknowledged.v1",
        "intake.safety_alert_resolved.v1",
    ),
    "detox": ("intake.detox_referred.v1", "intake.detox_completed.v1"),
    "contacts": ("intake.outreach_attempted.v1",),
}
"""What a person would ask the history of, and the facts that tell it."""

_Form = TypeVar("_Form", bound=Body)


def _inline(schema: Any, parts: Mapping[str, Any]) -> Any:
    """A JSON Schema with its references written out, so that it can stand anywhere in an OpenAPI document."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(parts[schema["$ref"].rpartition("/")[2]], parts)
        return {k: _inline(v, parts) for k, v in schema.items() if k != "$defs"}
    return [_inline(s, parts) for s in schema] if isinstance(schema, list) else schema


def _standing_alone(form: type[Body]) -> Any:
    schema = form.model_json_schema()
    return _inline(schema, schema.get("$defs", {}))


_TWO_FORMS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _standing_alone(ReferralBody)},
            FHIR: {
                "schema": {
                    "type": "object",
                    "description": "A FHIR R4 Bundle with one patient, or a ServiceRequest with one in it.",
                }
            },
        },
    }
}


@routes.post("/v1/referrals", status_code=201, openapi_extra=_TWO_FORMS, response_model_exclude_none=True)
async def receive_referral(
    call: Call,
    site_id: Annotated[Token | None, Query()] = None,
    source: Annotated[ReferralSource | None, Query()] = None,
) -> models.Received:
    """Refer a person: a form, or FHIR R4 with content type application/fhir+json.

    The answer does not tell whether the person is known here, except to those who may look.
    """
    call.require_role(*REFERRERS)
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    command = _from_fhir(call, site_id, source) if kind == FHIR else _from_form(call)
    call.require_site(command.site_id)
    answer = await call.take(command, on=call.new_id())
    return models.Received.model_validate(answer)


def _from_form(call: Caller) -> domain.ReceiveReferral:
    form = _read(ReferralBody, call.body)
    person = form.person
    return domain.ReceiveReferral(
        network_id=call.who.network_id,
        site_id=form.site_id,
        sites=call.who.sites,
        may_look=call.who.role in CARE,
        source=form.source,
        urgency=form.urgency,
        person=domain.Person(
            given=person.given,
            family=person.family,
            birth_date=person.birth_date,
            sex=person.sex,
            phone=person.phone,
            language=person.language,
            identifiers=tuple(domain.Identifier(i.system, i.value) for i in person.identifiers),
        ),
        program_kind=form.requested_program_kind,
        plan_kind_hint=form.plan_kind,
        digest=_digest(call, form.site_id),
    )


def _from_fhir(call: Caller, site_id: str | None, source: ReferralSource | None) -> domain.ReceiveReferral:
    site = site_id or next(iter(call.who.sites), None)
    if site is None:
        raise call.not_found()
    read = domain.read_bundle(call.body)
    return domain.ReceiveReferral(
        network_id=call.who.network_id,
        site_id=site,
        sites=call.who.sites,
        may_look=call.who.role in CARE,
        source=source or read.source,
        urgency=read.urgency,
        person=read.person,
        plan_kind_hint=read.plan_kind_hint,
        indications=read.indications,
        digest=_digest(call, site),
    )


def _digest(call: Caller, site_id: str) -> str:
    return hashlib.sha256(site_id.encode() + b"\n" + call.body).hexdigest()


def _read(form: type[_Form], body: bytes) -> _Form:
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            error.errors(include_url=False, include_input=False, include_context=False)
        ) from None


@routes.get("/v1/referrals")
async def list_referrals(
    call: Call,
    stage: Annotated[list[StageName] | None, Query()] = None,
    site_id: Annotated[Token | None, Query()] = None,
    source: Annotated[ReferralSource | None, Query()] = None,
    urgency: Annotated[Urgency | None, Query()] = None,
    owner: Annotated[Token | None, Query()] = None,
    patient_id: Annotated[Token | None, Query()] = None,
    cursor: Annotated[Token | None, Query()] = None,
    limit: Limit = 50,
) -> PageOf[models.ReferralView]:
    """The referrals of the caller's sites, oldest first."""
    call.require_role(*READERS)
    async with call.reading() as db:
        rows = await store.find_referrals(
            db,
            call.who,
            sites=call.who.sites if site_id is None else (site_id,),
            stages=None if stage is None else [str(s) for s in stage],
            after=cursor,
            limit=limit,
            source=source,
            urgency=urgency,
            owner=owner,
            patient_id=patient_id,
        )
    shown = [views.referral(row, call.who.role, call.now, call.rules) for row in rows]
    return PageOf(items=shown, cursor=views.cursor(rows, limit))


@routes.get("/v1/referrals/{referral_id}")
async def read_referral(referral_id: Token, call: Call) -> models.ReferralView:
    """One referral; who it is about and what was found only for those who care for the person."""
    call.require_role(*READERS)
    row = await find(call, referral_id)
    return views.referral(row, call.who.role, call.now, call.rules)


@routes.get("/v1/receipts/{receipt_id}")
async def read_receipt(receipt_id: Token, call: Call) -> models.ReferralView:
    """Where a referral went that somebody asks about with the id of its receipt."""
    call.require_role(*CARE)
    async with call.reading() as db:
        row = await store.find_received(db, call.who, receipt_id)
    if row is None:
        raise call.not_found()
    return views.referral(row, call.who.role, call.now, call.rules)


@routes.get("/v1/referrals/{referral_id}/matches")
async def list_matches(referral_id: Token, call: Call) -> PageOf[models.MatchView]:
    """Who else may be this very person, with how much agrees; a person judges."""
    call.require_role(*CARE)
    row = await find(call, referral_id)
    async with call.reading() as db:
        alike = await store.find_lookalikes(db, call.who, row["state"])
    rules = call.rules.at(row["state"].network_id, row["state"].site_id)
    found = [views.match(row["state"], each["state"], rules) for each in alike]
    likely = sorted((m for m in found if m.score_permille), key=lambda m: -m.score_permille)
    return PageOf(items=likely[:20])


@routes.get("/v1/referrals/{referral_id}/level-suggestion")
async def suggest_level(referral_id: Token, call: Call) -> models.SuggestionView:
    """Which level of care the recorded facts speak for, and why; it decides nothing."""
    call.require_role(*CARE)
    state: domain.Referral = (await find(call, referral_id))["state"]
    rules = call.rules.at(state.network_id, state.site_id)
    found = domain.suggest(state, rules, rules.intake.edition, earlier_episodes=len(state.earlier_episodes))
    return models.SuggestionView.model_validate(found)


@routes.get("/v1/referrals/{referral_id}/history/{topic}")
async def read_history(
    referral_id: Token,
    topic: Token,
    call: Call,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Limit = 50,
) -> PageOf[models.StoryRow]:
    """Everything recorded of one topic, oldest first: screenings, assessments, consents, coverages, ..."""
    call.require_role(*CARE)
    if topic not in HISTORY:
        raise call.not_found()
    await find(call, referral_id)
    async with call.reading() as db:
        rows = await store.find_story(db, referral_id, HISTORY[topic], after=cursor, limit=limit)
    more = str(rows[-1]["version"]) if len(rows) == limit else None
    return PageOf(items=[views.story(row) for row in rows], cursor=more)


async def find(call: Caller, referral_id: str) -> dict[str, Any]:
    """A referral of the caller's sites; what lies elsewhere does not exist."""
    async with call.reading() as db:
        row = await store.find_referral(db, call.who, referral_id)
    if row is None:
        raise call.not_found()
    return row
