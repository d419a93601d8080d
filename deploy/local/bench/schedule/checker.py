"""The hard rules of a week and the worth of a plan, told a second time: nothing here comes from the engine.

Only the dataclasses are shared. A plan that passes here keeps every rule, whatever the engine believes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from deploy.local.bench.schedule.instance import Facts, Instance
from services.scheduling.domain.planning.problem import Item, Levels, Person, Plan, Problem, Use


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a plan breaks."""

    rule: str
    who: str
    """The person, item or clinician."""
    text: str
    """The numbers."""


def check(instance: Instance, plan: Plan) -> list[Violation]:
    """Every hard rule that the plan breaks; none for a legal one."""
    problem, facts = instance.problem, instance.facts
    people = {p.id: p for p in problem.people}
    found: list[Violation] = []
    weeks: dict[str, list[Item]] = {}
    for id in sorted(plan):
        unknown = sorted(i for i in plan[id] if i not in problem.items)
        if id not in people or unknown:
            found.append(Violation("unknown", id, f"no such person, or no such items: {unknown}"))
            continue
        weeks[id] = sorted((problem.items[i] for i in plan[id]), key=lambda i: (i.dow, i.start, i.id))
        found += check_week(people[id], weeks[id])
        found += _outside_facts(people[id], weeks[id], facts)
    found += _crowded(weeks)
    found += _clinicians(weeks)
    found += _met(problem, weeks)
    found += _moved(instance, plan)
    return found


def check_week(person: Person, week: Sequence[Item]) -> list[Violation]:
    """The rules that one person's week breaks by itself."""
    return [Violation(rule, person.id, text) for rule, text in _of_one(person, week)]


def _of_one(person: Person, week: Sequence[Item]) -> Iterator[tuple[str, str]]:
    minutes = sum(i.minutes for i in week)
    if not person.min_minutes <= minutes <= person.max_minutes:
        yield "minutes", f"{minutes} minutes; {person.min_minutes} to {person.max_minutes} are allowed"
    days = sorted({i.dow for i in week})
    if len(days) < person.min_days:
        yield "days", f"{len(days)} days; at least {person.min_days}"
    gap = (
        max((b - a - 1 for a, b in zip(days, [*days[1:], days[0] + 7], strict=True)), default=7)
        if days
        else 7
    )
    if gap > person.max_gap_days:
        yield "gap", f"{gap} days in a row without service; at most {person.max_gap_days}"
    for dow, count in sorted(Counter(i.dow for i in week if i.use is Use.BLOCK).items()):
        if count > 1:
            yield "one_block_a_day", f"{count} groups on weekday {dow}"
    missing = sorted(person.kinds - {i.kind for i in week if i.use is Use.BLOCK})
    if missing:
        yield "kinds", f"required and missing: {missing}"
    for use, wanted in ((Use.INDIVIDUAL, person.individual), (Use.FAMILY, person.family)):
        had = sum(i.use is use for i in week)
        if had != int(wanted):
            yield use.value, f"{had} sessions; {int(wanted)} belong to the week"
    for a, b in combinations(week, 2):
        if _overlap(a, b):
            yield "overlap", f"{a.id} and {b.id} on weekday {a.dow}"


def _overlap(a: Item, b: Item) -> bool:
    return a.dow == b.dow and a.start < b.end and b.start < a.end


def _outside_facts(person: Person, week: Sequence[Item], facts: Facts) -> Iterator[Violation]:
    for item in week:
        for rule, text in _not_theirs(person.id, item, facts):
            yield Violation(rule, person.id, text)
        if item.id not in person.may:
            yield Violation("may", person.id, f"{item.id} is not among what they could take")


def _not_theirs(person: str, item: Item, facts: Facts) -> Iterator[tuple[str, str]]:
    """What in the raw facts speaks against a person taking an item."""
    free = [w for w in facts.free[person] if w.dow == item.dow]
    if not any(w.start <= item.start and w.end >= item.end for w in free):
        yield (
            "availability",
            f"{item.id} is {item.start}-{item.end} on weekday {item.dow}; free {sorted(free)}",
        )
    if item.id in facts.admits and person not in facts.admits[item.id]:
        yield "restriction", f"{item.id} does not admit them"
    if item.use is not Use.BLOCK and item.clinician != facts.clinician[person]:
        yield "own_clinician", f"{item.id} is with {item.clinician}; theirs is {facts.clinician[person]}"
    if item.shared and person not in facts.accepts_video:
        yield "video", f"{item.id} is a video group, which they do not accept"
    if not item.shared and facts.site.get(person) != facts.site.get(item.id):
        yield "site", f"{item.id} belongs to {facts.site.get(item.id)}; they to {facts.site.get(person)}"


