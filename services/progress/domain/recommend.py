"""The machine recommends: when the facts speak for less or for more treatment. A clinician decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Woke
from contracts.progress import StepDownRecommended, StepUpRecommended
from contracts.rulebook import Rulebook
from contracts.vocabulary import Criterion, LevelOfCare, ProgramKind
from services.progress.domain.facts import Direction, Kind, Stage, Week
from services.progress.domain.scales import scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import (
    Facts,
    Step,
    about,
    after_days,
    band_of,
    days_between,
    withdrawn,
)

SUBSTANCE_PROGRAMS = (ProgramKind.SUD, ProgramKind.CO_OCCURRING)
NEXT_LEVEL_UP = "2.5"
MAX_SCORE = 10_000
"""What a criterion's value may come to, either way."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A place on the ladder of treatment: what it takes to get there, and how much it is."""

    kind: Kind
    level: LevelOfCare
    minutes: int


def rung_down(state: Episode, rules: Rulebook) -> Rung | None:
    """The next lower rung: inside the level while its minimum allows one, else the lower level (K9)."""
    band = band_of(state, rules)
    if band is None or state.level.code == rules.program.lower_level:
        return None
    # The level's own minimum is a rung too: programs for adolescents end there, not at 540.
    steps = {*rules.program.ladder_minutes, band.min_minutes}
    inside = [m for m in steps if band.min_minutes <= m < state.weekly_minutes]
    if inside:
        return Rung(Kind.INTENSITY_REDUCTION, state.level, max(inside))
    lower = LevelOfCare(edition=state.level.edition, code=rules.program.lower_level)
    return Rung(Kind.LEVEL_CHANGE, lower, rules.program.lower_level_minutes)


def rung_up(state: Episode, rules: Rulebook) -> Rung | None:
    """The next higher rung: back to the home level, more minutes inside it, or a transfer beyond it."""
    home = band_of(state, rules, state.home_level)
    if home is None:
        return None
    if state.stage is not Stage.ATTENDING:
        return Rung(Kind.READMIT, state.home_level, home.min_minutes)
    if state.level != state.home_level:
        return Rung(Kind.LEVEL_CHANGE, state.home_level, home.min_minutes)
    steps = [m for m in rules.program.ladder_minutes if state.weekly_minutes < m <= home.max_minutes]
    if steps:
        return Rung(Kind.INTENSITY_INCREASE, state.level, min(steps))
    above = LevelOfCare(edition=state.level.edition, code=NEXT_LEVEL_UP)
    beyond = band_of(state, rules, above)
    return Rung(Kind.TRANSFER, above, beyond.min_minutes) if beyond else None


def step_down_criteria(state: Episode, moment: Moment) -> tuple[Criterion, ...]:
    """Every condition of a step-down with what was found; all must hold."""
    return (*_lasting(state, moment.rules), *_timed(state, moment))


def _lasting(state: Episode, rulebook: Rulebook) -> tuple[Criterion, ...]:
    rules = rulebook.progress
    required = [p for p in state.goals if p.goal.required_for_step_down]
    weeks = [w.ratio for w in state.weeks if w.ratio is not None][-rules.attendance_weeks :]
    ratios = [*reversed(weeks), *[0] * (rules.attendance_weeks - len(weeks))]
    worse = sum(scores[-1].deteriorated for scores in state.results.values())
    return (
        Criterion(
            id="remaining_required",
            value=state.remaining_required,
            threshold=0,
            met=bool(required) and state.remaining_required == 0,
        ),
        *(
            Criterion(
                id=f"attendance_week_{number}",
                value=ratio,
                threshold=rules.attendance_permille,
                met=number <= len(weeks) and ratio >= rules.attendance_permille,
            )
            for number, ratio in enumerate(ratios, start=1)
        ),
        Criterion(id="open_safety_alerts", value=len(state.alerts), threshold=0, met=not state.alerts),
        Criterion(id="deteriorated_measures", value=worse, threshold=0, met=not worse),
    )


