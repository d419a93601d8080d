"""`handrail bench schedule`: the engine on planted weeks, judged by a checker that is not its own.

Seconds are CPU seconds of this process and its children; they say what a plan costs, whatever else runs here.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import process_time
from typing import Any, TypeVar

from deploy.local.bench.schedule import engine, scenarios
from deploy.local.bench.schedule.checker import check, soft
from deploy.local.bench.schedule.first_fit import first_fit
from deploy.local.bench.schedule.instance import Instance
from services.scheduling.domain.planning.problem import Person, Plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan for an instance, and what was seen on the way."""

    instance: Instance
    plan: Plan
    bounds: engine.Bounds
    cpu_s: float
    first_fit: Plan
    changed: int | None = None
    broken: int | None = None
    placing: engine.Admitted | None = None


def measure(scenario: str, patients: int, seed: int, fill: float) -> dict[str, Any]:
    """Run one scenario and say how it went; what a scenario does not measure is null."""
    outcome = SCENARIOS[scenario](patients, seed, fill)
    people = outcome.instance.problem.people
    levels = soft(outcome.instance.problem, outcome.plan)
    placing = outcome.placing
    direct, moving = (placing.direct_ms, placing.moving_ms) if placing else ((), ())
    return {
        "scenario": scenario,
        "patients": len(people),
        "seed": seed,
        "fill": fill,
        "unplaced": len(people) - len(outcome.plan),
        "unplaced_bound": fewest_unplaced(people, outcome.bounds.coverage),
        "first_fit_unplaced": len(people) - len(outcome.first_fit),
        "soft_ratio": ratio(levels.preference, outcome.bounds.preference),
        "hard_violations": len(check(outcome.instance, outcome.plan)),
        "changed": outcome.changed,
        "broken": outcome.broken,
        "cpu_s": round(outcome.cpu_s, 3),
        "online_p50_ms": percentile(direct, 50),
        "online_p99_ms": percentile(direct, 99),
        "online_move_p99_ms": percentile(moving, 99),
        "levels": asdict(levels),
        "bounds": asdict(outcome.bounds),
    }


def weekly(patients: int, seed: int, fill: float) -> Outcome:
    """A new week for everybody."""
    instance = scenarios.weekly(patients, seed, fill)
    planned, cpu_s = clocked(lambda: engine.best_week(instance.problem))
    return Outcome(instance, planned.plan, planned.bounds, cpu_s, first_fit(instance.problem))


def online(patients: int, seed: int, fill: float) -> Outcome:
    """Newcomers one by one, beside what hindsight would have done with the residents' weeks frozen.

    The ratio of likings is to the best week in which everybody could have been moved.
    """
    arrivals = scenarios.online(patients, seed, fill)
    published = engine.best_week(arrivals.residents).plan
    instance = arrivals.running(published)
    admitted, cpu_s = clocked(lambda: engine.admit(instance.problem, published, arrivals.arriving))
    plan = admitted.plan
    hindsight = engine.best_week(arrivals.left_over(published)).bounds
    free = engine.best_week(instance.problem).bounds
    seated = soft(instance.problem, published)
    bounds = engine.Bounds(seated.coverage + hindsight.coverage, preference=free.preference)
    frozen = first_fit(instance.problem, published)
    return Outcome(instance, plan, bounds, cpu_s, frozen, changed=changes(published, plan), placing=admitted)


def disruption(patients: int, seed: int, fill: float) -> Outcome:
    """A published week mended, beside the best week that could be planned from it."""
    before = scenarios.admissions(patients, seed, fill)
    published = engine.best_week(before.residents).plan
    after = scenarios.disruption(published, before, seed)
    problem = after.instance.problem
    plan, cpu_s = clocked(lambda: engine.mend(problem))
    intact = {id: week for id, week in published.items() if id not in after.broken}
    return Outcome(
        after.instance,
        plan,
        engine.best_week(problem).bounds,
        cpu_s,
        first_fit(problem, intact),
        changed=changes(published, plan),
        broken=len(after.broken),
    )


def network(patients: int, seed: int, fill: float) -> Outcome:
    """All sites at once, with the video groups that they share."""
    instance = scenarios.network(patients, seed, fill)
    planned, cpu_s = clocked(lambda: engine.best_network(instance.problem, instance.facts.site))
    return Outcome(instance, planned.plan, planned.bounds, cpu_s, first_fit(instance.problem))


SCENARIOS: dict[str, Callable[[int, int, float], Outcome]] = {
    "weekly": weekly,
    "online": online,
    "disruption": disruption,
    "network": network,
}


def clocked(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its CPU seconds."""
    began = cpu_seconds()
    given = work()
    return given, cpu_seconds() - began


def cpu_seconds() -> float:
    """Of this process and of the children that have ended."""
    times = os.times()
    return process_time() + times.children_user + times.children_system


def fewest_unplaced(people: Sequence[Person], coverage: int) -> int:
    """How many at least stay without a week if no plan covers more than this weight."""
    missing = sum(p.weight for p in people) - coverage
    fewest = 0
    for weight in sorted((p.weight for p in people), reverse=True):
        if missing <= 0:
            break
        missing -= weight
        fewest += 1
    return fewest


def ratio(reached: int, most: int | None) -> float | None:
    """What was reached of the most that could be."""
    return round(reached / most, 4) if most else None


def changes(published: Plan, plan: Plan) -> int:
    """How many published weeks are not what they were."""
    return sum(plan.get(id) != week for id, week in published.items())


def percentile(values: Sequence[float], share: int) -> float | None:
    """The nearest rank."""
    if not values:
        return None
    return round(sorted(values)[-(-len(values) * share // 100) - 1], 3)
