"""Goals: how each is measured, how far it has come, and when it is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Woke, require
from contracts.progress import Goal, GoalMet, GoalProgressed, GoalReopened, Measure
from contracts.rulebook import Rulebook
from services.progress.domain.facts import Pursuit
from services.progress.domain.folds.course import KEPT_FIRST, KEPT_SITTINGS
from services.progress.domain.folds.records import KEPT_ACTIVITIES, KEPT_HOMEWORK
from services.progress.domain.state import Episode
from services.progress.domain.targets import ACTIVITIES, HOMEWORK
from services.progress.domain.telling import Facts, Step, about, clinical, midnight, running, then


@dataclass(frozen=True, slots=True)
class AttestGoal:
    """A clinician states that a goal without a number is reached."""

    goal_id: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a goal's measure shows, and the ids of what it was read off."""

    value: int | None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """One thing that a count goal counts."""

    on: date
    id: str


def attest_goal(state: Episode, command: AttestGoal, moment: Moment) -> Facts:
    """Only goals that no number can settle are attested."""
    running(state)
    pursuit = next((p for p in state.goals if p.goal.goal_id == command.goal_id), None)
    if pursuit is None:
        raise Refused("goal_unknown", "The plan in force has no such goal.", status=404)
    require(
        "goal_not_attested",
        "The goal cannot be attested",
        [
            clinical(moment),
            Guard("boolean", pursuit.goal.measure.kind == "boolean", "this goal is measured, not attested"),
            Guard("open", pursuit.met_on is None, "this goal is met already"),
        ],
    )
    return [_met(state, pursuit, moment, "clinician")]


def weigh_goals(state: Episode, moment: Moment) -> Facts:
    """Hold every measured goal against what is known now: progressed, met or reopened."""
    return then(state, moment, [], *(_weighing(p.goal.goal_id) for p in state.goals))


