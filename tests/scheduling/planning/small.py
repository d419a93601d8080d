"""Small random weeks, and their best answers found by trying everything."""

from collections.abc import Iterator
from itertools import chain, combinations
from random import Random

from services.scheduling.domain.planning.problem import (
    Item,
    Person,
    Plan,
    Problem,
    Use,
    Week,
    crowding,
    legal,
    liking,
)

TRACKS = ("morning", "noon", "evening")
KINDS = ("cbt", "process", "skills")


def small(seed: int, people: int = 3, *, capacity: int = 1, apart: bool = False) -> Problem:
    """A problem small enough to try every week, with blocks of unequal length and every kind of rule."""
    rng = Random(seed)
    items: dict[str, Item] = {}
    for n in range(8):
        hour = rng.randrange(3)
        start = (9 + 4 * hour) * 60
        items[f"b{n}"] = Item(
            f"b{n}", Use.BLOCK, rng.randint(1, 6), start, start + 180, rng.choice((120, 150, 180)),
            capacity=capacity, target=rng.choice((0, 1)), kind=rng.choice(KINDS), track=TRACKS[hour],
        )  # fmt: skip
    for n in range(3):
        use = rng.choice((Use.INDIVIDUAL, Use.FAMILY))
        start = rng.choice((9, 11, 12, 13)) * 60
        items[f"a{n}"] = Item(f"a{n}", use, rng.randint(1, 6), start, start + 60, 50)
    known = sorted(items)
    found = tuple(_person(rng, f"p{n}", known) for n in range(people))
    pairs = frozenset({frozenset({"p0", "p1"})}) if apart and people > 1 else frozenset()
    return Problem(items, found, pairs)


def _person(rng: Random, id: str, items: list[str]) -> Person:
    least = rng.choice((180, 300, 360))
    return Person(
        id,
        may=frozenset(i for i in items if rng.random() < 0.85),
        min_minutes=least,
        max_minutes=least + rng.choice((0, 120, 300)),
        wanted_minutes=rng.choice((0, 300)),
        min_days=rng.choice((1, 2)),
        max_days=rng.choice((3, 7)),
        max_gap_days=rng.choice((3, 4, 7)),
        kinds=frozenset(rng.sample(KINDS, rng.choice((0, 0, 1)))),
        individual=rng.random() < 0.4,
        family=rng.random() < 0.2,
        track=rng.choice(("", *TRACKS)),
        kept=frozenset(rng.sample(items, 3)),
        weight=rng.randint(1, 9),
    )


def weeks(problem: Problem, person: Person) -> Iterator[Week]:
    """Every legal week of a person."""
    mine = sorted(person.may)
    for week in chain.from_iterable(combinations(mine, n) for n in range(1, 6)):
        if legal(problem, person, frozenset(week)):
            yield frozenset(week)


def plans(problem: Problem) -> Iterator[Plan]:
    """Every plan that keeps seats and people apart, whoever it leaves out."""

    def further(
        left: tuple[Person, ...], plan: dict[str, Week], taken: dict[str, set[str]]
    ) -> Iterator[Plan]:
        if not left:
            yield dict(plan)
            return
        person, rest = left[0], left[1:]
        yield from further(rest, plan, taken)
        for week in weeks(problem, person):
            if all(_open(problem, person, taken.get(i, set()), i) for i in week):
                after = {i: {*taken.get(i, set()), person.id} for i in week}
                yield from further(rest, {**plan, person.id: week}, {**taken, **after})

    yield from further(problem.people, {}, {})


def _open(problem: Problem, person: Person, there: set[str], item: str) -> bool:
    enemies = problem.enemies.get(person.id, frozenset())
    return len(there) < problem.items[item].capacity and not there & enemies


def value(problem: Problem, plan: Plan) -> tuple[int, int, int]:
    """Level by level, in the order in which they count."""
    people = {p.id: p for p in problem.people}
    return (
        sum(people[id].weight for id in plan),
        sum(people[id].kept == week for id, week in plan.items()),
        sum(liking(problem, people[id], week) for id, week in plan.items())
        + crowding(problem, plan.values()),
    )
