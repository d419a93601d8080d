"""What makes a goal measurable: its kind, what it is about, and where its target may lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from contracts import instruments
from contracts.decisions import Moment, Refused
from contracts.progress import Goal, Measure
from contracts.rulebook import Rulebook
from contracts.vocabulary import GoalCategory, GroupKind, ServiceKind
from services.progress.domain.folds.course import KEPT_SITTINGS, KEPT_WEEKS
from services.progress.domain.folds.records import KEPT_ACTIVITIES, KEPT_HOMEWORK
from services.progress.domain.scales import followed, is_followed, numbers, scale_of
from services.progress.domain.state import Episode

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
ACTIVITIES = ("meeting_12step", "sponsor_contact", "alumni", "other")
HOMEWORK = "homework"
SESSIONS: tuple[str | None, ...] = (None, *ServiceKind, *GroupKind)
COUNTED = (*SESSIONS, *ACTIVITIES, HOMEWORK)


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
    subscale: str | None = None


def agreed_goals(state: Episode, wanted: Sequence[WantedGoal], moment: Moment) -> tuple[Goal, ...]:
    """The goals of a plan: measurable, none twice, and the ones known already under the ids they have."""
    if not wanted:
        raise Refused("plan_without_goals", "A plan has at least one measurable goal.", status=422)
    drafted = state.draft.goals if state.draft else ()
    known = {(g.category, g.measure): g for g in (*drafted, *(p.goal for p in state.goals))}
    goals: list[Goal] = []
    for number, each in enumerate(wanted, start=1):
        measure = _measure(each, moment.rules)
        if any((g.category, g.measure) == (each.category, measure) for g in goals):
            raise Refused("goal_twice", f"Goal {number} is in the plan twice.", status=422)
        kept = known.get((each.category, measure))
        goals.append(
            Goal(
                goal_id=kept.goal_id if kept else moment.new_id(f"goal/{number}"),
                category=each.category,
                measure=measure,
                baseline=_baseline(state, measure),
                target_on=each.target_on,
                required_for_step_down=each.required_for_step_down,
            )
        )
    return tuple(goals)


def _baseline(state: Episode, measure: Measure) -> int | None:
    name = measure.instrument or ""
    if measure.kind != "instrument":
        return None
    if measure.subscale is None:
        return state.baselines.get(name)
    start = state.starts.get(name)
    return start.subscales.get(measure.subscale) if start else None


def _measure(wanted: WantedGoal, rules: Rulebook) -> Measure:
    kind, comparator = KINDS.get(wanted.kind), COMPARATORS.get(wanted.comparator)
    if kind is None or comparator is None:
        raise _not_measurable(f"kinds are {', '.join(KINDS)}, comparators <=, >= and ==")
    if not 0 <= wanted.window_days <= MAX_WINDOW_DAYS:
        raise _not_measurable(f"its window is 0 to {MAX_WINDOW_DAYS} days")
    if wanted.subscale is not None and kind != "instrument":
        raise _not_measurable("only an instrument has subscales")
    problem = _LIMITS[kind](wanted, rules) if kind in _LIMITS else ""
    if problem:
        raise _not_measurable(problem)
    return Measure(
        kind=kind,
        instrument=wanted.instrument,
        comparator=comparator,
        target=wanted.target,
        window_days=wanted.window_days,
        subscale=wanted.subscale,
    )


def _not_measurable(problem: str) -> Refused:
    return Refused("goal_not_measurable", f"A goal cannot be measured: {problem}.", status=422)


def _instrument_limit(wanted: WantedGoal, rules: Rulebook) -> str:
    name = wanted.instrument or ""
    if wanted.subscale is not None:
        return _subscale_limit(name, wanted.subscale, wanted.target)
    scale = scale_of(name, rules)
    if scale is None or not is_followed(scale) or scale.limits is None:
        return f"the instruments are {', '.join(followed(rules))}; others are measured by a subscale"
    lowest, highest = scale.limits
    fits = lowest <= wanted.target <= highest
    return "" if fits else f"{wanted.instrument} goes from {lowest} to {highest}"


def _subscale_limit(name: str, subscale: str, target: int) -> str:
    known = [instruments.find(name, v) for v in instruments.versions(name)] if _exists(name) else []
    spans = [span for scale in known if (span := numbers(scale).get(subscale))]
    if not spans:
        names = sorted({each for scale in known for each in numbers(scale)})
        return f"the subscales of {name or 'no instrument'} are {', '.join(names) or 'none'}"
    lowest, highest = min(low for low, _ in spans), max(high for _, high in spans)
    return "" if lowest <= target <= highest else f"{name} {subscale} goes from {lowest} to {highest}"


def _exists(name: str) -> bool:
    return name in instruments.names()


def _attendance_limit(wanted: WantedGoal, _rules: Rulebook) -> str:
    fits = 0 <= wanted.target <= 1000 and wanted.window_days // 7 <= KEPT_WEEKS
    return "" if fits else f"attendance is 0 to 1000 permille over at most {KEPT_WEEKS} weeks"


def _count_limit(wanted: WantedGoal, _rules: Rulebook) -> str:
    if wanted.instrument not in COUNTED:
        return f"what is counted is sessions, or {', '.join(filter(None, COUNTED))}"
    most = min(KEPT_SITTINGS, KEPT_ACTIVITIES, KEPT_HOMEWORK)
    return "" if 0 <= wanted.target <= most else f"counts go up to {most}"


_LIMITS: dict[str, Callable[[WantedGoal, Rulebook], str]] = {
    "instrument": _instrument_limit,
    "attendance": _attendance_limit,
    "count": _count_limit,
}
