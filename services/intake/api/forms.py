"""The bodies of intake's requests."""

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from contracts.vocabulary import (
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
Score = Annotated[int, Field(ge=0, le=100)]
Item = Annotated[int, Field(ge=0, le=10)]
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
    given: ShortText
    family: ShortText
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


class ConsentBody(Body):
    kind: Token
    channels: list[Token] = Field(default=[], max_length=10)


class ScreeningBody(Body):
    ciwa: Score | None = None
    cows: Score | None = None
    phq9: Annotated[list[Item], Field(max_length=9)] | None = None
    gad7: Annotated[list[Item], Field(max_length=7)] | None = None
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool
    withdrawal_risk: Risk


class DetoxBody(Body):
    setting: Token
    trigger: Token
    expected_return_on: Day | None = None


class DetoxReturnBody(Body):
    outcome: Token
    medically_cleared: bool


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


class AssessmentBody(Body):
    dimensions: Annotated[list[RatingBody], Field(max_length=12)]
    recommended_level: Level
    assessor_credential: Token
    diagnoses: Annotated[list[DiagnosisBody], Field(max_length=30)]
    availability: list[AvailabilityBody] = Field(default=[], max_length=14)
    stage_of_change: Token | None = None
    support_network: Token | None = None


class CoverageBody(Body):
    payer_id: Token
    plan_kind: PlanKind
    status: Token
    auth_required: bool


class AuthorizationBody(Body):
    status: Token
    level: Level
    unit_kind: Token
    units_approved: Count
    valid_from: Day
    valid_to: Day


class SeatRequestBody(Body):
    earliest_start: Day
    weekly_minutes: Minutes
    days_per_week: Weekday
    program_kind: ProgramKind | None = None


class OfferBody(Body):
    accept: bool


class AdmissionBody(Body):
    program_id: Token
    primary_clinician_id: Token
    program_kind: ProgramKind
    certified_by: Token | None = None


class DeclineBody(Body):
    reason: DeclineReason
    alternatives: list[Level] = Field(default=[], max_length=10)
