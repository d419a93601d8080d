"""Every step that a referral can take, once as it passes: the cases break one thing at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from contracts.vocabulary import DeclineReason, Risk
from services.intake import domain
from tests.intake.story import (
    ACCEPT,
    ADMISSION,
    ASSESSMENT,
    BOTH,
    CLINICIAN,
    COVERED,
    DECLINE,
    DISCLOSURE,
    KAI,
    NO_RISKS,
    SEAT,
    TREATMENT,
    Story,
    assessed,
    authorization,
    consented,
    declined,
    in_detox,
    measured,
    offered,
    referred,
    screened,
    seated,
    waiting,
)


@dataclass(frozen=True)
class Step:
    """A decision on a story that lets it through."""

    code: str
    """Of the refusal."""
    decide: Callable[..., list[Any]]
    story: Callable[[], Story]
    message: Callable[[Story], Any]
    more: dict[str, Any] = field(default_factory=dict)


def said(message: Any) -> Callable[[Story], Any]:
    return lambda _story: message


def alarmed(*, acknowledged: bool = False) -> Story:
    story = screened(replace(NO_RISKS, suicide_risk=Risk.HIGH))
    return (story.acknowledge() if acknowledged else story).by(CLINICIAN)


def lost() -> Story:
    """Who left a detox early, two weeks later."""
    story = in_detox()
    story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", medically_cleared=False))
    return story.later(days=14)


def back() -> Story:
    """Cleared after a detox, nothing measured since."""
    story = in_detox()
    story.do(domain.return_from_detox, domain.ReturnFromDetox("completed", True, "physician-1"))
    return story


def half_signed() -> Story:
    """A minor's consent that only the minor signed."""
    story = referred(person=KAI)
    story.do(domain.grant_consent, TREATMENT)
    return story


def fully_signed() -> Story:
    story = referred(person=KAI)
    story.do(domain.grant_consent, replace(TREATMENT, signers=BOTH))
    return story


def newest_consent(story: Story) -> str:
    return story.state.consents[-1].id


def on_file() -> Story:
    story = referred()
    story.do(domain.record_authorization, authorization(status="pended", units_approved=0))
    return story


def given_up() -> Story:
    return waiting().later(days=30)


SIGNED = date(2026, 1, 6)

STEPS: dict[str, Step] = {
    "T2": Step("cannot_screen", domain.screen_patient, consented, said(measured(audit=20, cows=3))),
    "T2 after detox": Step("cannot_screen", domain.screen_patient, back, said(measured(cows=3, ciwa_ar=3))),
    "T3": Step(
        "cannot_refer_to_detox",
        domain.refer_to_detox,
        lambda: screened(measured(replace(NO_RISKS, opioid_history=True), cows=15, ciwa_ar=10)),
        said(domain.ReferToDetox("detox_facility", "cows")),
    ),
    "T3 again": Step(
        "cannot_refer_to_detox",
        domain.refer_to_detox,
        lost,
        said(domain.ReferToDetox("hospital", "clinician")),
    ),
    "T4": Step(
        "cannot_return_from_detox",
        domain.return_from_detox,
        in_detox,
        said(domain.ReturnFromDetox("completed", True, "physician-1")),
    ),
    "T5": Step(
        "cannot_decline", domain.decline_referral, lost, said(declined(DeclineReason.UNREACHABLE, "3.7"))
    ),
    "T6": Step("cannot_assess", domain.assess_patient, screened, said(ASSESSMENT)),
    "T7": Step(
        "cannot_decline",
        domain.decline_referral,
        lambda: screened(replace(NO_RISKS, needs_24h_supervision=True)),
        said(declined(DeclineReason.NEEDS_HIGHER_LEVEL, "3.7")),
    ),
    "T7 out of scope": Step(
        "cannot_decline",
        domain.decline_referral,
        referred,
        said(declined(DeclineReason.OUT_OF_SCOPE, "1")),
    ),
    "T7 duplicate": Step(
        "cannot_decline",
        domain.decline_referral,
        referred,
        said(declined(DeclineReason.DUPLICATE, duplicate_of="ref-0")),
        {"same_person": True},
    ),
    "T8 seat": Step("cannot_request_seat", domain.request_seat, assessed, said(SEAT)),
    "T8 coverage": Step(
        "cannot_verify_coverage",
        domain.verify_coverage,
        assessed,
        said(
            replace(COVERED, status="pended", valid_from=date(2026, 1, 1), valid_through=date(2026, 12, 31))
        ),
    ),
    "T8 authorization": Step(
        "cannot_authorize",
        domain.record_authorization,
        on_file,
        lambda story: authorization(authorization_id=story.state.authorizations[0].id),
    ),
    "T9": Step("cannot_answer_offer", domain.answer_offer, offered, said(ACCEPT)),
    "T10": Step("cannot_answer_offer", domain.answer_offer, offered, said(DECLINE)),
    "T11": Step(
        "cannot_decline", domain.decline_referral, given_up, said(declined(DeclineReason.UNREACHABLE))
    ),
    "T12": Step("cannot_admit", domain.admit_patient, seated, said(ADMISSION)),
    "out of turn": Step(
        "cannot_offer_seat",
        domain.offer_seat,
        lambda: waiting().later(days=1),
        said(domain.OfferSeat("discharge", date(2026, 1, 20))),
    ),
    "priority": Step(
        "cannot_prioritize", domain.prioritize, waiting, said(domain.Prioritize(1, "pregnancy"))
    ),
    "consent": Step(
        "cannot_consent",
        domain.grant_consent,
        referred,
        lambda story: replace(
            DISCLOSURE, channels=("sms",), expires_event=None, expires_at=story.at + timedelta(days=30)
        ),
    ),
    "signature": Step(
        "cannot_sign",
        domain.sign_consent,
        half_signed,
        lambda story: domain.SignConsent(newest_consent(story), "parent_or_guardian"),
    ),
    "revocation": Step(
        "cannot_revoke",
        domain.revoke_consent,
        consented,
        lambda story: domain.RevokeConsent(newest_consent(story)),
    ),
    "acknowledgement": Step(
        "alert_not_acknowledged",
        domain.acknowledge_alert,
        alarmed,
        lambda story: domain.AcknowledgeAlert(story.alert().id),
    ),
    "resolution": Step(
        "alert_not_resolved",
        domain.resolve_alert,
        lambda: alarmed(acknowledged=True),
        lambda story: domain.ResolveAlert(story.alert().id, "plan-1"),
    ),
    "contact": Step(
        "cannot_log_contact", domain.log_contact, referred, said(domain.LogContact("phone", reached=True))
    ),
    "certification": Step(
        "cannot_certify", domain.certify, referred, said(domain.Certify("dr", "MD", SIGNED))
    ),
    "claim": Step("cannot_claim", domain.claim_referral, referred, said(domain.ClaimReferral())),
    "hand over": Step("cannot_hand_over", domain.hand_over_referral, referred, said(domain.HandOver("u9"))),
}
