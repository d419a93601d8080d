"""The engine that is measured: the one place where the benchmark calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import process_time

from services.scheduling.domain.planning import online
from services.scheduling.domain.planning import weekly as site
from services.scheduling.domain.planning.problem import Levels, Person, Plan, Problem, legal
from services.scheduling.domain.planning.seating import Seating


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what no plan can exceed where the engine says so."""

    plan: Plan
    bounds: Levels | None = None


def weekly(problem: Problem) -> Planned:
    """The best week of one site."""
    solved = site.solve(problem)
    return Planned(solved.plan, solved.bounds)


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


def repair(problem: Problem, published: Plan) -> Plan:
    """A published week mended: what is intact stays, who lost something and who is new is placed."""
    intact = {id: week for id, week in published.items() if legal(problem, problem.person[id], week)}
    seating = Seating.of(problem, intact)
    waiting = [p for p in problem.people if p.id not in intact]
    for person in sorted(waiting, key=lambda p: (not p.kept, -p.weight, p.id)):
        found = online.place(seating, person)
        if found is not None:
            seating.put(person.id, found)
    return seating.plan


def network(problem: Problem, site_of: Mapping[str, str]) -> Planned:
    """The best week of many sites: one after the other, each with the shared seats that are left."""
    plan: dict[str, frozenset[str]] = {}
    left = {id: item.capacity for id, item in problem.items.items()}
    for name in sorted({site_of[p.id] for p in problem.people}):
        here = tuple(p for p in problem.people if site_of[p.id] == name)
        for id, week in weekly(_of_site(problem, here, left)).plan.items():
            plan[id] = week
            for item in week:
                left[item] -= 1
    return Planned(plan)


def _of_site(problem: Problem, here: tuple[Person, ...], left: Mapping[str, int]) -> Problem:
    reached = sorted({i for p in here for i in p.may if left[i] > 0})
    items = {id: replace(problem.items[id], capacity=left[id]) for id in reached}
    people = tuple(replace(p, may=p.may & items.keys()) for p in here)
    return replace(problem, items=items, people=people)
