"""The best week of a whole site, level by level: who is placed, whose week stays whole, what people like."""

from collections.abc import Mapping
from math import floor

from services.scheduling.domain.planning.highs import Answer, Solver
from services.scheduling.domain.planning.problem import Levels, Person, Problem, Solved, Use, levels_of
from services.scheduling.domain.planning.program import Objective, Program, program_of

_ROUNDED = 1e-3
"""Points are whole; a solver's numbers are nearly so."""


def solve(problem: Problem, *, gap: float = 0.0) -> Solved:
    """The best plan; `gap` is how far from proven the preferences may stay, as a share of all they could be.

    Whole weeks and preferences are one question: a whole week counts for more than all preferences together
    can differ by, so the levels cannot cross. Coverage is asked by itself, and only where not everybody can
    be placed: its weights are too far from points for one number.
    """
    if not problem.people:
        return Solved({}, Levels(0, 0, 0), Levels(0, 0, 0))
    program = program_of(problem)
    solver = Solver(program.rows)
    for column in program.placed.values():
        solver.fix(column, 1.0)
    everybody = sum(p.weight for p in problem.people)
    return _keep_and_prefer(program, solver, everybody, gap) or cover(program, {}, gap=gap)


def cover(program: Program, prices: Mapping[str, float], *, gap: float = 0.0) -> Solved:
    """The best plan where not everybody can be placed, or where seats that others want too have a price."""
    solver = Solver(program.rows)
    people = program.problem.person
    worth: Objective = {c: float(people[p].weight) for p, c in program.placed.items()}
    for takes in program.takes.values():
        worth |= {column: -prices[item] for item, column in takes.items() if item in prices}
    covered = solver.most(worth)
    if not covered.found:
        most = Levels(sum(p.weight for p in people.values()), len(program.kept), 0)
        return Solved({}, Levels(0, 0, 0), most)
    items = program.problem.items
    paid = sum(items[i].capacity * price for i, price in prices.items() if i in items)
    bound = floor(covered.bound + paid + _ROUNDED)
    solver.require(worth, covered.value - _ROUNDED)
    solver.start_from(covered.values)
    found = _keep_and_prefer(program, solver, bound, gap)
    return found or _told(program, covered, Levels(bound, len(program.kept), 0))


def _keep_and_prefer(program: Program, solver: Solver, coverage: int, gap: float) -> Solved | None:
    """The most whole weeks, and among those plans the one that people like most; None where there is none."""
    low, high = _range(program.problem)
    step = high - low + 1
    objective: Objective = dict(program.preference)
    for column in program.kept.values():
        objective[column] = step
    answer = solver.most(objective, max(1.0 - _ROUNDED, gap * high))
    if not answer.found:
        return None
    bound = floor(answer.bound + _ROUNDED)
    kept = min(len(program.kept), (bound - low) // step)
    told = _told(program, answer, Levels(coverage, kept, 0))
    return Solved(told.plan, told.levels, Levels(coverage, kept, min(high, bound - told.levels.kept * step)))


def _told(program: Program, answer: Answer, bounds: Levels) -> Solved:
    plan = program.read(answer.values)
    return Solved(plan, levels_of(program.problem, plan), bounds)


def _range(problem: Problem) -> tuple[int, int]:
    """Between what the preferences of any plan must lie."""
    spans = [_span(problem, p) for p in problem.people]
    spill = sum(max(0, i.capacity - i.target) for i in problem.items.values() if i.target > 0)
    crowded = spill * problem.weights.over_target
    return sum(low for low, _ in spans) + crowded, sum(high for _, high in spans)


def _span(problem: Problem, person: Person) -> tuple[int, int]:
    w = problem.weights
    mine = [problem.items[i] for i in person.may if i in problem.items]
    blocks = [i for i in mine if i.use is Use.BLOCK]
    shortest = min((b.minutes for b in blocks if b.minutes), default=person.max_minutes or 1)
    most = min(len({b.dow for b in blocks}), person.max_minutes // shortest)
    kept = [problem.items[i] for i in person.kept & person.may if i in problem.items]
    seats = min(most, sum(i.use is Use.BLOCK for i in kept))
    high = seats * w.seat_kept + sum(i.use is not Use.BLOCK for i in kept) * w.slot_kept
    high += most * w.preferred_track if person.track else 0
    high += person.individual * w.individual_on_group_day + person.family * w.family_on_group_day
    tracks = min(most, len({b.track for b in blocks}))
    low = max(0, tracks - 1) * w.extra_track
    if person.wanted_minutes:
        off = max(person.wanted_minutes, person.max_minutes - person.wanted_minutes)
        low += -(-off // 60) * w.off_wanted_hour
    return low, high
