"""Who pays for a person's treatment from which day on, and what they authorized. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.intake import AuthorizationRecorded, CoverageVerified
from contracts.rulebook import Rulebook
from contracts.scheduling import ServiceCode
from contracts.vocabulary import LevelOfCare, ProgramKind, ServiceKind
from services.scheduling.domain.localtime import civil_date

GRANTED = ("approved", "partial")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one payer covers, from a day on."""

    payer_id: str
    plan_kind: str
    auth_required: bool
    since: date
    through: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.since <= day and (self.through is None or day <= self.through)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A payer's decision as it stands now."""

    id: str
    granted: bool
    level: LevelOfCare
    valid_from: date
    valid_to: date
    days_per_week: int | None = None
    service_codes: tuple[str, ...] = ()

    def covers(self, level: LevelOfCare, day: date) -> bool:
        return self.granted and self.level.code == level.code and self.valid_from <= day <= self.valid_to


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a person is treated: the program, and who pays for what."""

    program_id: str = ""
    program_kind: ProgramKind = ProgramKind.SUD
    primary_clinician_id: str | None = None
    coverages: tuple[Coverage, ...] = ()
    authorizations: tuple[Authorization, ...] = ()

    def coverage_on(self, day: date) -> Coverage | None:
        """The coverage of a day; where none holds the last one stands until somebody says otherwise."""
        holding = [c for c in self.coverages if c.holds_on(day)]
        begun = holding or [c for c in self.coverages if c.since <= day]
        return begun[-1] if begun else next(iter(self.coverages), None)

    def payer_on(self, day: date) -> tuple[str, ...]:
        """How the rulebook knows who pays on a day: by id and by kind of plan."""
        coverage = self.coverage_on(day)
        return (coverage.payer_id, coverage.plan_kind) if coverage else ()

    def authorization_on(self, level: LevelOfCare, day: date) -> Authorization | None:
        """What covers a day at a level: first what ends first."""
        covering = [a for a in self.authorizations if a.covers(level, day)]
        return min(covering, key=lambda a: (a.valid_to, a.valid_from, a.id), default=None)

    def lacks_authorization(self, level: LevelOfCare, day: date) -> bool:
        """Whether the payer of a day asks for an authorization that is not there."""
        coverage = self.coverage_on(day)
        return coverage is not None and coverage.auth_required and self.authorization_on(level, day) is None

    def changes_after(self, day: date) -> list[date]:
        """The days after this one on which another coverage begins."""
        return sorted({c.since for c in self.coverages if c.since > day})

    def covered(self, coverage: Coverage) -> "Terms":
        others = [c for c in self.coverages if c.since != coverage.since]
        return replace(self, coverages=tuple(sorted([*others, coverage], key=lambda c: c.since)))

    def authorized(self, authorization: Authorization) -> "Terms":
        others = [a for a in self.authorizations if a.id != authorization.id]
        return replace(self, authorizations=(*others, authorization))


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody is on their way of whom only what a payer said is known."""

    episode_id: str
    network_id: str
    site_id: str
    patient_id: str
    part2: bool
    tz: str


@dataclass(frozen=True, slots=True)
class Covered:
    """A payer's coverage counts from a day on."""

    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Authorized:
    """A payer decided on an authorization."""

    authorization: Authorization


PRIVATE = (Known, Covered, Authorized)


def known(event: CoverageVerified | AuthorizationRecorded, tz: str) -> Known:
    """What to remember of somebody first heard of through a payer."""
    return Known(event.episode_id, event.network_id, event.site_id, event.patient_id, event.part2, tz)


def coverage_of(event: CoverageVerified, tz: str, not_before: date | None) -> Coverage:
    """The coverage from the day on which it counts: a week that has begun is not counted again."""
    since = event.valid_from or civil_date(event.verified_at, tz)
    if not_before is not None:
        since = max(since, not_before)
    return Coverage(event.payer_id, event.plan_kind.value, event.auth_required, since, event.valid_through)


def authorization_of(event: AuthorizationRecorded) -> Authorization:
    """The authorization as the payer decided it."""
    return Authorization(
        id=event.authorization_id,
        granted=event.status in GRANTED,
        level=event.level,
        valid_from=event.valid_from,
        valid_to=event.valid_to,
        days_per_week=event.days_per_week,
        service_codes=event.service_codes,
    )


def service_codes(
    rules: Rulebook,
    level: LevelOfCare,
    program: ProgramKind,
    kind: ServiceKind,
    minutes: int,
    meets_day_rule: bool,
) -> tuple[ServiceCode, ...]:
    """The codes under which one service may be billed."""
    return tuple(
        ServiceCode(code=code, modifiers=rule.modifiers)
        for code, rule in sorted(rules.codes.items())
        if level.code in rule.levels
        and program in rule.programs
        and kind in rule.services
        and rule.min_minutes <= minutes <= rule.max_minutes
        and (meets_day_rule or not rule.day_rule)
    )


def asked_days(rules: Rulebook, codes: Sequence[str]) -> tuple[int, str]:
    """The fewest days a week that the payer or an authorized code asks for, and who says so."""
    by_code = [(rules.codes[c].min_days, rules.codes[c].cite) for c in codes if c in rules.codes]
    return max([(rules.attendance.min_days, rules.attendance.cite), *by_code], key=lambda found: found[0])
