"""What an instrument is: items, bands, change rules, triggers and licence, as data checked when read."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.instruments import checks

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Of an instrument, band, subscale, flag or item; too narrow to carry the wording of a question."""
Key = Annotated[str, Field(pattern=r"^[1-9][0-9]?[A-Z]?$", description="An item as printed: 3, or 7A.")]
Version = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")]
Cite = Annotated[str, Field(min_length=3, max_length=500)]
LoincCode = Annotated[str, Field(pattern=r"^[0-9]{1,7}-[0-9]$")]

HUNDREDTHS = 2
"""Decimals of an instrument of means: its numbers are kept as whole hundredths."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Licence(StrEnum):
    """On what terms an instrument may be used."""

    PUBLIC_DOMAIN = "public_domain"
    FREE_WITH_CREDIT = "free_with_credit"
    NON_COMMERCIAL = "non_commercial"
    PROVIDER_ATTESTED = "provider_attested"
    """The provider states that it may use the instrument, and brings the wording."""
    RESEARCH_ONLY = "research_only"


class Scoring(StrEnum):
    """How answers become numbers."""

    SUM = "sum"
    SUBSCALES = "subscales"
    """Sums of subscales and no total."""
    MEANS = "means"
    """Means of subscales, and as total the mean of those; in hundredths."""
    LEVELS = "levels"
    """No numbers: the first level that an answer speaks for."""


class Item(_Table):
    """One question or rating, and the whole numbers it may be answered with."""

    key: Key
    values: Annotated[tuple[int, ...], Field(min_length=2)]
    name: Name | None = None
    scored: bool = True
    optional: bool = False
    """May be left out at the end of the list of answers."""
    reversed: bool = False
    parts: tuple[Key, ...] = ()
    """Keys of the answers that may be given in place of one."""
    words: dict[str, int] = {}
    """Answers that have a word of their own."""
    loinc: LoincCode | None = None
    text: str | None = None

    @property
    def yes_no(self) -> bool:
        return self.values == (0, 1)

    def points(self, answer: int) -> int:
        """What a legal answer counts."""
        return self.values[0] + self.values[-1] - answer if self.reversed else answer


class Band(_Table):
    """A named part of the total's range, both ends included."""

    name: Name
    low: int
    high: int


class Subscale(_Table):
    """Items that are read together."""

    name: Name
    items: tuple[Key, ...]


class Trigger(_Table):
    """A flag that a number raises: of an item, a subscale or a band, or else of the total."""

    flag: Name
    item: Key | None = None
    subscale: Name | None = None
    band: Name | None = None
    at_least: int | None = None
    at_most: int | None = None
    says: str
    cite: Cite


class Gap(_Table):
    """Answers after which some items are not asked."""

    when: dict[Key, tuple[int, ...]]
    optional: tuple[Key, ...]
    why: str = ""
    """Where it is set, an answer other than zero to an item not asked is a contradiction, for this reason."""


class Provisional(_Table):
    """A flag for a pattern of present symptoms: so many in each subscale."""

    flag: Name
    present_at: int
    needs: dict[Name, int]
    says: str
    cite: Cite


class Sign(_Table):
    """Any of these items answered with one of these values."""

    items: tuple[Key, ...]
    values: tuple[int, ...]

    def shows(self, answers: Mapping[str, int | None]) -> bool:
        return any(answers.get(key) in self.values for key in self.items)


class Escalation(_Table):
    """Signs that lift a result by one band, and the flag that says so."""

    flag: Name
    signs: tuple[Sign, ...]
    says: str
    cite: Cite


class SexCut(_Table):
    """A total that is positive from another number on for men than for women."""

    male: int
    female: int
    lower_flag: Name
    """Raised where the sex is not known and the lower number was used."""
    lower_says: str
    alone: Key
    """Points from this item alone are looked at by a person and are not positive."""
    alone_flag: Name
    alone_says: str
    cite: Cite

    @property
    def lower(self) -> int:
        return min(self.male, self.female)


class Level(_Table):
    """A level and the signs that speak for it; the last one has none and takes what is left."""

    band: Name
    signs: tuple[Sign, ...] = ()
    fixed: bool = False
    """Published; a network may not change it."""
    cite: Cite


class Recency(_Table):
    """An item whose answer depends on how many months ago something was."""

    item: Key
    recent: int
    earlier: int
    months: int
    """Up to so many months ago is recent."""


class Change(_Table):
    """What counts as a change between two results, in points of the total."""

    reliable: int | None = None
    """More than measurement error explains."""
    meaningful: int | None = None
    """The smallest change that people notice."""
    response_percent: int | None = None
    """A drop of so many percent since the start."""
    remission_below: int | None = None
    significant_at_most: int | None = None
    """A total so low after a reliable change is clinically significant."""
    off_track: tuple[tuple[int, int], ...] = ()
    """(week, total): from this total on in this week, response is unlikely."""
    cite: Cite | None = None


class Loinc(_Table):
    """Codes of the panel, its total, or its result where there is no total."""

    panel: LoincCode | None = None
    total: LoincCode | None = None
    result: LoincCode | None = None


