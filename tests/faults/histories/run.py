"""Many histories beside each other, and what they came to."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deploy.local.processes import Stack
from services.chassis import lanes, relay, telemetry
from tests.faults.histories.catalogue import OFTEN
from tests.faults.histories.history import Outcome, live
from tests.faults.histories.script import COMBINATIONS, Fault, Kind, Place, seed_aimed_at
from tests.faults.histories.world import World, worlds

ATTEMPTS = 25


@dataclass(frozen=True, slots=True)
class Regression:
    """A history that once failed, with its faults as they were drawn then."""

    seed: int
    faults: tuple[Fault, ...]
    why: str


@dataclass
class Tally:
    """What many histories came to."""

    histories: int = 0
    seconds: float = 0.0
    crashes: int = 0
    struck: Counter[tuple[Place, Kind]] = field(default_factory=Counter)
    done: Counter[Place] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.histories += 1
        self.crashes += outcome.crashes
        self.done += outcome.done
        self.struck.update(((f.path, f.operation), f.kind) for f in outcome.struck)
        self.remarks.update(outcome.remarks)
        if outcome.problems:
            self.failures.append(outcome)

    @property
    def missed(self) -> list[str]:
        """Operations that a fault they can suffer has not struck."""
        return [f"{p[0]} {p[1]} {kind}" for p, kind in self.still_to_strike]

    @property
    def still_to_strike(self) -> list[tuple[Place, Kind]]:
        return [c for c in COMBINATIONS if not self.struck[c]]

    @property
    def unknown(self) -> list[str]:
        """Operations that were done and are not in the catalogue."""
        return sorted(f"{path} {operation}" for path, operation in self.done.keys() - OFTEN.keys())

    def as_json(self) -> dict[str, Any]:
        kinds: Counter[str] = Counter()
        for (_, kind), times in self.struck.items():
            kinds[kind] += times
        return {
            "histories": self.histories,
            "seconds": round(self.seconds, 1),
            "per_minute": round(60 * self.histories / max(self.seconds, 0.001)),
            "faults": sum(self.struck.values()),
            "by_kind": dict(kinds),
            "crashes": self.crashes,
            "combinations": len(COMBINATIONS),
            "struck": len(self.struck),
            "missed": self.missed,
            "unknown": self.unknown,
            "remarks": dict(self.remarks),
            "failed_seeds": sorted(o.seed for o in self.failures),
            "failures": [
                {
                    "seed": o.seed,
                    "faults": [repr(f) for f in o.faults],
                    "struck": [str(f) for f in o.struck],
                    "problems": o.problems,
                }
                for o in self.failures
            ],
        }


def tell(outcome: Outcome) -> str:
    """A failed history in words, its seed first."""
    lines = [f"SEED {outcome.seed} failed after {outcome.seconds:.1f} s"]
    lines += [f"  fault: {f}{'' if f in outcome.struck else ' (did not come to it)'}" for f in outcome.faults]
    lines += [f"  {problem}" for problem in outcome.problems[:25]]
    lines += ["  as a regression:", f"    Regression({outcome.seed}, {outcome.faults!r}, '...')"]
    return "\n".join(lines)


async def run(
    stack: Stack,
    seeds: Iterable[int | Regression],
    how_many: int = 6,
    say: Callable[[str], None] = lambda _: None,
    *,
    complete: bool = False,
) -> Tally:
    """Run the histories of these seeds, a few beside each other.

    With `complete` every combination that they missed is then aimed at by histories of its own.
    """
    telemetry.configure_logs("toy", "CRITICAL")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    tally = Tally()
    with hurried():
        async with worlds(stack, how_many) as made:
            started = time.monotonic()
            await _share(made, seeds, tally, say)
            for attempt in range(ATTEMPTS if complete else 0):
                missing = tally.still_to_strike
                # All worlds busy, as it is their jostling that brings the rarer operations about.
                each = max(1, how_many // max(1, len(missing)))
                aims = [seed_aimed_at(*c, attempt * each + n) for c in missing for n in range(each)]
                await _share(made, aims, tally, say)
            tally.seconds = time.monotonic() - started
    return tally


async def _share(
    made: list[World], seeds: Iterable[int | Regression], tally: Tally, say: Callable[[str], None]
) -> None:
    left = iter(list(seeds))
    await asyncio.gather(*(_work(world, left, tally, say) for world in made))


async def _work(
    world: World, left: Iterator[int | Regression], tally: Tally, say: Callable[[str], None]
) -> None:
    for what in left:
        seed, faults = (what, None) if isinstance(what, int) else (what.seed, what.faults)
        outcome = await live(world, seed, faults)
        tally.add(outcome)
        if outcome.problems:
            say(tell(outcome))


@contextmanager
def hurried() -> Iterator[None]:
    """Everything that waits for seconds waits for fractions of them."""
    quick: list[tuple[Any, str, Any]] = [
        (relay, "POLL_SECONDS", 0.25),
        (lanes, "REBALANCE_SECONDS", 0.4),
        (lanes, "CREDIT_SECONDS", 3),
        (lanes, "HEARTBEAT_SECONDS", 1),
        (lanes, "SILENCE_SECONDS", 1.6),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in quick]
    for module, name, value in quick:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
