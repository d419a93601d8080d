"""The HTTP of intake: referrals in both forms, each step towards admission, and what may be read."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from contracts.intake import Availability, Diagnosis, Rating
from contracts.vocabulary import ReferralSource, Token
from services.chassis.http import Answer, Body, Call, Caller, Limit, Page
from services.intake import domain, store
from services.intake.api import views
from services.intake.api.forms import (
    AdmissionBody,
    AssessmentBody,
    AuthorizationBody,
    ConsentBody,
    CoverageBody,
    DeclineBody,
    DetoxBody,
    DetoxReturnBody,
    OfferBody,
    ReferralBody,
    ScreeningBody,
    SeatRequestBody,
    StageName,
)
from services.intake.api.views import CARE, MONEY

routes = APIRouter(tags=["intake"])

FHIR = "application/fhir+json"

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
            FHIR: {"schema": {"type": "object", "description": "A FHIR R4 bundle with one patient."}},
        },
    }
}


@routes.post("/v1/referrals", status_code=201, openapi_extra=_TWO_FORMS)
async def receive_referral(call: Call, site_id: Annotated[Token | None, Query()] = None) -> Answer:
    """Refer a person: a form, or a FHIR R4 bundle with content type application/fhir+json."""
    call.require_role(*CARE)
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    command = _from_bundle(call, site_id) if kind == FHIR else _from_form(call)
    call.require_site(command.site_id)
    return await call.take(command, on=call.new_id(), extra=views.received)


def _from_form(call: Caller) -> domain.ReceiveReferral:
    form = _read(ReferralBody, call.body)
    person = form.person
    return domain.ReceiveReferral(
        network_id=call.who.network_id,
        site_id=form.site_id,
        sites=call.who.sites,
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
    )


def _from_bundle(call: Caller, site_id: str | None) -> domain.ReceiveReferral:
    site = site_id or next(iter(call.who.sites), None)
    if site is None:
        raise call.not_found()
    read = domain.read_bundle(call.body)
    return domain.ReceiveReferral(
        network_id=call.who.network_id,
        site_id=site,
        sites=call.who.sites,
        source=ReferralSource.OTHER,
        urgency=read.urgency,
        person=read.person,
        plan_kind_hint=read.plan_kind_hint,
        indications=read.indications,
    )


def _read(form: type[_Form], body: bytes) -> _Form:
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            error.errors(include_url=False, include_input=False, include_context=False)
        ) from None


@routes.get("/v1/referrals")
async def referrals(
    call: Call,
    stage: Annotated[StageName | None, Query()] = None,
    site_id: Annotated[Token | None, Query()] = None,
    cursor: Annotated[Token | None, Query()] = None,
    limit: Limit = 50,
) -> Page:
    """The referrals of the caller's sites, oldest first."""
    sites = call.who.sites if site_id is None else (site_id,)
    async with call.reading() as db:
        rows = await store.find_referrals(db, call.who, sites=sites, stage=stage, after=cursor, limit=limit)
    more = rows[-1]["state"]["id"] if len(rows) == limit else None
    return Page(items=[views.view(row, call.who.role) for row in rows], cursor=more)


@routes.get("/v1/referrals/{referral_id}")
async def referral(referral_id: Token, call: Call) -> dict[str, Any]:
    """One referral; who it is about and what was found only for those who care for the person."""
    async with call.reading() as db:
        row = await store.find_referral(db, call.who, referral_id)
    if row is None:
        raise call.not_found()
    return views.view(row, call.who.role)


@routes.post("/v1/referrals/{referral_id}/consents", status_code=201)
async def grant_consent(referral_id: Token, body: ConsentBody, call: Call) -> Answer:
    """Record a consent of the person."""
    call.require_role(*CARE)
    return await call.take(
        domain.GrantConsent(body.kind, tuple(body.channels)), on=referral_id, extra=views.stage_of
    )