class Instrument(_Table):
    """One version of an instrument."""

    name: Name
    version: Version
    title: Annotated[str, Field(min_length=3, max_length=80)]
    aliases: tuple[str, ...] = ()
    default: bool = True
    version_required: bool = False
    """Its versions cannot be told apart by their answers, so whoever scores says which it is."""
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    scoring: Scoring
    subscales: tuple[Subscale, ...] = ()
    bands: tuple[Band, ...] = ()
    levels: tuple[Level, ...] = ()
    gaps: tuple[Gap, ...] = ()
    recency: Recency | None = None
    escalation: Escalation | None = None
    sex_cut: SexCut | None = None
    provisional: Provisional | None = None
    triggers: tuple[Trigger, ...] = ()
    change: Change = Change()
    licence: Licence
    credit: Annotated[str, Field(min_length=3, max_length=500)]
    wording: bool
    """Whether the licence lets the wording travel with this definition."""
    stem: str | None = None
    loinc: Loinc = Loinc()
    cite: Cite

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if found := list(checks.problems(self)):
            raise ValueError(f"{self.name}: {'; '.join(found)}")
        return self

    @property
    def decimals(self) -> int:
        """How many decimals its whole numbers carry: 280 with 2 decimals is 2.80."""
        return HUNDREDTHS if self.scoring is Scoring.MEANS else 0

    @property
    def limits(self) -> tuple[int, int] | None:
        """Lowest and highest total; None where there is no total."""
        if self.scoring in {Scoring.SUBSCALES, Scoring.LEVELS}:
            return None
        if self.scoring is Scoring.MEANS:
            scored = [value for item in self.items if item.scored for value in item.values]
            return 100 * min(scored), 100 * max(scored)
        return self.span(tuple(item.key for item in self.items if item.scored))

    def span(self, keys: tuple[str, ...]) -> tuple[int, int]:
        """Lowest and highest sum of some items."""
        values = [item.values for item in self.items if item.key in keys]
        return sum(map(min, values)), sum(map(max, values))

    def item(self, key: str) -> Item:
        """The item of a key; raises LookupError where there is none."""
        for item in self.items:
            if key == item.key or key in item.parts:
                return item
        raise LookupError(f"{self.name} has no item {key}")

    def meanings(self) -> dict[str, str]:
        """Every flag this instrument may raise, and what it says."""
        said = {t.flag: t.says for t in self.triggers}
        for rule in (self.escalation, self.provisional):
            if rule:
                said[rule.flag] = rule.says
        if cut := self.sex_cut:
            said |= {cut.alone_flag: cut.alone_says, cut.lower_flag: cut.lower_says}
        return said


def adjusted(instrument: Instrument, changes: Mapping[str, Any]) -> Instrument:
    """A network's own numbers laid over a definition.

    `bands` and `levels` replace, `change`, `cuts` (flag to number) and `positive_at` (sex to number) lie over
    what is there, and `cite` says where they come from. Raises ValueError where the result does not hold
    together.
    """
    if not changes:
        return instrument
    layers = {"bands", "levels", "change", "cuts", "positive_at", "cite"}
    if strangers := sorted(changes.keys() - layers):
        raise ValueError(
            f"{instrument.name}: a network may change {', '.join(sorted(layers))}, not {', '.join(strangers)}"
        )
    raw = instrument.model_dump(mode="json") | {
        key: changes[key] for key in ("bands", "levels", "cite") if key in changes
    }
    raw["change"] |= _table(instrument, changes, "change", set(Change.model_fields))
    flags = {t.flag for t in instrument.triggers if t.band is None}
    cuts = _table(instrument, changes, "cuts", flags)
    for trigger in raw["triggers"]:
        if trigger["flag"] in cuts:
            side = "at_most" if trigger["at_least"] is None else "at_least"
            trigger[side] = cuts[trigger["flag"]]
    if "positive_at" in changes:
        _move_sex_cut(instrument, raw, changes)
    changed = Instrument.model_validate_json(json.dumps(raw, default=str))
    fixed = [level for level in instrument.levels if level.fixed]
    if fixed != list(changed.levels[: len(fixed)]):
        raise ValueError(f"{instrument.name}: {', '.join(x.band for x in fixed)} is published and stays")
    return changed


def _table(instrument: Instrument, changes: Mapping[str, Any], key: str, known: set[str]) -> dict[str, Any]:
    table = changes.get(key, {})
    if not isinstance(table, Mapping) or not table.keys() <= known:
        raise ValueError(f"{instrument.name}: {key} is a table of {', '.join(sorted(known)) or 'nothing'}")
    return dict(table)


def _move_sex_cut(instrument: Instrument, raw: dict[str, Any], changes: Mapping[str, Any]) -> None:
    known = {"male", "female"} if instrument.sex_cut else set[str]()
    raw["sex_cut"] = (raw["sex_cut"] or {}) | _table(instrument, changes, "positive_at", known)
    cuts = [raw["sex_cut"][sex] for sex in sorted(known)]
    if "bands" not in changes and all(type(cut) is int for cut in cuts):
        negative, positive = raw["bands"]
        raw["bands"] = [negative | {"high": min(cuts) - 1}, positive | {"low": min(cuts)}]
