"""What must hold for less treatment: each condition with its value, its threshold and what it rests on."""

from datetime import date, datetime

from contracts.decisions import Moment
from contracts.rulebook import Rulebook
from contracts.vocabulary import Criterion, ProgramKind
from services.progress.domain.facts import Week
from services.progress.domain.state import Episode
from services.progress.domain.telling import after_days, days_between

SUBSTANCE_PROGRAMS = (ProgramKind.SUD, ProgramKind.CO_OCCURRING)
MAX_SCORE = 10_000
"""What a criterion's value may come to, either way."""


def step_down_criteria(state: Episode, moment: Moment) -> tuple[Criterion, ...]:
    """Every condition of a step-down with what was found; all must hold."""
    return (*lasting(state, moment.rules), *_timed(state, moment))


def lasting(state: Episode, rules: Rulebook) -> tuple[Criterion, ...]:
    """The conditions that time alone cannot mend.

    Once a taper is over, less was decided already: what is left to ask is whether it is safe.
    """
    safe = (_alerts(state), _worse(state))
    if state.taper_over:
        return (_goals(state, needed=False), *safe)
    return (_goals(state, needed=True), *_weeks(state, rules), *safe)


def _goals(state: Episode, *, needed: bool) -> Criterion:
    """No required goal is open; a plan without one is no reason for anything (K20)."""
    required = [p.goal.goal_id for p in state.goals if p.goal.required_for_step_down]
    still_open = state.remaining_required
    return Criterion(
        id="remaining_required",
        value=still_open,
        threshold=0 if needed else len(required),
        met=bool(required) and (not needed or still_open == 0),
        evidence=tuple(required),
    )


def _weeks(state: Episode, rulebook: Rulebook) -> tuple[Criterion, ...]:
    rules = rulebook.progress
    counted = [w for w in state.weeks_of_stay if w.ratio is not None][-rules.attendance_weeks :]
    newest_first: list[Week | None] = [*reversed(counted)]
    missing: list[Week | None] = [None] * (rules.attendance_weeks - len(counted))
    return tuple(
        _week(number, week, rules.attendance_permille)
        for number, week in enumerate(newest_first + missing, start=1)
    )


def _week(number: int, week: Week | None, threshold: int) -> Criterion:
    ratio = week.ratio or 0 if week else 0
    return Criterion(
        id=f"attendance_week_{number}",
        value=ratio,
        threshold=threshold,
        met=week is not None and ratio >= threshold,
        evidence=(week.event_id,) if week and week.event_id else (),
    )


def _alerts(state: Episode) -> Criterion:
    open_ids = tuple(a.id for a in state.alerts)
    return Criterion(
        id="open_safety_alerts", value=len(open_ids), threshold=0, met=not open_ids, evidence=open_ids
    )


def _worse(state: Episode) -> Criterion:
    worse = [scores[-1] for scores in state.results.values() if scores[-1].deteriorated]
    return Criterion(
        id="deteriorated_measures",
        value=len(worse),
        threshold=0,
        met=not worse,
        evidence=tuple(r.measure_id for r in worse if r.measure_id),
    )


def _timed(state: Episode, moment: Moment) -> tuple[Criterion, ...]:
    """The conditions that time alone can mend."""
    use = (_clean(state, moment),) if state.program_kind in SUBSTANCE_PROGRAMS else ()
    return (*use, _taper_days(state, moment) if state.taper_over else _spacing(state, moment))


def _clean(state: Episode, moment: Moment) -> Criterion:
    if state.use_reported_on is None:
        return Criterion(id="substance_use_reports", value=0, threshold=0, met=True)
    clean = _since(state.use_reported_on, state, moment)
    wanted = moment.rules.progress.clean_days
    newest = tuple(r.id for r in state.use_reports if r.stands)[-1:]
    return Criterion(id="days_clean", value=clean, threshold=wanted, met=clean >= wanted, evidence=newest)


def _spacing(state: Episode, moment: Moment) -> Criterion:
    found = _since(state.stepped_on, state, moment)
    wanted = moment.rules.progress.spacing_days
    return Criterion(
        id="days_since_last_step",
        value=found,
        threshold=wanted,
        met=found >= wanted,
        evidence=(state.stepped_by,) if state.stepped_by else (),
    )


def _taper_days(state: Episode, moment: Moment) -> Criterion:
    taper = state.taper
    assert taper is not None
    agreed = days_between(taper.since, taper.until_on) + 1
    found = _since(taper.since, state, moment)
    return Criterion(
        id="taper_days",
        value=found,
        threshold=agreed,
        met=found >= agreed,
        evidence=(taper.recommendation_id,),
    )


def ripe_at(state: Episode, rulebook: Rulebook) -> datetime:
    """When everything that time alone can mend is mended."""
    rules = rulebook.progress
    ripe = [] if state.taper_over else [after_days(state.stepped_on, rules.spacing_days, state.tz)]
    if state.taper is not None and state.taper_over:
        ripe.append(after_days(state.taper.until_on, 1, state.tz))
    if state.use_reported_on is not None and state.program_kind in SUBSTANCE_PROGRAMS:
        ripe.append(after_days(state.use_reported_on, rules.clean_days, state.tz))
    return max(ripe)


def _since(day: date, state: Episode, moment: Moment) -> int:
    return max(-MAX_SCORE, min(MAX_SCORE, days_between(day, state.day(moment.at))))