def _timed(state: Episode, moment: Moment) -> tuple[Criterion, ...]:
    """The conditions that time alone can mend."""
    rules = moment.rules.progress
    today = state.day(moment.at)
    since_step = _as_score(days_between(state.stepped_on, today))
    spacing = Criterion(
        id="days_since_last_step",
        value=since_step,
        threshold=rules.spacing_days,
        met=since_step >= rules.spacing_days,
    )
    if state.program_kind not in SUBSTANCE_PROGRAMS:
        return (spacing,)
    if state.use_reported_on is None:
        return (Criterion(id="substance_use_reports", value=0, threshold=0, met=True), spacing)
    clean = _as_score(days_between(state.use_reported_on, today))
    return (
        Criterion(id="days_clean", value=clean, threshold=rules.clean_days, met=clean >= rules.clean_days),
        spacing,
    )


def _as_score(days: int) -> int:
    return max(-MAX_SCORE, min(MAX_SCORE, days))


def review_step_down(state: Episode, moment: Moment) -> Facts:
    """Recommend a step down when every criterion holds, withdraw the machine's own when one breaks."""
    standing = state.recommendation(Direction.DOWN)
    if state.stage is not Stage.ATTENDING or (standing is not None and standing.generated_by != "rule"):
        return []
    criteria = step_down_criteria(state, moment)
    if not all(c.met for c in criteria):
        return [withdrawn(state, standing.id, "criteria_no_longer_met")] if standing else []
    if standing is not None and standing.from_minutes == state.weekly_minutes:
        return []
    rung = rung_down(state, moment.rules)
    told: Facts = [withdrawn(state, standing.id, "superseded")] if standing else []
    return [*told, *recommend_down(state, rung, criteria, "rule", moment)] if rung else told


