"""The state of a referral and of a site."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from contracts.intake import Availability, Diagnosis, InstrumentResult, Recipient
from contracts.vocabulary import LevelOfCare, PlanKind, ProgramKind, ReferralSource, Risk, Urgency
from services.intake.domain.indications import Indication
from services.intake.domain.people import Person


class Stage(StrEnum):
    """Where a referral stands; after ADMITTED the episode belongs to progress."""

    REFERRED = "REFERRED"
    SCREENED = "SCREENED"
    DETOX_REFERRED = "DETOX_REFERRED"
    ASSESSED = "ASSESSED"
    WAITLISTED = "WAITLISTED"
    ADMITTED = "ADMITTED"
    DECLINED = "DECLINED"
    DISCHARGED = "DISCHARGED"


PRIORITIES = {Urgency.EMERGENT: 1, Urgency.URGENT: 2, Urgency.ROUTINE: 3}
"""Where the waiting list puts whom, 1 first."""
OPEN = (Stage.REFERRED, Stage.SCREENED, Stage.DETOX_REFERRED, Stage.ASSESSED, Stage.WAITLISTED)
CLOSED = (Stage.DECLINED, Stage.DISCHARGED)


@dataclass(frozen=True, slots=True)
class Source:
    """One of those who referred this person."""

    receipt_id: str
    source: ReferralSource
    urgency: Urgency
    received_at: datetime
    site_id: str
    match_permille: int
    digest: str = ""
    """Of what was sent: the same once more is nothing new."""


@dataclass(frozen=True, slots=True)
class Consent:
    id: str
    kind: str
    channels: tuple[str, ...]
    signed_at: datetime
    signers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Who must still sign; until then it is no consent."""
    disclosers: tuple[str, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    purposes: tuple[str, ...] = ()
    info_categories: tuple[str, ...] = ()
    expires_at: datetime | None = None
    expires_event: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """A safety alert that nobody closed yet."""

    id: str
    kind: str
    severity: Risk
    raised_at: datetime
    due_ack_at: datetime
    reasons: tuple[str, ...]
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    late: bool = False
    escalations: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """One attempt to reach the person."""

    at: datetime
    channel: str
    reached: bool


WITHDRAWAL_SCALES = ("ciwa_ar", "cows")
GATE = "detox_gate"
"""The flag by which a scale says that somebody must decide on detox."""


@dataclass(frozen=True, slots=True)
class Screening:
    """One whole screening; item answers stay here."""

    id: str
    at: datetime
    results: tuple[InstrumentResult, ...]
    answers: dict[str, tuple[int | None, ...]]
    withdrawal_risk: Risk
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool
    opioid_history: bool = False
    alternative_housing: bool = False

    @property
    def can_live_at_home(self) -> bool:
        return (self.home_safe or self.alternative_housing) and not self.needs_24h_supervision

    def result(self, instrument: str) -> InstrumentResult | None:
        return next((r for r in self.results if r.instrument == instrument), None)


@dataclass(frozen=True, slots=True)
class Detox:
    id: str
    setting: str
    trigger: str
    expected_return_on: date | None = None
    outcome: str | None = None
    returned_at: datetime | None = None
    facility_id: str | None = None
    in_house: bool = False
    cleared_by: str | None = None
    voided: tuple[str, ...] = ()
    """The instruments of the screening before, all of which must be taken anew."""


@dataclass(frozen=True, slots=True)
class Locus:
    """A LOCUS result that was scored elsewhere: seven scales from 1 to 5, and their sum."""

    scales: tuple[int, ...]
    composite: int


@dataclass(frozen=True, slots=True)
class Assessment:
    id: str
    at: datetime
    level: LevelOfCare
    credential: str
    availability: tuple[Availability, ...]
    support_network: str | None = None
    stage_of_change: str | None = None
    programs_presented: tuple[str, ...] = ()
    patient_choice: str | None = None
    choice_reason: str | None = None
    curriculum_tracks: tuple[str, ...] = ()
    suggested_level: LevelOfCare | None = None
    differs_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    id: str
    payer_id: str
    plan_kind: PlanKind
    status: str
    auth_required: bool
    valid_from: date | None = None
    valid_through: date | None = None
    patient_share_cents: int | None = None
    hardship: bool = False

    def holds_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_through is None or day <= self.valid_through
        )


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a payer granted, and the days on which it was drawn upon."""

    id: str
    status: str
    level: LevelOfCare
    units_approved: int
    valid_from: date
    valid_to: date
    unit_kind: str = "day"
    service_codes: tuple[str, ...] = ()
    days_per_week: int | None = None
    used: dict[date, int] = field(default_factory=dict)
    told_low: bool = False
    told_ended: bool = False

    @property
    def granted(self) -> bool:
        return self.status in ("approved", "partial")

    @property
    def units_left(self) -> int:
        return max(0, self.units_approved - sum(self.used.values()))

    def drawing(self, day: date, units: int) -> "Authorization":
        """What is left once a day has drawn so many units."""
        return replace(self, used={**self.used, day: units})

    def covers(self, level: LevelOfCare, day: date) -> bool:
        return self.granted and self.level.code == level.code and self.valid_from <= day <= self.valid_to

    def days_left(self, day: date) -> int:
        return max(0, (self.valid_to - max(day, self.valid_from)).days + 1) if self.granted else 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A physician's certification."""

    certified_by: str
    credential: str
    certified_on: date
    next_due_on: date


