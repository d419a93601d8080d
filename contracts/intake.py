"""What intake says: from the first referral to admission."""

from contracts.event import PatientEvent
from contracts.vocabulary import (
    AgeBand,
    Count,
    Day,
    DeclineReason,
    Instant,
    LevelOfCare,
    Minutes,
    Part,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    Score,
    Token,
    Urgency,
    Weekday,
    Zone,
)


class ReferralReceived(PatientEvent):
    """Somebody asked for treatment for a person."""

    source: ReferralSource
    urgency: Urgency
    received_at: Instant
    tz: Zone
    requested_program_kind: ProgramKind | None = None
    prior_episode_id: Token | None = None


class ReferralDeclined(PatientEvent):
    """A referral ended without admission."""

    reason: DeclineReason
    alternatives_offered: tuple[LevelOfCare, ...] = ()
    closed_at: Instant


class ConsentGranted(PatientEvent):
    """A person agreed to treatment, or to being contacted on named channels."""

    consent_id: Token
    kind: Token
    channels: tuple[Token, ...] = ()
    signed_at: Instant


class InstrumentResult(Part):
    """The score of one instrument; item answers stay with intake."""

    instrument: Token
    version: Token
    total: Score | None = None
    band: Token | None = None
    flags: tuple[Token, ...] = ()


class PatientScreened(PatientEvent):
    """A person was screened for risks and needs."""

    screening_id: Token
    results: tuple[InstrumentResult, ...] = ()
    withdrawal_risk: Risk
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool


class DetoxReferred(PatientEvent):
    """A person was sent to withdrawal management before treatment can start."""

    detox_referral_id: Token
    setting: Token
    trigger: Token
    expected_return_on: Day | None = None


class DetoxCompleted(PatientEvent):
    """Withdrawal management ended, one way or another."""

    outcome: Token
    medically_cleared: bool
    completed_at: Instant


class Diagnosis(Part):
    """A coded diagnosis; rank 1 is the principal one."""

    system: Token
    code: Token | None = None
    rank: Count


class Rating(Part):
    """One rated dimension of an assessment, in the words of its edition."""

    dimension: Count
    rating: Token


class Availability(Part):
    """A weekday on which a person can come, in a morning or an evening block."""

    dow: Weekday
    block: Token


class PatientAssessed(PatientEvent):
    """A credentialed assessor judged which level of care a person needs."""

    assessment_id: Token
    dimensions: tuple[Rating, ...]
    recommended_level: LevelOfCare
    assessor_credential: Token
    assessed_at: Instant
    availability: tuple[Availability, ...] = ()
    stage_of_change: Token | None = None
    support_network: Token | None = None


class CoverageVerified(PatientEvent):
    """What a payer said about a person's coverage."""

    coverage_id: Token
    payer_id: Token
    plan_kind: PlanKind
    status: Token
    auth_required: bool
    verified_at: Instant


class AuthorizationRecorded(PatientEvent):
    """A payer's decision on how much treatment it authorizes."""

    authorization_id: Token
    status: Token
    level: LevelOfCare
    unit_kind: Token
    units_approved: Count
    valid_from: Day
    valid_to: Day


class SeatRequested(PatientEvent):
    """Intake asks scheduling for a weekly place for a person."""

    request_id: Token
    earliest_start: Day
    level: LevelOfCare
    program_kind: ProgramKind
    age_band: AgeBand
    weekly_minutes: Minutes
    days_per_week: Weekday
    availability: tuple[Availability, ...] = ()


class PatientWaitlisted(PatientEvent):
    """A person waits for a place."""

    waitlist_entry_id: Token
    priority: Count
    priority_reason: Token
    entered_at: Instant
    expires_at: Instant


class WaitlistOfferMade(PatientEvent):
    """A freed place is offered to one waiting person, for a limited time."""

    waitlist_entry_id: Token
    seat_hold_id: Token
    offered_at: Instant
    offer_expires_at: Instant


class WaitlistOfferAccepted(PatientEvent):
    """The person takes the offered place."""

    waitlist_entry_id: Token
    seat_hold_id: Token


class WaitlistOfferDeclined(PatientEvent):
    """The person does not take the offered place."""

    waitlist_entry_id: Token
    seat_hold_id: Token
    misses: Count


class WaitlistOfferExpired(PatientEvent):
    """An offer ended unanswered."""

    waitlist_entry_id: Token
    seat_hold_id: Token
    misses: Count


class PatientAdmitted(PatientEvent):
    """A person was admitted to a program; an episode of care begins."""

    program_id: Token
    admitted_on: Day
    tz: Zone
    level: LevelOfCare
    program_kind: ProgramKind
    age_band: AgeBand
    planned_end_on: Day
    prescribed_weekly_minutes: Minutes
    days_per_week: Weekday
    seat_hold_id: Token
    plan_kind: PlanKind
    authorization_id: Token | None = None
    primary_clinician_id: Token
    baseline: tuple[InstrumentResult, ...] = ()
