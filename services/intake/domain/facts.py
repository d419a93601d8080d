"""The private facts of intake, and how facts fold into state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.decisions import Moment
from contracts.intake import (
    AuthorizationRecorded,
    ConsentGranted,
    CoverageVerified,
    DetoxCompleted,
    DetoxReferred,
    Diagnosis,
    PatientAdmitted,
    PatientAssessed,
    PatientScreened,
    PatientWaitlisted,
    ReferralDeclined,
    ReferralReceived,
    SeatRequested,
    WaitlistOfferAccepted,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
    WaitlistOfferMade,
)
from services.intake.domain.state import (
    Assessment,
    Authorization,
    Consent,
    Coverage,
    Detox,
    Entry,
    Hold,
    Offer,
    Referral,
    Screening,
    SeatWish,
    Site,
    Stage,
)


@dataclass(frozen=True, slots=True)
class ReferralOpened:
    """A referral was written down, with the person it is about."""

    referral: Referral


@dataclass(frozen=True, slots=True)
class ScreeningKept:
    """A whole screening, item answers included."""

    screening: Screening


@dataclass(frozen=True, slots=True)
class DiagnosesKept:
    """The coded diagnoses of an assessment."""

    diagnoses: tuple[Diagnosis, ...]


@dataclass(frozen=True, slots=True)
class SeatAsked:
    """What scheduling is asked for, when, and after which release of seats."""

    wish: SeatWish


@dataclass(frozen=True, slots=True)
class SeatRefused:
    """Scheduling had no legal week."""

    request_id: str


@dataclass(frozen=True, slots=True)
class SeatKept:
    """Scheduling holds seats for this person."""

    request_id: str
    hold: Hold


@dataclass(frozen=True, slots=True)
class SeatLost:
    """Scheduling no longer holds the seats."""

    seat_hold_id: str


@dataclass(frozen=True, slots=True)
class Requeued:
    """After a missed offer a person waits behind those who wait since before."""

    at: datetime


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """What the person waited for has come, without an offer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class EpisodeEnded:
    """The admitted person's episode is over; a new referral may open."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SiteKept:
    """A site opened or told something new about itself."""

    site: Site


FACTS: tuple[type, ...] = (
    ReferralOpened,
    ScreeningKept,
    DiagnosesKept,
    SeatAsked,
    SeatRefused,
    SeatKept,
    SeatLost,
    Requeued,
    WaitEnded,
    EpisodeEnded,
)
SITE_FACTS: tuple[type, ...] = (SiteKept,)


def about(referral: Referral, moment: Moment) -> dict[str, Any]:
    """What every event about this person carries."""
    return {
        "network_id": referral.network_id,
        "site_id": referral.site_id,
        "episode_id": referral.id,
        "patient_id": referral.patient_id,
        "part2": referral.part2,
        "actor": moment.actor,
    }


def evolve(state: Referral | None, fact: Any) -> Referral:
    """The next state of a referral."""
    if isinstance(fact, ReferralOpened):
        return fact.referral
    if state is None:
        raise ValueError(f"{type(fact).__name__} about a referral that was never opened")
    fold: Callable[[Referral, Any], Referral] = _FOLDS[type(fact)]
    return fold(state, fact)


def evolve_site(state: Site | None, fact: SiteKept) -> Site:
    """The next state of a site."""
    return fact.site


def _same(state: Referral, _fact: Any) -> Referral:
    return state


def _declined(state: Referral, fact: ReferralDeclined) -> Referral:
    return _shut(state, Stage.DECLINED, fact.closed_at, fact.reason)


def _ended(state: Referral, fact: EpisodeEnded) -> Referral:
    return _shut(state, Stage.DISCHARGED, fact.at, fact.reason)


def _shut(state: Referral, stage: Stage, at: datetime, reason: str) -> Referral:
    return replace(state, stage=stage, closed_at=at, closed_reason=str(reason), hold=None, entry=None)


def _consented(state: Referral, fact: ConsentGranted) -> Referral:
    given = Consent(fact.consent_id, fact.kind, fact.channels, fact.signed_at)
    others = tuple(c for c in state.consents if c.kind != fact.kind)
    return replace(state, consents=(*others, given))


def _screened(state: Referral, _fact: PatientScreened) -> Referral:
    return replace(state, stage=Stage.SCREENED) if state.stage is Stage.REFERRED else state


def _sent_to_detox(state: Referral, fact: DetoxReferred) -> Referral:
    detox = Detox(fact.detox_referral_id, fact.setting, fact.trigger, fact.expected_return_on)
    return replace(state, stage=Stage.DETOX_REFERRED, detox=detox)


def _back_from_detox(state: Referral, fact: DetoxCompleted) -> Referral:
    detox = state.detox and replace(state.detox, outcome=fact.outcome, returned_at=fact.completed_at)
    if not fact.medically_cleared:
        return replace(state, detox=detox)
    return replace(state, stage=Stage.SCREENED, detox=detox, screening=None)


def _assessed(state: Referral, fact: PatientAssessed) -> Referral:
    made = Assessment(
        fact.assessment_id,
        fact.assessed_at,
        fact.recommended_level,
        fact.assessor_credential,
        fact.availability,
    )
    stage = Stage.ASSESSED if state.stage is Stage.SCREENED else state.stage
    return replace(state, stage=stage, assessment=made)


def _covered(state: Referral, fact: CoverageVerified) -> Referral:
    found = Coverage(fact.coverage_id, fact.payer_id, fact.plan_kind, fact.status, fact.auth_required)
    return replace(state, coverage=found)


def _authorized(state: Referral, fact: AuthorizationRecorded) -> Referral:
    decision = Authorization(
        fact.authorization_id, fact.status, fact.level, fact.units_approved, fact.valid_from, fact.valid_to
    )
    return replace(state, authorization=decision)


def _seat_refused(state: Referral, _fact: SeatRefused) -> Referral:
    return replace(state, wish=state.wish and replace(state.wish, open=False))


def _seat_kept(state: Referral, fact: SeatKept) -> Referral:
    return replace(state, hold=fact.hold, wish=state.wish and replace(state.wish, open=False))


def _seat_lost(state: Referral, _fact: SeatLost) -> Referral:
    return replace(state, hold=None)


def _waitlisted(state: Referral, fact: PatientWaitlisted) -> Referral:
    entry = Entry(
        id=fact.waitlist_entry_id,
        priority=fact.priority,
        reason=fact.priority_reason,
        entered_at=fact.entered_at,
        queued_at=fact.entered_at,
        expires_at=fact.expires_at,
    )
    return replace(state, stage=Stage.WAITLISTED, entry=entry)


def _offered(state: Referral, fact: WaitlistOfferMade) -> Referral:
    offer = Offer(fact.offered_at, fact.offer_expires_at)
    return replace(state, entry=state.entry and replace(state.entry, offer=offer))


def _missed(state: Referral, fact: WaitlistOfferDeclined | WaitlistOfferExpired) -> Referral:
    entry = state.entry and replace(state.entry, offer=None, misses=fact.misses)
    return replace(state, entry=entry, hold=None)


def _requeued(state: Referral, fact: Requeued) -> Referral:
    return replace(state, entry=state.entry and replace(state.entry, queued_at=fact.at))


def _back_to_assessed(state: Referral, _fact: WaitlistOfferAccepted | WaitEnded) -> Referral:
    return replace(state, stage=Stage.ASSESSED, entry=None)


def _admitted(state: Referral, _fact: PatientAdmitted) -> Referral:
    return replace(state, stage=Stage.ADMITTED)


_FOLDS: dict[type, Callable[[Referral, Any], Referral]] = {
    ReferralReceived: _same,
    ReferralDeclined: _declined,
    EpisodeEnded: _ended,
    ConsentGranted: _consented,
    ScreeningKept: lambda state, fact: replace(state, screening=fact.screening),
    PatientScreened: _screened,
    DetoxReferred: _sent_to_detox,
    DetoxCompleted: _back_from_detox,
    DiagnosesKept: lambda state, fact: replace(state, diagnoses=fact.diagnoses),
    PatientAssessed: _assessed,
    CoverageVerified: _covered,
    AuthorizationRecorded: _authorized,
    SeatAsked: lambda state, fact: replace(state, wish=fact.wish),
    SeatRequested: _same,
    SeatRefused: _seat_refused,
    SeatKept: _seat_kept,
    SeatLost: _seat_lost,
    PatientWaitlisted: _waitlisted,
    WaitlistOfferMade: _offered,
    WaitlistOfferDeclined: _missed,
    WaitlistOfferExpired: _missed,
    Requeued: _requeued,
    WaitlistOfferAccepted: _back_to_assessed,
    WaitEnded: _back_to_assessed,
    PatientAdmitted: _admitted,
}
