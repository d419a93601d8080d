"""From consent to assessment, or a reasoned no: T2 to T7."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.decisions import Guard, Moment, Refused, Unwake, require
from contracts.intake import (
    Availability,
    ConsentGranted,
    DetoxCompleted,
    DetoxReferred,
    Diagnosis,
    InstrumentResult,
    PatientAssessed,
    PatientScreened,
    Rating,
    ReferralDeclined,
)
from contracts.rulebook import InstrumentRules
from contracts.vocabulary import DeclineReason, LevelOfCare, Risk
from services.intake.domain import guards
from services.intake.domain.facts import DiagnosesKept, ScreeningKept, about
from services.intake.domain.guards import in_stage
from services.intake.domain.people import local_date
from services.intake.domain.state import OPEN, Referral, Screening, Stage

CONSENT_KINDS = frozenset(
    {
        "treatment",
        "treatment_verbal",
        "part2_tpo",
        "part2_disclosure",
        "part2_counseling_notes",
        "part2_proceedings",
        "contact_preferences",
        "telehealth",
    }
)
CHANNELS = frozenset({"sms", "voice", "email", "portal"})
DETOX_SETTINGS = frozenset({"detox_facility", "residential", "hospital", "ambulatory"})
DETOX_OUTCOMES = frozenset({"completed", "left_early", "transferred", "not_needed"})
_RISKS = list(Risk)


@dataclass(frozen=True, slots=True)
class GrantConsent:
    kind: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScreenPatient:
    suicide_risk: Risk
    home_safe: bool
    needs_24h_supervision: bool
    withdrawal_risk: Risk
    ciwa: int | None = None
    cows: int | None = None
    phq9: tuple[int, ...] | None = None
    gad7: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReferToDetox:
    setting: str
    trigger: str
    expected_return_on: date | None = None


@dataclass(frozen=True, slots=True)
class ReturnFromDetox:
    outcome: str
    medically_cleared: bool


@dataclass(frozen=True, slots=True)
class AssessPatient:
    dimensions: tuple[Rating, ...]
    recommended_level: LevelOfCare
    assessor_credential: str
    diagnoses: tuple[Diagnosis, ...]
    availability: tuple[Availability, ...] = ()
    stage_of_change: str | None = None
    support_network: str | None = None


@dataclass(frozen=True, slots=True)
class DeclineReferral:
    """End a referral without admission."""

    network_id: str
    sites: tuple[str, ...]
    reason: DeclineReason
    alternatives: tuple[LevelOfCare, ...] = ()


def grant_consent(referral: Referral, command: GrantConsent, moment: Moment) -> list[Any]:
    """Keep a consent; the newest of a kind replaces the one before."""
    require(
        "cannot_consent",
        "This consent cannot be recorded",
        [
            Guard("not_closed", not referral.closed, "the referral is closed"),
            guards.known("consent_kind", command.kind, CONSENT_KINDS),
            *(guards.known("channel", c, CHANNELS) for c in command.channels),
        ],
    )
    granted = ConsentGranted(
        **about(referral, moment),
        consent_id=moment.new_id("consent"),
        kind=command.kind,
        channels=command.channels,
        signed_at=moment.at,
    )
    return [granted]


def screen_patient(referral: Referral, command: ScreenPatient, moment: Moment) -> list[Any]:
    """T2: a whole screening; also while waiting or after a detox, when the old one is void or stale."""
    require(
        "cannot_screen",
        "The screening cannot be recorded",
        [
            in_stage(referral, Stage.REFERRED, Stage.SCREENED, Stage.ASSESSED, Stage.WAITLISTED),
            guards.treatment_consent(referral, verbal=True),
        ],
    )
    results, answers = _score(command, moment)
    item9 = bool(command.phq9 and command.phq9[8] >= 1)
    suicide_risk = _worse(command.suicide_risk, Risk.MODERATE) if item9 else command.suicide_risk
    screening = Screening(
        id=moment.new_id("screening"),
        at=moment.at,
        results=results,
        answers=answers,
        withdrawal_risk=command.withdrawal_risk,
        suicide_risk=suicide_risk,
        home_safe=command.home_safe,
        needs_24h_supervision=command.needs_24h_supervision,
    )
    screened = PatientScreened(
        **about(referral, moment),
        screening_id=screening.id,
        results=results,
        withdrawal_risk=screening.withdrawal_risk,
        suicide_risk=screening.suicide_risk,
        home_safe=screening.home_safe,
        needs_24h_supervision=screening.needs_24h_supervision,
    )
    return [ScreeningKept(screening), screened]


def refer_to_detox(referral: Referral, command: ReferToDetox, moment: Moment) -> list[Any]:
    """T3: a person, never the machine, sends somebody to withdrawal management."""
    require(
        "cannot_refer_to_detox",
        "The person cannot be referred to detox",
        [
            in_stage(referral, Stage.SCREENED, Stage.DETOX_REFERRED),
            guards.known("detox_setting", command.setting, DETOX_SETTINGS),
            guards.known("detox_trigger", command.trigger, {"ciwa", "cows", "clinician"}),
            guards.detox_trigger(referral, command.trigger, moment.rules.intake),
            guards.not_in_detox(referral),
        ],
    )
    referred = DetoxReferred(
        **about(referral, moment),
        detox_referral_id=moment.new_id("detox"),
        setting=command.setting,
        trigger=command.trigger,
        expected_return_on=command.expected_return_on,
    )
    return [referred]


def return_from_detox(referral: Referral, command: ReturnFromDetox, moment: Moment) -> list[Any]:
    """T4: only who is medically cleared comes back, and nothing measured before counts."""
    require(
        "cannot_return_from_detox",
        "The return from detox cannot be recorded",
        [
            in_stage(referral, Stage.DETOX_REFERRED),
            guards.known("detox_outcome", command.outcome, DETOX_OUTCOMES),
        ],
    )
    completed = DetoxCompleted(
        **about(referral, moment),
        outcome=command.outcome,
        medically_cleared=command.medically_cleared,
        completed_at=moment.at,
    )
    return [completed]


def assess_patient(referral: Referral, command: AssessPatient, moment: Moment) -> list[Any]:
    """T6: a level of care, judged by somebody who may; while waiting it renews what grew old."""
    rules = moment.rules.intake
    today = local_date(moment.at, referral.tz)
    require(
        "cannot_assess",
        "The assessment cannot be recorded",
        [
            in_stage(referral, Stage.SCREENED, Stage.ASSESSED, Stage.WAITLISTED),
            guards.screening_current(referral, today, rules),
            guards.withdrawal_not_high(referral),
            Guard(
                "assessor_credential",
                command.assessor_credential in rules.assessor_credentials,
                "the assessor's credential is not on the site's list",
                {"accepted": list(rules.assessor_credentials)},
            ),
            guards.dimensions_complete(command.dimensions, command.recommended_level),
            Guard(
                "principal_diagnosis",
                [d.rank for d in command.diagnoses].count(1) == 1,
                "exactly one diagnosis must be the principal one (rank 1)",
            ),
        ],
    )
    assessed = PatientAssessed(
        **about(referral, moment),
        assessment_id=moment.new_id("assessment"),
        dimensions=command.dimensions,
        recommended_level=command.recommended_level,
        assessor_credential=command.assessor_credential,
        assessed_at=moment.at,
        availability=command.availability,
        stage_of_change=command.stage_of_change,
        support_network=command.support_network,
    )
    return [DiagnosesKept(command.diagnoses), assessed]


def decline_referral(referral: Referral, command: DeclineReferral, moment: Moment) -> list[Any]:
    """T5, T7, T11 by a person's decision: with a reason that holds, and with alternatives."""
    today = local_date(moment.at, referral.tz)
    rules = moment.rules.intake
    require(
        "cannot_decline",
        "The referral cannot be declined",
        [
            in_stage(referral, *OPEN),
            *guards.may_decline(referral, command.reason, today, moment.at, rules),
            Guard(
                "alternatives_listed",
                bool(command.alternatives)
                or command.reason not in (DeclineReason.NEEDS_HIGHER_LEVEL, DeclineReason.OUT_OF_SCOPE),
                "at least one alternative must be named",
            ),
        ],
    )
    declined = ReferralDeclined(
        **about(referral, moment),
        reason=command.reason,
        alternatives_offered=command.alternatives,
        closed_at=moment.at,
    )
    return [declined, Unwake("offer_expires"), Unwake("entry_expires"), Unwake("ask_again")]


