"""`handrail bench events`: the event path beside the plain subscriber and beside the limit of its parts.

Every round publishes fresh events and has each contestant work through some of them, one after the other, so
that whatever else the machine does is shared by all. What is compared:

* plain: a FastStream subscriber with one durable consumer, `PullSub(batch_size=1)`, and one transaction for
  each event that inserts its inbox row, upserts its state and inserts its outbox row;
* handrail: the chassis' readers (as many as a service has by default) on the same kind of events, which adds
  the journal, the row locks and the positions of the lanes;
* the limit: reading costs 1/read seconds an event and inserting the very rows that Handrail wrote, in
  batches of 500, 1/insert; one process that decides nothing would do 1 / (1/read + 1/insert) a second;
* the relay: from outbox rows to acknowledged and marked, beside atomic batches published from memory.

Rates are those of all rounds together: events over seconds.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nats.aio.msg import Msg

from contracts.event import Envelope
from contracts.subjects import LANES, lane_of, subject_of
from contracts.vocabulary import Actor, ActorType
from deploy.local.bench.adding import Added
from deploy.local.bench.ground import Ground, prepared
from deploy.local.bench.plain import work_through
from deploy.local.bench.raw import Outgoing, insert_rows, publish_batches, read_all
from deploy.local.output import say
from deploy.local.processes import Stack
from services.chassis import clock, db
from services.chassis.lanes import Reader
from services.chassis.relay import Relay

ROUNDS = 4
PLAIN_SHARE = 8
"""The plain subscriber gets one event in eight: its rate is the same and nobody waits for it."""
EPISODES = tuple(str(uuid5(NAMESPACE_URL, f"episode-{n}")) for n in range(500))


@dataclass
class Clocked:
    """Events and the seconds they took, summed over rounds."""

    events: int = 0
    seconds: float = 0

    def add(self, events: int, seconds: float) -> None:
        self.events += events
        self.seconds += seconds

    @property
    def rate(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


@dataclass
class Figures:
    """What was measured."""

    plain: Clocked = field(default_factory=Clocked)
    handrail: Clocked = field(default_factory=Clocked)
    publish: Clocked = field(default_factory=Clocked)
    read: Clocked = field(default_factory=Clocked)
    insert: Clocked = field(default_factory=Clocked)
    relay: Clocked = field(default_factory=Clocked)

    def document(self) -> dict[str, Any]:
        limit = 1 / (1 / self.read.rate + 1 / self.insert.rate)
        return {
            "events": self.handrail.events,
            "plain_per_s": round(self.plain.rate),
            "handrail_per_s": round(self.handrail.rate),
            "limit_per_s": round(limit),
            "ratio_to_plain": round(self.handrail.rate / self.plain.rate, 2),
            "ratio_to_limit": round(self.handrail.rate / limit, 2),
            "relay_per_s": round(self.relay.rate),
            "raw_batches_per_s": round(self.publish.rate),
            "ratio_relay": round(self.relay.rate / self.publish.rate, 2),
            "raw_read_per_s": round(self.read.rate),
            "raw_insert_per_s": round(self.insert.rate),
        }


class SettledReader(Reader):
    """A reader with its share of the lanes from the start, which notes when its first event came."""

    first_at: float | None = None

    async def _rebalance(self, _: db.Connection) -> bool:
        share = set(range(self.number, LANES, self.runtime.settings.readers))
        fresh, self.held = share != self.held, share
        return fresh

    async def _deliver(self, consumer: str, msg: Msg) -> None:
        if msg.data and self.first_at is None:
            self.first_at = perf_counter()
        await super()._deliver(consumer, msg)


def measure(events: int) -> dict[str, Any]:
    """Measure on servers of its own, which are gone afterwards."""
    import uvloop

    with Stack.temporary(services=(), say=say) as stack:
        return uvloop.run(_measure(stack, events))


async def _measure(stack: Stack, events: int) -> dict[str, Any]:
    figures = Figures()
    async with prepared(stack) as ground:
        for number in range(1, ROUNDS + 1):
            say(f"round {number} of {ROUNDS}")
            await _round(ground, figures, number, events // ROUNDS)
    return figures.document()


async def _round(ground: Ground, figures: Figures, number: int, events: int) -> None:
    outgoing = [_outgoing(number, n) for n in range(events)]
    first = (await ground.runtime.bus.stream())["state"]["last_seq"] + 1
    heads = {item.lane: first + n for n, item in enumerate(outgoing)}
    began = perf_counter()
    await publish_batches(ground.runtime.bus, outgoing)
    figures.publish.add(events, perf_counter() - began)
    figures.read.add(events, await read_all(ground.runtime.bus, first, events))
    share = events // PLAIN_SHARE
    figures.plain.add(share, await work_through(ground, f"plain-{number}", first, share))
    figures.handrail.add(events, await _read_by_lanes(ground, heads))
    figures.insert.add(events, await insert_rows(ground, first))
    carried, seconds, heads = await _relay(ground)
    figures.relay.add(carried, seconds)
    await _read_by_lanes(ground, heads)


def _outgoing(round_number: int, n: int) -> Outgoing:
    """The n-th event of a round, as it goes over the wire; the same in every run."""
    event = Added(
        network_id="bench",
        site_id="s1",
        episode_id=EPISODES[n * 7919 % len(EPISODES)],
        patient_id=EPISODES[n * 7919 % len(EPISODES)],
        part2=True,
        actor=Actor(type=ActorType.USER, id="clinician-1", role="clinician"),
        amount=n % 10,
        note="agreed with the team",
    )
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=n)
    trace = f"00-{round_number:032x}-{n + 1:016x}-01"
    envelope = Envelope(clock.new_id(), event, at, at, n + 1, event.episode_id, clock.new_id(), trace)
    return Outgoing(subject_of(event), envelope.body(), envelope.headers(), lane_of(event.episode_id))


async def _read_by_lanes(ground: Ground, heads: dict[int, int]) -> float:
    """Seconds from the first event delivered until every lane's committed position has reached its head."""
    readers = [SettledReader(ground.runtime, n) for n in range(ground.runtime.settings.readers)]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    try:
        async with asyncio.timeout(300):
            await _caught_up(ground, heads)
        return perf_counter() - min(r.first_at for r in readers if r.first_at)
    finally:
        await _end(*tasks)


async def _caught_up(ground: Ground, heads: dict[int, int]) -> None:
    """Until the committed position of every lane has reached its head."""
    async with ground.runtime.pool.acquire() as connection:
        while True:
            rows = await connection.fetch("SELECT lane, seq FROM positions")
            reached = {r["lane"]: r["seq"] for r in rows}
            if all(reached.get(lane, 0) >= seq for lane, seq in heads.items()):
                return
            await asyncio.sleep(0.01)


async def _relay(ground: Ground) -> tuple[int, float, dict[int, int]]:
    """Events carried, the seconds until the last was marked as sent, and where the lanes now end."""
    async with ground.runtime.pool.acquire() as connection:
        waiting: int = await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
        began = perf_counter()
        task = asyncio.create_task(Relay(ground.runtime).run())
        while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
            await asyncio.sleep(0.01)
        seconds = perf_counter() - began
        await _end(task)
        rows = await connection.fetch("SELECT lane, stream_seq FROM lane_heads")
    return waiting, seconds, {r["lane"]: r["stream_seq"] for r in rows}


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
