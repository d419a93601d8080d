"""What intake says: from the first referral to admission."""

from pydantic import Field

from contracts.event import PatientEvent
from contracts.vocabulary import (
    AgeBand,
    Cents,
    Count,
    Day,
    DeclineReason,
    Instant,
    LevelOfCare,
    Minutes,
    Part,
    Permille,
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


class ReferralLinked(PatientEvent):
    """Somebody else referred a person whose way is open already; both words are kept together."""

    receipt_id: Token
    source: ReferralSource
    urgency: Urgency
    received_at: Instant
    wished_site_id: Token
    match_permille: Permille


class ReferralDeclined(PatientEvent):
    """A referral ended without admission."""

    reason: DeclineReason
    alternatives_offered: tuple[LevelOfCare, ...] = ()
    closed_at: Instant
    duplicate_of: Token | None = None


class Recipient(Part):
    """Who may receive: one named party, or a class of parties; never a name."""

    id: Token
    kind: Token


class ConsentGranted(PatientEvent):
    """A person agreed to treatment, to a disclosure, or to being contacted on named channels."""

    consent_id: Token
    kind: Token
    channels: tuple[Token, ...] = ()
    signed_at: Instant
    signers: tuple[Token, ...] = ()
    disclosers: tuple[Token, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    purposes: tuple[Token, ...] = ()
    info_categories: tuple[Token, ...] = ()
    expires_at: Instant | None = None
    expires_event: Token | None = None


class ConsentRevoked(PatientEvent):
    """A person took a consent back; what still stands of the same kind is named."""

    consent_id: Token
    kind: Token
    revoked_at: Instant
    scope_remaining: tuple[Token, ...] = ()


class ConsentExpired(PatientEvent):
    """A consent ended by its date, or by the event it named."""

    consent_id: Token
    kind: Token
    expired_at: Instant
    cause: Token


class PatientCameOfAge(PatientEvent):
    """A person signs alone from today on, and is asked anew for what a guardian signed."""

    ended: tuple[Token, ...] = ()
    """Kinds of consent that hold no longer, as they were a guardian's."""
    to_renew: tuple[Token, ...] = ()
    """Kinds that a guardian signed, alone or with the person."""


class InstrumentResult(Part):
    """The score of one instrument; item answers stay with intake."""

    instrument: Token
    version: Token
    total: Score | None = None
    band: Token | None = None
    flags: tuple[Token, ...] = ()
    subscales: dict[Token, Score] = Field(default_factory=dict)
    administered_at: Instant | None = None


class PatientScreened(PatientEvent):
    """A person was screened for risks and needs."""

    screening_id: Token
    results: tuple[InstrumentResult, ...] = ()
    withdrawal_risk: Risk
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool


class SafetyAlertRaised(PatientEvent):
    """Somebody must look after this person now; said again when the severity of an open alert rises."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant
    raised_at: Instant | None = None


class SafetyAlertEscalated(PatientEvent):
    """Nobody took an alert in hand in time: more people are told."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant
    escalation: Count
    to_role: Token


class SafetyAlertAcknowledged(PatientEvent):
    """A clinician took a safety alert in hand."""

    alert_id: Token
    acknowledged_at: Instant
    late: bool


class SafetyAlertResolved(PatientEvent):
    """A clinician closed a safety alert and said what was done."""

    alert_id: Token
    resolved_at: Instant
    plan_ref: Token | None = None


class OutreachAttempted(PatientEvent):
    """Somebody tried to reach a person on the way to admission."""

    channel: Token
    attempts: Count
    reached: bool
    attempted_at: Instant | None = None


class DetoxReferred(PatientEvent):
    """A person was sent to withdrawal management before treatment can start."""

    detox_referral_id: Token
    setting: Token
    trigger: Token
    expected_return_on: Day | None = None
    facility_id: Token | None = None
    in_house: bool = False
    referred_at: Instant | None = None


class DetoxCompleted(PatientEvent):
    """Withdrawal management ended, one way or another."""

    outcome: Token
    medically_cleared: bool
    completed_at: Instant
    cleared_by: Token | None = None


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
    curriculum_tracks: tuple[Token, ...] = ()
    programs_presented: tuple[Token, ...] = ()
    patient_choice: Token | None = None
    choice_reason: Token | None = None
    suggested_level: LevelOfCare | None = None
    differs_reason: Token | None = None


class CoverageVerified(PatientEvent):
    """What a payer said about a person's coverage."""

    coverage_id: Token
    payer_id: Token
    plan_kind: PlanKind
    status: Token
    auth_required: bool
    verified_at: Instant
    valid_from: Day | None = None
    valid_through: Day | None = None
    estimated_patient_share_cents: Cents | None = None
    hardship: bool = False


class AuthorizationRecorded(PatientEvent):
    """A payer's decision on how much treatment it authorizes."""

    authorization_id: Token
    status: Token
    level: LevelOfCare
    unit_kind: Token
    units_approved: Count
    valid_from: Day
    valid_to: Day
    service_codes: tuple[Token, ...] = ()
    days_per_week: Weekday | None = None


class AuthorizationRunningLow(PatientEvent):
    """An authorization nears its end, or has reached it: in days or in units, whichever comes first."""

    authorization_id: Token
    level: LevelOfCare
    unit_kind: Token
    units_left: Count
    days_left: Count
    last_covered_on: Day
    ended: bool


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
    language: Token | None = None
    gender: Token | None = None
    tracks: tuple[Token, ...] = ()


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
    needs: tuple[Token, ...] = ()


class WaitlistOfferAccepted(PatientEvent):
    """The person takes the offered place."""

    waitlist_entry_id: Token
    seat_hold_id: Token
    accepted_at: Instant | None = None


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


class Certification(Part):
    """A physician's word that this level of care is needed, and until when it holds."""

    certified_by: Token
    certified_on: Day
    next_due_on: Day


class OpenAlert(Part):
    """A safety alert that is open at admission, handed over with the person."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant
    acknowledged: bool


class CoverageTerm(Part):
    """Who pays, and whether they want to be asked first."""

    coverage_id: Token
    payer_id: Token
    plan_kind: PlanKind
    auth_required: bool
    valid_from: Day | None = None


class AuthorizedTerm(Part):
    """What a payer has said yes to, and for which days."""

    authorization_id: Token
    level: LevelOfCare
    valid_from: Day
    valid_to: Day


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
    certification: Certification | None = None
    open_alerts: tuple[OpenAlert, ...] = ()
    coverage: CoverageTerm | None = None
    authorizations: tuple[AuthorizedTerm, ...] = ()
