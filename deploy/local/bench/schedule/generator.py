"""Planted weeks: first a plan for everybody, then everything around it, so that nobody need be left out.

One seed gives one week, on every machine and in every process: chance comes from `random.Random(seed)` alone
and nothing depends on the order of a set.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from random import Random

from deploy.local.bench.schedule.instance import Facts, Instance, Window
from deploy.local.bench.schedule.planting import (
    BLOCK_HOURS,
    BLOCK_MINUTES,
    DAYS,
    FAMILY_MINUTES,
    INDIVIDUAL_MINUTES,
    TRACKS,
    Draft,
    Hour,
    House,
    build,
)
from services.scheduling.domain.planning.problem import Item, Person, Problem, Use

SHARE_RESTRICTED = 0.16
ADMITTED_TOO = 0.3
"""Of those who do not sit in a restricted section, how many could."""
FREE_BESIDE, FREE_ELSEWHERE = 0.5, 0.1
"""An hour between the blocks of the day: beside a block that suits, and otherwise."""
REQUIRED = 0.5
LIKES_TRACK = 0.8
LONGEST_WAIT_DAYS = 20


def gen(
    patients: int,
    seed: int,
    *,
    cap: int = 12,
    target: int = 10,
    fill: float = 0.95,
    extra_same: float = 0.45,
    extra_other: float = 0.12,
    ret: float = 0.85,
    churn: float = 0.15,
    apart: float = 0.0,
) -> Instance:
    """One site's week in which everybody can be placed; a share `apart` must not meet someone else."""
    rng = Random(seed)
    house = build(rng, patients, cap, target, fill)
    facts = draw_facts(rng, house, extra_same, extra_other)
    return draw_instance(rng, house, facts, ret=ret, churn=churn, apart=apart)


def draw_facts(
    rng: Random,
    house: House,
    extra_same: float,
    extra_other: float,
    site: Mapping[str, str] | None = None,
    accepts_video: frozenset[str] = frozenset(),
) -> Facts:
    """When people have time beyond their planted week, and who may sit in a restricted section."""
    closed = sorted(rng.sample(house.sections, round(SHARE_RESTRICTED * len(house.sections))), key=_id)
    return Facts(
        free={p.id: windows(_free_hours(rng, p, extra_same, extra_other)) for p in house.people},
        clinician={p.id: p.clinician for p in house.people},
        admits={
            s.id: frozenset(p.id for p in house.people if s in p.sections or rng.random() < ADMITTED_TOO)
            for s in closed
            if not s.shared
        },
        site=site or {},
        accepts_video=accepts_video,
    )


def _id(item: Item) -> str:
    return item.id


def _free_hours(rng: Random, person: Draft, extra_same: float, extra_other: float) -> set[Hour]:
    free = set(person.busy)
    for dow in DAYS:
        for track in TRACKS:
            if rng.random() < (extra_same if track == person.track else extra_other):
                free.update((dow, hour) for hour in BLOCK_HOURS[track])
        for hour in (8, 12, 16, 17):
            beside = (dow, hour - 1) in free or (dow, hour + 1) in free
            if rng.random() < (FREE_BESIDE if beside else FREE_ELSEWHERE):
                free.add((dow, hour))
    return free


def windows(hours: Iterable[Hour]) -> frozenset[Window]:
    """Hours put together to stretches."""
    found = []
    numbered = enumerate(sorted(hours))
    for (dow, _), run in groupby(numbered, key=lambda pair: (pair[1][0], pair[1][1] - pair[0])):
        stretch = [hour for _, (_, hour) in run]
        found.append(Window(dow, stretch[0] * 60, (stretch[-1] + 1) * 60))
    return frozenset(found)


def could_take(facts: Facts, person: str, item: Item) -> bool:
    """Whether time, place, clinician and the group's rule let a person take an item."""
    if item.use is not Use.BLOCK and item.clinician != facts.clinician[person]:
        return False
    if item.shared:
        reachable = person in facts.accepts_video
    else:
        reachable = facts.site.get(person) == facts.site.get(item.id)
    admitted = item.id not in facts.admits or person in facts.admits[item.id]
    return (
        reachable
        and admitted
        and any(w.dow == item.dow and w.start <= item.start and item.end <= w.end for w in facts.free[person])
    )


def draw_instance(
    rng: Random, house: House, facts: Facts, *, ret: float, churn: float, apart: float
) -> Instance:
    """Requirements, likings and last week's calendars around what was planted."""
    offered = [*house.sections, *house.appointments]
    planted = {p.id: frozenset(i.id for i in [*p.sections, *p.appointments]) for p in house.people}
    before = {p.id: planted[p.id] for p in house.people if rng.random() < ret}
    people = []
    for draft in house.people:
        mine = [i for i in offered if _is_for(draft, i)]
        may = [i for i in mine if could_take(facts, draft.id, i)]
        kept = _churned(rng, [*draft.sections, *draft.appointments], may, mine, churn)
        people.append(_person(rng, draft, may, kept if draft.id in before else []))
    items = {i.id: i for i in offered}
    problem = Problem(items, tuple(people), apart=_apart(rng, planted, round(apart * len(people))))
    return Instance(problem, planted, facts, before)


def _is_for(draft: Draft, item: Item) -> bool:
    if item.use is Use.BLOCK:
        return True
    return item.clinician == draft.clinician and (item.use is Use.INDIVIDUAL or draft.family)


def _person(rng: Random, draft: Draft, may: Sequence[Item], kept: Sequence[Item]) -> Person:
    minutes = draft.blocks * BLOCK_MINUTES + INDIVIDUAL_MINUTES + draft.family * FAMILY_MINUTES
    kinds = sorted({s.kind for s in draft.sections})
    return Person(
        draft.id,
        may=frozenset(i.id for i in may),
        min_minutes=minutes,
        max_minutes=minutes,
        min_days=draft.blocks,
        kinds=frozenset(kind for kind in kinds if rng.random() < REQUIRED),
        individual=True,
        family=draft.family,
        track=draft.track if rng.random() < LIKES_TRACK else rng.choice(TRACKS),
        kept=frozenset(i.id for i in kept),
        weight=1000 + 10 * rng.randint(0, LONGEST_WAIT_DAYS),
    )


def _churned(
    rng: Random, week: Sequence[Item], may: Sequence[Item], mine: Sequence[Item], churn: float
) -> list[Item]:
    """Last week's calendar with some items that have become impossible and some that others want as well."""
    kept = list(week)
    for place, item in enumerate(week):
        if rng.random() >= churn:
            continue
        others = [k for k in kept if k.id != kept[place].id]
        pool = may if rng.random() < 0.5 else mine
        possible = [i for i in pool if i.use is item.use and i.id != item.id and not _clashes(i, others)]
        if possible:
            kept[place] = rng.choice(possible)
    return kept


def _clashes(item: Item, others: Iterable[Item]) -> bool:
    return any(
        o.dow == item.dow and (o.use is item.use is Use.BLOCK or (o.start < item.end and item.start < o.end))
        for o in others
    )


def _apart(rng: Random, planted: Mapping[str, frozenset[str]], count: int) -> frozenset[frozenset[str]]:
    """Pairs who do not meet in the planted weeks."""
    names = sorted(planted)
    pairs: set[frozenset[str]] = set()
    while len(pairs) < count // 2:
        one, other = rng.sample(names, 2)
        if not planted[one] & planted[other]:
            pairs.add(frozenset((one, other)))
    return frozenset(pairs)
