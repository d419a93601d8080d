"""What is broken when: drawn from the seed alone, so that the same seed gives the same schedule."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

KINDS = ("kill", "stop", "roll", "partition", "power", "disk-full", "bit-flip", "skew", "slow")
HANDS = ("services", "servers")
"""Two hands break things side by side, each one thing at a time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to break: not before `at`, for about so many seconds (both seconds of the run)."""

    at: float
    kind: str
    target: str
    """A process, a link (`intake>postgres`) or, for a power cut of everything, `all`."""
    seconds: float
    strength: float = 0.0
    """For `slow` the delay and for `skew` the error, both in seconds; for others what kind it is."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What there is to break."""

    services: Sequence[str]
    nodes: Sequence[str]

    @property
    def servers(self) -> tuple[str, ...]:
        return ("postgres", *self.nodes)


_LONGEST = {
    "kill": 1.0,
    "stop": 4.0,
    "roll": 0.0,
    "partition": 4.0,
    "power": 0.2,
    "disk-full": 2.0,
    "bit-flip": 0.2,
    "skew": 3.0,
    "slow": 3.0,
}
_MINE: Mapping[str, frozenset[str]] = {
    "services": frozenset({"kill", "stop", "roll", "partition", "skew", "slow"}),
    "servers": frozenset({"kill", "stop", "partition", "power", "disk-full", "bit-flip"}),
}
_SHARES = {"kill": 4, "roll": 2, "power": 1, "bit-flip": 0.5}
_PAUSE = (0.4, 4.0)
"""A service needs a few seconds of a core to come up; broken faster, it would do nothing else."""


def schedule(seed: int, seconds: float, kinds: Collection[str], cast: Cast, hand: str) -> list[Fault]:
    """The faults of one hand, in order of time."""
    wanted = [kind for kind in KINDS if kind in kinds and kind in _MINE[hand]]
    if hand == "servers" and len(cast.nodes) == 1:
        wanted = [kind for kind in wanted if kind != "partition"]
    return list(_draw(random.Random(f"{seed}/{hand}"), seconds, wanted, cast, hand)) if wanted else []


def _draw(
    lots: random.Random, seconds: float, kinds: Sequence[str], cast: Cast, hand: str
) -> Iterator[Fault]:
    at = 0.0
    rotten = lots.choice(cast.nodes)
    shares = [_SHARES.get(kind, 1.0) for kind in kinds]
    while True:
        at += lots.uniform(*_PAUSE)
        kind = lots.choices(kinds, shares)[0]
        length = lots.uniform(0, _LONGEST[kind])
        if at + length > seconds:
            return
        # One copy rots, as between two audits: where all do, only the outboxes are left.
        target = rotten if kind == "bit-flip" else _target(lots, kind, cast, hand)
        yield Fault(round(at, 3), kind, target, round(length, 3), _strength(lots, kind))
        at += length


def _target(lots: random.Random, kind: str, cast: Cast, hand: str) -> str:
    if kind == "power":
        return lots.choice(("all", *cast.servers))
    if kind == "partition" and hand == "servers":
        return lots.choice(cast.nodes)
    if kind in {"partition", "slow"}:
        return f"{lots.choice(cast.services)}>{lots.choice(cast.servers)}"
    return lots.choice(cast.services if hand == "services" else cast.servers)


def _strength(lots: random.Random, kind: str) -> float:
    if kind == "slow":
        return round(lots.uniform(0.01, 0.25), 3)
    if kind == "skew":
        return round(lots.uniform(-45, 45), 1)
    return round(lots.random(), 3)
