"""A week to be planned: what can be taken, who needs what, and what makes one week better than another.

Times are minutes of the site's wall clock since the day began; durations are creditable minutes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise


class Use(StrEnum):
    """What an item is to a person's week."""

    BLOCK = "block"
    """A weekday of a group: at most one a day."""
    INDIVIDUAL = "individual"
    FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a person can have every week: a weekday of a group, or a clinician's time."""

    id: str
    use: Use
    dow: int
    start: int
    end: int
    minutes: int
    """Creditable, for this item as a whole."""
    capacity: int = 1
    target: int = 0
    """Seats beyond it cost; 0 means there is none."""
    kind: str = ""
    """What a group is about; a required kind is met by any item of that kind."""
    track: str = ""
    """Which part of the day it belongs to; a week in one track is easier to live with."""
    group: str = ""
    clinician: str = ""
    shared: bool = False
    """Its seats belong to the whole network, as with video groups."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who needs a week, and what makes it legal for them."""

    id: str
    may: frozenset[str]
    """The items they could take: free at that time, right group, right clinician, no payer against it."""
    min_minutes: int
    max_minutes: int
    wanted_minutes: int = 0
    """Minutes off it cost; 0 means that anything inside the band is equally good."""
    min_days: int = 1
    max_days: int = 7
    max_gap_days: int = 7
    """The most days without service between two with, the week wrapping around."""
    kinds: frozenset[str] = frozenset()
    individual: bool = False
    """One individual session a week."""
    family: bool = False
    """One family session a week."""
    track: str = ""
    kept: frozenset[str] = frozenset()
    """The items of their published week."""
    weight: int = 100
    """What it is worth to place them: more the longer they wait and the more acute they are."""
    movable: bool = True
    """Whether they may be asked to change their published week."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Points of the preferences: the third level, after who is placed and whose week stays whole."""

    seat_kept: int = 6
    slot_kept: int = 4
    preferred_track: int = 3
    extra_track: int = -5
    individual_on_group_day: int = 2
    family_on_group_day: int = 1
    over_target: int = -2
    off_wanted_hour: int = -4
    """For each whole hour by which a week misses the wanted minutes."""


Week = frozenset[str]
"""The ids of the items that make up one person's week."""
Plan = Mapping[str, Week]
"""Person to week; who is missing has no complete legal week."""


@dataclass(frozen=True)
class Problem:
    """The items and the people of one week."""

    items: Mapping[str, Item]
    people: tuple[Person, ...]
    apart: frozenset[frozenset[str]] = frozenset()
    """Pairs of people who must never sit in one room."""
    weights: Weights = field(default_factory=Weights)

    @cached_property
    def person(self) -> Mapping[str, Person]:
        return {p.id: p for p in self.people}

    @cached_property
    def enemies(self) -> Mapping[str, frozenset[str]]:
        """For each person, those they are kept apart from."""
        found: dict[str, set[str]] = {}
        for pair in self.apart:
            for one in pair:
                found.setdefault(one, set()).update(pair - {one})
        return {one: frozenset(others) for one, others in found.items()}


def legal(problem: Problem, person: Person, week: Week) -> bool:
    """Whether a week is complete for a person and breaks none of their rules, seats aside."""
    if not week or not week <= person.may or not week <= problem.items.keys():
        return False
    items = sorted((problem.items[i] for i in week), key=lambda i: (i.dow, i.start))
    blocks = [i for i in items if i.use is Use.BLOCK]
    minutes = sum(i.minutes for i in items)
    days = sorted({i.dow for i in items})
    gaps = [(after - day - 1) % 7 for day, after in zip(days, [*days[1:], days[0]], strict=True)]
    return (
        person.min_minutes <= minutes <= person.max_minutes
        and person.min_days <= len(days) <= person.max_days
        and (max(gaps) if len(days) > 1 else 6) <= person.max_gap_days
        and person.kinds <= {b.kind for b in blocks}
        and len({b.dow for b in blocks}) == len(blocks)
        and sum(i.use is Use.INDIVIDUAL for i in items) == person.individual
        and sum(i.use is Use.FAMILY for i in items) == person.family
        and all(a.dow != b.dow or a.end <= b.start for a, b in pairwise(items))
    )


@dataclass(frozen=True, slots=True, order=True)
class Levels:
    """What a plan is worth, level by level: no lower level ever outweighs a higher one."""

    coverage: int
    """Summed weight of the people placed."""
    kept: int
    """Published weeks that stay as they are."""
    preference: int


@dataclass(frozen=True, slots=True)
class Solved:
    """A plan with what it is worth, and what nothing can exceed."""

    plan: Plan
    levels: Levels
    bounds: Levels

    @property
    def proven(self) -> bool:
        """Whether every level is at its bound."""
        return self.levels == self.bounds


def levels_of(problem: Problem, plan: Plan) -> Levels:
    """The value of a plan at each level."""
    return Levels(
        coverage=sum(problem.person[id].weight for id in plan),
        kept=sum(1 for id, week in plan.items() if (p := problem.person[id]).kept and p.kept == week),
        preference=sum(liking(problem, problem.person[id], week) for id, week in plan.items())
        + crowding(problem, plan.values()),
    )


def liking(problem: Problem, person: Person, week: Week) -> int:
    """The points of one person's week, whoever else sits there."""
    w = problem.weights
    items = [problem.items[i] for i in week]
    blocks = [i for i in items if i.use is Use.BLOCK]
    days = {b.dow for b in blocks}
    tracks = {b.track for b in blocks}
    points = max(0, len(tracks) - 1) * w.extra_track
    points += off_wanted(person, sum(i.minutes for i in items)) * w.off_wanted_hour
    return points + sum(item_points(w, person, i) for i in items) + sum(same_day(w, i, days) for i in items)


def item_points(w: Weights, person: Person, item: Item) -> int:
    """The points of one item for one person."""
    kept = item.id in person.kept
    if item.use is Use.BLOCK:
        liked = bool(person.track) and item.track == person.track
        return kept * w.seat_kept + liked * w.preferred_track
    return kept * w.slot_kept


def same_day(w: Weights, item: Item, days: Iterable[int]) -> int:
    """What it is worth that an appointment falls on a day on which the person comes anyway."""
    if item.use is Use.BLOCK or item.dow not in days:
        return 0
    return w.individual_on_group_day if item.use is Use.INDIVIDUAL else w.family_on_group_day


def off_wanted(person: Person, minutes: int) -> int:
    """Whole hours, begun ones included, by which a week misses what was wanted."""
    return -(-abs(minutes - person.wanted_minutes) // 60) if person.wanted_minutes else 0


def crowding(problem: Problem, weeks: Iterable[Week]) -> int:
    """What it costs that groups are fuller than they should be."""
    taken: dict[str, int] = {}
    for week in weeks:
        for id in week:
            taken[id] = taken.get(id, 0) + 1
    over = sum(max(0, n - item.target) for id, n in taken.items() if (item := problem.items[id]).target > 0)
    return over * problem.weights.over_target
