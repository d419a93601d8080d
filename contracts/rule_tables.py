"""The tables of the rulebook about programs, groups, closed days, codes, risk dates, plans and measures."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.vocabulary import GroupKind, LevelOfCare, ProgramKind, ServiceKind

_COMMON_YEAR = 2027
"""A year without a 29 February, which is no yearly day."""


class Table(BaseModel):
    """Numbers that belong together, with who says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CodeRules(Table):
    """What a procedure code may be billed for, and what it asks of a week."""

    levels: tuple[str, ...]
    programs: tuple[ProgramKind, ...]
    services: tuple[ServiceKind, ...]
    modifiers: tuple[str, ...] = ()
    min_minutes: int = 0
    max_minutes: int = 10_080
    day_rule: bool = False
    """It stands for a whole day, and only for one that meets the day rule."""
    min_days: int = Field(default=1, ge=1, le=7)
    """Fewest days a week of somebody to whom the payer authorized it."""
    cite: str = Field(min_length=1)


class RiskDateRules(Table):
    """When sessions around a risk date are proposed."""

    notice_days: int = Field(ge=0)
    within_days: int = Field(ge=0)
    """How far from the date a session may be."""
    settle_days: int = Field(ge=0)
    """So long before the date the proposal is made even where no session is planned yet."""
    cite: str


class MoveRules(Table):
    """When somebody may be asked to take other seats so that somebody else can have theirs."""

    answer_hours: int = Field(gt=0)
    rest_days: int = Field(ge=0)
    """How long nobody is asked again."""
    first_days: int = Field(ge=0)
    """How long whoever is new is left alone."""
    cite: str


class GroupRules(Table):
    max_capacity: int = Field(gt=0)
    """The most seats of a group; `max_capacity_of` says it for one kind of group."""
    max_capacity_of: dict[GroupKind, Annotated[int, Field(gt=0)]] = {}
    cite: str

    def cap(self, kind: GroupKind) -> int:
        return self.max_capacity_of.get(kind, self.max_capacity)


class FacilitatorRules(Table):
    credentials: dict[ServiceKind, tuple[str, ...]]
    """Who may lead which kind of service."""
    cite: str

    @model_validator(mode="after")
    def _every_service_is_led(self) -> "FacilitatorRules":
        if not set(ServiceKind) <= self.credentials.keys():
            raise ValueError("credentials names every kind of service")
        return self


class HoldRules(Table):
    """How long treatment may rest, and what coming back asks for."""

    max_days: int = Field(ge=1, le=366)
    ahead_days: int = Field(ge=0, le=366)
    """How early a hold may be agreed on before it begins."""
    rescreen_after_days: int = Field(ge=0)
    reassess_after_days: int = Field(ge=0)
    """A longer hold asks for a new screening, or a new assessment, before treatment goes on."""
    screens: tuple[str, ...]
    """Instruments whose result is a new screening."""
    cite: str


class TaperRules(Table):
    """How long somebody may be treated below the minimum of a level that is about to end."""

    max_days: int = Field(ge=1, le=92)
    cite: str


class AftercareRules(Table):
    """What an end of the program rests on, and what may follow."""

    components: tuple[str, ...]
    exit_instruments: tuple[str, ...]
    """Instruments measured again at the end, where they were measured at the start."""
    exit_measure_days: int = Field(ge=0)
    """How old an exit measure may be."""
    cite: str


class CommunityRules(Table):
    """Referrals to somebody outside the network."""

    kinds: tuple[str, ...]
    outcomes: tuple[str, ...]
    max_follow_up_days: int = Field(ge=1, le=366)
    max_open: int = Field(ge=1, le=40)
    cite: str


class Holiday(Table):
    """A yearly day: a date, or the n-th weekday of a month, the last one where n is -1."""

    name: str = Field(pattern=r"^[a-z_]{1,64}$")
    month: int = Field(ge=1, le=12)
    day: int = Field(default=0, ge=0, le=31)
    dow: int = Field(default=0, ge=0, le=7)
    nth: int = Field(default=0, ge=-1, le=4)

    @model_validator(mode="after")
    def _is_a_day(self) -> "Holiday":
        if (self.day > 0) == (self.dow > 0) or (self.dow > 0) != (self.nth != 0):
            raise ValueError("a holiday has a day, or a dow and its nth")
        if self.day:
            date(_COMMON_YEAR, self.month, self.day)
        return self


class HolidayRules(Table):
    days: tuple[Holiday, ...]
    observed: dict[Literal["saturday", "sunday"], Literal[-1, 0, 1]]
    """By how many days a date that falls on a weekend moves."""
    cite: str


class PlanRules(Table):
    modalities: tuple[str, ...] = Field(min_length=1)
    """What an intervention may be."""
    cite: str


class Curriculum(Table):
    """What a person takes in over the weeks: kinds of group, and how many sessions of each."""

    parts: dict[GroupKind, Annotated[int, Field(gt=0)]] = Field(min_length=1)
    cite: str = Field(min_length=1)


class Cadence(Table):
    """How often an instrument is asked for."""

    programs: tuple[ProgramKind, ...]
    every_days: int = Field(ge=1)
    with_baseline: bool = False
    """Only of somebody who began with it."""
    cite: str = Field(min_length=1)


class ScreenerRules(Table):
    """When staff ask a person anew whether they think of suicide."""

    instrument: str
    absence_days: int = Field(ge=1)
    """On the day on which somebody is back after more days than these."""
    cite: str = Field(min_length=1)


class MeasureRules(Table):
    cadence: dict[str, Cadence]
    """By instrument."""
    screener: ScreenerRules
    expiry_days: int = Field(ge=1)
    """For how long a request stands; when they have passed it is missed."""
    reminder_days: int = Field(ge=1)
    use_free_results: int = Field(ge=1)
    """So many results without use in a row, and the next with use is news."""
    cite: str


class MajorityRules(Table):
    """From when a person signs alone: the law, which is another number than the age of clinical bands."""

    age: int = Field(ge=1, le=30)
    cite: str = Field(min_length=1)


class ProgramRules(Table):
    default_days: int
    max_days: int
    ladder_minutes: tuple[int, ...]
    """Weekly minutes of each rung inside the level, highest first."""
    lower_level: str | dict[str, str]
    """What comes below the level of a program: by edition of the criteria, or one for all."""
    lower_level_minutes: int
    cite: str

    def below(self, level: LevelOfCare) -> LevelOfCare | None:
        """The level below a program, in the edition in which a level was found."""
        names = self.lower_level
        code = names if isinstance(names, str) else names.get(level.edition)
        return LevelOfCare(edition=level.edition, code=code) if code else None
