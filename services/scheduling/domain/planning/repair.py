"""Mending a published week: whoever's week still holds keeps it, the others are placed one by one."""

from services.scheduling.domain.planning.online import place
from services.scheduling.domain.planning.problem import Plan, Problem, legal
from services.scheduling.domain.planning.seating import Seating


def repair(problem: Problem, *, moves: bool = True) -> Plan:
    """Weeks for everybody who can get one without disturbing more than one other person each.

    Published weeks that are still legal stay, the heaviest first where seats were lost; then those who wait
    longest are placed, and among equals those with the fewest choices.
    """
    seating = Seating(problem)
    for person in sorted(problem.people, key=lambda p: (-p.weight, p.id)):
        week = person.kept
        if legal(problem, person, week) and not week & (seating.full(week) | seating.forbidden(person)):
            seating.take(person.id, week)
    for person in sorted(problem.people, key=lambda p: (-p.weight, len(p.may), p.id)):
        if person.id not in seating.plan and (found := place(seating, person, moves=moves)) is not None:
            seating.put(person.id, found)
    return seating.plan


def broken_by(problem: Problem) -> frozenset[str]:
    """Whose published week no longer holds for themselves, seats aside."""
    return frozenset(p.id for p in problem.people if p.kept and not legal(problem, p, p.kept))
