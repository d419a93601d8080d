"""The plan: measurable goals, how far each has come, and when it is reached."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import Goal, GoalMet, GoalProgressed, GoalReopened, Measure, TreatmentPlanApproved
from contracts.rulebook import Rulebook
from contracts.vocabulary import GoalCategory
from services.progress.domain.facts import Pursuit, Stage
from services.progress.domain.folds.course import KEPT_SITTINGS, KEPT_WEEKS
from services.progress.domain.recommend import review_step_down
from services.progress.domain.scales import followed, is_followed, scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, about, at_stage, clinical, running, then

COMPARATORS = {
    "<=": "le",
    "le": "le",
    "lte": "le",
    ">=": "ge",
    "ge": "ge",
    "gte": "ge",
    "==": "eq",
    "eq": "eq",
}
KINDS = {"instrument": "instrument", "attendance": "attendance", "count": "count"} | dict.fromkeys(
    ("boolean", "attest"), "boolean"
)
MAX_WINDOW_DAYS = 3660
"""A measure looks back ten years at most."""
SERVICE_KINDS = (None, "group", "individual", "family")


@dataclass(frozen=True, slots=True)
class WantedGoal:
    """A goal as a person words it, before the plan is signed."""

    category: GoalCategory
    kind: str
    comparator: str
    target: int
    window_days: int
    instrument: str | None = None
    required_for_step_down: bool = False
    target_on: date | None = None


@dataclass(frozen=True, slots=True)
class ApprovePlan:
    """Sign a plan, the first or a reviewed one."""

    goals: tuple[WantedGoal, ...]
    signed_by_patient: bool
    signed_by_clinician: bool


@dataclass(frozen=True, slots=True)
class AttestGoal:
    """A clinician states that a goal without a number is reached."""

    goal_id: str


def approve_plan(state: Episode, command: ApprovePlan, moment: Moment) -> Facts:
    """Patient and clinician sign; goals kept from the plan before keep their story."""
    running(state)
    require(
        "plan_not_signed",
        "The plan cannot come into force",
        [
            at_stage(state, Stage.ADMITTED, Stage.SCHEDULED, Stage.ATTENDING),
            clinical(moment),
            Guard("patient_signature", command.signed_by_patient, "the patient has not signed"),
            Guard("clinician_signature", command.signed_by_clinician, "the clinician has not signed"),
        ],
    )
    plan_id = state.plan_id or moment.new_id("plan")
    today = state.day(moment.at)
    signed = TreatmentPlanApproved(
        **about(state, moment.actor),
        plan_id=plan_id,
        version=state.plan_version + 1,
        goals=_goals(state, command, moment),
        next_review_due_on=today + timedelta(days=moment.rules.progress.plan_review_days),
    )
    return then(state, moment, [signed], weigh_goals, review_step_down)


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
    return then(state, moment, [_met(state, pursuit, moment, "clinician")], review_step_down)


def weigh_goals(state: Episode, moment: Moment) -> Facts:
    """Hold every measured goal against what is known now: progressed, met or reopened."""
    return then(state, moment, [], *(_weighing(p.goal.goal_id) for p in state.goals))


def goal_value(state: Episode, measure: Measure, today: date) -> int | None:
    """The number that a goal's measure has today; None while it has none."""
    match measure.kind:
        case "instrument":
            return _newest_total(state, measure, today)
        case "attendance":
            return _attendance(state, measure)
        case "count":
            return _sessions(state, measure, today)
    return None


def _newest_total(state: Episode, measure: Measure, today: date) -> int | None:
    results = state.scores(measure.instrument or "")
    if not results:
        return None
    age = (today - state.day(results[-1].at)).days
    return results[-1].total if not measure.window_days or age <= measure.window_days else None


