"""The state of a referral and of a site."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from contracts.intake import Availability, Diagnosis, InstrumentResult
from contracts.vocabulary import LevelOfCare, PlanKind, ProgramKind, ReferralSource, Risk, Urgency
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


OPEN = (Stage.REFERRED, Stage.SCREENED, Stage.DETOX_REFERRED, Stage.ASSESSED, Stage.WAITLISTED)
CLOSED = (Stage.DECLINED, Stage.DISCHARGED)


@dataclass(frozen=True, slots=True)
class Consent:
    id: str
    kind: str
    channels: tuple[str, ...]
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Screening:
    """One whole screening; item answers stay here."""

    id: str
    at: datetime
    results: tuple[InstrumentResult, ...]
    answers: dict[str, tuple[int, ...]]
    withdrawal_risk: Risk
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool

    def total(self, instrument: str) -> int | None:
        return next((r.total for r in self.results if r.instrument == instrument), None)


@dataclass(frozen=True, slots=True)
class Detox:
    id: str
    setting: str
    trigger: str
    expected_return_on: date | None = None
    outcome: str | None = None
    returned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    id: str
    at: datetime
    level: LevelOfCare
    credential: str
    availability: tuple[Availability, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    id: str
    payer_id: str
    plan_kind: PlanKind
    status: str
    auth_required: bool


@dataclass(frozen=True, slots=True)
class Authorization:
    id: str
    status: str
    level: LevelOfCare
    units_approved: int
    valid_from: date
    valid_to: date


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


@dataclass(frozen=True, slots=True)
class Entry:
    """A place in the queue."""

    id: str
    priority: int
    reason: str
    entered_at: datetime
    queued_at: datetime
    expires_at: datetime
    misses: int = 0
    offer: Offer | None = None


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
    plan_kind_hint: PlanKind | None = None
    flags: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    screening: Screening | None = None
    detox: Detox | None = None
    assessment: Assessment | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    coverage: Coverage | None = None
    authorization: Authorization | None = None
    wish: SeatWish | None = None
    hold: Hold | None = None
    entry: Entry | None = None
    closed_at: datetime | None = None
    closed_reason: str | None = None

    @property
    def closed(self) -> bool:
        return self.stage in CLOSED


@dataclass(frozen=True, slots=True)
class Site:
    """What intake must know of a treatment site."""

    id: str
    network_id: str
    site_id: str
    tz: str
    part2: bool
