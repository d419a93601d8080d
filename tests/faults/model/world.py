"""What one state of the protocol consists of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")

IDLE = "idle"


class Event(NamedTuple):
    """What a command said: its identity, so that whatever equals it is the same event."""

    aggregate: str
    sequence: int
    command: int

    def __str__(self) -> str:
        return f"{self.aggregate}{self.sequence}"


class Row(NamedTuple):
    """A committed row of the outbox."""

    id: int
    event: Event
    sent: bool = False


class Writer(NamedTuple):
    """One transaction at a time: `idle` or `open`."""

    phase: str = IDLE
    command: int = -1
    awaited: bool = False
    """Whether the client still waits for this answer."""
    plan: tuple[Event, ...] = ()
    ids: tuple[int, ...] = ()
    """Outbox ids of the part of the plan that is inserted."""


class Relay(NamedTuple):
    """`idle`, `waiting` (`batch` is under way), `acked`, `refused`, `settling` (only a mark is left).

    `reading` takes over what the stream holds beyond the table, whoever has the lane.
    """

    phase: str = IDLE
    session: bool = False
    """Whether its session lives, and with it the lane lock."""
    batch: tuple[Event, ...] = ()
    head: int = 0
    """The last stream sequence of the lane that it knows of: the fence of its next batch."""
    stored: tuple[Event, ...] = ()
    """What it knows to be in the stream and has not marked yet."""
    following: tuple[Event, ...] | None = None
    """The batch after the one under way; None until fetched."""
    acked: int = 0


class Batch(NamedTuple):
    """Under way with nobody waiting for its acknowledgement."""

    events: tuple[Event, ...]
    fence: int


class Reader(NamedTuple):
    """`idle`, `reading` (waits for events), `working` (in a transaction over `batch`)."""

    phase: str = IDLE
    session: bool = False
    """Whether its session lives, and with it the lane lease and the transaction."""
    stream: int = 0
    position: int = 0
    batch: tuple[Event, ...] = ()


class Budget(NamedTuple):
    """How often each fault may still happen."""

    crash: int = 0
    answer: int = 0
    """An answer to a client or an acknowledgement to a relay does not come in time."""
    session: int = 0
    """A database session ends while its holder works on."""
    window: int = 0
    """All ids known to the dedupe window expire."""
    wipe: int = 0
    """The bus burns and is refilled from the outbox."""
    haste: int = 0
    """Somebody asks to retry what is parked before it is mended."""


class World(NamedTuple):
    """Everything that one state consists of: processes, tables, the stream, what is under way."""

    writers: tuple[Writer, ...]
    relays: tuple[Relay, ...]
    readers: tuple[Reader, ...]
    budget: Budget
    answered: frozenset[int] = frozenset()
    outbox: tuple[Row, ...] = ()
    """Ordered by id; also says which commands are done and each aggregate's last sequence."""
    head: int = 0
    network: tuple[Batch, ...] = ()
    number: int = 0
    """Which stream it is: a new one after each wipe."""
    stream: tuple[Event, ...] = ()
    window: int = 0
    """From where on the stream still knows its ids."""
    position: tuple[int, int] = (0, 0)
    """Committed by the readers: which stream, and up to where."""
    inbox: frozenset[Event] = frozenset()
    effects: tuple[Event, ...] = ()
    """Applied, in order per aggregate."""
    parked: tuple[Event, ...] = ()
    mended: bool = False
    retry: str = ""
    """Of what is parked: `asked`, `done`."""
    seen: tuple[Event, ...] | None = None
    """What a retry outside the lease has read (only by mistake)."""


@dataclass(frozen=True)
class Bounds:
    """How large a world is explored: each command names the aggregates of its events in order."""

    commands: tuple[str, ...]
    budget: Budget
    writers: int = 2
    relays: int = 2
    readers: int = 0
    batch: int = 2
    poison: tuple[str, ...] = ()
    """Events that cannot be taken until somebody mends the rule."""
    written: bool = False
    """Start with every command done and answered, to look at what comes after."""


Steps = Iterator[tuple[str, World]]


def put(items: tuple[T, ...], index: int, item: T) -> tuple[T, ...]:
    """The same items with one replaced."""
    return (*items[:index], item, *items[index + 1 :])


def by_aggregate(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """In order per aggregate; between aggregates no order is kept."""
    return tuple(sorted(events, key=lambda e: e.aggregate))


def named(events: tuple[Event, ...]) -> str:
    """Events as they are printed."""
    return "[" + " ".join(map(str, events)) + "]"
