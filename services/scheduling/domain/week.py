"""Which weeks are legal, and which days make the best week for one person. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations, product

from contracts.intake import Availability
from contracts.rulebook import Band, Rulebook
from contracts.scheduling import Attributes, Break
from contracts.vocabulary import AgeBand, GroupKind, LevelOfCare, Modality, ServiceKind, Slot
from services.scheduling.domain.localtime import wall_length, wall_minutes

WEEK_DAYS = 7
MORNING_ENDS = 13 * 60
_MIXED_CHOICES = 2

Fits = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Offer:
    """One weekday of one group, as it could become part of somebody's week."""

    group_id: str
    dow: int
    start_local: str
    end_local: str
    creditable_minutes: int
    free: int
    taken_permille: int = 0
    mine: bool = False
    """The person already sits there."""
    levels: tuple[str, ...] = ()
    service_kind: ServiceKind = ServiceKind.GROUP
    kind: GroupKind | None = None
    facilitator_id: str | None = None
    modality: Modality = Modality.IN_PERSON
    attributes: Attributes = field(default_factory=Attributes)
    """Whom the group is for; nothing said means everybody."""
    closes_on: date | None = None
    """The first day on which it does not meet any more."""

    @property
    def open(self) -> bool:
        return self.mine or self.free > 0

    @property
    def block(self) -> str:
        return block_of(self.start_local)

    @property
    def key(self) -> tuple[str, int]:
        return (self.group_id, self.dow)

    def slot(self) -> Slot:
        """The weekly appointment that taking this offer makes."""
        return Slot(
            dow=self.dow,
            start_local=self.start_local,
            end_local=self.end_local,
            service_kind=self.service_kind,
            group_id=self.group_id,
            modality=self.modality,
        )


Choice = tuple[Offer, ...]


def block_of(start_local: str) -> str:
    """Which half of the day a session belongs to, in the words people use for when they can come."""
    return "morning" if wall_minutes(start_local) < MORNING_ENDS else "evening"


def slot_minutes(start_local: str, end_local: str, breaks: Iterable[Break], breaks_creditable: bool) -> int:
    """Creditable minutes of one whole session on an ordinary day."""
    length = wall_length(start_local, end_local)
    if breaks_creditable:
        return length
    return length - sum(max(0, min(b.offset + b.minutes, length) - b.offset) for b in breaks)


def longest_gap(days: Iterable[int]) -> int:
    """The most days without service between two days with, the week wrapping around."""
    return max(_gaps(days), default=WEEK_DAYS)


def _gaps(days: Iterable[int]) -> list[int]:
    ordered = sorted(set(days))
    if not ordered:
        return []
    following = [*ordered[1:], ordered[0] + WEEK_DAYS]
    return [later - earlier - 1 for earlier, later in zip(ordered, following, strict=True)]


def minutes_of(choice: Iterable[Offer]) -> int:
    """Creditable minutes a week."""
    return sum(offer.creditable_minutes for offer in choice)


def overlapping(slots: Sequence[Slot]) -> bool:
    """Whether two appointments of one week claim the same time."""
    return any(
        a.dow == b.dow
        and wall_minutes(a.start_local) < wall_minutes(b.end_local)
        and wall_minutes(b.start_local) < wall_minutes(a.end_local)
        for a, b in combinations(slots, 2)
    )


def inside(slot: Slot, opens_local: str, closes_local: str) -> bool:
    """Whether an appointment lies inside a site's hours."""
    return wall_minutes(opens_local) <= wall_minutes(slot.start_local) < wall_minutes(
        slot.end_local
    ) and wall_minutes(slot.end_local) <= wall_minutes(closes_local)


def band_of(rules: Rulebook, level: LevelOfCare, age_band: AgeBand) -> Band:
    """The band of a level; a level between two known ones has the band of the one below."""
    known = [b for b in rules.bands if b.age_band is age_band]
    below = [b for b in known if _rank(b.level) <= _rank(level.code)]
    return max(below or known, key=lambda b: _rank(b.level))


