"""The shapes of intake's answers. A field that is null was not recorded, or is not for the caller's role."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from contracts.intake import Diagnosis, InstrumentResult
from contracts.vocabulary import LevelOfCare, PlanKind, ProgramKind, ReferralSource, Risk, Urgency
from services.intake import domain
from services.intake.domain import state as kept


class View(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class Said(View):
    id: str
    type: str


class Taken(View):
    """What came of a command: the new version, the events it caused, and where the referral now stands."""

    id: str
    version: int
    said: list[Said] = []
    stage: domain.Stage | None = None


TAKEN: dict[str, Any] = {"status_code": 201, "response_model": Taken}
"""How every command's route is declared."""


class Received(View):
    """The answer to a referral: the same whether a way opened or was open already.

    Who may see where the referral went gets the rest too.
    """

    id: str
    status: str
    message: str
    referral_id: str | None = None
    episode_id: str | None = None
    patient_id: str | None = None
    stage: domain.Stage | None = None
    flags: list[str] | None = None
    linked: bool | None = None
    said: list[Said] | None = None


class SourceView(View):
    """One of those who referred the person."""

    receipt_id: str
    source: ReferralSource
    urgency: Urgency
    received_at: datetime
    site_id: str
    match_permille: int


class ScreeningView(View):
    """A screening without its item answers, which never leave the service."""

    id: str
    at: datetime
    results: tuple[InstrumentResult, ...]
    withdrawal_risk: Risk
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool
    opioid_history: bool = False
    alternative_housing: bool = False


class AuthorizationView(View):
    """What a payer granted, and what remains: days or units, whichever ends first."""

    id: str
    status: str
    level: LevelOfCare
    unit_kind: str
    units_approved: int
    units_used: int
    units_left: int
    days_left: int
    valid_from: date
    valid_to: date
    service_codes: tuple[str, ...] = ()
    days_per_week: int | None = None


class AuthorizationRow(AuthorizationView):
    referral_id: str
    site_id: str


class EntryView(View):
    """A place on the waiting list."""

    id: str
    status: str
    priority: int
    reason: str
    priority_reason: str | None = None
    entered_at: datetime
    queued_at: datetime
    expires_at: datetime
    misses: int
    offer: kept.Offer | None = None


class EntryRow(EntryView):
    referral_id: str
    site_id: str
    position: int | None = None


class AlertView(View):
    id: str
    kind: str
    severity: Risk
    raised_at: datetime
    due_ack_at: datetime
    reasons: tuple[str, ...]
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    late: bool = False
    overdue: bool = False
    escalations: int = 0


class AlertRow(AlertView):
    referral_id: str
    site_id: str
    stage: domain.Stage


class NextView(View):
    what: str
    due_at: datetime | None = None


class DeskRow(View):
    """One line of the intake queue."""

    referral_id: str
    site_id: str
    stage: domain.Stage
    urgency: Urgency
    source: ReferralSource
    hours_waiting: int
    hours_since_received: int
    next_action: NextView
    overdue: bool
    owner: str | None
    owner_since: datetime | None
    alerts: int
    flags: tuple[str, ...]
    language: str | None


class MatchView(View):
    """Somebody who may be the same person; a person decides."""

    referral_id: str
    site_id: str
    stage: domain.Stage
    score_permille: int


class ReasonView(View):
    rule: str
    level: str
    because: str
    facts: dict[str, bool | int | str]
    cite: str


class SuggestionView(View):
    """What the recorded facts speak for, with every reason. A clinician decides."""

    level: LevelOfCare | None
    reasons: tuple[ReasonView, ...]


class StoryRow(View):
    version: int
    type: str
    at: datetime
    data: dict[str, Any]


class ReferralView(View):
    """One referral, as far as the caller's role reaches."""

    id: str
    referral_id: str
    episode_id: str
    version: int
    site_id: str
    patient_id: str
    stage: domain.Stage
    stage_since: datetime | None
    urgency: Urgency
    received_at: datetime
    tz: str
    prior_episode_id: str | None
    earlier_episodes: tuple[str, ...]
    owner: str | None
    owner_since: datetime | None
    closed_at: datetime | None
    closed_reason: str | None = None
    person: domain.Person | None = None
    source: ReferralSource | None = None
    sources: tuple[SourceView, ...] | None = None
    program_kind: ProgramKind | None = None
    plan_kind_hint: PlanKind | None = None
    flags: tuple[str, ...] | None = None
    indications: tuple[domain.Indication, ...] | None = None
    consents: tuple[kept.Consent, ...] | None = None
    screening: ScreeningView | None = None
    alerts: tuple[AlertView, ...] | None = None
    contacts: tuple[kept.Contact, ...] | None = None
    detox: kept.Detox | None = None
    assessment: kept.Assessment | None = None
    locus: kept.Locus | None = None
    diagnoses: tuple[Diagnosis, ...] | None = None
    coverage: kept.Coverage | None = None
    authorizations: tuple[AuthorizationView, ...] | None = None
    certificate: kept.Certificate | None = None
    wish: kept.SeatWish | None = None
    hold: kept.Hold | None = None
    entry: EntryView | None = None
    past_entry: EntryView | None = None
    next_action: NextView | None = None
