"""The numbers that rules use, as configuration with a citation."""

import os
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from contracts import instruments
from contracts.rule_tables import (
    AftercareRules,
    CodeRules,
    CommunityRules,
    Curriculum,
    FacilitatorRules,
    GroupRules,
    HoldRules,
    HolidayRules,
    MajorityRules,
    MeasureRules,
    MoveRules,
    PlanRules,
    ProgramRules,
    RiskDateRules,
    TaperRules,
)
from contracts.rule_tables import Table as _Table
from contracts.vocabulary import AgeBand, GroupKind, LevelOfCare, ProgramKind, Risk, ServiceKind

_DEFAULT = Path(__file__).with_name("rulebook.toml")
Place: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]


class Band(_Table):
    """Weekly creditable minutes of a level of care, both ends included."""

    level: str
    age_band: AgeBand
    min_minutes: int
    max_minutes: int
    cite: str

    def holds(self, minutes: int) -> bool:
        return self.min_minutes <= minutes <= self.max_minutes


class IntakeRules(_Table):
    min_age: int
    adult_age: int
    flag_age: int
    max_age: int
    """Above it a birth date is a mistake; from `flag_age` on somebody checks it."""
    max_level_served: str
    contact_days: int
    assessment_ttl_days: int
    screening_ttl_days: int
    suicide_screen_ttl_days: int
    offer_ttl_hours: int
    waitlist_ttl_days: int
    max_missed_offers: int
    ask_again_hours: int = Field(gt=0)
    """How often a waiting person's wish is put to scheduling again."""
    suicide_code_days: int
    """A coded suicidal crisis no older than this makes a referral urgent."""
    assessor_credentials: tuple[str, ...]
    edition: str
    """Which criteria an adult is rated by."""
    adolescent_edition: str
    dimensions: dict[str, tuple[int, ...]]
    """Edition to the dimensions that must be rated, each once."""
    detox_in_house: bool
    minor_signers: tuple[str, ...]
    """Who must sign for a minor: state law decides."""
    ack_minutes_high: int = Field(gt=0)
    escalate_minutes: dict[Risk, Annotated[int, Field(gt=0)]]
    """By severity, how long each escalation waits for an acknowledgement before the next."""
    escalate_to: tuple[str, ...] = Field(min_length=1)
    """Roles told one after the other while nobody acknowledges; the last one again and again."""
    low_units: int
    low_days: int
    """What of an authorization may remain before somebody is told."""
    cite: str

    @model_validator(mode="after")
    def _every_alert_escalates(self) -> "IntakeRules":
        if not {Risk.MODERATE, Risk.HIGH} <= self.escalate_minutes.keys():
            raise ValueError("escalate_minutes names moderate and high")
        return self


class MatchingRules(_Table):
    """How alike two referrals are: points out of 1000, the highest that holds. The first two link."""

    identifier: int
    name_birth_phone: int
    name_birth: int
    birth_phone: int
    cite: str


class PayerRules(_Table):
    certification_required: bool
    certification_days: int
    certifier_credentials: tuple[str, ...]
    plan_physician_signature: bool
    """Whether a plan comes into force only with a physician's signature beside the other two."""
    certification_notice_days: tuple[Annotated[int, Field(ge=0, le=366)], ...]
    """How many days before a certification is due somebody is told."""
    cite: str


class ConsentRules(_Table):
    """What a consent of one kind must say to be one."""

    needs: tuple[str, ...]
    tpo: bool = False
    """Whether it covers treatment, payment and operations, and may go without an expiry."""
    guardians_end: bool = False
    """Whether it ends once the person is of age wherever a guardian signed, alone or not."""
    cite: str


class ProgramPreset(_Table):
    """A program that sites offer."""

    kind: ProgramKind
    age_band: AgeBand
    level: str
    cite: str


class Condition(_Table):
    """One comparison of a fact with a value."""

    fact: str
    op: Literal["eq", "ne", "ge", "le", "in"]
    value: bool | int | str | tuple[str, ...]


class LevelRule(_Table):
    """When all conditions hold, the facts speak for at least this level of care."""

    id: str
    when: tuple[Condition, ...] = Field(min_length=1)
    suggests: str = Field(pattern=r"^[0-9](\.[0-9])?$")
    because: str
    cite: str = Field(min_length=1)


