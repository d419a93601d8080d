"""Who sits where while weeks are being found: free seats, people kept apart, crowded groups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.scheduling.domain.planning.best import Choices, Found, best_week, choices_of
from services.scheduling.domain.planning.problem import Person, Plan, Problem, Week


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

    def crowded(self, items: Iterable[str]) -> Mapping[str, float]:
        """What one more person costs where a group has reached its target."""
        cost = -self.problem.weights.over_target
        targets = {i: self.problem.items[i].target for i in items}
        return {i: cost for i, t in targets.items() if 0 < t <= len(self.holders.get(i, ()))}

    def best(self, person: Person) -> Found | None:
        """The best week that the free seats give a person."""
        closed = self.full(person.may) | self.forbidden(person)
        return best_week(self.choices(person), closed, self.crowded(person.may))
