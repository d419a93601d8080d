"""What payers say: coverage, authorization and what remains of it, and who certified the need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import AuthorizationRecorded, AuthorizationRunningLow, CoverageVerified
from contracts.scheduling import TreatmentDayClosed
from contracts.vocabulary import LevelOfCare, PlanKind
from services.intake.domain import guards
from services.intake.domain.facts import Certified, UnitsUsed, WaitEnded, about
from services.intake.domain.people import local_date, midnight
from services.intake.domain.state import Authorization, Certificate, Referral, Stage
from services.intake.domain.waitlist import PAYER_REASONS, enter_waitlist

COVERAGE_STATUSES = frozenset({"active", "inactive", "unknown", "pended", "waived"})
AUTHORIZATION_STATUSES = frozenset(
    {
        "requested", "approved", "partial", "denied", "pended", "expired", "cancelled", "not_required",
        "contact_payer",
    }
)  # fmt: skip
UNIT_KINDS = frozenset({"day", "session", "hour", "visit"})
_UNDECIDED = ("requested", "pended", "contact_payer")
_GRANTED = ("approved", "partial")


@dataclass(frozen=True, slots=True)
class VerifyCoverage:
    payer_id: str
    plan_kind: PlanKind
    status: str
    auth_required: bool
    valid_from: date | None = None
    valid_through: date | None = None
    patient_share_cents: int | None = None
    hardship: bool = False


@dataclass(frozen=True, slots=True)
class RecordAuthorization:
    status: str
    level: LevelOfCare
    unit_kind: str
    units_approved: int
    valid_from: date
    valid_to: date
    service_codes: tuple[str, ...] = ()
    days_per_week: int | None = None
    authorization_id: str | None = None
    """An authorization on file whose decision this is; none opens a new one."""


@dataclass(frozen=True, slots=True)
class Certify:
    """A physician certifies that this level of care is needed."""

    certified_by: str
    credential: str
    certified_on: date


def verify_coverage(referral: Referral, command: VerifyCoverage, moment: Moment) -> list[Any]:
    """What a payer said; while it is undecided an assessed person waits (T8)."""
    through, since = command.valid_through, command.valid_from
    require(
        "cannot_verify_coverage",
        "The coverage cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("coverage_status", command.status, COVERAGE_STATUSES),
            Guard(
                "valid_dates",
                through is None or since is None or since <= through,
                "it ends before it begins",
            ),
        ],
    )
    verified = CoverageVerified(
        **about(referral, moment),
        coverage_id=moment.new_id("coverage"),
        payer_id=command.payer_id,
        plan_kind=command.plan_kind,
        status=command.status,
        auth_required=command.auth_required,
        verified_at=moment.at,
        valid_from=since,
        valid_through=through,
        estimated_patient_share_cents=command.patient_share_cents,
        hardship=command.hardship,
    )
    paid = command.status in ("active", "waived") or command.plan_kind in guards.PAID_BY_PATIENT
    over = ("coverage_pended",) if command.auth_required else PAYER_REASONS
    return [
        verified,
        *_wait_for_payer(referral, command.status == "pended" and not paid, "coverage_pended", moment),
        *_stop_waiting(referral, over if paid else (), moment),
    ]


def record_authorization(referral: Referral, command: RecordAuthorization, moment: Moment) -> list[Any]:
    """A payer's decision; while it is pended an assessed person waits (T8), approval ends that."""
    on_file = next((a for a in referral.authorizations if a.id == command.authorization_id), None)
    granted = command.status in _GRANTED
    require(
        "cannot_authorize",
        "The authorization cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("authorization_status", command.status, AUTHORIZATION_STATUSES),
            guards.known("unit_kind", command.unit_kind, UNIT_KINDS),
            Guard("valid_dates", command.valid_from <= command.valid_to, "it ends before it begins"),
            Guard("units", command.units_approved > 0 or not granted, "an approval names at least one unit"),
            Guard(
                "authorization_known",
                command.authorization_id is None or on_file is not None,
                "there is no such authorization on file",
            ),
        ],
    )
    recorded = AuthorizationRecorded(
        **about(referral, moment),
        authorization_id=on_file.id if on_file else moment.new_id("authorization"),
        status=command.status,
        level=command.level,
        unit_kind=command.unit_kind,
        units_approved=command.units_approved,
        valid_from=command.valid_from,
        valid_to=command.valid_to,
        service_codes=command.service_codes,
        days_per_week=command.days_per_week,
    )
    pended, decided = command.status in _UNDECIDED, granted or command.status == "not_required"
    return [
        recorded,
        *_watch(referral, recorded, moment),
        *_wait_for_payer(referral, pended, "authorization_pended", moment),
        *_stop_waiting(referral, ("authorization_pended",) if decided else (), moment),
    ]


