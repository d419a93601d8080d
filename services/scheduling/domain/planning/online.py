"""Placing one person in a running site: on free seats, or with one other person's consented move."""

from collections.abc import Collection

from services.scheduling.domain.planning.best import best_week
from services.scheduling.domain.planning.problem import Person, Week
from services.scheduling.domain.planning.seating import Move, Placement, Seating

CANDIDATES = 60
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
    """Both weeks with somebody's seats given up, whoever chooses first making the better pair."""
    other = seating.problem.person[id]
    before = seating.leave(id)
    try:
        pairs = [_in_turn(seating, person, other), _in_turn(seating, other, person, avoid=before)]
    finally:
        seating.take(id, before)
    found = [pair for pair in pairs if pair is not None]
    if not found:
        return None
    points, weeks = max(found, key=lambda pair: pair[0])
    return points, Placement(weeks[person.id], Move(id, weeks[id]))


def _in_turn(
    seating: Seating, first: Person, second: Person, avoid: Week = frozenset()
) -> tuple[float, dict[str, Week]] | None:
    """The best week for one person, then the best of what is left for another."""
    one = seating.best(first, avoid & second.may)
    if one is None:
        return None
    seating.take(first.id, one.week)
    two = seating.best(second)
    seating.leave(first.id)
    if two is None:
        return None
    return one.points + two.points, {first.id: one.week, second.id: two.week}