def check_may(instance: Instance) -> list[Violation]:
    """Items that a problem lets somebody take against the facts, or withholds without a reason."""
    found = []
    for person in instance.problem.people:
        for id, item in instance.problem.items.items():
            reasons = [rule for rule, _ in _not_theirs(person.id, item, instance.facts)]
            needless = item.use is Use.FAMILY and not person.family
            if id in person.may and reasons:
                found.append(Violation("may_too_wide", person.id, f"{id}: {reasons}"))
            if id not in person.may and not reasons and not needless:
                found.append(Violation("may_too_narrow", person.id, id))
    return found


def _crowded(weeks: dict[str, list[Item]]) -> Iterator[Violation]:
    seats = Counter(i.id for week in weeks.values() for i in week)
    capacity = {i.id: i.capacity for week in weeks.values() for i in week}
    for id, count in sorted(seats.items()):
        if count > capacity[id]:
            yield Violation("capacity", id, f"{count} people; {capacity[id]} fit in")


def _clinicians(weeks: dict[str, list[Item]]) -> Iterator[Violation]:
    """A clinician is in one place at a time."""
    used: dict[str, dict[str, Item]] = defaultdict(dict)
    for week in weeks.values():
        for item in week:
            if item.clinician:
                used[item.clinician][item.id] = item
    for clinician, items in sorted(used.items()):
        for a, b in combinations([items[id] for id in sorted(items)], 2):
            if _overlap(a, b):
                yield Violation("clinician_twice", clinician, f"{a.id} and {b.id} on weekday {a.dow}")


def _met(problem: Problem, weeks: dict[str, list[Item]]) -> Iterator[Violation]:
    for one, other in sorted(sorted(pair) for pair in problem.apart):
        both = {i.id for i in weeks.get(one, ())} & {i.id for i in weeks.get(other, ())}
        if both:
            yield Violation("apart", one, f"meets {other} in {sorted(both)}")


def _moved(instance: Instance, plan: Plan) -> Iterator[Violation]:
    """Who may not be asked keeps a published week that is still possible."""
    for person in instance.problem.people:
        if person.movable or not person.kept or plan.get(person.id) == person.kept:
            continue
        if not broken_week(instance, person):
            yield Violation(
                "moved", person.id, f"{sorted(plan.get(person.id, ()))} for {sorted(person.kept)}"
            )


def broken_week(instance: Instance, person: Person) -> bool:
    """Whether a published week has become impossible for the person by itself."""
    items = instance.problem.items
    if any(id not in items for id in person.kept):
        return True
    week = [items[id] for id in sorted(person.kept)]
    return bool(check_week(person, week)) or any(_outside_facts(person, week, instance.facts))


def soft(problem: Problem, plan: Plan) -> Levels:
    """What a plan is worth at each level, counted over again."""
    people = {p.id: p for p in problem.people}
    kept = sum(1 for id in plan if people[id].kept and set(people[id].kept) == set(plan[id]))
    points = sum(_points(problem, people[id], plan[id]) for id in plan)
    seats = Counter(i for week in plan.values() for i in week)
    for id, count in seats.items():
        target = problem.items[id].target
        if 0 < target < count:
            points += problem.weights.over_target * (count - target)
    return Levels(sum(people[id].weight for id in plan), kept, points)


def _points(problem: Problem, person: Person, week: frozenset[str]) -> int:
    weights = problem.weights
    items = [problem.items[i] for i in week]
    blocks = [i for i in items if i.use is Use.BLOCK]
    points = weights.seat_kept * sum(b.id in person.kept for b in blocks)
    points += weights.slot_kept * sum(i.id in person.kept for i in items if i.use is not Use.BLOCK)
    if person.track:
        points += weights.preferred_track * sum(b.track == person.track for b in blocks)
    tracks = {b.track for b in blocks}
    if len(tracks) > 1:
        points += weights.extra_track * (len(tracks) - 1)
    group_days = {b.dow for b in blocks}
    for item in items:
        if item.use is Use.INDIVIDUAL and item.dow in group_days:
            points += weights.individual_on_group_day
        if item.use is Use.FAMILY and item.dow in group_days:
            points += weights.family_on_group_day
    if person.wanted_minutes:
        off = abs(sum(i.minutes for i in items) - person.wanted_minutes)
        points += weights.off_wanted_hour * (off // 60 + (off % 60 > 0))
    return points
