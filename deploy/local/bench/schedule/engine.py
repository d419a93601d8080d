"""The engine that is measured: the one place where the benchmark calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import process_time

from services.scheduling.domain.planning import network as sites
from services.scheduling.domain.planning import online, repair, weekly
from services.scheduling.domain.planning.problem import Plan, Problem, levels_of
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


@dataclass(frozen=True, slots=True)
class Admitted:
    """People placed one by one, and the milliseconds of each: on free seats, or with a look at moves."""

    plan: Plan
    direct_ms: Sequence[float]
    moving_ms: Sequence[float]


def admit(problem: Problem, published: Plan, arriving: Sequence[str]) -> Admitted:
    """Place people one by one with at most one move each."""
    seating = Seating.of(problem, published)
    direct: list[float] = []
    moving: list[float] = []
    for id in arriving:
        began = process_time()
        found = online.place(seating, problem.person[id])
        took = (process_time() - began) * 1000
        (direct if found is not None and found.move is None else moving).append(took)
        if found is not None:
            seating.put(id, found)
    return Admitted(seating.plan, direct, moving)


def mend(problem: Problem) -> Plan:
    """The published week made whole at once, and by the solver where that is better."""
    mended = repair.repair(problem)
    solved = weekly.solve(problem)
    return solved.plan if solved.levels > levels_of(problem, mended) else mended


def best_network(problem: Problem, site_of: Mapping[str, str]) -> Planned:
    """The best week of many sites that share some groups."""
    solved = sites.solve_network(problem, site_of)
    return Planned(solved.plan, Bounds(solved.coverage_bound))