def _attendance(state: Episode, measure: Measure) -> int | None:
    """Permille over as many closed weeks with a ratio as the window has, and not before it has them."""
    counted = [w for w in state.weeks if w.ratio is not None and w.scheduled_minutes]
    wanted = max(1, measure.window_days // 7)
    if len(counted) < wanted:
        return None
    weeks = counted[-wanted:]
    creditable = sum(w.creditable_minutes for w in weeks)
    return min(1000, 1000 * creditable // sum(w.scheduled_minutes for w in weeks))


def _sessions(state: Episode, measure: Measure, today: date) -> int:
    since = today - timedelta(days=measure.window_days) if measure.window_days else date.min
    return sum(
        s.on > since and s.minutes > 0 and measure.instrument in (None, s.service_kind)
        for s in state.sittings
    )


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
        value = goal_value(state, pursuit.goal.measure, state.day(moment.at))
        if value is None:
            return []
        return [*_progress(state, pursuit, value, moment), *_verdict(state, pursuit, value, moment)]

    return weigh


def _progress(state: Episode, pursuit: Pursuit, value: int, moment: Moment) -> Facts:
    if value == pursuit.value:
        return []
    return [
        GoalProgressed(
            **about(state, moment.actor),
            goal_id=pursuit.goal.goal_id,
            value=value,
            percent=percent(pursuit.goal, value),
            trend=_trend(pursuit, value),
        )
    ]


def _verdict(state: Episode, pursuit: Pursuit, value: int, moment: Moment) -> Facts:
    goal = pursuit.goal
    reached = holds(goal.measure, value)
    if reached and pursuit.met_on is None:
        return [_met(state, pursuit, moment, "rule")]
    # A count once reached stays reached: sessions leaving the window are no evidence against it.
    if reached or pursuit.met_on is None or goal.measure.kind == "count":
        return []
    return [
        GoalReopened(
            **about(state, moment.actor),
            goal_id=goal.goal_id,
            reason="no_longer_met",
            remaining_required=state.remaining_required + goal.required_for_step_down,
        )
    ]


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


def _met(state: Episode, pursuit: Pursuit, moment: Moment, by: str) -> GoalMet:
    return GoalMet(
        **about(state, moment.actor),
        goal_id=pursuit.goal.goal_id,
        category=pursuit.goal.category,
        met_on=state.day(moment.at),
        met_by=by,
        remaining_required=state.remaining_required - pursuit.goal.required_for_step_down,
    )


def _goals(state: Episode, command: ApprovePlan, moment: Moment) -> tuple[Goal, ...]:
    if not command.goals:
        raise Refused("plan_without_goals", "A plan has at least one measurable goal.", status=422)
    known = {(p.goal.category, p.goal.measure): p.goal for p in state.goals}
    goals: list[Goal] = []
    for number, wanted in enumerate(command.goals, start=1):
        measure = _measure(wanted, moment.rules)
        if any((g.category, g.measure) == (wanted.category, measure) for g in goals):
            raise Refused("goal_twice", f"Goal {number} is in the plan twice.", status=422)
        kept = known.get((wanted.category, measure))
        goals.append(
            Goal(
                goal_id=kept.goal_id if kept else moment.new_id(f"goal/{number}"),
                category=wanted.category,
                measure=measure,
                baseline=state.baselines.get(measure.instrument or "")
                if measure.kind == "instrument"
                else None,
                target_on=wanted.target_on,
                required_for_step_down=wanted.required_for_step_down,
            )
        )
    return tuple(goals)


def _measure(wanted: WantedGoal, rules: Rulebook) -> Measure:
    kind, comparator = KINDS.get(wanted.kind), COMPARATORS.get(wanted.comparator)
    if kind is None or comparator is None:
        raise _not_measurable(f"kinds are {', '.join(KINDS)}, comparators <=, >= and ==")
    if not 0 <= wanted.window_days <= MAX_WINDOW_DAYS:
        raise _not_measurable(f"its window is 0 to {MAX_WINDOW_DAYS} days")
    problem = _LIMITS[kind](wanted, rules) if kind in _LIMITS else ""
    if problem:
        raise _not_measurable(problem)
    return Measure(
        kind=kind,
        instrument=wanted.instrument,
        comparator=comparator,
        target=wanted.target,
        window_days=wanted.window_days,
    )


def _not_measurable(problem: str) -> Refused:
    return Refused("goal_not_measurable", f"A goal cannot be measured: {problem}.", status=422)


def _instrument_limit(wanted: WantedGoal, rules: Rulebook) -> str:
    scale = scale_of(wanted.instrument or "", rules)
    if scale is None or not is_followed(scale) or scale.limits is None:
        return f"the instruments are {', '.join(followed(rules))}"
    lowest, highest = scale.limits
    fits = lowest <= wanted.target <= highest
    return "" if fits else f"{wanted.instrument} goes from {lowest} to {highest}"


def _attendance_limit(wanted: WantedGoal, _rules: Rulebook) -> str:
    fits = 0 <= wanted.target <= 1000 and wanted.window_days // 7 <= KEPT_WEEKS
    return "" if fits else f"attendance is 0 to 1000 permille over at most {KEPT_WEEKS} weeks"


def _count_limit(wanted: WantedGoal, _rules: Rulebook) -> str:
    fits = 0 <= wanted.target <= KEPT_SITTINGS and wanted.instrument in SERVICE_KINDS
    return (
        "" if fits else f"sessions are counted up to {KEPT_SITTINGS}, all or of group, individual or family"
    )


_LIMITS: dict[str, Callable[[WantedGoal, Rulebook], str]] = {
    "instrument": _instrument_limit,
    "attendance": _attendance_limit,
    "count": _count_limit,
}
