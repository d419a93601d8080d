"""What calendar tools do: one person after the other, the first free times that make up a legal week."""

from collections import Counter
from collections.abc import Sequence

from deploy.local.bench.schedule.checker import check_week
from services.scheduling.domain.planning.problem import Item, Person, Plan, Problem, Use, Week


def first_fit(problem: Problem, published: Plan | None = None) -> dict[str, Week]:
    """People in the order of their arrival; whoever has a published week keeps it."""
    plan = dict(published or {})
    seats = Counter(i for week in plan.values() for i in week)
    for person in problem.people:
        if person.id in plan:
            continue
        week = _first_week(person, _free(problem, person, seats, plan))
        if week:
            plan[person.id] = frozenset(i.id for i in week)
            seats.update(plan[person.id])
    return plan


def _free(problem: Problem, person: Person, seats: Counter[str], plan: Plan) -> list[Item]:
    avoided = {i for enemy in problem.enemies.get(person.id, ()) for i in plan.get(enemy, ())}
    items = [problem.items[i] for i in sorted(person.may)]
    free = [i for i in items if seats[i.id] < i.capacity and i.id not in avoided]
    return sorted(free, key=lambda i: (i.dow, i.start, i.id))


def _first_week(person: Person, free: Sequence[Item]) -> list[Item] | None:
    """The first legal week in calendar order: groups first, then the appointments between them."""
    blocks = [i for i in free if i.use is Use.BLOCK]
    appointments = [
        [i for i in free if i.use is use]
        for use, wanted in ((Use.INDIVIDUAL, person.individual), (Use.FAMILY, person.family))
        if wanted
    ]
    if not all(appointments):
        return None
    spoken_for = sum(min(i.minutes for i in choice) for choice in appointments)
    return _blocks(person, blocks, appointments, [], person.max_minutes - spoken_for)


def _blocks(
    person: Person, blocks: Sequence[Item], appointments: list[list[Item]], taken: list[Item], room: int
) -> list[Item] | None:
    for place, block in enumerate(blocks):
        if block.minutes <= room:
            later = [b for b in blocks[place + 1 :] if b.dow != block.dow]
            found = _blocks(person, later, appointments, [*taken, block], room - block.minutes)
            if found:
                return found
    return _appointments(person, appointments, taken)


def _appointments(person: Person, choices: list[list[Item]], taken: list[Item]) -> list[Item] | None:
    if not choices:
        return None if check_week(person, taken) else taken
    for item in choices[0]:
        found = _appointments(person, choices[1:], [*taken, item])
        if found:
            return found
    return None