class Layer(_Table):
    """What one network, site, program or payer does differently, and who says so."""

    network: str = ""
    site: str = ""
    program: str = ""
    payer: str = ""
    cite: str = Field(min_length=1)
    set: dict[str, Any]

    @property
    def rank(self) -> int:
        """The later of network, site, program and payer wins."""
        return max((n for n, key in enumerate(self.keys, 1) if key), default=0)

    @property
    def keys(self) -> tuple[str, str, str, str]:
        return self.network, self.site, self.program, self.payer

    def fits(self, place: Place) -> bool:
        return all(not mine or mine in theirs for mine, theirs in zip(self.keys, place, strict=True))


class AttendanceRules(_Table):
    no_show_grace_minutes: int
    outreach_after_missed: int
    day_rule_minutes: int
    day_rule_level: str
    breaks_creditable: bool
    schedule_ahead_days: int
    min_days: int = Field(ge=1, le=7)
    """Fewest days of service a week."""
    max_gap_days: int
    late_cancel_hours: int = Field(ge=0)
    """A cancellation with less notice counts as a late one."""
    late_entry_days: int = Field(ge=0)
    """For how long attendance that nobody recorded may still be entered."""
    day_min_creditable: int
    """Creditable minutes below which the payer pays nothing for a day."""
    required_kinds: tuple[ServiceKind | GroupKind, ...]
    """Kinds of service, or of group, that must be part of every week."""
    cite: str


class ProgressRules(_Table):
    attendance_permille: int
    attendance_weeks: int
    clean_days: int
    spacing_days: int
    recommendation_ttl_days: int
    decline_rest_days: int = Field(ge=0, le=366)
    """For so long the machine leaves a clinician's no alone."""
    review_task_days: int = Field(ge=0, le=366)
    """Within so many days somebody looks at an approval that lost its ground, or at what ran out."""
    extension_notice_days: int
    extension_request_days: int = Field(ge=0)
    """So long before the planned end more days may be asked for without saying why so late."""
    extension_days: int
    extension_reasons: tuple[str, ...]
    dropout_days: int
    dropout_attempts: int
    dropout_channels: int
    plan_due_sessions: int = Field(ge=1)
    """By which attended session a plan is signed."""
    plan_review_days: int = Field(ge=1)
    plan_review_warn_days: tuple[Annotated[int, Field(gt=0)], ...]
    """How many days ahead of a review somebody is told."""
    outreach_channels: tuple[str, ...]
    readmit_days: int
    never_attended_days: int
    never_attended_attempts: int
    reassessment_ttl_days: int = Field(ge=0)
    """How old the assessment behind a readmission may be."""
    cite: str


class CheckInRules(_Table):
    cadence_days: int
    days: int
    max_missed: int
    contact_modes: tuple[str, ...]
    cite: str


class QuietHours(_Table):
    from_hour: int
    to_hour: int
    cite: str


