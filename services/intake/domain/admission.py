"""Admission: every guard of T12, then the episode begins."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.decisions import Guard, Moment, require
from contracts.intake import PatientAdmitted
from contracts.vocabulary import ProgramKind
from services.intake.domain import guards
from services.intake.domain.facts import about
from services.intake.domain.people import age_band, local_date
from services.intake.domain.state import Referral, Stage


@dataclass(frozen=True, slots=True)
class AdmitPatient:
    """Admit a person to a program."""

    program_id: str
    primary_clinician_id: str
    program_kind: ProgramKind
    certified_by: str | None = None


def admit_patient(referral: Referral, command: AdmitPatient, moment: Moment) -> list[Any]:
    """T12: admission needs everything, and a refusal names everything that is missing."""
    rules = moment.rules.intake
    program = moment.rules.program
    today = local_date(moment.at, referral.tz)
    band_of = age_band(referral.person.birth_date, today, rules)
    made, wish, hold, cover = referral.assessment, referral.wish, referral.hold, referral.coverage
    minutes = wish.weekly_minutes if wish else 0
    require(
        "cannot_admit",
        "The person cannot be admitted",
        [
            guards.in_stage(referral, Stage.ASSESSED),
            guards.level_served(referral, rules),
            guards.assessment_current(referral, today, rules),
            guards.can_live_at_home(referral),
            guards.suicide_risk_not_high(referral),
            guards.withdrawal_not_high(referral),
            guards.seat_held(referral, moment.at),
            guards.treatment_consent(referral),
            guards.coverage_decided(referral),
            guards.authorization_approved(referral, today),
            guards.certified(referral, command.certified_by),
            guards.minutes_in_band(made.level if made else None, minutes, band_of, moment.rules),
            Guard(
                "planned_end",
                program.default_days <= program.max_days,
                "the planned end lies beyond the program's longest stay",
            ),
        ],
    )
    assert made is not None
    assert wish is not None
    assert hold is not None
    assert cover is not None
    authorization = referral.authorization
    approved = authorization is not None and authorization.status == "approved"
    admitted = PatientAdmitted(
        **about(referral, moment),
        program_id=command.program_id,
        admitted_on=today,
        tz=referral.tz,
        level=made.level,
        program_kind=command.program_kind,
        age_band=band_of,
        planned_end_on=today + timedelta(days=program.default_days),
        prescribed_weekly_minutes=wish.weekly_minutes,
        days_per_week=wish.days_per_week,
        seat_hold_id=hold.id,
        plan_kind=cover.plan_kind,
        authorization_id=authorization.id if authorization and approved else None,
        primary_clinician_id=command.primary_clinician_id,
        baseline=referral.screening.results if referral.screening else (),
    )
    return [admitted]
