"""Placing one person in a running site: on free seats, or with one other person's consented move."""

from collections.abc import Collection

from services.scheduling.domain.planning.best import best_week
from services.scheduling.domain.planning.problem import Person
from services.scheduling.domain.planning.seating import Move, Placement, Seating

CANDIDATES = 40
"""How many people are looked at before nobody is asked to move."""


def place(seating: Seating, person: Person, *, moves: bool = True) -> Placement | None:
    """The best week on free seats; else the best with one movable person sitting elsewhere.

    Nothing is changed: whoever takes the answer records it.
    """
    found = seating.best(person)
    if found is not None:
        return Placement(found.week)
    return _with_a_move(seating, person) if moves else None


def _with_a_move(seating: Seating, person: Person) -> Placement | None:
    full = seating.full(person.may)
    closed = full | seating.forbidden(person)
    seen: dict[frozenset[str], bool] = {}
    best: tuple[float, str, Placement] | None = None
    for id in _candidates(seating, person, full):
        frees = frozenset(seating.plan[id] & full)
        if seen.get(frees) is None:
            seen[frees] = best_week(seating.choices(person), closed - frees) is not None
        if not seen[frees]:
            continue
        found = _swapped(seating, person, id)
        if found is not None and (best is None or (-found[0], id) < (-best[0], best[1])):
            best = (found[0], id, found[1])
    return None if best is None else best[2]


def _candidates(seating: Seating, person: Person, full: Collection[str]) -> list[str]:
    """Who could make room, most seats first; the order is the same on every machine."""
    holds: dict[str, int] = {}
    for item in full:
        for id in seating.holders[item]:
            holds[id] = holds.get(id, 0) + 1
    people = seating.problem.person
    willing = [id for id in holds if people[id].movable and id != person.id]
    return sorted(willing, key=lambda who: (-holds[who], who))[:CANDIDATES]


def _swapped(seating: Seating, person: Person, id: str) -> tuple[float, Placement] | None:
    """Place the newcomer as if somebody were not there, then that somebody on what is left."""
    before = seating.leave(id)
    try:
        first = seating.best(person)
        if first is None:
            return None
        seating.take(person.id, first.week)
        try:
            second = seating.best(seating.problem.person[id])
        finally:
            seating.leave(person.id)
    finally:
        seating.take(id, before)
    if second is None:
        return None
    return first.points + second.points, Placement(first.week, Move(id, second.week))