def weigh_again(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """Time has taken something out of a goal's window."""
    if not state.treated:
        return []
    return weigh_goals(state, moment)


def waits(state: Episode, _rules: Rulebook) -> dict[str, datetime]:
    """The next midnight at which time alone changes what a goal shows."""
    days = [_changes_on(state, p) for p in state.goals] if state.treated else []
    known = [day for day in days if day is not None]
    return {"goals": midnight(min(known), state.tz)} if known else {}


def _changes_on(state: Episode, pursuit: Pursuit) -> date | None:
    measure, value = pursuit.goal.measure, pursuit.value
    if value is None or not measure.window_days:
        return None
    if measure.kind == "instrument" and pursuit.current:
        newest = _newest(state, measure)
        return state.day(newest[0]) + timedelta(days=measure.window_days + 1) if newest else None
    # A count is what lies latest: the oldest of them is the next to leave the window.
    if measure.kind == "count" and value and not _stays(pursuit):
        tallied = _tallied(state, measure)
        return tallied[-value].on + timedelta(days=measure.window_days) if value <= len(tallied) else None
    return None


def _stays(pursuit: Pursuit) -> bool:
    """A count once reached stays reached: what leaves the window is no evidence against it."""
    measure = pursuit.goal.measure
    return pursuit.met_on is not None and measure.kind == "count" and measure.comparator == "ge"


def read(state: Episode, measure: Measure, today: date) -> Reading:
    """What a goal's measure shows on a day."""
    match measure.kind:
        case "instrument":
            return _scored(state, measure, today)
        case "attendance":
            return _attendance(state, measure)
        case "count":
            inside = _inside(_tallied(state, measure), measure, today)
            return Reading(len(inside), tuple(t.id for t in inside if t.id))
    return Reading(None)


def _scored(state: Episode, measure: Measure, today: date) -> Reading:
    newest = _newest(state, measure)
    if newest is None:
        return Reading(None)
    at, value, measure_id = newest
    if measure.window_days and (today - state.day(at)).days > measure.window_days:
        return Reading(None)
    return Reading(value, (measure_id,) if measure_id else ())


def _newest(state: Episode, measure: Measure) -> tuple[datetime, int, str] | None:
    """When, what and which: the newest result that has the number a goal is about."""
    name, subscale = measure.instrument or "", measure.subscale
    if subscale is None:
        found = [(r.at, r.total, r.measure_id) for r in state.scores(name)]
    else:
        found = [
            (e.at, e.subscales[subscale], e.measure_id)
            for e in state.entries(name)
            if subscale in e.subscales
        ]
    return found[-1] if found else None


def _attendance(state: Episode, measure: Measure) -> Reading:
    """Permille over as many closed weeks with a ratio as the window has, and not before it has them."""
    counted = [w for w in state.weeks if w.ratio is not None and w.scheduled_minutes]
    wanted = max(1, measure.window_days // 7)
    if len(counted) < wanted:
        return Reading(None)
    weeks = counted[-wanted:]
    creditable = sum(w.creditable_minutes for w in weeks)
    permille = min(1000, 1000 * creditable // sum(w.scheduled_minutes for w in weeks))
    return Reading(permille, tuple(w.event_id for w in weeks if w.event_id))


def _tallied(state: Episode, measure: Measure) -> Sequence[Tally]:
    """Everything kept of what a count goal counts, oldest first."""
    what = measure.instrument
    if what in ACTIVITIES:
        tallied = [Tally(a.on, a.id) for a in state.activities if a.kind == what]
    elif what == HOMEWORK:
        tallied = [Tally(h.returned_on, h.id) for h in state.homework if h.done and h.returned_on]
    else:
        tallied = [
            Tally(s.on, s.event_id)
            for s in state.sittings
            if s.minutes > 0 and what in (None, s.service_kind, s.group_kind)
        ]
    return sorted(tallied, key=lambda t: t.on)


def _inside(tallied: Sequence[Tally], measure: Measure, today: date) -> list[Tally]:
    since = today - timedelta(days=measure.window_days) if measure.window_days else date.min
    return [t for t in tallied if t.on > since]


def holds(measure: Measure, value: int) -> bool:
    """Whether a value reaches a measure's target."""
    match measure.comparator:
        case "le":
            return value <= measure.target
        case "ge":
            return value >= measure.target
    return value == measure.target


def percent(goal: Goal, value: int) -> int:
    """How much of the way from baseline to target is done, 0 to 100."""
    measure = goal.measure
    if holds(measure, value):
        return 100
    start = goal.baseline if goal.baseline is not None else (0 if measure.comparator == "ge" else None)
    if start is None or start == measure.target:
        return 0
    return max(0, min(99, 100 * (value - start) // (measure.target - start)))


def _weighing(goal_id: str) -> Step:
    def weigh(state: Episode, moment: Moment) -> Facts:
        pursuit = next(p for p in state.goals if p.goal.goal_id == goal_id)
        found = read(state, pursuit.goal.measure, state.day(moment.at))
        if found.value is None:
            return _outgrown(state, pursuit, moment)
        return [*_progress(state, pursuit, found.value, moment), *_verdict(state, pursuit, found, moment)]

    return weigh


def _outgrown(state: Episode, pursuit: Pursuit, moment: Moment) -> Facts:
    """A value older than the window is said to be old; it meets nothing, and takes back nothing."""
    if pursuit.value is None or not pursuit.current:
        return []
    return [_progressed(state, pursuit, pursuit.value, pursuit.percent, moment, current=False)]


def _progress(state: Episode, pursuit: Pursuit, value: int, moment: Moment) -> Facts:
    if value == pursuit.value and pursuit.current:
        return []
    return [_progressed(state, pursuit, value, percent(pursuit.goal, value), moment)]


def _progressed(
    state: Episode, pursuit: Pursuit, value: int, done: int, moment: Moment, *, current: bool = True
) -> GoalProgressed:
    return GoalProgressed(
        **about(state, moment.actor),
        goal_id=pursuit.goal.goal_id,
        value=value,
        percent=done,
        trend=_trend(pursuit, value),
        current=current,
    )


def _verdict(state: Episode, pursuit: Pursuit, found: Reading, moment: Moment) -> Facts:
    goal = pursuit.goal
    assert found.value is not None
    reached = holds(goal.measure, found.value)
    if reached and pursuit.met_on is None:
        return [_met(state, pursuit, moment, "rule", found.evidence)]
    if reached or pursuit.met_on is None or (_stays(pursuit) and _stood(state, pursuit)):
        return []
    return [
        GoalReopened(
            **about(state, moment.actor),
            goal_id=goal.goal_id,
            reason="no_longer_met",
            remaining_required=state.remaining_required + goal.required_for_step_down,
        )
    ]


def _stood(state: Episode, pursuit: Pursuit) -> bool:
    """Whether a count held on the day it was met, as far as is still known: a correction can undo that."""
    measure = pursuit.goal.measure
    assert pursuit.met_on is not None
    tallied = _tallied(state, measure)
    if len(_inside(tallied, measure, pursuit.met_on)) >= measure.target:
        return True
    if measure.instrument in ACTIVITIES:
        return len(state.activities) >= KEPT_ACTIVITIES
    if measure.instrument == HOMEWORK:
        return len(state.homework) >= KEPT_HOMEWORK
    return len(state.sittings) >= KEPT_FIRST + KEPT_SITTINGS


def _trend(pursuit: Pursuit, value: int) -> str:
    measure = pursuit.goal.measure
    before = pursuit.value if pursuit.value is not None else pursuit.goal.baseline
    if before is None or before == value:
        return "no_change"
    if measure.comparator == "eq":
        nearer = abs(value - measure.target) < abs(before - measure.target)
    else:
        nearer = value < before if measure.comparator == "le" else value > before
    return "improving" if nearer else "worsening"


def _met(
    state: Episode, pursuit: Pursuit, moment: Moment, by: str, evidence: tuple[str, ...] = ()
) -> GoalMet:
    return GoalMet(
        **about(state, moment.actor),
        goal_id=pursuit.goal.goal_id,
        category=pursuit.goal.category,
        met_on=state.day(moment.at),
        met_by=by,
        remaining_required=state.remaining_required - pursuit.goal.required_for_step_down,
        evidence_event_ids=evidence,
    )
