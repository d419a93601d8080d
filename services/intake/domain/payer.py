"""What payers say: coverage and authorization."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, require
from contracts.intake import AuthorizationRecorded, CoverageVerified
from contracts.vocabulary import LevelOfCare, PlanKind
from services.intake.domain import guards
from services.intake.domain.facts import WaitEnded, about
from services.intake.domain.state import Referral, Stage
from services.intake.domain.waitlist import enter_waitlist

COVERAGE_STATUSES = frozenset({"active", "inactive"})
AUTHORIZATION_STATUSES = frozenset({"approved", "denied", "pended"})


@dataclass(frozen=True, slots=True)
class VerifyCoverage:
    payer_id: str
    plan_kind: PlanKind
    status: str
    auth_required: bool


@dataclass(frozen=True, slots=True)
class RecordAuthorization:
    status: str
    level: LevelOfCare
    unit_kind: str
    units_approved: int
    valid_from: date
    valid_to: date


def verify_coverage(referral: Referral, command: VerifyCoverage, moment: Moment) -> list[Any]:
    """What a payer said; it decides nothing until admission."""
    require(
        "cannot_verify_coverage",
        "The coverage cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("coverage_status", command.status, COVERAGE_STATUSES),
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
    )
    return [verified]


def record_authorization(referral: Referral, command: RecordAuthorization, moment: Moment) -> list[Any]:
    """A payer's decision; while it is pended an assessed person waits (T8), approval ends that."""
    require(
        "cannot_authorize",
        "The authorization cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("authorization_status", command.status, AUTHORIZATION_STATUSES),
            Guard("valid_dates", command.valid_from <= command.valid_to, "it ends before it begins"),
        ],
    )
    recorded = AuthorizationRecorded(
        **about(referral, moment),
        authorization_id=moment.new_id("authorization"),
        status=command.status,
        level=command.level,
        unit_kind=command.unit_kind,
        units_approved=command.units_approved,
        valid_from=command.valid_from,
        valid_to=command.valid_to,
    )
    facts: list[Any] = [recorded]
    if command.status == "pended" and referral.stage is Stage.ASSESSED and referral.hold is None:
        facts += enter_waitlist(referral, "authorization_pended", moment)
    elif command.status == "approved" and referral.entry and referral.entry.reason == "authorization_pended":
        facts += [WaitEnded(moment.at), Unwake("entry_expires"), Unwake("ask_again")]
    return facts
