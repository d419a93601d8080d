"""The same day heard in another order: each service keeps its own, between them there is none."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from contracts.decisions import Refused
from contracts.event import Event
from services.progress.domain.recommend import step_down_criteria
from tests.progress.model import heard
from tests.progress.model.commands import COMMANDS
from tests.progress.model.heard import SYSTEM
from tests.progress.model.life import Life, Step
from tests.progress.model.tell import take, tell
from tests.progress.model.walk import Walk

ORDERS = 3


def orders_agree(first: int, lives: int) -> Counter[str]:
    """Live up to some day, hear the rest of it in several orders, and compare what is recommended."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + lives):
        r = random.Random(f"order {seed}")
        life, told = tell(f"before {seed}", length=r.randrange(15, 50))
        # Who has not been seen yet is not treated yet: whether a relapse speaks hangs on what is heard first.
        if life.p.over or life.p.stage in ("ADMITTED", "SCHEDULED"):
            continue
        services = [source for source in a_day(life, Walk(f"day {seed}")) if source]
        tables = [table(again(life, told), order(services, r)) for _ in range(ORDERS)]
        assert tables[1:] == tables[:-1], f"seed {seed}: {services} {tables}"
        seen.update({"down": tables[0][0] is not None, "up": tables[0][1] is not None})
    return seen


def a_day(life: Life, walk: Walk) -> list[list[tuple[timedelta, Step]]]:
    """What scheduling, intake and the clinic say on one day, each with its minute."""
    r, p = walk.r, life.p
    scheduling: list[Step] = [*walk.week_again(life), *walk.session(life), *walk.correction(life)]
    scheduling += walk.calendar(life) + [s for s in walk.weeks(life) if s[0] == "week"]
    intake: list[Step] = [*walk.coverage(life), *walk.authorization(life)]
    clinic: list[Step] = [*walk.measure(life), *walk.use(life), *walk.outreach(life)]
    if any(not a.met and a.name == "sober" for a in p.aims):
        place = next(n for n, a in enumerate(p.aims) if a.name == "sober")
        clinic.append(("attest", "clinician", place))
    r.shuffle(scheduling)
    r.shuffle(clinic)
    minutes = iter(sorted(r.sample(range(1, 200), 40)))
    return [
        [(timedelta(minutes=next(minutes)), step) for step in source[: r.randrange(4)]]
        for source in (scheduling, intake, clinic)
    ]


def order(services: list[list[Any]], r: random.Random) -> list[Any]:
    left = [list(source) for source in services]
    told = []
    while left := [source for source in left if source]:
        told.append(r.choice(left).pop(0))
    return told


def again(life: Life, told: list[Step]) -> Life:
    copy = Life(life.start)
    for step in told:
        take(copy, step)
    copy.settle()
    return copy


def event(life: Life, name: str, args: list[Any]) -> Event:
    """What a service says, whatever has been heard of it before."""
    if name == "calendar":
        return heard.calendar(life.now, args[0], args[1], first=False)
    if name == "week":
        (start, scheduled, credited, short, reopened), low = args, life.p.band()[0]
        return heard.week(start, life.p.level, scheduled, credited, short, credited < low, low, reopened)
    made: Event = getattr(heard, name)(*((life.now, *args) if name == "coverage" else args))
    return made


def table(life: Life, messages: list[tuple[timedelta, Step]]) -> list[Any]:
    """What lies on the table in the evening, and what the criteria come to then."""
    began = life.now
    for after, (name, *args) in messages:
        life.now = began + after
        try:
            if name in ("measure", "use", "tested", "outreach", "attest"):
                life.care.do(COMMANDS[name](life.care, *args[1:]), life.now, args[0])
            else:
                life.care.hear(event(life, name, args), life.now)
        except Refused:
            continue
    life.now = began + timedelta(hours=4)
    life.ring()
    view, care = life.care.view()["advice"], life.care
    now = {c.id: c.value for c in step_down_criteria(care.state, care.moment(life.now, SYSTEM))}
    return [*(a and a[1:5] for a in view), now]
