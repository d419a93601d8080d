"""The best legal week for one person, given which seats are closed and what the others cost. Exact.

A dynamic program over the seven days. What of the days so far matters for the rest is one integer: creditable
minutes and days with service in its upper part, which options add to, and the kinds, tracks and appointments
had so far in its lower part, which options are set in. The pricing problem of every other search is this one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from services.scheduling.domain.planning.problem import (
    Item,
    Person,
    Problem,
    Use,
    Week,
    item_points,
    off_wanted,
    same_day,
)

DAYS = 7
_INDIVIDUAL, _FAMILY = 1, 2
_ONCE = _INDIVIDUAL | _FAMILY
_TRACKS = 4
"""Bits for the tracks of one week."""
_KINDS = 8
_MASK = 2 + _TRACKS + _KINDS
_DAY = 1 << _MASK
_MINUTE = _DAY << 3
_NOTHING: Mapping[str, float] = {}

Chain = tuple[object, ...] | None
"""The items of the days so far, linked backwards: what is shared is not copied."""


@dataclass(frozen=True, slots=True)
class Found:
    """A week and its points, prices taken off."""

    points: float
    week: Week


@dataclass(frozen=True, slots=True)
class Option:
    """What one day could hold for a person: nothing, a block, an appointment, or several."""

    items: tuple[str, ...]
    adds: int
    sets: int
    points: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person could take, day by day, worked out once."""

    person: Person
    days: tuple[tuple[Option, ...], ...]
    wants: int
    """The lower part that a complete week must contain."""
    extra_track: int
    off_wanted_hour: int


def choices_of(problem: Problem, person: Person) -> Choices:
    """Work out what each day could hold for a person."""
    mine = [problem.items[i] for i in sorted(person.may) if i in problem.items]
    kinds = {kind: 1 << (2 + _TRACKS + n) for n, kind in enumerate(sorted(person.kinds))}
    tracks: dict[str, int] = {}
    for item in mine:
        if item.use is Use.BLOCK and item.track not in tracks:
            tracks[item.track] = 1 << (2 + min(len(tracks), _TRACKS - 1))
    by_day: dict[int, list[Item]] = {}
    for item in mine:
        by_day.setdefault(item.dow, []).append(item)

    def option(items: tuple[Item, ...]) -> Option:
        sets, points = 0, 0
        days = {i.dow for i in items if i.use is Use.BLOCK}
        for i in items:
            points += item_points(problem.weights, person, i) + same_day(problem.weights, i, days)
            if i.use is Use.BLOCK:
                sets |= tracks[i.track] | kinds.get(i.kind, 0)
            else:
                sets |= _INDIVIDUAL if i.use is Use.INDIVIDUAL else _FAMILY
        adds = sum(i.minutes for i in items) * _MINUTE + _DAY
        return Option(tuple(i.id for i in items), adds, sets, points)

    wants = sum(kinds.values()) | person.individual * _INDIVIDUAL | person.family * _FAMILY
    days = tuple(
        tuple(option(items) for items in _of_one_day(person, by_day.get(dow, ())))
        for dow in range(1, DAYS + 1)
    )
    return Choices(person, days, wants, problem.weights.extra_track, problem.weights.off_wanted_hour)