class Rulebook(_Table):
    bands: tuple[Band, ...]
    intake: IntakeRules
    majority: MajorityRules
    matching: MatchingRules
    payer: PayerRules
    consents: dict[str, ConsentRules]
    programs: dict[str, ProgramPreset]
    level_rules: tuple[LevelRule, ...]
    program: ProgramRules
    attendance: AttendanceRules
    groups: GroupRules
    facilitators: FacilitatorRules
    holidays: HolidayRules
    codes: dict[str, CodeRules]
    risk_dates: RiskDateRules
    moves: MoveRules
    progress: ProgressRules
    plans: PlanRules
    curricula: dict[str, Curriculum] = Field(default_factory=dict)
    measures: MeasureRules
    taper: TaperRules
    holds: HoldRules
    aftercare: AftercareRules
    community: CommunityRules
    instruments: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What is done differently from the instruments' own definitions, by instrument."""
    checkins: CheckInRules
    quiet_hours: QuietHours
    teds: dict[str, str]
    detail_codes: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]] = Field(
        default_factory=dict
    )
    """What a state asks to be told beyond the reason of a discharge, by reason."""
    layers: tuple[Layer, ...] = ()
    _at: dict[Place, "Rulebook"] = PrivateAttr(default_factory=dict)
    _below: "Rulebook | None" = PrivateAttr(default=None)
    """The rules that those of one place were laid over."""

    @model_validator(mode="after")
    def _instruments_hold(self) -> "Rulebook":
        for name, changes in self.instruments.items():
            try:
                instruments.adjusted(instruments.find(name), changes)
            except LookupError as error:
                raise ValueError(f"there is no instrument {name}") from error
        asked = {*self.measures.cadence, self.measures.screener.instrument}
        if strangers := sorted(asked - set(instruments.names())):
            raise ValueError(f"there is no instrument {strangers[0]}")
        return self

    def band(self, level: LevelOfCare, age_band: AgeBand) -> Band:
        """The band of a level; raises LookupError where the level has none."""
        for band in self.bands:
            if band.level == level.code and band.age_band is age_band:
                return band
        raise LookupError(f"no band for level {level.code}, {age_band}")

    def at(
        self, network: str = "", site: str = "", program: str = "", payer: Sequence[str] = ()
    ) -> "Rulebook":
        """The rules in force at one place: network, site, program and payer over the defaults, later wins.

        A payer is known by its id and by its kind of plan. Asked of the rules of one place, those of another
        hold nothing of it: what one payer wants says nothing about the next.
        """
        if self._below is not None:
            return self._below.at(network, site, program, payer)
        place = ((network,), (site,), (program,), tuple(payer))
        fitting = [layer for layer in self.layers if layer.fits(place)]
        if not fitting:
            return self
        known = ((network,), (site,), (program,), tuple(k for k in payer if self._names_payer(k)))
        if known not in self._at:
            self._at[known] = self._laid_over(fitting)
        return self._at[known]

    def _names_payer(self, key: str) -> bool:
        return any(layer.payer == key for layer in self.layers)

    def _laid_over(self, layers: Sequence[Layer]) -> "Rulebook":
        merged = self.model_dump(mode="json", exclude={"layers"})
        for layer in sorted(layers, key=lambda each: each.rank):
            merged = _merge(merged, layer.set)
        return Rulebook.model_validate(merged | {"layers": self.layers}).over(self)

    def over(self, below: "Rulebook") -> "Rulebook":
        """These rules, knowing what they were laid over."""
        self._below = below
        return self


def _merge(below: Any, above: Any) -> Any:
    """Tables are laid over each other key by key; bands replace the band of the same level and age."""
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _bands(below[key], value) if key == "bands" else _merge(below.get(key), value)
        return merged
    return above


def _bands(below: Any, above: Any) -> Any:
    if not (isinstance(above, list) and all(isinstance(b, dict) and "level" in b for b in above)):
        return above
    changed = {(b["level"], b.get("age_band")) for b in above}
    return [b for b in below if (b["level"], b["age_band"]) not in changed] + above


class BadRulebook(ValueError):
    """The rules do not hold together; says where and why."""


@lru_cache
def rulebook(path: str | None = None) -> Rulebook:
    """The rulebook in force: the file given, else HANDRAIL_RULEBOOK over Handrail's defaults.

    A file of a network's own holds what it does differently, and its layers. Raises BadRulebook.
    """
    own = path or os.environ.get("HANDRAIL_RULEBOOK")
    try:
        merged = tomllib.loads(_DEFAULT.read_text())
        if own:
            theirs = tomllib.loads(Path(own).read_text())
            layers = [*merged.pop("layers", []), *theirs.pop("layers", [])]
            merged = _merge(merged, theirs) | {"layers": layers}
        rules = Rulebook.model_validate(merged)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadRulebook(f"The rulebook cannot be read: {error}.") from error
    except ValidationError as error:
        raise BadRulebook(f"The rulebook does not hold: {_where(error)}.") from error
    _check_every_place(rules)
    return rules


def _check_every_place(rules: Rulebook) -> None:
    """Whatever may come together is tried at the start, so that no rule can fail for one patient only."""
    networks = {layer.network for layer in rules.layers} | {""}
    sites = {layer.site for layer in rules.layers} | {""}
    programs = {layer.program for layer in rules.layers} | {""}
    payers = {layer.payer for layer in rules.layers} | {""}
    for network, site, program, payer in product(*map(sorted, (networks, sites, programs, payers))):
        try:
            rules.at(network, site, program, (payer,))
        except ValidationError as error:
            place = ", ".join(filter(None, (network, site, program, payer)))
            raise BadRulebook(f"The rulebook does not hold for {place}: {_where(error)}.") from error


def _where(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
