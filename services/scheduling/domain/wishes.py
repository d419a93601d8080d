"""A person's wish as the engine understands it, and the weeks that it finds for it. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.rulebook import Band
from contracts.vocabulary import ServiceKind
from services.scheduling.domain.localtime import wall_minutes
from services.scheduling.domain.planning.best import Found, best_week, choices_of
from services.scheduling.domain.planning.explain import reasons
from services.scheduling.domain.planning.problem import Item, Person, Problem, Use, Week, Weights
from services.scheduling.domain.planning.seating import Seating
from services.scheduling.domain.week import WEEK_DAYS, Choice, Offer

OPTIONS = 8
"""How many weeks are tried in one go before the seats are looked at afresh."""
WEIGHTS = Weights(seat_kept=12, slot_kept=12, extra_track=-5, off_wanted_hour=-60)
"""Nearest to the wanted minutes, then most of what is kept, then one group rather than several."""
SPREAD = 0.25
"""Points for each square day between two days: Monday, Wednesday, Friday before three days in a row."""
EMPTIER = 2.0
"""Points between an empty group and a full one, so that groups fill evenly."""
EARLIER = 0.001
"""Points for each day that a day is later: of two weeks that are equally good, always the same one."""
_USES = {ServiceKind.INDIVIDUAL: Use.INDIVIDUAL, ServiceKind.FAMILY: Use.FAMILY}
_WHO = "somebody"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a week must be, and what it should be."""

    wanted_minutes: int
    band: Band
    min_days: int = 1
    max_days: int = WEEK_DAYS
    max_gap_days: int = WEEK_DAYS
    least_day_minutes: int = 0
    """A day below it is not paid."""
    kinds: frozenset[str] = frozenset()
    least_minutes: int = 0
    """Beside the band's own minimum."""
    most_minutes: int = WEEK_DAYS * 24 * 60
    keep: frozenset[tuple[str, int]] = frozenset()
    """The seats that they have now."""
    individual: bool = False
    family: bool = False
    """Whether a weekly individual or family appointment is part of it."""


def item_of(offer: Offer) -> Item:
    """An offer as something to take."""
    return Item(
        id=id_of(offer.key),
        use=_USES.get(offer.service_kind, Use.BLOCK),
        dow=offer.dow,
        start=wall_minutes(offer.start_local),
        end=wall_minutes(offer.end_local),
        minutes=offer.creditable_minutes,
        capacity=1,
        kind=offer.kind.value if offer.kind else "",
        track=offer.group_id,
        group=offer.group_id,
        clinician=offer.facilitator_id or "",
    )


def id_of(key: tuple[str, int]) -> str:
    """The id of a weekday of a group."""
    return f"{key[0]}/{key[1]}"


def person_of(wish: Wish, items: Iterable[Item], id: str = _WHO) -> Person:
    """A wish as somebody to be placed among these items."""
    least = max(wish.band.min_minutes, wish.least_minutes, 1)
    most = min(wish.band.max_minutes, wish.most_minutes)
    may = frozenset(i.id for i in items if i.use is not Use.BLOCK or i.minutes >= wish.least_day_minutes)
    return Person(
        id=id,
        may=may,
        min_minutes=least,
        max_minutes=most,
        wanted_minutes=min(max(wish.wanted_minutes, least), most),
        min_days=wish.min_days,
        max_days=wish.max_days,
        max_gap_days=wish.max_gap_days,
        kinds=wish.kinds,
        individual=wish.individual,
        family=wish.family,
        kept=frozenset(id_of(key) for key in wish.keep),
    )


def weeks_for(offers: Sequence[Offer], wish: Wish) -> list[Choice]:
    """The weeks that open offers can make, the best first; within one half of the day if that can be.

    The further ones avoid what was scarcest in those before, for somebody may just be taking it.
    """
    known = {id_of(o.key): o for o in offers}
    prices = {
        id: EARLIER * o.dow + EMPTIER * o.taken_permille / 1000 * (not o.mine) for id, o in known.items()
    }
    closed = {id for id, o in known.items() if not o.open}
    found: list[Choice] = []
    while len(found) < OPTIONS:
        best = _best(offers, wish, closed, prices)
        if best is None:
            break
        choice = tuple(sorted((known[i] for i in best.week), key=lambda o: (o.dow, o.start_local)))
        found.append(choice)
        others = [o for o in choice if not o.mine]
        if not others:
            break
        closed.add(id_of(min(others, key=lambda o: (o.free, o.key)).key))
    return found


def _best(
    offers: Sequence[Offer], wish: Wish, closed: Collection[str], prices: dict[str, float]
) -> Found | None:
    """The best week in one half of the day, else the best at all."""
    halves = sorted({o.block for o in offers})
    found = [
        best
        for half in halves
        if (best := _search([o for o in offers if o.block == half], wish, closed, prices)) is not None
    ]
    if found:
        return max(found, key=lambda each: each.points)
    return _search(offers, wish, closed, prices) if len(halves) > 1 else None


def _search(
    offers: Iterable[Offer], wish: Wish, closed: Collection[str], prices: dict[str, float]
) -> Found | None:
    items = {item.id: item for item in map(item_of, offers)}
    person = person_of(wish, items.values())
    problem = Problem(items, (person,), weights=WEIGHTS)
    return best_week(choices_of(problem, person), closed, prices, spread=SPREAD)


@dataclass(frozen=True, slots=True)
class Barrier:
    """What alone stands in the way of a week, and where it does."""

    cause: str
    where: tuple[tuple[str, int], ...] = ()


def barriers(offers: Sequence[Offer], wish: Wish, anytime: Sequence[Offer]) -> list[Barrier]:
    """Every rule that alone stands in the way of a week; `anytime` is what is offered at any time of day."""
    known = {item.id: item for item in map(item_of, [*offers, *anytime])}
    person = person_of(wish, map(item_of, offers))
    seating = Seating.of(Problem(known, (person,), weights=WEIGHTS), {})
    for offer in (*offers, *anytime):
        if not offer.open:
            seating.take(id_of(offer.key), frozenset({id_of(offer.key)}))
    could = person_of(wish, known.values()).may
    return [Barrier(reason.rule, tuple(_keys(reason.missing))) for reason in reasons(seating, person, could)]


def _keys(items: Iterable[str]) -> Iterator[tuple[str, int]]:
    for item in items:
        group, _, dow = item.rpartition("/")
        yield group, int(dow)


def as_choice(week: Week, offers: Iterable[Offer]) -> Choice:
    """A found week as the offers it takes."""
    known = {id_of(o.key): o for o in offers}
    return tuple(sorted((known[i] for i in week), key=lambda o: (o.dow, o.start_local)))