@dataclass(frozen=True, slots=True)
class SeatWish:
    """What was last asked of scheduling, and whether the answer is still out."""

    request_id: str
    asked_at: datetime
    for_release_at: datetime | None
    open: bool
    earliest_start: date
    program_kind: ProgramKind
    weekly_minutes: int
    days_per_week: int
    out_of_turn: str | None = None
    """Why staff asked before the person's turn."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Seats that scheduling keeps for this person."""

    id: str
    start_on: date
    weekly_minutes: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    offered_at: datetime
    expires_at: datetime
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the queue."""

    id: str
    priority: int
    reason: str
    """Why the person waits: an urgency, or a payer who has not decided."""
    entered_at: datetime
    queued_at: datetime
    expires_at: datetime
    misses: int = 0
    priority_reason: str | None = None
    """Why staff changed the priority."""
    offer: Offer | None = None
    outcome: str | None = None
    """How the wait ended: BOOKED, DECLINED, EXPIRED, or WITHDRAWN where it had lost its ground."""

    @property
    def status(self) -> str:
        return self.outcome or ("WAITING" if self.offer is None else "OFFERED")


@dataclass(frozen=True, slots=True)
class Referral:
    """One person's way from the first call to admission or a reasoned no."""

    id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str
    stage: Stage
    person: Person
    likeness: str
    source: ReferralSource
    urgency: Urgency
    received_at: datetime
    program_kind: ProgramKind | None = None
    prior_episode_id: str | None = None
    earlier_episodes: tuple[str, ...] = ()
    plan_kind_hint: PlanKind | None = None
    flags: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    screening: Screening | None = None
    detox: Detox | None = None
    assessment: Assessment | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    locus: Locus | None = None
    coverage: Coverage | None = None
    authorizations: tuple[Authorization, ...] = ()
    certificate: Certificate | None = None
    alerts: tuple[Alert, ...] = ()
    contacts: tuple[Contact, ...] = ()
    attempts: int = 0
    """All attempts to reach the person, also those no longer kept one by one."""
    sources: tuple[Source, ...] = ()
    indications: tuple[Indication, ...] = ()
    owner: str | None = None
    owner_since: datetime | None = None
    stage_since: datetime | None = None
    wish: SeatWish | None = None
    hold: Hold | None = None
    entry: Entry | None = None
    past_entry: Entry | None = None
    """The last wait that ended."""
    closed_at: datetime | None = None
    closed_reason: str | None = None
    died: bool = False
    of_age: bool = False
    """Whether it was said that the person, a minor when referred, signs alone."""

    @property
    def closed(self) -> bool:
        return self.stage in CLOSED

    def consent(self, *kinds: str, at: datetime) -> Consent | None:
        """The newest complete consent of one of some kinds that stands at an instant."""
        standing = (c for c in reversed(self.consents) if c.kind in kinds and not c.missing)
        return next((c for c in standing if c.expires_at is None or at < c.expires_at), None)

    def authorization(self, level: LevelOfCare, day: date) -> Authorization | None:
        """What covers a day at a level: first what ends first, and what is used up last of all."""
        covering = [a for a in self.authorizations if a.covers(level, day)]
        return min(covering, key=lambda a: (a.units_left == 0, a.valid_to, a.valid_from, a.id), default=None)


@dataclass(frozen=True, slots=True)
class Site:
    """What intake must know of a treatment site."""

    id: str
    network_id: str
    site_id: str
    tz: str
    part2: bool