def _score(
    command: ScreenPatient, moment: Moment
) -> tuple[tuple[InstrumentResult, ...], dict[str, tuple[int, ...]]]:
    rules = moment.rules
    results: list[InstrumentResult] = []
    answers: dict[str, tuple[int, ...]] = {}
    for name, given in (("phq9", command.phq9), ("gad7", command.gad7)):
        if given is None:
            continue
        instrument = rules.instruments[name]
        _refuse_answers(name, given, instrument)
        flags = ("item9",) if name == "phq9" and given[8] >= 1 else ()
        total = sum(given)
        results.append(
            InstrumentResult(
                instrument=name, version="1", total=total, band=instrument.band(total), flags=flags
            )
        )
        answers[name] = given
    gates = (
        ("ciwa", command.ciwa, rules.intake.ciwa_detox, 67),
        ("cows", command.cows, rules.intake.cows_detox, 48),
    )
    for name, score, gate, highest in gates:
        if score is None:
            continue
        if not 0 <= score <= highest:
            raise Refused("bad_score", f"A {name.upper()} score lies between 0 and {highest}.", status=422)
        flags = ("detox_gate",) if score >= gate else ()
        results.append(InstrumentResult(instrument=name, version="1", total=score, flags=flags))
    return tuple(results), answers


def _refuse_answers(name: str, given: Sequence[int], instrument: InstrumentRules) -> None:
    if len(given) != instrument.items or not all(0 <= a <= instrument.item_max for a in given):
        raise Refused(
            "bad_answers",
            f"{name.upper()} has {instrument.items} answers, each from 0 to {instrument.item_max}.",
            status=422,
        )


def _worse(one: Risk, other: Risk) -> Risk:
    return max(one, other, key=_RISKS.index)
