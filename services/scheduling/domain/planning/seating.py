"""Who sits where while weeks are being found: free seats, people kept apart, crowded groups."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.scheduling.domain.planning.best import Choices, Found, best_week, choices_of
from services.scheduling.domain.planning.problem import Person, Plan, Problem, Use, Week

SCARCE = 1.0
"""Points that the last seat of a group costs; it halved how many newcomers stay without a week."""


@dataclass(frozen=True, slots=True)
class Move:
    """Another person's week as it would be."""

    id: str
    week: Week


@dataclass(frozen=True, slots=True)
class Placement:
    """A week for a newcomer, and the one move that it takes, if any."""

    week: Week
    move: Move | None = None


@dataclass(slots=True)
class Seating:
    """A plan in the making; `take` and `leave` keep the counts."""

    problem: Problem
    plan: dict[str, Week] = field(default_factory=dict)
    holders: dict[str, set[str]] = field(default_factory=dict)
    _choices: dict[str, Choices] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Problem, plan: Plan) -> "Seating":
        seating = cls(problem)
        for id, week in plan.items():
            seating.take(id, week)
        return seating

    def take(self, id: str, week: Week) -> None:
        self.plan[id] = week
        for item in week:
            self.holders.setdefault(item, set()).add(id)

    def leave(self, id: str) -> Week:
        week = self.plan.pop(id)
        for item in week:
            self.holders[item].discard(id)
        return week

    def put(self, id: str, found: Placement) -> None:
        """Carry out a placement, and the move that makes room for it."""
        if found.move is not None:
            self.leave(found.move.id)
            self.take(found.move.id, found.move.week)
        self.take(id, found.week)

    def choices(self, person: Person) -> Choices:
        """What a person could take, worked out once."""
        known = self._choices.get(person.id)
        if known is None:
            known = self._choices[person.id] = choices_of(self.problem, person)
        return known

    def full(self, items: Iterable[str]) -> set[str]:
        """The items without a free seat."""
        holders, known = self.holders, self.problem.items
        return {i for i in items if len(holders.get(i, ())) >= known[i].capacity}

    def forbidden(self, person: Person) -> set[str]:
        """The items where somebody sits whom the person is kept apart from."""
        enemies = self.problem.enemies.get(person.id)
        if not enemies:
            return set()
        return {i for i in person.may if not enemies.isdisjoint(self.holders.get(i, ()))}

    def prices(self, items: Iterable[str]) -> Mapping[str, float]:
        """What a seat costs whoever comes later: more the fewer are left, and more beyond the target."""
        crowd = -self.problem.weights.over_target
        found = {}
        for id in items:
            item, taken = self.problem.items[id], len(self.holders.get(id, ()))
            if item.use is Use.BLOCK and taken < item.capacity:
                found[id] = SCARCE / (item.capacity - taken) + crowd * (0 < item.target <= taken)
        return found

    def best(self, person: Person, avoid: Collection[str] = ()) -> Found | None:
        """The best week that the free seats give a person."""
        closed = self.full(person.may) | self.forbidden(person) | set(avoid)
        return best_week(self.choices(person), closed, self.prices(person.may))
