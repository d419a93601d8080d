"""The protocol that carries an event from a command to its effect, small enough to be explored whole.

Modelled, one service that writes and one that reads, in one lane:

* Writers. A transaction takes its command's key and its aggregates' row locks, inserts outbox rows (ids in
  the order of the inserts), commits, answers. It can crash at every step; a client that gets no answer asks
  again with the same key, also while the first attempt still runs.
* Relays. The lane's advisory lock and every write to the database hang on one session. The relay fetches
  what is unsent by id, publishes it as one atomic batch that the stream takes only directly behind the
  head the relay knows, marks what was acknowledged while the next batch is under way, and after a refusal
  reads the tail of the stream. A batch whose relay is gone may arrive at any later time, or never.
* The stream. It refuses a batch whose fence is not its head, or that holds an id its window still knows.
* Readers. The lease and the transactions hang on one session. Events behind the committed position are
  applied with inbox, effect and position in one transaction; what fails is parked, and so is whatever comes
  behind it, until a retry under the lease takes it in order.
* Faults, each as often as a budget says: a crash of any process, an answer or acknowledgement that is lost or
  late, a session that ends while its holder works on, the expiry of the dedupe window, a bus that burns and
  is refilled from the outbox, a retry asked for too early.

Not modelled: the time that passes, several lanes and their sharing out, wakes (a retry is one), the loss of
committed rows or of part of the stream, the content of events. A step is what one statement or message does;
a rebuild is one step, in which every connection to the old bus is cut and whoever held a batch starts over.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.model import reading, relaying, writing
from tests.faults.model.world import (
    IDLE,
    Bounds,
    Budget,
    Event,
    Reader,
    Relay,
    Row,
    Steps,
    World,
    Writer,
)

MECHANISMS = {
    "row lock": "a transaction locks its aggregates' rows before it reads them",
    "version check": "saving checks that the row still has the version that was read",
    "idempotency": "a command's key and answer are stored with what it did",
    "commit before answer": "a command is answered after its commit",
    "lane lock": "one relay at a time carries a lane",
    "fence": "the stream takes a batch only directly behind the head that its relay knows",
    "fence from the table": "the head comes from where sent rows are marked, not from the stream",
    "dedupe": "the stream refuses an id that its window still knows",
    "fetch by id": "the outbox is carried in the order of its ids",
    "whole batch": "what is marked is what was published",
    "mark after ack": "a row is marked sent after its acknowledgement",
    "stop at a gap": "after a missing acknowledgement nothing further is published",
    "settle": "a refused relay learns the stream's head instead of trying the same again",
    "read the tail": "after a refusal only what the stream is seen to hold is marked",
    "inbox": "an event's id is stored with its effect, and known ids are passed over",
    "position with effect": "the position moves in the transaction that applies",
    "start behind position": "a reader starts directly behind the committed position",
    "one session": "lease and transaction are one session's, so that they end together",
    "park behind": "what comes behind a parked event of its aggregate is parked too",
    "retry in order": "parked events are retried in their order",
    "stop at failure": "a retry stops at the first event that fails again",
    "retry under lease": "whoever retries holds the lane",
    "books lock": "whoever takes over what the stream holds keeps a rebuild out meanwhile",
    "cut at rebuild": "what was under way to a burnt bus never reaches the new one",
}
"""What the protocol is made of; each can be left out to see what it is for."""


@dataclass(frozen=True)
class Protocol:
    """The whole protocol within bounds, perhaps without some of its mechanisms."""

    bounds: Bounds
    without: frozenset[str] = frozenset()

    def start(self) -> World:
        b = self.bounds
        world = World((Writer(),) * b.writers, (Relay(),) * b.relays, (Reader(),) * b.readers, b.budget)
        if not b.written:
            return world
        rows: list[Row] = []
        for command, aggregates in enumerate(b.commands):
            for aggregate in aggregates:
                said = sum(row.event.aggregate == aggregate for row in rows)
                rows.append(Row(len(rows) + 1, Event(aggregate, said + 1, command)))
        return world._replace(outbox=tuple(rows), answered=frozenset(range(len(b.commands))))

    def steps(self, world: World) -> Steps:
        yield from writing.steps(world, self.bounds, self.without)
        yield from relaying.steps(world, self.bounds, self.without)
        yield from reading.steps(world, self.bounds, self.without)

    def faults(self, world: World) -> Steps:
        budget = world.budget
        if budget == Budget():
            return
        yield from writing.faults(world)
        yield from relaying.faults(world, self.without)
        yield from reading.faults(world, self.bounds)
        if budget.window and world.window < len(world.stream):
            yield (
                "! the dedupe window expires",
                world._replace(window=len(world.stream), budget=budget._replace(window=budget.window - 1)),
            )
        held_off = any(r.session and not _unlocked(r, self.without) for r in world.relays)
        if budget.wipe and world.stream and not held_off:
            yield "! the bus burns and is rebuilt from the outbox", _rebuilt(world, self.without)

    def broken(self, world: World) -> str:
        """The promise that this state breaks, or nothing."""
        stream, effects, parked = world.stream, world.effects, world.parked
        if len(set(stream)) < len(stream):
            return "doubled: an event is in the stream twice"
        if len(set(effects)) + len(set(parked)) < len(effects) + len(parked):
            return "doubled: an event was taken twice"
        if not _in_order(stream):
            return "out of order: the stream has an aggregate's events in another order than it said them"
        if not _in_order((*effects, *parked)):
            return "out of order: an event was taken before one that its aggregate said earlier"
        if self.bounds.written:
            return _backwards(world)
        return self._commands(world) or _backwards(world)

    def _commands(self, world: World) -> str:
        done = [row.event.command for row in world.outbox]
        if not world.answered <= set(done):
            return "lost: a command was answered that did nothing"
        if any(done.count(c) > len(self.bounds.commands[c]) for c in set(done)):
            return "doubled: a command was carried out twice"
        if not _in_order(row.event for row in world.outbox):
            return "out of order: the outbox does not have an aggregate's events in order"
        return ""

    def unfinished(self, world: World) -> str:
        """What is missing where nothing more happens, or nothing."""
        said = {row.event for row in world.outbox}
        if len(world.answered) < len(self.bounds.commands):
            return "a command was never answered"
        if said != set(world.stream):
            return "an event was never carried"
        if not all(row.sent for row in world.outbox):
            return "an event was never marked"
        if self.bounds.readers and world.parked:
            return "an event stays parked although its rule is mended"
        if self.bounds.readers and said != set(world.effects):
            return "an event was never applied"
        return ""


def _in_order(events: Iterable[Event]) -> bool:
    """Whether each aggregate's events are its first, its second, and so on, with none left out."""
    last: dict[str, int] = {}
    for e in events:
        if e.sequence != last.get(e.aggregate, 0) + 1:
            return False
        last[e.aggregate] = e.sequence
    return True


def _backwards(world: World) -> str:
    """Whether the readers' position lies before what their inbox says was handled."""
    number, position = world.position
    if number == world.number == 0 and world.inbox > set(world.stream[:position]):
        return "the position went back behind what was handled"
    return ""


def _unlocked(relay: Relay, without: frozenset[str]) -> bool:
    """Whether it takes over from the stream without holding off a rebuild."""
    return relay.phase == "reading" and "books lock" in without


def _rebuilt(world: World, without: frozenset[str]) -> World:
    """A new, empty stream; every row unsent; whoever held a batch for the old one starts over."""
    return world._replace(
        budget=world.budget._replace(wipe=world.budget.wipe - 1),
        outbox=tuple(Row(row.id, row.event) for row in world.outbox),
        head=0,
        relays=tuple(r if _unlocked(r, without) else Relay() for r in world.relays),
        readers=tuple(r if r.phase == "working" else Reader(IDLE) for r in world.readers),
        network=world.network if "cut at rebuild" in without else (),
        number=world.number + 1,
        stream=(),
        window=0,
    )
