"""The week of many sites that share some groups: prices decide whose seats the shared ones become.

Sites decouple but for the shared seats. A site where everybody can be placed without them takes none. Among
the others a linear program over all of them says what a shared seat is worth; each then plans by itself and
pays that price, so a seat goes where it places somebody whom nothing else would.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import floor

from services.scheduling.domain.planning.highs import Solver
from services.scheduling.domain.planning.problem import Person, Plan, Problem, Week
from services.scheduling.domain.planning.program import program_of
from services.scheduling.domain.planning.repair import repair
from services.scheduling.domain.planning.weekly import cover, solve


@dataclass(frozen=True, slots=True)
class Network:
    """The plan of all sites, what nothing can exceed, and what the shared seats were worth."""

    plan: Plan
    coverage_bound: int
    prices: Mapping[str, float]


def solve_network(problem: Problem, site_of: Mapping[str, str], *, gap: float = 0.0) -> Network:
    """Plan every site of a network, its shared seats priced by what they are worth to all."""
    shared = frozenset(i for i, item in problem.items.items() if item.shared)
    sites: dict[str, list[Person]] = {}
    for person in problem.people:
        sites.setdefault(site_of[person.id], []).append(person)
    plan: dict[str, Week] = {}
    short: list[str] = []
    for name in sorted(sites):
        alone = _part(problem, sites[name], without=shared)
        if len(repair(alone)) == len(alone.people):
            plan |= solve(alone, gap=gap).plan
        else:
            short.append(name)
    covered = sum(problem.person[p].weight for p in plan)
    prices, bound = _prices(_part(problem, [p for s in short for p in sites[s]]), shared)
    for name in short:
        plan |= cover(program_of(_part(problem, sites[name], taken=plan)), prices, gap=gap).plan
    for name in short:
        if any(p.id not in plan for p in sites[name]):
            others = {p: week for p, week in plan.items() if site_of[p] != name}
            plan = others | dict(solve(_part(problem, sites[name], taken=others), gap=gap).plan)
    return Network(plan, covered + bound, prices)


def _prices(problem: Problem, shared: frozenset[str]) -> tuple[dict[str, float], int]:
    """What one more of each shared seat would be worth, and the most that can be covered."""
    if not problem.people:
        return {}, 0
    program = program_of(problem, likes=False)
    worth = {c: float(problem.person[p].weight) for p, c in program.placed.items()}
    answer = Solver(program.rows, integer=False).most(worth)
    duals = {i: abs(answer.duals[row]) for i, row in program.seats.items() if i in shared}
    return {i: price for i, price in sorted(duals.items()) if price > 0.5}, floor(answer.bound + 1e-3)


def _part(
    problem: Problem,
    people: Iterable[Person],
    *,
    without: frozenset[str] = frozenset(),
    taken: Plan | None = None,
) -> Problem:
    """Some of the people, with the seats that are left."""
    people = list(people)
    used: dict[str, int] = {}
    for week in (taken or {}).values():
        for id in week:
            used[id] = used.get(id, 0) + 1
    reached = frozenset(i for p in people for i in p.may if i in problem.items) - without
    items = {
        i: replace(item, capacity=item.capacity - used.get(i, 0))
        for i in sorted(reached)
        if (item := problem.items[i]).capacity > used.get(i, 0)
    }
    return replace(problem, items=items, people=tuple(replace(p, may=p.may & items.keys()) for p in people))
