"""The admissions desk: who looks after a referral, and what it needs next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.decisions import Guard, Moment, require
from contracts.rulebook import Rulebook
from contracts.vocabulary import Risk
from services.intake.domain import guards
from services.intake.domain.detox import gate_open
from services.intake.domain.facts import OwnerNamed
from services.intake.domain.guards import in_stage
from services.intake.domain.people import local_date
from services.intake.domain.seats import waits_for_answer
from services.intake.domain.state import OPEN, Referral, Stage
from services.intake.domain.waitlist import PAYER_REASONS


@dataclass(frozen=True, slots=True)
class ClaimReferral:
    """A member of staff takes a referral on."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A referral goes to somebody else, or back to everybody."""

    owner: str | None


@dataclass(frozen=True, slots=True)
class NextAction:
    """What a referral needs now, and by when where something says so."""

    what: str
    due_at: datetime | None = None


def claim_referral(referral: Referral, command: ClaimReferral, moment: Moment) -> list[Any]:
    """Whoever comes first looks after it; what somebody has is handed over, not taken."""
    mine = referral.owner == moment.actor.id
    require(
        "cannot_claim",
        "The referral cannot be claimed",
        [
            in_stage(referral, *OPEN),
            Guard(
                "not_owned",
                referral.owner is None or mine,
                "somebody looks after it already",
                {"owner": referral.owner},
            ),
        ],
        hint="Ask for it to be handed over.",
    )
    return [] if mine else [OwnerNamed(moment.actor.id, moment.at)]


def hand_over_referral(referral: Referral, command: HandOver, moment: Moment) -> list[Any]:
    """The owner hands over, or a director who decides it."""
    mine = referral.owner in (None, moment.actor.id) or moment.actor.role == "director"
    require(
        "cannot_hand_over",
        "The referral cannot be handed over",
        [
            in_stage(referral, *OPEN),
            Guard(
                "owner_hands_over",
                mine,
                "only its owner or a director hands it over",
                {"owner": referral.owner},
            ),
        ],
    )
    return [] if command.owner == referral.owner else [OwnerNamed(command.owner, moment.at)]


def next_action(referral: Referral, at: datetime, rules: Rulebook) -> NextAction:
    """The most urgent thing first; a referral that needs nothing of anybody waits."""
    for alert in sorted(referral.alerts, key=lambda a: (a.severity is not Risk.HIGH, a.due_ack_at)):
        if alert.acknowledged_at is None:
            return NextAction("acknowledge_alert", alert.due_ack_at)
    if any(a.severity is Risk.HIGH for a in referral.alerts):
        return NextAction("resolve_alert")
    match referral.stage:
        case Stage.REFERRED:
            consented = guards.treatment_consent(referral, at, verbal=True).holds
            return NextAction("screen" if consented else "contact")
        case Stage.SCREENED:
            return _screened(referral, at, rules)
        case Stage.DETOX_REFERRED:
            left = referral.detox is not None and referral.detox.returned_at is not None
            return NextAction("reach_again" if left else "await_detox")
        case Stage.ASSESSED:
            return _assessed(referral, at, rules)
        case Stage.WAITLISTED:
            return _waiting(referral, at, rules)
    return NextAction("none")


def _screened(referral: Referral, at: datetime, rules: Rulebook) -> NextAction:
    today = local_date(at, referral.tz)
    if not guards.screening_current(referral, today, rules.intake).holds:
        return NextAction("screen")
    if gate_open(referral) or not guards.withdrawal_not_high(referral).holds:
        return NextAction("decide_on_detox")
    if not guards.can_live_at_home(referral).holds:
        return NextAction("decide_on_level")
    return NextAction("assess")


def _assessed(referral: Referral, at: datetime, rules: Rulebook) -> NextAction:
    today = local_date(at, referral.tz)
    needs_certificate = guards.rules_for(referral, rules).payer.certification_required
    missing = (
        ("decide_on_level", guards.level_served(referral, rules.intake)),
        ("decide_on_level", guards.can_live_at_home(referral)),
        ("renew_assessment", guards.assessment_current(referral, today, rules.intake)),
        ("sign_consent", guards.treatment_consent(referral, at)),
        ("verify_coverage", guards.coverage_decided(referral, today)),
        ("get_authorization", guards.authorization_approved(referral, today)),
        ("certify", guards.certified(referral, today, needs_certificate)),
    )
    what = next((name for name, guard in missing if not guard.holds), None)
    if what is not None:
        return NextAction(what)
    if referral.hold is not None and at < referral.hold.expires_at:
        return NextAction("admit", referral.hold.expires_at)
    patience = rules.intake.ask_again_hours
    return NextAction("await_seat" if waits_for_answer(referral.wish, at, patience) else "request_seat")


def _waiting(referral: Referral, at: datetime, rules: Rulebook) -> NextAction:
    entry = referral.entry
    today = local_date(at, referral.tz)
    fresh = guards.assessment_current(referral, today, rules.intake).holds
    if entry is None or entry.reason in PAYER_REASONS:
        return NextAction("follow_up_with_payer", entry.expires_at if entry else None)
    offer = entry.offer
    if offer is None:
        return NextAction("wait" if fresh else "renew_assessment", entry.expires_at)
    if not fresh:
        return NextAction("renew_assessment", offer.expires_at)
    if not guards.suicide_screen_current(referral, today, rules.intake).holds:
        return NextAction("new_suicide_screen", offer.expires_at)
    return NextAction("call_about_offer", offer.expires_at)
