"""What the weeks of the benchmark go through: a new week, arrivals, a bad morning, a whole network."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from math import ceil
from random import Random

from deploy.local.bench.schedule.checker import broken_week
from deploy.local.bench.schedule.generator import could_take, draw_facts, draw_instance, gen
from deploy.local.bench.schedule.instance import Facts, Instance, Window
from deploy.local.bench.schedule.planting import build, named
from services.scheduling.domain.planning.problem import Item, Person, Plan, Problem, Use, Week

ARRIVING = 0.3
ADMITTED = 0.05
UNAVAILABLE = 0.03
SITES, VIDEO_GROUPS_A_SITE, SHORT_SITES, SECTIONS_LOST = 20, 3, 8, 3
ACCEPTS_VIDEO = 0.25
SITE_SIZE_SPREAD = 12
"""Sites differ in size by up to a twelfth."""


def weekly(patients: int, seed: int, fill: float) -> Instance:
    """One site, everybody at once."""
    return gen(patients, seed, fill=fill)


@dataclass(frozen=True)
class Arrivals:
    """A house that runs, and who comes to it one after the other."""

    everybody: Instance
    arriving: tuple[str, ...]

    @property
    def residents(self) -> Problem:
        """The week before anybody arrived."""
        return among(self.everybody.problem, lambda one: one not in self.arriving)

    def running(self, published: Plan) -> Instance:
        """Everybody, with the residents' published weeks; the arriving have none yet."""
        return with_published(self.everybody, published)

    def left_over(self, published: Plan) -> Problem:
        """What the frozen weeks of the residents leave, for all who have none: how hindsight would decide."""
        return beside(self.running(published).problem, published)


def online(patients: int, seed: int, fill: float) -> Arrivals:
    """The last 30 % arrive one by one."""
    return arrivals(gen(patients, seed, fill=fill), ARRIVING)


def arrivals(instance: Instance, share: float) -> Arrivals:
    """The last of the people arrive later than the others."""
    people = instance.problem.people
    late = people[len(people) - ceil(share * len(people)) :]
    return Arrivals(instance, tuple(p.id for p in late))


@dataclass(frozen=True)
class Disrupted:
    """A published week on the morning after."""

    instance: Instance
    """What is left, with the admissions of the day; `kept` is the published week."""
    broken: tuple[str, ...]
    """Whose published week has become impossible."""


def disruption(published: Plan, start: Arrivals, seed: int) -> Disrupted:
    """A therapist is off for a day, 3 % lose hours, 5 % are admitted: `start` says who was there before."""
    rng = Random(f"disruption {seed}")
    instance = with_published(start.everybody, published)
    offered = [i for i in instance.problem.items.values() if i.use is not Use.BLOCK]
    absent = rng.choice(sorted({(i.clinician, i.dow) for i in offered}))
    instance = without_items(instance, {i.id for i in offered if (i.clinician, i.dow) == absent})
    present = sorted(published)
    for id in rng.sample(present, ceil(UNAVAILABLE * len(present))):
        groups = sorted(i for i in published[id] if start.everybody.problem.items[i].use is Use.BLOCK)
        instance = _without_hours(instance, id, instance.problem.items[rng.choice(groups)])
    published_people = [p for p in instance.problem.people if p.id in published]
    return Disrupted(instance, tuple(p.id for p in published_people if broken_week(instance, p)))


def admissions(patients: int, seed: int, fill: float) -> Arrivals:
    """The house before the bad morning: the last 5 % are yet to be admitted."""
    return arrivals(gen(patients, seed, fill=fill), ADMITTED)


