"""Which weeks are legal, and which days make the best week for one person. Pure."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

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
    takes_new: bool = True
    """Whether somebody may join who does not sit there yet."""

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