def review_again(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The time that was missing has passed."""
    return review_step_down(state, moment)


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """The ends of what is on the table; and where nothing but time is missing, when it has passed."""
    ends = {f"recommendation_expires:{r.id}": r.expires_at for r in state.recommendations if not r.closed}
    idle = state.stage is Stage.ATTENDING and state.step_down is None
    if not idle or rung_down(state, rules) is None or not all(c.met for c in _lasting(state, rules)):
        return ends
    return {**ends, "evaluate": _time_is_ripe(state, rules)}


def _time_is_ripe(state: Episode, rulebook: Rulebook) -> datetime:
    rules = rulebook.progress
    ripe = [after_days(state.stepped_on, rules.spacing_days, state.tz)]
    if state.use_reported_on is not None and state.program_kind in SUBSTANCE_PROGRAMS:
        ripe.append(after_days(state.use_reported_on, rules.clean_days, state.tz))
    return max(ripe)


def recommend_down(
    state: Episode, rung: Rung, criteria: Sequence[Criterion], generated_by: str, moment: Moment
) -> Facts:
    """Put a step down on the table, with its end."""
    recommendation_id = moment.new_id("step_down")
    expires_at = moment.at + timedelta(days=moment.rules.progress.recommendation_ttl_days)
    return [
        StepDownRecommended(
            **about(state, moment.actor),
            recommendation_id=recommendation_id,
            kind=rung.kind,
            from_level=state.level,
            to_level=rung.level,
            from_weekly_minutes=state.weekly_minutes,
            to_weekly_minutes=rung.minutes,
            criteria=tuple(criteria),
            generated_by=generated_by,
            expires_at=expires_at,
        )
    ]


def recommend_up(
    state: Episode, rung: Rung, trigger: str, criteria: Sequence[Criterion], generated_by: str, moment: Moment
) -> Facts:
    """Put a step up on the table, with its end."""
    recommendation_id = moment.new_id("step_up")
    expires_at = moment.at + timedelta(days=moment.rules.progress.recommendation_ttl_days)
    return [
        StepUpRecommended(
            **about(state, moment.actor),
            recommendation_id=recommendation_id,
            kind=rung.kind,
            trigger=trigger,
            from_level=state.level,
            to_level=rung.level,
            from_weekly_minutes=state.weekly_minutes,
            to_weekly_minutes=rung.minutes,
            criteria=tuple(criteria),
            generated_by=generated_by,
            expires_at=expires_at,
        )
    ]


def step_up_for(state: Episode, trigger: str, criteria: Sequence[Criterion], moment: Moment) -> Facts:
    """Recommend more treatment, unless a step up is on the table already (K9)."""
    if state.stage is not Stage.ATTENDING and not may_readmit(state, moment):
        return []
    rung = rung_up(state, moment.rules)
    if rung is None or state.recommendation(Direction.UP) is not None:
        return []
    return recommend_up(state, rung, trigger, criteria, "rule", moment)


def may_readmit(state: Episode, moment: Moment) -> bool:
    """A relapse this soon after treatment leads back into the same episode (T28)."""
    if state.stage is not Stage.AFTERCARE or state.aftercare is None:
        return False
    return (
        days_between(state.aftercare.started_on, state.day(moment.at)) <= moment.rules.progress.readmit_days
    )


def review_relapse(state: Episode, moment: Moment) -> Facts:
    """A relapse speaks for more treatment."""
    reported = Criterion(id="relapse_reported", value=1, threshold=1, met=True)
    return step_up_for(state, "relapse", (reported,), moment)


def review_deterioration(instrument: str) -> Step:
    """Two neighbouring results of one instrument, both reliably worse than the start (K8)."""

    def review(state: Episode, moment: Moment) -> Facts:
        if state.stage is not Stage.ATTENDING:
            return []
        scores = state.scores(instrument)[-2:]
        if len(scores) < 2 or not all(r.deteriorated for r in scores):
            return []
        scale = scale_of(instrument, moment.rules)
        if scale is None or scale.change.reliable is None:
            return []
        threshold = scale.change.reliable
        criteria = [
            Criterion(id=f"{instrument}_change_{number}", value=r.change or 0, threshold=threshold, met=True)
            for number, r in enumerate(reversed(scores), start=1)
        ]
        return step_up_for(state, "deterioration", criteria, moment)

    return review


def review_attendance(state: Episode, moment: Moment) -> Facts:
    """Two full weeks in a row below the level's minimum speak for more, once the person was reached."""
    weeks = [w for w in state.weeks if not w.short][-2:]
    if state.stage is not Stage.ATTENDING or len(weeks) < 2 or not all(w.below for w in weeks):
        return []
    if weeks[-1].week_start == state.answered_week or not _reached_since(state, weeks[0].week_start):
        return []
    criteria = [*(_below(number, w) for number, w in enumerate(reversed(weeks), start=1)), _REACHED]
    return step_up_for(state, "attendance", criteria, moment)


_REACHED = Criterion(id="outreach_reached", value=1, threshold=1, met=True)


def _below(number: int, week: Week) -> Criterion:
    return Criterion(
        id=f"minutes_week_{number}", value=week.creditable_minutes, threshold=week.minimum, met=True
    )


def _reached_since(state: Episode, day: date) -> bool:
    return any(c.reached and c.on >= day for c in state.contacts)


def close_all(state: Episode, reason: str) -> Facts:
    """Take everything off the table."""
    standing = [r for way in Direction if (r := state.recommendation(way)) is not None]
    return [withdrawn(state, r.id, reason) for r in standing]


def expire_recommendation(state: Episode, message: Woke, _moment: Moment) -> Facts:
    """At the instant its time names, a recommendation is over."""
    recommendation_id = message.what.partition(":")[2]
    if state.over or recommendation_id not in (state.step_down, state.step_up):
        return []
    return [withdrawn(state, recommendation_id, "expired")]