def certify(referral: Referral, command: Certify, moment: Moment) -> list[Any]:
    """Keep a physician's certification; it holds up to and including the day it is due again (K19)."""
    rules = guards.rules_for(referral, moment.rules).payer
    today = local_date(moment.at, referral.tz)
    require(
        "cannot_certify",
        "The certification cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            Guard(
                "certifier_credential",
                command.credential in rules.certifier_credentials,
                "only a physician certifies",
                {"accepted": list(rules.certifier_credentials)},
            ),
            Guard("not_ahead", command.certified_on <= today, "it is signed on a day to come"),
        ],
    )
    due = command.certified_on + timedelta(days=rules.certification_days)
    return [Certified(Certificate(command.certified_by, command.credential, command.certified_on, due))]


def count_units(referral: Referral, heard: TreatmentDayClosed, moment: Moment) -> list[Any]:
    """Draw what a closed day used from what covers it; a day closed again is counted anew."""
    day = heard.local_date
    drawn = next((a for a in referral.authorizations if day in a.used), None)
    covering = drawn or referral.authorization(heard.level, day)
    if covering is None:
        return []
    units = _units(covering, heard)
    if covering.used.get(day, 0) == units:
        return []
    after = covering.drawing(day, units)
    told = [] if referral.closed else _warnings(referral, after, day, moment)
    return [UnitsUsed(covering.id, day, units), *told]


def tell_of_authorization(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """An authorization ends by its days too, also for somebody who stays away."""
    id = woke.what.partition(":")[2]
    found = next((a for a in referral.authorizations if a.id == id), None)
    if found is None or referral.closed:
        return []
    today = local_date(moment.at, referral.tz)
    over = midnight(found.valid_to + timedelta(days=1), referral.tz)
    again = [Wake(over, woke.what)] if moment.at < over else []
    return [*_warnings(referral, found, today - timedelta(days=1), moment), *again]


def _watch(referral: Referral, recorded: AuthorizationRecorded, moment: Moment) -> list[Any]:
    what = f"authorization_ends:{recorded.authorization_id}"
    if recorded.status not in _GRANTED:
        return [Unwake(what)]
    first = recorded.valid_to - timedelta(days=moment.rules.intake.low_days - 1)
    at = midnight(first, referral.tz)
    over = midnight(recorded.valid_to + timedelta(days=1), referral.tz)
    return [Wake(max(at, moment.at), what)] if moment.at < over else []


def _units(authorization: Authorization, heard: TreatmentDayClosed) -> int:
    """What a day uses, by the unit of the authorization; a begun hour is an hour."""
    match authorization.unit_kind:
        case "session":
            return heard.service_count
        case "hour":
            return -(-heard.total_creditable_minutes // 60)
        case "visit":
            return min(1, heard.service_count)
    return heard.units_used_today


def _warnings(referral: Referral, left: Authorization, day: date, moment: Moment) -> list[Any]:
    """Said once when it nears its end and once when it is over; care goes on all the same."""
    rules = moment.rules.intake
    units, days = left.units_left, left.days_left(day + timedelta(days=1))
    after = left.valid_to + timedelta(days=1)
    renewed = any(a.covers(left.level, after) and a.units_left for a in referral.authorizations)
    ended = units == 0 or (days == 0 and not renewed)
    low = units <= rules.low_units or (days <= rules.low_days and not renewed)
    if not low or (left.told_ended if ended else left.told_low):
        return []
    return [
        AuthorizationRunningLow(
            **about(referral, moment),
            authorization_id=left.id,
            level=left.level,
            unit_kind=left.unit_kind,
            units_left=units,
            days_left=days,
            last_covered_on=left.valid_to if units else day,
            ended=ended,
        )
    ]


def _wait_for_payer(referral: Referral, undecided: bool, why: str, moment: Moment) -> list[Any]:
    if not undecided or referral.stage is not Stage.ASSESSED or referral.hold is not None:
        return []
    return enter_waitlist(referral, why, moment)


def _stop_waiting(referral: Referral, decided: Sequence[str], moment: Moment) -> list[Any]:
    if referral.entry is None or referral.entry.reason not in decided:
        return []
    return [WaitEnded(moment.at), Unwake("entry_expires"), Unwake("ask_again")]
