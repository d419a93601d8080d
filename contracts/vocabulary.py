"""Words and constrained values that every event may use."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

_UNPRINTABLE = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f\\ud800-\\udfff]")


_When = TypeVar("_When", date, datetime)


def _printable(value: str) -> str:
    """Refuse what Postgres, a log line or a terminal could choke on."""
    if _UNPRINTABLE.search(value):
        raise ValueError("control characters and lone surrogates are not allowed")
    return value


def told_everywhere(when: _When) -> _When:
    """Refuse a day or an instant that some zone has not; a database takes the very ends for infinity."""
    if not 1 < when.year < 9999:
        raise ValueError("the end of time")
    return when


Token = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="An opaque id or code; safe in a subject.")
]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
ShortText = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Minutes = Annotated[int, Field(ge=0, le=10_080, description="Whole elapsed minutes; at most a week.")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Permille = Annotated[int, Field(ge=0, le=1000)]
Cents = Annotated[int, Field(ge=0, le=1_000_000_000, description="Whole cents of the site's currency.")]
Score = Annotated[int, Field(ge=-10_000, le=10_000)]
Points = Annotated[int, Field(ge=-10_000_000, le=10_000_000)]
Weekday = Annotated[int, Field(ge=1, le=7, description="ISO weekday: 1 is Monday.")]
LocalTime = Annotated[
    str,
    Field(
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", description="Wall time at the site; 24:00 ends a day."
    ),
]
Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$", description="IANA time zone.")]
Instant = Annotated[AwareDatetime, AfterValidator(told_everywhere)]
Day = Annotated[date, AfterValidator(told_everywhere)]


class Part(BaseModel):
    """A value inside an event: frozen, strict, tolerant of new fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Actor(Part):
    """Who caused something: a signed-in user, a patient or Handrail itself."""

    type: "ActorType"
    id: Token
    role: Token


class ActorType(StrEnum):
    USER = "user"
    SYSTEM = "system"
    PATIENT = "patient"


class LevelOfCare(Part):
    """A level of care in the edition of the criteria that the site works with."""

    edition: Token = "3"
    code: Annotated[str, Field(pattern=r"^[0-9](\.[0-9])?$")]

    def __str__(self) -> str:
        return self.code


class ProgramKind(StrEnum):
    SUD = "sud"
    MENTAL_HEALTH = "mental_health"
    CO_OCCURRING = "co_occurring"
    EATING_DISORDER = "eating_disorder"


class AgeBand(StrEnum):
    ADULT = "adult"
    ADOLESCENT = "adolescent"


class ReferralSource(StrEnum):
    SELF = "self"
    FAMILY = "family"
    PCP = "pcp"
    THERAPIST = "therapist"
    HOSPITAL = "hospital"
    DETOX = "detox"
    RESIDENTIAL = "residential"
    PHP = "php"
    COURT = "court"
    SCHOOL = "school"
    EMPLOYER = "employer"
    PAYER = "payer"
    OTHER = "other"


class Urgency(StrEnum):
    ROUTINE = "routine"
    URGENT = "urgent"
    EMERGENT = "emergent"


class Risk(StrEnum):
    NONE = "none"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class DeclineReason(StrEnum):
    OUT_OF_SCOPE = "out_of_scope"
    DUPLICATE = "duplicate"
    UNREACHABLE = "unreachable"
    PATIENT_DECLINED = "patient_declined"
    NEEDS_HIGHER_LEVEL = "needs_higher_level"
    NO_COVERAGE = "no_coverage"
    NO_CAPACITY = "no_capacity"
    OTHER = "other"


class PlanKind(StrEnum):
    COMMERCIAL = "commercial"
    MEDICAID = "medicaid"
    MEDICARE = "medicare"
    VA = "va"
    SELF_PAY = "self_pay"
    SLIDING_FEE = "sliding_fee"


class GroupKind(StrEnum):
    RELAPSE_PREVENTION = "relapse_prevention"
    EARLY_RECOVERY_SKILLS = "early_recovery_skills"
    SKILL_BUILDING = "skill_building"
    CBT = "cbt"
    DBT = "dbt"
    TRAUMA = "trauma"
    PROCESS = "process"
    PSYCHOEDUCATION = "psychoeducation"
    FAMILY_EDUCATION = "family_education"
    SOCIAL_SUPPORT = "social_support"


class ServiceKind(StrEnum):
    GROUP = "group"
    INDIVIDUAL = "individual"
    FAMILY = "family"


class Modality(StrEnum):
    IN_PERSON = "in_person"
    VIDEO = "video"
    PHONE = "phone"


class DevicePolicy(StrEnum):
    """What happens to phones and other devices during treatment."""

    SURRENDER = "surrender"
    AIRPLANE_MODE = "airplane_mode"
    ALLOWED = "allowed"


class MissKind(StrEnum):
    NO_SHOW = "no_show"
    LATE_CANCEL = "late_cancel"
    EXCUSED = "excused"
    SITE_CANCELLED = "site_cancelled"


class GoalCategory(StrEnum):
    SOBRIETY = "sobriety"
    MENTAL_HEALTH = "mental_health"
    COPING_SKILLS = "coping_skills"
    STRESS_MANAGEMENT = "stress_management"
    RELAPSE_PREVENTION = "relapse_prevention"
    RELATIONSHIPS_FAMILY = "relationships_family"
    SUPPORT_NETWORK = "support_network"
    HOUSING = "housing"
    EMPLOYMENT = "employment"
    EDUCATION = "education"
    LEGAL_PROBATION = "legal_probation"
    PHYSICAL_HEALTH = "physical_health"
    MEDICATION = "medication"
    SHAME_GUILT = "shame_guilt"
    OTHER = "other"


class DischargeReason(StrEnum):
    """Why an episode ended; `rulebook` maps each to its TEDS category."""

    COMPLETED_GOALS = "completed_goals"
    TRANSFERRED_HIGHER_LEVEL = "transferred_higher_level"
    TRANSFERRED_LOWER_LEVEL = "transferred_lower_level"
    TRANSFERRED_OTHER_PROVIDER = "transferred_other_provider"
    LEFT_AGAINST_ADVICE = "left_against_advice"
    DROPPED_OUT_NO_CONTACT = "dropped_out_no_contact"
    NEVER_ATTENDED = "never_attended"
    ADMINISTRATIVE = "administrative"
    INCARCERATED = "incarcerated"
    DECEASED = "deceased"
    MOVED = "moved"
    HOSPITALIZED_MEDICAL = "hospitalized_medical"
    DECLINED_FURTHER = "declined_further"
    COMPLETED_COURT = "completed_court"
    COVERAGE_ENDED = "coverage_ended"
    OTHER = "other"


class Slot(Part):
    """One weekly appointment in a patient's agreed week, in the site's wall time."""

    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime
    service_kind: ServiceKind
    group_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class Criterion(Part):
    """One fact behind a recommendation: what was asked, what was found, whether it holds."""

    id: Token
    value: Score
    threshold: Score
    met: bool
    evidence: tuple[Token, ...] = ()
    """Ids of the events that the value comes from."""


def utc(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC, to the microsecond only where it has one."""
    from datetime import UTC

    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Actor.model_rebuild()