def _of_one_day(person: Person, items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """Every set of items that one day could hold, the empty one left out."""
    blocks: list[Item | None] = [None, *(i for i in items if i.use is Use.BLOCK)]
    individual: list[Item | None] = [None]
    family: list[Item | None] = [None]
    if person.individual:
        individual += [i for i in items if i.use is Use.INDIVIDUAL]
    if person.family:
        family += [i for i in items if i.use is Use.FAMILY]
    for chosen in product(blocks, individual, family):
        there = tuple(i for i in chosen if i is not None)
        if there and not _overlap(there):
            yield there


def _overlap(items: Sequence[Item]) -> bool:
    return any(a.start < b.end and b.start < a.end for n, a in enumerate(items) for b in items[n + 1 :])


def best_week(
    choices: Choices,
    closed: Collection[str] = (),
    prices: Mapping[str, float] = _NOTHING,
    *,
    spread: float = 0.0,
) -> Found | None:
    """The legal week with the most points, or None where there is none.

    `closed` are items without a free seat; `prices` are points that taking an item costs others; `spread` are
    the points that a gap between two days costs for each square day of it, so that days lie evenly.
    """
    person = choices.person
    narrow = person.max_gap_days < DAYS - 1 or spread > 0
    open_days = [_open(options, closed, prices) for options in choices.days]
    most = person.max_minutes * _MINUTE + _MINUTE - 1
    ahead = _ahead(open_days)
    least = person.min_minutes
    wants = choices.wants
    states: dict[int, dict[int, tuple[float, Chain]]] = {0: {0: (0.0, None)}}
    for dow, options in enumerate(open_days, 1):
        minutes_ahead, sets_ahead = ahead[dow]
        after: dict[int, dict[int, tuple[float, Chain]]] = {}
        for span, known in states.items():
            _keep(after, span, known, minutes_ahead, sets_ahead, least, wants)
            if narrow and span and dow - (span & 7) - 1 > person.max_gap_days:
                continue
            there = ((span >> 3 or dow) << 3 | dow) if narrow else 0
            far = spread * (dow - (span & 7) - 1) ** 2 if span else 0.0
            grown: dict[int, tuple[float, Chain]] = {}
            for key, (points, chain) in known.items():
                for adds, sets, worth, items in options:
                    key2 = (key | sets) + adds
                    if key2 > most or key & sets & _ONCE:
                        continue
                    points2 = points + worth - far
                    other = grown.get(key2)
                    if other is None or points2 > other[0]:
                        grown[key2] = (points2, (chain, items))
            _keep(after, there, grown, minutes_ahead, sets_ahead, least, wants)
        states = after
    return _finish(choices, states, spread if narrow else None)


def _open(
    options: Iterable[Option], closed: Collection[str], prices: Mapping[str, float]
) -> list[tuple[int, int, float, tuple[str, ...]]]:
    """The options of a day whose seats are free; of those that lead to the same place, the best."""
    best: dict[tuple[int, int], tuple[int, int, float, tuple[str, ...]]] = {}
    for o in options:
        if closed and any(i in closed for i in o.items):
            continue
        worth: float = o.points
        if prices:
            for i in o.items:
                if i in prices:
                    worth -= prices[i]
        known = best.get((o.adds, o.sets))
        if known is None or worth > known[2]:
            best[o.adds, o.sets] = (o.adds, o.sets, worth, o.items)
    return list(best.values())


def _ahead(days: Sequence[Sequence[tuple[int, int, float, tuple[str, ...]]]]) -> list[tuple[int, int]]:
    """For after each day: the most minutes that can still come, and all that can still be met."""
    found = [(0, 0)]
    for options in reversed(days):
        minutes, sets = found[-1]
        most = max((adds // _MINUTE for adds, *_ in options), default=0)
        for _, more, *_ in options:
            sets |= more
        found.append((minutes + most, sets))
    return found[::-1]


def _keep(
    after: dict[int, dict[int, tuple[float, Chain]]],
    span: int,
    known: Mapping[int, tuple[float, Chain]],
    minutes_ahead: int,
    sets_ahead: int,
    least: int,
    wants: int,
) -> None:
    """Carry over what can still become a legal week."""
    enough = (least - minutes_ahead) * _MINUTE
    missing = wants & ~sets_ahead
    here = after.setdefault(span, {})
    for key, value in known.items():
        if key < enough or missing & ~key:
            continue
        other = here.get(key)
        if other is None or value[0] > other[0]:
            here[key] = value


def _finish(
    choices: Choices, states: Mapping[int, Mapping[int, tuple[float, Chain]]], spread: float | None
) -> Found | None:
    person = choices.person
    best: tuple[float, Chain] | None = None
    for span, known in states.items():
        around = DAYS - (span & 7) + (span >> 3) - 1
        if spread is not None and span and around > person.max_gap_days:
            continue
        far = spread * around**2 if spread else 0.0
        for key, (points, chain) in known.items():
            minutes = key // _MINUTE
            days = (key // _DAY) & 7
            if minutes < person.min_minutes or choices.wants & ~key:
                continue
            if not person.min_days <= days <= person.max_days:
                continue
            used = ((key >> 2) & ((1 << _TRACKS) - 1)).bit_count()
            total = points - far + max(0, used - 1) * choices.extra_track
            total += off_wanted(person, minutes) * choices.off_wanted_hour
            if chain is not None and (best is None or total > best[0]):
                best = (total, chain)
    return None if best is None else Found(best[0], _unrolled(best[1]))


def _unrolled(chain: Chain) -> Week:
    items: list[str] = []
    while chain is not None:
        chain, last = chain  # type: ignore[assignment]
        items += last  # type: ignore[arg-type]
    return frozenset(items)
