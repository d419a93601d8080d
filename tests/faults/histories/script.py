"""What goes wrong and when: faults at the n-th time an operation of a path is done."""

from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from tests.faults.histories.catalogue import OFTEN, OPERATIONS

Kind = Literal["crash", "hang", "lost", "repeat"]
Moment = Literal["before", "during", "after"]
Place = tuple[str, str]
"""A path (write, relay or read) and an operation of it."""

PATH: ContextVar[str] = ContextVar("path", default="")


@dataclass(frozen=True, slots=True)
class Fault:
    """At the `nth` time the operation is done by any process, this happens."""

    path: str
    operation: str
    nth: int
    kind: Kind
    moment: Moment
    seconds: float
    """How long the hang takes, or how far the operation gets before the process or the connection goes."""
    sever: bool
    """Also end the session: the backend of a hanging session is killed, the bus connection is cut."""
    pause: float
    """How long a crashed process stays away."""

    def __str__(self) -> str:
        sever = " and severed" if self.sever else ""
        return f"{self.kind} {self.moment} {self.path} '{self.operation}' #{self.nth}{sever}"


def kinds_of(operation: str) -> tuple[Kind, ...]:
    """The faults an operation can suffer: only what is sent to the bus or to a service can be repeated."""
    if operation == "command":
        return ("hang", "lost", "repeat")
    if operation.startswith(("bus request", "bus publish", "bus deliver")):
        return ("crash", "hang", "lost", "repeat")
    return ("crash", "hang", "lost")


def moments_of(operation: str, kind: Kind) -> tuple[Moment, ...]:
    """When a fault can strike, seen from the effect of the operation."""
    if kind == "repeat" or operation == "command":
        return ("after",)
    if operation == "bus deliver" and kind == "lost":
        return ("before",)
    if kind == "hang" or operation.startswith("bus"):
        return ("before", "after")
    return ("before", "during", "after")


def every_combination() -> list[tuple[Place, Kind]]:
    """Each operation with each fault it can suffer, shuffled once and for all."""
    found = [(place, kind) for place in OPERATIONS for kind in kinds_of(place[1])]
    Random(1).shuffle(found)
    return found


COMBINATIONS = every_combination()
AIMED = 1_000_000
OPENERS: dict[Place, tuple[Fault, ...]] = {
    ("write", "rollback"): tuple(
        Fault("write", "command", nth, "hang", "after", 0, sever=False, pause=0) for nth in range(1, 9)
    ),
    ("read", "bus unsubscribe"): tuple(
        Fault("read", "bus deliver", nth, "lost", "before", 0, sever=False, pause=0) for nth in range(1, 9)
    ),
}
"""What must go wrong before an operation is done at all."""


def draw_faults(seed: int) -> tuple[Fault, ...]:
    """The faults of one history: the first goes round all combinations with the seeds, the rest are drawn.

    From `AIMED` on a history has only the fault of its combination, at the first occasions.
    """
    lots = Random(f"faults of {seed}")
    if not COMBINATIONS:
        return ()
    place, kind = COMBINATIONS[seed % len(COMBINATIONS)]
    if seed >= AIMED:
        aimed = replace(aim_at(place, kind, lots), nth=lots.randint(1, 2))
        return (*OPENERS.get(place, ()), aimed)
    others = [lots.choice(COMBINATIONS) for _ in range(lots.randint(0, 3))]
    return tuple(aim_at(*aim, lots) for aim in [(place, kind), *others])


def seed_aimed_at(place: Place, kind: Kind, attempt: int) -> int:
    """A seed whose history has this fault and no other."""
    size = len(COMBINATIONS)
    first = -(-AIMED // size) * size
    return first + attempt * size + COMBINATIONS.index((place, kind))


def aim_at(place: Place, kind: Kind, lots: Random) -> Fault:
    """A fault of this kind somewhere among the times that a history does the operation."""
    path, operation = place
    often = OFTEN.get(place, 1)
    return Fault(
        path=path,
        operation=operation,
        nth=lots.randint(1, max(1, often * 2 // 3)),
        kind=kind,
        moment=lots.choice(moments_of(operation, kind)),
        seconds=lots.uniform(0.1, 0.7) if kind == "hang" else lots.choice((0, 0, 0.0005, 0.001, 0.003)),
        sever=lots.random() < 0.5,
        pause=lots.choice((0, 0.02, 0.1, 0.4)),
    )


@dataclass(slots=True)
class Script:
    """Counts what is done and says where a fault strikes."""

    faults: tuple[Fault, ...]
    done: Counter[Place] = field(default_factory=Counter)
    struck: list[Fault] = field(default_factory=list)
    healed: bool = False

    def next(self, operation: str) -> Fault | None:
        """The fault that strikes this operation of the current path, if any."""
        return self._count((PATH.get(), operation))

    def next_command(self) -> Fault | None:
        """The fault that strikes a command that was just answered."""
        return self._count(("write", "command"))

    def _count(self, place: Place) -> Fault | None:
        if self.healed or not place[0]:
            return None
        self.done[place] += 1
        for fault in self.faults:
            if (fault.path, fault.operation) == place and fault.nth == self.done[place]:
                self.struck.append(fault)
                return fault
        return None