def network(patients: int, seed: int, fill: float, sites: int = SITES) -> Instance:
    """Sites of about `patients` people that share video groups; some sites have lost sections."""
    short = set(Random(f"short {seed}").sample(range(sites), sites * SHORT_SITES // SITES))
    parts = [_site(patients, seed, fill, n, short=n in short) for n in range(sites)]
    whole = _together(parts)
    video = [i for i in whole.problem.items.values() if i.shared]
    people = [_reaching(p, video, whole.facts) for p in whole.problem.people]
    Random(f"arrival {seed}").shuffle(people)
    return replace(whole, problem=replace(whole.problem, people=tuple(people)))


def _site(patients: int, seed: int, fill: float, number: int, *, short: bool) -> Instance:
    rng = Random(f"site {seed} {number}")
    spread = patients // SITE_SIZE_SPREAD
    house = build(rng, patients + rng.randint(-spread, spread), 12, 10, fill)
    video = frozenset(s.id for s in rng.sample(house.sections, VIDEO_GROUPS_A_SITE))
    house = named(house, f"s{number:02d}-", video)
    accepts = {p.id for p in house.people if any(s.shared for s in p.sections)}
    others = [p.id for p in house.people if p.id not in accepts]
    wanting = max(0, round(ACCEPTS_VIDEO * len(house.people)) - len(accepts))
    accepts.update(rng.sample(others, wanting))
    belongs = [p.id for p in house.people] + [i.id for i in (*house.sections, *house.appointments)]
    facts = draw_facts(rng, house, 0.45, 0.12, dict.fromkeys(belongs, f"s{number:02d}"), frozenset(accepts))
    instance = draw_instance(rng, house, facts, ret=0.85, churn=0.15, apart=0.0)
    if not short:
        return instance
    own = [s for s in house.sections if not s.shared]
    return without_items(instance, {s.id for s in rng.sample(own, SECTIONS_LOST)})


def _together(parts: Iterable[Instance]) -> Instance:
    parts = list(parts)
    facts = [p.facts for p in parts]
    return Instance(
        Problem(
            {id: item for p in parts for id, item in p.problem.items.items()},
            tuple(person for p in parts for person in p.problem.people),
        ),
        {id: week for p in parts for id, week in p.planted.items()},
        Facts(
            free={id: windows for f in facts for id, windows in f.free.items()},
            clinician={id: name for f in facts for id, name in f.clinician.items()},
            admits={id: names for f in facts for id, names in f.admits.items()},
            site={id: site for f in facts for id, site in f.site.items()},
            accepts_video=frozenset().union(*(f.accepts_video for f in facts)),
        ),
        {id: week for p in parts for id, week in p.before.items()},
    )


def _reaching(person: Person, video: Iterable[Item], facts: Facts) -> Person:
    return replace(person, may=person.may | {v.id for v in video if could_take(facts, person.id, v)})


def among(problem: Problem, belongs: Callable[[str], bool]) -> Problem:
    """The same week with some of the people only."""
    return replace(problem, people=tuple(p for p in problem.people if belongs(p.id)))


def with_published(instance: Instance, published: Plan) -> Instance:
    """What is published is what people keep; who has no week keeps none."""
    people = tuple(replace(p, kept=published.get(p.id, frozenset())) for p in instance.problem.people)
    return replace(instance, problem=replace(instance.problem, people=people), before=dict(published))


def beside(problem: Problem, plan: Plan) -> Problem:
    """What a plan leaves for those who are not in it: fewer seats, and nothing where an enemy sits."""
    taken = [i for week in plan.values() for i in week]
    items = {
        id: replace(item, capacity=left, target=min(item.target, left))
        for id, item in problem.items.items()
        if (left := item.capacity - taken.count(id)) > 0
    }
    people = []
    for person in problem.people:
        if person.id not in plan:
            met: set[str] = set().union(*(plan.get(e, ()) for e in problem.enemies.get(person.id, ())))
            people.append(
                replace(person, may=frozenset(i for i in person.may if i in items and i not in met))
            )
    return replace(problem, items=items, people=tuple(people))


def without_items(instance: Instance, gone: Collection[str]) -> Instance:
    """The same week with some items cancelled; published weeks still name them."""
    lost = frozenset(gone)
    problem = instance.problem

    def intact(plan: Plan) -> dict[str, Week]:
        return {id: week for id, week in plan.items() if not week & lost}

    return Instance(
        replace(
            problem,
            items={id: item for id, item in problem.items.items() if id not in lost},
            people=tuple(replace(p, may=p.may - lost) for p in problem.people),
        ),
        intact(instance.planted),
        instance.facts,
        intact(instance.before),
    )


def _without_hours(instance: Instance, id: str, item: Item) -> Instance:
    """Somebody no longer has time when an item takes place."""
    free = frozenset(rest for w in instance.facts.free[id] for rest in _cut(w, item))
    facts = replace(instance.facts, free={**instance.facts.free, id: free})
    items = instance.problem.items
    people = tuple(
        replace(p, may=frozenset(i for i in p.may if could_take(facts, id, items[i]))) if p.id == id else p
        for p in instance.problem.people
    )
    planted = {who: week for who, week in instance.planted.items() if who != id or item.id not in week}
    return replace(instance, problem=replace(instance.problem, people=people), facts=facts, planted=planted)


def _cut(window: Window, item: Item) -> list[Window]:
    if window.dow != item.dow or window.end <= item.start or item.end <= window.start:
        return [window]
    sides = [Window(window.dow, window.start, item.start), Window(window.dow, item.end, window.end)]
    return [w for w in sides if w.start < w.end]
