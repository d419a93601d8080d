"""The engine that is measured: the one place where the benchmark calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time

from services.scheduling.domain.planning import network as sites
from services.scheduling.domain.planning import online, repair, weekly
from services.scheduling.domain.planning.problem import Plan, Problem
from services.scheduling.domain.planning.seating import Seating


@dataclass(frozen=True, slots=True)
class Bounds:
    """What no plan can exceed, level by level; None where the engine does not say."""

    coverage: int
    kept: int | None = None
    preference: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and its bounds."""

    plan: Plan
    bounds: Bounds


def best_week(problem: Problem) -> Planned:
    """The best week of one site."""
    solved = weekly.solve(problem)
    bounds = solved.bounds
    return Planned(solved.plan, Bounds(bounds.coverage, bounds.kept, bounds.preference))


def admit(problem: Problem, published: Plan, arriving: Sequence[str]) -> tuple[Plan, list[float]]:
    """Place people one by one with at most one move each; the milliseconds of each."""
    seating = Seating.of(problem, published)
    took = []
    for id in arriving:
        began = process_time()
        found = online.place(seating, problem.person[id])
        if found is not None:
            seating.put(id, found)
        took.append((process_time() - began) * 1000)
    return seating.plan, took


def mend(problem: Problem) -> Plan:
    """The published week, which is what people keep, made whole again."""
    return repair.repair(problem)


def best_network(problem: Problem, site_of: Mapping[str, str]) -> Planned:
    """The best week of many sites that share some groups."""
    solved = sites.solve_network(problem, site_of)
    return Planned(solved.plan, Bounds(solved.coverage_bound))
