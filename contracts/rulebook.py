"""The numbers that rules use, as configuration with a citation."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from contracts.vocabulary import AgeBand, LevelOfCare

_DEFAULT = Path(__file__).with_name("rulebook.toml")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    duplicate_open: bool
    contact_days: int
    assessment_ttl_days: int
    screening_ttl_days: int
    suicide_screen_ttl_days: int
    ciwa_detox: int
    cows_detox: int
    offer_ttl_hours: int
    waitlist_ttl_days: int
    max_missed_offers: int
    ask_again_hours: int
    """How often a waiting person's wish is put to scheduling again."""
    suicide_code_days: int
    """A coded suicidal crisis no older than this makes a referral urgent."""
    assessor_credentials: tuple[str, ...]
    cite: str


class ProgramRules(_Table):
    default_days: int
    max_days: int
    ladder_minutes: tuple[int, ...]
    """Weekly minutes of each rung inside the level, highest first."""
    lower_level: str
    lower_level_minutes: int
    cite: str


class AttendanceRules(_Table):
    no_show_grace_minutes: int
    outreach_after_missed: int
    day_rule_minutes: int
    day_rule_level: str
    breaks_creditable: bool
    schedule_ahead_days: int
    max_gap_days: int
    cite: str


class ProgressRules(_Table):
    attendance_permille: int
    attendance_weeks: int
    clean_days: int
    spacing_days: int
    recommendation_ttl_days: int
    extension_notice_days: int
    extension_days: int
    dropout_days: int
    dropout_attempts: int
    dropout_channels: int
    plan_review_days: int
    readmit_days: int
    never_attended_days: int
    never_attended_attempts: int
    cite: str


class InstrumentRules(_Table):
    items: int
    item_max: int
    bands: tuple[tuple[int, str], ...]
    reliable_change: int
    remission_below: int
    cite: str

    def band(self, total: int) -> str:
        return [name for floor, name in self.bands if total >= floor][-1]


class CheckInRules(_Table):
    cadence_days: int
    days: int
    max_missed: int
    cite: str


class QuietHours(_Table):
    from_hour: int
    to_hour: int
    cite: str


class Rulebook(_Table):
    bands: tuple[Band, ...]
    intake: IntakeRules
    program: ProgramRules
    attendance: AttendanceRules
    progress: ProgressRules
    instruments: dict[str, InstrumentRules]
    checkins: CheckInRules
    quiet_hours: QuietHours
    teds: dict[str, str]

    def band(self, level: LevelOfCare, age_band: AgeBand) -> Band:
        """The band of a level; raises LookupError where the level has none."""
        for band in self.bands:
            if band.level == level.code and band.age_band is age_band:
                return band
        raise LookupError(f"no band for level {level.code}, {age_band}")


@lru_cache
def rulebook(path: str | None = None) -> Rulebook:
    """The rulebook in force: the file given, else HANDRAIL_RULEBOOK, else Handrail's defaults."""
    source = Path(path or os.environ.get("HANDRAIL_RULEBOOK") or _DEFAULT)
    return Rulebook.model_validate(tomllib.loads(source.read_text()))