def _rank(code: str) -> tuple[int, ...]:
    return tuple(int(part) for part in code.split("."))


def reachable(offers: Iterable[Offer], availability: Collection[Availability]) -> list[Offer]:
    """The offers at times when the person can come; saying nothing means any time."""
    if not availability:
        return list(offers)
    times = {(a.dow, a.block) for a in availability}
    return [o for o in offers if (o.dow, o.block) in times]


def choose(
    offers: Iterable[Offer],
    *,
    wanted: int,
    days: Iterable[int],
    fits: Fits,
    max_gap_days: int,
    keep: Collection[tuple[str, int]] = (),
) -> list[Choice]:
    """Every legal week that the open offers can make, the best first.

    Best is nearest to the wanted minutes, then no gap over the limit, then most of what is kept,
    then one group, then evenly spread days, then the emptiest seats.
    """
    found = {choice for n in set(days) for choice in _weeks(list(offers), n) if fits(minutes_of(choice))}
    kept = set(keep)

    def badness(choice: Choice) -> tuple[object, ...]:
        dows = [o.dow for o in choice]
        gap = longest_gap(dows)
        return (
            abs(minutes_of(choice) - wanted),
            gap > max_gap_days,
            -len(kept & {o.key for o in choice}),
            len({o.group_id for o in choice}),
            gap,
            sum(0 if o.mine else o.taken_permille for o in choice),
            sum(g * g for g in _gaps(dows)),
            dows,
            [o.group_id for o in choice],
        )

    return sorted(found, key=badness)


def _weeks(offers: Sequence[Offer], n: int) -> Iterator[Choice]:
    """Weeks of `n` distinct days in one block: each group by itself, then the emptiest mixed."""
    for block in sorted({o.block for o in offers}):
        here = [o for o in offers if o.open and o.block == block]
        for group_id in sorted({o.group_id for o in here}):
            own = sorted((o for o in here if o.group_id == group_id), key=lambda o: o.dow)
            yield from combinations(own, n)
        by_day: dict[int, list[Offer]] = {}
        for offer in sorted(here, key=lambda o: (not o.mine, o.taken_permille, o.group_id)):
            by_day.setdefault(offer.dow, []).append(offer)
        for dows in combinations(sorted(by_day), n):
            yield from product(*(by_day[dow][:_MIXED_CHOICES] for dow in dows))


def fewer(current: Choice, target: int, band: Band, max_gap_days: int) -> Choice | None:
    """The days to keep when minutes are reduced: nearest to the target and still inside the band."""
    now = minutes_of(current)
    kept = [
        subset
        for n in range(1, len(current))
        for subset in combinations(sorted(current, key=lambda o: o.key), n)
        if minutes_of(subset) < now and band.holds(minutes_of(subset))
    ]
    return min(kept, key=lambda c: _nearness(c, target, max_gap_days), default=None)


def more(
    current: Choice, offers: Iterable[Offer], target: int, band: Band, max_gap_days: int
) -> list[Choice]:
    """Weeks that keep every day of now and add free ones, the nearest to the target first."""
    now = minutes_of(current)
    taken = {o.dow for o in current}
    blocks = {o.block for o in current}
    free = [o for o in offers if o.open and o.dow not in taken and o.block in blocks]
    added = [
        (*current, *extra)
        for n in range(1, WEEK_DAYS + 1 - len(taken))
        for extra in _weeks(free, n)
        if minutes_of(extra) and band.holds(now + minutes_of(extra))
    ]
    return sorted(added, key=lambda c: _nearness(c, target, max_gap_days))


def _nearness(choice: Choice, target: int, max_gap_days: int) -> tuple[object, ...]:
    dows = [o.dow for o in choice]
    gap = longest_gap(dows)
    return (
        abs(minutes_of(choice) - target),
        gap > max_gap_days,
        gap,
        sum(0 if o.mine else o.taken_permille for o in choice),
        sum(g * g for g in _gaps(dows)),
        [o.key for o in choice],
    )