@routes.post("/v1/referrals/{referral_id}/screening", status_code=201)
async def screen_patient(referral_id: Token, body: ScreeningBody, call: Call) -> Answer:
    """Record a whole screening."""
    call.require_role(*CARE)
    command = domain.ScreenPatient(
        suicide_risk=body.suicide_risk,
        home_safe=body.home_safe,
        needs_24h_supervision=body.needs_24h_supervision,
        withdrawal_risk=body.withdrawal_risk,
        ciwa=body.ciwa,
        cows=body.cows,
        phq9=None if body.phq9 is None else tuple(body.phq9),
        gad7=None if body.gad7 is None else tuple(body.gad7),
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/detox", status_code=201)
async def refer_to_detox(referral_id: Token, body: DetoxBody, call: Call) -> Answer:
    """Send the person to withdrawal management first."""
    call.require_role(*CARE)
    command = domain.ReferToDetox(body.setting, body.trigger, body.expected_return_on)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/detox-return", status_code=201)
async def return_from_detox(referral_id: Token, body: DetoxReturnBody, call: Call) -> Answer:
    """Record how the detox ended; who is cleared must be screened anew."""
    call.require_role(*CARE)
    return await call.take(
        domain.ReturnFromDetox(body.outcome, body.medically_cleared), on=referral_id, extra=views.stage_of
    )


@routes.post("/v1/referrals/{referral_id}/assessment", status_code=201)
async def assess_patient(referral_id: Token, body: AssessmentBody, call: Call) -> Answer:
    """Record a credentialed assessor's judgement of the level of care."""
    call.require_role(*CARE)
    command = domain.AssessPatient(
        dimensions=tuple(Rating(dimension=d.dimension, rating=d.rating) for d in body.dimensions),
        recommended_level=body.recommended_level,
        assessor_credential=body.assessor_credential,
        diagnoses=tuple(Diagnosis(system=d.system, code=d.code, rank=d.rank) for d in body.diagnoses),
        availability=tuple(Availability(dow=a.dow, block=a.block) for a in body.availability),
        stage_of_change=body.stage_of_change,
        support_network=body.support_network,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/coverage", status_code=201)
async def verify_coverage(referral_id: Token, body: CoverageBody, call: Call) -> Answer:
    """Record what the payer said about coverage."""
    call.require_role(*MONEY)
    command = domain.VerifyCoverage(body.payer_id, body.plan_kind, body.status, body.auth_required)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/authorization", status_code=201)
async def record_authorization(referral_id: Token, body: AuthorizationBody, call: Call) -> Answer:
    """Record the payer's decision on how much treatment it authorizes."""
    call.require_role(*MONEY)
    command = domain.RecordAuthorization(
        body.status, body.level, body.unit_kind, body.units_approved, body.valid_from, body.valid_to
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/seat-request", status_code=201)
async def request_seat(referral_id: Token, body: SeatRequestBody, call: Call) -> Answer:
    """Ask scheduling for a weekly place; the answer comes as an event."""
    call.require_role(*CARE)
    command = domain.RequestSeat(
        body.earliest_start, body.weekly_minutes, body.days_per_week, body.program_kind
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/offer", status_code=201)
async def answer_offer(referral_id: Token, body: OfferBody, call: Call) -> Answer:
    """The person takes the offered place, or does not."""
    call.require_role(*CARE)
    command = domain.AnswerOffer(call.who.network_id, call.who.sites, body.accept)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/admission", status_code=201)
async def admit_patient(referral_id: Token, body: AdmissionBody, call: Call) -> Answer:
    """Admit the person; a refusal names everything that is missing."""
    call.require_role(*CARE)
    command = domain.AdmitPatient(
        body.program_id, body.primary_clinician_id, body.program_kind, body.certified_by
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/decline", status_code=201)
async def decline_referral(referral_id: Token, body: DeclineBody, call: Call) -> Answer:
    """End the referral without admission, with the reason and the alternatives that were offered."""
    call.require_role(*CARE)
    command = domain.DeclineReferral(
        call.who.network_id, call.who.sites, body.reason, tuple(body.alternatives)
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)
