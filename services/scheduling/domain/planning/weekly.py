"""The best week of a whole site, level by level: who is placed, whose week stays whole, what people like."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.scheduling.domain.planning.highs import Answer, Solver
from services.scheduling.domain.planning.online import place
from services.scheduling.domain.planning.problem import Levels, Plan, Problem, legal, levels_of
from services.scheduling.domain.planning.program import Program, program_of
from services.scheduling.domain.planning.seating import Seating

_ROUNDED = 1e-6


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan with what it is worth, and what nothing can exceed."""

    plan: Plan
    levels: Levels
    bounds: Levels

    @property
    def proven(self) -> bool:
        return self.levels == self.bounds


def solve(problem: Problem, *, gap: float = 0.0) -> Solved:
    """The best plan; `gap` is how far from proven the preferences may stay, as a share.

    A level is asked only where its bound is not reached anyway: the first try keeps every published week
    that is still legal, and where everybody else finds a place beside them hardly anything is left to decide.
    """
    program = program_of(problem)
    everybody = sum(p.weight for p in problem.people)
    weights = {c: float(problem.person[p].weight) for p, c in program.placed.items()}
    wholes = dict.fromkeys(program.kept.values(), 1.0)
    solver, answer = _with_everything_kept(program)
    if answer.found:
        return _prefer(program, solver, answer, (everybody, len(wholes)), gap)
    solver = Solver(program.rows)
    plan = _greedy(problem)
    coverage = everybody
    if len(plan) == len(problem.people):
        solver.start_from(_columns(program, plan))
        _hold_all(solver, weights)
    else:
        solver.start_from(_columns(program, plan))
        answer = solver.most(weights)
        coverage = int(answer.bound + _ROUNDED)
        solver.require(weights, round(answer.value))
    answer = solver.most(wholes)
    solver.require(wholes, round(answer.value))
    return _prefer(program, solver, answer, (coverage, int(answer.bound + _ROUNDED)), gap)


def _hold_all(solver: Solver, columns: Iterable[int]) -> None:
    for column in columns:
        solver.fix(column, 1.0)


def _with_everything_kept(program: Program) -> tuple[Solver, Answer]:
    """Everybody placed and every published week whole, if that can be: no plan covers and keeps more."""
    solver = Solver(program.rows)
    _hold_all(solver, (*program.placed.values(), *program.kept.values()))
    return solver, solver.most({})


def _greedy(problem: Problem) -> Plan:
    """A plan to begin with: published weeks as they are, everybody else one after the other, scarce first."""
    whole = {p.id: p.kept for p in problem.people if legal(problem, p, p.kept)}
    seating = Seating.of(problem, whole)
    for person in sorted(problem.people, key=lambda p: (len(p.may), -p.weight, p.id)):
        if person.id not in seating.plan and (found := place(seating, person)) is not None:
            seating.put(person.id, found)
    return seating.plan


def _columns(program: Program, plan: Plan) -> list[float]:
    """A plan as a solution; what follows from who takes what is left to the solver."""
    values = [0.0] * len(program.rows.upper)
    for person, week in plan.items():
        values[program.placed[person]] = 1.0
        for item in week:
            values[program.takes[person][item]] = 1.0
    return values


def _prefer(program: Program, solver: Solver, answer: Answer, bounds: tuple[int, int], gap: float) -> Solved:
    """The preferences, with what the higher levels reached held fast."""
    solver.start_from(answer.values)
    liked = solver.most(program.preference, gap)
    plan = program.read(liked.values if liked.found else answer.values)
    levels = levels_of(program.problem, plan)
    return Solved(plan, levels, Levels(*bounds, preference=int(liked.bound + _ROUNDED)))
