"""Each clinical step towards admission, and how a referral ends."""

from typing import Any

from fastapi import APIRouter

from contracts.intake import Availability, Diagnosis, Rating, Recipient
from contracts.vocabulary import Token
from services.chassis.http import Call
from services.intake import domain
from services.intake.api import models, views
from services.intake.api.forms import (
    AdmissionBody,
    AssessmentBody,
    ConsentBody,
    DeclineBody,
    DetoxBody,
    DetoxReturnBody,
    ScreeningBody,
    SignatureBody,
)
from services.intake.api.views import CARE

routes = APIRouter()


@routes.post("/v1/referrals/{referral_id}/consents", **models.TAKEN)
async def grant_consent(referral_id: Token, body: ConsentBody, call: Call) -> Any:
    """Record a consent; it counts once everybody who must has signed."""
    call.require_role(*CARE)
    command = domain.GrantConsent(
        kind=body.kind,
        channels=tuple(body.channels),
        signers=tuple(body.signers),
        disclosers=tuple(body.disclosers),
        recipients=tuple(Recipient(id=r.id, kind=r.kind) for r in body.recipients),
        purposes=tuple(body.purposes),
        info_categories=tuple(body.info_categories),
        expires_at=body.expires_at,
        expires_event=body.expires_event,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/consents/{consent_id}/signatures", **models.TAKEN)
async def sign_consent(referral_id: Token, consent_id: Token, body: SignatureBody, call: Call) -> Any:
    """One more of those who must sign has signed."""
    call.require_role(*CARE)
    return await call.take(domain.SignConsent(consent_id, body.signer), on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/consents/{consent_id}/revocation", **models.TAKEN)
async def revoke_consent(referral_id: Token, consent_id: Token, call: Call) -> Any:
    """The person takes a consent back; nothing more rests on it from now on."""
    call.require_role(*CARE)
    return await call.take(domain.RevokeConsent(consent_id), on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/screening", **models.TAKEN)
async def screen_patient(referral_id: Token, body: ScreeningBody, call: Call) -> Any:
    """Record a whole screening: the answers to its instruments, and what was seen."""
    call.require_role(*CARE)
    command = domain.ScreenPatient(
        home_safe=body.home_safe,
        needs_24h_supervision=body.needs_24h_supervision,
        instruments=tuple(
            domain.Administered(i.instrument, tuple(i.answers), i.version, i.lifetime_months)
            for i in body.instruments
        ),
        suicide_risk=body.suicide_risk,
        withdrawal_risk=body.withdrawal_risk,
        opioid_history=body.opioid_history,
        alternative_housing=body.alternative_housing,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/detox", **models.TAKEN)
async def refer_to_detox(referral_id: Token, body: DetoxBody, call: Call) -> Any:
    """Send the person to withdrawal management first, elsewhere or in house."""
    call.require_role(*CARE)
    command = domain.ReferToDetox(
        body.setting, body.trigger, body.expected_return_on, body.facility_id, body.in_house
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/detox-return", **models.TAKEN)
async def return_from_detox(referral_id: Token, body: DetoxReturnBody, call: Call) -> Any:
    """Record how the detox ended; who is cleared must be screened anew."""
    call.require_role(*CARE)
    command = domain.ReturnFromDetox(body.outcome, body.medically_cleared, body.cleared_by)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/assessment", **models.TAKEN)
async def assess_patient(referral_id: Token, body: AssessmentBody, call: Call) -> Any:
    """Record a credentialed assessor's judgement of the level of care, and the person's choice."""
    call.require_role(*CARE)
    locus = body.locus
    command = domain.AssessPatient(
        dimensions=tuple(Rating(dimension=d.dimension, rating=d.rating) for d in body.dimensions),
        recommended_level=body.recommended_level,
        assessor_credential=body.assessor_credential,
        diagnoses=tuple(Diagnosis(system=d.system, code=d.code, rank=d.rank) for d in body.diagnoses),
        availability=tuple(Availability(dow=a.dow, block=a.block) for a in body.availability),
        stage_of_change=body.stage_of_change,
        support_network=body.support_network,
        curriculum_tracks=tuple(body.curriculum_tracks),
        programs_presented=tuple(body.programs_presented),
        patient_choice=body.patient_choice,
        choice_reason=body.choice_reason,
        differs_reason=body.differs_reason,
        locus=domain.Locus(tuple(locus.scales), locus.composite) if locus else None,
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/admission", **models.TAKEN)
async def admit_patient(referral_id: Token, body: AdmissionBody, call: Call) -> Any:
    """Admit the person; a refusal names everything that is missing."""
    call.require_role(*CARE)
    command = domain.AdmitPatient(body.program_id, body.primary_clinician_id, body.program_kind)
    return await call.take(command, on=referral_id, extra=views.stage_of)


@routes.post("/v1/referrals/{referral_id}/decline", **models.TAKEN)
async def decline_referral(referral_id: Token, body: DeclineBody, call: Call) -> Any:
    """End the referral without admission, with the reason and the alternatives that were offered."""
    call.require_role(*CARE)
    command = domain.DeclineReferral(
        call.who.network_id, call.who.sites, body.reason, tuple(body.alternatives), body.duplicate_of
    )
    return await call.take(command, on=referral_id, extra=views.stage_of)
