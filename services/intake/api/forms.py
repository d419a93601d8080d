"""The bodies of intake's requests."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, WithJsonSchema

from contracts.vocabulary import (
    Cents,
    Count,
    DeclineReason,
    LevelOfCare,
    Minutes,
    PlanKind,
    ProgramKind,
    ReferralSource,
    Risk,
    ShortText,
    Token,
    Urgency,
    Weekday,
)
from services.chassis.http import Body
from services.intake.domain import Stage

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
Time = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda at: at.astimezone(UTC)),
]
Name = Annotated[ShortText, StringConstraints(strip_whitespace=True, min_length=1)]
Score = Annotated[int, Field(ge=0, le=100)]
Item = Annotated[int, Field(ge=0, le=10)]
Answered = Annotated[
    int | None,
    Field(ge=-1_000_000, le=1_000_000, description="A legal value of the item; null where it was not asked."),
]
Dotless = Annotated[
    Token, BeforeValidator(lambda code: code.replace(".", "") if isinstance(code, str) else code)
]
Words = Annotated[Token, BeforeValidator(lambda rating: str(rating) if isinstance(rating, int) else rating)]
Level = Annotated[
    LevelOfCare,
    BeforeValidator(lambda level: {"code": level} if isinstance(level, str) else level),
    WithJsonSchema(
        {
            "description": 'A level of care: "2.1", or {"edition": "4", "code": "2.1"}.',
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9](\.[0-9])?$"},
                {
                    "type": "object",
                    "properties": {"edition": {"type": "string"}, "code": {"type": "string"}},
                    "required": ["code"],
                },
            ],
        }
    ),
]
StageName = Annotated[
    Stage, BeforeValidator(lambda stage: stage.upper() if isinstance(stage, str) else stage)
]


class IdentifierBody(Body):
    system: ShortText
    value: ShortText


class PersonBody(Body):
    given: Name
    family: Name
    birth_date: Day
    sex: Token | None = None
    phone: Annotated[str, Field(max_length=40)] | None = None
    language: Token | None = None
    identifiers: list[IdentifierBody] = Field(default=[], max_length=20)


class ReferralBody(Body):
    site_id: Token
    source: ReferralSource
    urgency: Urgency = Urgency.ROUTINE
    requested_program_kind: ProgramKind | None = None
    person: PersonBody
    plan_kind: PlanKind | None = None


class RecipientBody(Body):
    id: Token
    kind: Token


class ConsentBody(Body):
    kind: Token
    channels: list[Token] = Field(default=[], max_length=10)
    signers: list[Token] = Field(default=["patient"], max_length=5)
    disclosers: list[Token] = Field(default=[], max_length=20)
    recipients: list[RecipientBody] = Field(default=[], max_length=50)
    purposes: list[Token] = Field(default=[], max_length=10)
    info_categories: list[Token] = Field(default=[], max_length=50)
    expires_at: Time | None = None
    expires_event: Token | None = None


class SignatureBody(Body):
    signer: Token


class AdministeredBody(Body):
    instrument: ShortText
    answers: Annotated[list[Answered], Field(max_length=40)]
    version: Token | None = None
    lifetime_months: Annotated[int, Field(ge=0, le=1200)] | None = None


class ScreeningBody(Body):
    instruments: list[AdministeredBody] = Field(default=[], max_length=20)
    home_safe: bool
    needs_24h_supervision: bool
    suicide_risk: Risk | None = None
    withdrawal_risk: Risk | None = None
    opioid_history: bool = False
    alternative_housing: bool = False


class ContactBody(Body):
    channel: Token
    reached: bool


class ResolutionBody(Body):
    plan_ref: Token | None = None


class OwnerBody(Body):
    owner: Token | None


class DetoxBody(Body):
    setting: Token
    trigger: Token
    expected_return_on: Day | None = None
    facility_id: Token | None = None
    in_house: bool = False


class DetoxReturnBody(Body):
    outcome: Token
    medically_cleared: bool
    cleared_by: Token | None = None


class RatingBody(Body):
    dimension: Count
    rating: Words


class DiagnosisBody(Body):
    system: Token = "icd10cm"
    code: Dotless
    rank: Count


class AvailabilityBody(Body):
    dow: Weekday
    block: Annotated[Token, Field(pattern="^(morning|evening)$")]


class LocusBody(Body):
    scales: Annotated[list[Item], Field(max_length=10)]
    composite: Score


class AssessmentBody(Body):
    dimensions: list[RatingBody] = Field(default=[], max_length=12)
    recommended_level: Level
    assessor_credential: Token
    diagnoses: Annotated[list[DiagnosisBody], Field(max_length=30)]
    availability: list[AvailabilityBody] = Field(default=[], max_length=14)
    stage_of_change: Token | None = None
    support_network: Token | None = None
    curriculum_tracks: list[Token] = Field(default=[], max_length=20)
    programs_presented: list[Token] = Field(default=[], max_length=20)
    patient_choice: Token | None = None
    choice_reason: Token | None = None
    differs_reason: Token | None = None
    locus: LocusBody | None = None


class CoverageBody(Body):
    payer_id: Token
    plan_kind: PlanKind
    status: Token
    auth_required: bool
    valid_from: Day | None = None
    valid_through: Day | None = None
    patient_share_cents: Cents | None = None
    hardship: bool = False


class AuthorizationBody(Body):
    status: Token
    level: Level
    unit_kind: Token
    units_approved: Count
    valid_from: Day
    valid_to: Day
    service_codes: list[Token] = Field(default=[], max_length=20)
    days_per_week: Weekday | None = None
    authorization_id: Token | None = None


class CertificationBody(Body):
    certified_by: Token
    credential: Token
    certified_on: Day


class SeatRequestBody(Body):
    earliest_start: Day
    weekly_minutes: Minutes
    days_per_week: Weekday
    program_kind: ProgramKind | None = None


class OutOfTurnBody(Body):
    reason: Token
    earliest_start: Day | None = None


class PriorityBody(Body):
    priority: Annotated[int, Field(ge=1, le=9)]
    reason: Token


class OfferBody(Body):
    accept: bool


class AdmissionBody(Body):
    program_id: Token
    primary_clinician_id: Token
    program_kind: ProgramKind


class DeclineBody(Body):
    reason: DeclineReason
    alternatives: list[Level] = Field(default=[], max_length=10)
    duplicate_of: Token | None = None
