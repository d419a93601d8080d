"""T2: a whole screening, scored by the instruments' own definitions; what it finds raises alerts first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts import instruments
from contracts.decisions import Guard, Moment, Refused, require
from contracts.intake import InstrumentResult, PatientScreened
from contracts.vocabulary import Risk
from services.intake.domain import guards
from services.intake.domain.alerts import SUICIDE_RISK, WITHDRAWAL, raise_alert
from services.intake.domain.facts import ScreeningKept, about
from services.intake.domain.guards import in_stage
from services.intake.domain.state import GATE, WITHDRAWAL_SCALES, Referral, Screening, Stage

SUICIDE_SCREEN = "cssrs"
EMERGENCY = "medical_emergency"
_RISKS = list(Risk)


@dataclass(frozen=True, slots=True)
class Administered:
    """One instrument as it was answered; None stands for an item that was not asked."""

    instrument: str
    answers: tuple[int | None, ...]
    version: str | None = None
    lifetime_months: int | None = None


@dataclass(frozen=True, slots=True)
class ScreenPatient:
    home_safe: bool
    needs_24h_supervision: bool
    instruments: tuple[Administered, ...] = ()
    suicide_risk: Risk | None = None
    """A clinician's judgement: it may say more than the scores, never less."""
    withdrawal_risk: Risk | None = None
    opioid_history: bool = False
    alternative_housing: bool = False


def screen_patient(referral: Referral, command: ScreenPatient, moment: Moment) -> list[Any]:
    """T2: a whole screening; also while waiting or after a detox, when the old one is void or stale."""
    results, answers = _score(referral, command.instruments, moment)
    flags = {f for r in results for f in r.flags}
    given = {r.instrument for r in results}
    withdrawal = _worst([command.withdrawal_risk, *map(_withdrawal_risk, _scales(results))])
    suicide = _worst([command.suicide_risk, *_suicide_risks(results)])
    voided = referral.detox.voided if referral.detox and referral.screening is None else ()
    left_out = [name for name in voided if name not in given]
    require(
        "cannot_screen",
        "The screening cannot be recorded",
        [
            in_stage(referral, Stage.REFERRED, Stage.SCREENED, Stage.ASSESSED, Stage.WAITLISTED),
            guards.treatment_consent(referral, moment.at, verbal=True),
            Guard(
                "suicide_screen",
                suicide is not None,
                "it holds no suicide screen: give the C-SSRS screener, or a clinician's judgement",
            ),
            Guard(
                "withdrawal_screen",
                "withdrawal_screen" not in flags or bool(given & set(WITHDRAWAL_SCALES)),
                "the alcohol score asks for a withdrawal scale before the record is complete",
                {"one_of": list(WITHDRAWAL_SCALES)},
            ),
            Guard(
                "withdrawal_risk",
                withdrawal is not None,
                "the withdrawal risk is neither measured nor judged",
            ),
            Guard(
                "whole_screening",
                not left_out,
                "everything measured before the detox must be measured anew",
                {"missing": left_out},
            ),
        ],
    )
    assert withdrawal is not None
    assert suicide is not None
    screening = Screening(
        id=moment.new_id("screening"),
        at=moment.at,
        results=results,
        answers=answers,
        withdrawal_risk=withdrawal,
        suicide_risk=suicide,
        home_safe=command.home_safe,
        needs_24h_supervision=command.needs_24h_supervision,
        opioid_history=command.opioid_history,
        alternative_housing=command.alternative_housing,
    )
    screened = PatientScreened(
        **about(referral, moment),
        screening_id=screening.id,
        results=results,
        withdrawal_risk=withdrawal,
        suicide_risk=suicide,
        home_safe=screening.home_safe,
        needs_24h_supervision=screening.needs_24h_supervision,
    )
    return [*_alerts(referral, screening, moment), ScreeningKept(screening), screened]


def _alerts(referral: Referral, screening: Screening, moment: Moment) -> list[Any]:
    """Whoever reads the bus learns of a danger no later than of the screening that found it."""
    raised: list[Any] = []
    if screening.suicide_risk in (Risk.MODERATE, Risk.HIGH):
        reasons = [f"{r.instrument}:{r.band}" for r in screening.results if r.instrument == SUICIDE_SCREEN]
        reasons += [f"{r.instrument}:item9" for r in screening.results if "item9" in r.flags]
        raised += raise_alert(
            referral, SUICIDE_RISK, screening.suicide_risk, tuple(reasons) or ("clinician",), moment
        )
    severe = [r.instrument for r in screening.results if EMERGENCY in r.flags]
    if severe:
        raised += raise_alert(referral, WITHDRAWAL, Risk.HIGH, tuple(severe), moment)
    return raised


def _score(
    referral: Referral, administered: Sequence[Administered], moment: Moment
) -> tuple[tuple[InstrumentResult, ...], dict[str, tuple[int | None, ...]]]:
    results: list[InstrumentResult] = []
    answers: dict[str, tuple[int | None, ...]] = {}
    wrong: list[dict[str, str]] = []
    for each in administered:
        try:
            name = instruments.canonical(each.instrument)
            scored = instruments.score(
                name,
                each.answers,
                version=each.version,
                sex=referral.person.sex,
                lifetime_months=each.lifetime_months,
                changes=moment.rules.instruments.get(name),
            )
        except instruments.UnknownInstrument:
            wrong.append({"instrument": each.instrument, "why": "this instrument or version is not known"})
            continue
        except instruments.BadAnswers as error:
            wrong += [{"instrument": name, "item": p.item, "why": p.why} for p in error.problems]
            continue
        if name in answers:
            wrong.append({"instrument": name, "why": "it is given twice"})
        answers[name] = each.answers
        results.append(
            InstrumentResult(
                instrument=scored.instrument,
                version=scored.version,
                total=scored.total,
                band=scored.band,
                flags=scored.flags,
                subscales=scored.subscales,
                administered_at=moment.at,
            )
        )
    if wrong:
        raise Refused(
            "bad_answers",
            "The answers do not fit the instruments.",
            status=422,
            hint="`items` says which answer of which instrument, and why.",
            items=wrong[:50],
        )
    return tuple(results), answers


def _scales(results: Sequence[InstrumentResult]) -> list[InstrumentResult]:
    return [r for r in results if r.instrument in WITHDRAWAL_SCALES]


def _withdrawal_risk(measured: InstrumentResult) -> Risk:
    """What a scale's own flags say of a withdrawal."""
    if GATE in measured.flags:
        return Risk.HIGH
    if "medical_review" in measured.flags:
        return Risk.MODERATE
    return Risk.LOW if measured.total else Risk.NONE


def _suicide_risks(results: Sequence[InstrumentResult]) -> list[Risk]:
    """What the screener says; an answer to item 9 alone is moderate until the screener says more (K13)."""
    found = [Risk(r.band) for r in results if r.instrument == SUICIDE_SCREEN and r.band is not None]
    return [*found, *(Risk.MODERATE for r in results if "item9" in r.flags)]


def _worst(risks: Iterable[Risk | None]) -> Risk | None:
    return max((r for r in risks if r is not None), key=_RISKS.index, default=None)
