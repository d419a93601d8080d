"""Admission: every guard of T12, then the episode begins."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.decisions import Guard, Moment, require
from contracts.intake import AuthorizedTerm, Certification, CoverageTerm, OpenAlert, PatientAdmitted
from contracts.rulebook import Rulebook
from contracts.vocabulary import AgeBand, ProgramKind
from services.intake.domain import guards
from services.intake.domain.alerts import hand_over
from services.intake.domain.facts import about
from services.intake.domain.people import age_band, local_date
from services.intake.domain.state import Referral, Stage


@dataclass(frozen=True, slots=True)
class AdmitPatient:
    """Admit a person to a program."""

    program_id: str
    primary_clinician_id: str
    program_kind: ProgramKind


def admit_patient(referral: Referral, command: AdmitPatient, moment: Moment) -> list[Any]:
    """T12: admission needs everything, and a refusal names everything that is missing."""
    rules = guards.rules_for(referral, moment.rules, command.program_id)
    today = local_date(moment.at, referral.tz)
    band_of = age_band(referral.person.birth_date, today, rules.intake)
    made, wish, hold, cover = referral.assessment, referral.wish, referral.hold, referral.coverage
    minutes = wish.weekly_minutes if wish else 0
    require(
        "cannot_admit",
        "The person cannot be admitted",
        [
            guards.in_stage(referral, Stage.ASSESSED),
            *_program(referral, command, band_of, rules),
            guards.level_served(referral, rules.intake),
            guards.screening_current(referral, today, rules.intake),
            guards.assessment_current(referral, today, rules.intake),
            guards.can_live_at_home(referral),
            guards.suicide_risk_not_high(referral),
            guards.withdrawal_not_high(referral),
            guards.no_high_alert(referral),
            guards.seat_held(referral, moment.at),
            guards.treatment_consent(referral, moment.at),
            guards.coverage_decided(referral, today),
            guards.authorization_approved(referral, today),
            guards.certified(referral, today, rules.payer.certification_required),
            guards.minutes_in_band(made.level if made else None, minutes, band_of, rules),
            Guard(
                "planned_end",
                rules.program.default_days <= rules.program.max_days,
                "the planned end lies beyond the program's longest stay",
                {"default_days": rules.program.default_days, "max_days": rules.program.max_days},
            ),
        ],
    )
    assert made is not None
    assert wish is not None
    assert hold is not None
    assert cover is not None
    authorization = referral.authorization(made.level, today)
    admitted = PatientAdmitted(
        **about(referral, moment),
        program_id=command.program_id,
        admitted_on=today,
        tz=referral.tz,
        level=made.level,
        program_kind=command.program_kind,
        age_band=band_of,
        planned_end_on=today + timedelta(days=rules.program.default_days),
        prescribed_weekly_minutes=wish.weekly_minutes,
        days_per_week=wish.days_per_week,
        seat_hold_id=hold.id,
        plan_kind=cover.plan_kind,
        authorization_id=authorization.id if authorization else None,
        primary_clinician_id=command.primary_clinician_id,
        baseline=referral.screening.results if referral.screening else (),
        certification=_certification(referral),
        open_alerts=tuple(
            OpenAlert(
                alert_id=alert.id,
                kind=alert.kind,
                severity=alert.severity,
                due_ack_at=alert.due_ack_at,
                acknowledged=alert.acknowledged_at is not None,
            )
            for alert in referral.alerts
        ),
        coverage=CoverageTerm(
            coverage_id=cover.id,
            payer_id=cover.payer_id,
            plan_kind=cover.plan_kind,
            auth_required=cover.auth_required,
            valid_from=cover.valid_from,
        ),
        authorizations=tuple(
            AuthorizedTerm(authorization_id=a.id, level=a.level, valid_from=a.valid_from, valid_to=a.valid_to)
            for a in referral.authorizations
            if a.granted
        ),
    )
    return [*hand_over(referral), admitted]


def _certification(referral: Referral) -> Certification | None:
    given = referral.certificate
    if given is None:
        return None
    return Certification(
        certified_by=given.certified_by, certified_on=given.certified_on, next_due_on=given.next_due_on
    )


def _program(referral: Referral, command: AdmitPatient, band_of: AgeBand, rules: Rulebook) -> list[Guard]:
    """The program is one that is offered, and meant for people like this one."""
    program, made = rules.programs.get(command.program_id), referral.assessment
    if program is None:
        offered = sorted(rules.programs)
        return [Guard("program_offered", False, "there is no such program here", {"offered": offered})]
    wished = {referral.wish.program_kind} if referral.wish else set()
    kinds = {program.kind, command.program_kind, *wished} - {ProgramKind.CO_OCCURRING}
    return [
        Guard(
            "program_level",
            made is None or made.level.code == program.level,
            f"the program treats level {program.level}",
            {"recommended": made.level.code} if made else {},
        ),
        Guard(
            "program_kind",
            len(kinds) <= 1,
            f"the program is for {program.kind}, and so must be the seat that is held",
        ),
        Guard("program_age", band_of is program.age_band, f"the program is for an {program.age_band}"),
    ]
