"""`handrail bench events`: the event path beside the plain subscriber and beside the limit of its parts.

Every round publishes fresh events and has each contestant work through some of them, one after the other, so
that whatever else the machine does is shared by all. What is compared:

* plain: a FastStream subscriber with one durable consumer, `PullSub(batch_size=1)`, and one transaction for
  each event that inserts its inbox row, upserts its state and inserts its outbox row;
* handrail: the chassis' readers (as many as a service has by default) on the same kind of events, which adds
  the journal, the row locks and the positions of the lanes;
* the limit: reading costs 1/read seconds an event and inserting the very rows that Handrail wrote, in batches of
  500, 1/insert; one process that decides nothing and waits for nothing else would do 1 / (1/read + 1/insert);
* the relay: from outbox rows to acknowledged and marked, beside atomic batches that are published from memory.

Rates are those of all rounds together: events over seconds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from contracts.event import Envelope
from contracts.subjects import LANES, STREAM, lane_of, subject_of
from deploy.local.bench.ground import Ground, prepared
from deploy.local.bench.plain import work_through
from deploy.local.bench.raw import Outgoing, insert_rows, publish_batches, read_all
from deploy.local.bench.tally import Added
from deploy.local.output import say
from deploy.local.processes import Stack
from services.chassis import clock
from services.chassis.lanes import Reader
from services.chassis.relay import Relay

ROUNDS = 4
PLAIN_SHARE = 8
"""The plain subscriber gets one event in eight: its rate is the same and nobody waits for it."""
AGGREGATES = 500
NOTE = "agreed with the team; " * 6


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


def measure(events: int) -> dict[str, Any]:
    """Measure on servers of its own, which are gone afterwards."""
    import uvloop

    with Stack.temporary(services=(), say=say) as stack:
        return uvloop.run(_measure(stack, events))


async def _measure(stack: Stack, events: int) -> dict[str, Any]:
    figures = Figures()
    async with prepared(stack) as ground, _reading(ground):
        for number in range(1, ROUNDS + 1):
            say(f"round {number} of {ROUNDS}")
            await _round(ground, figures, number, events // ROUNDS)
    return figures.document()


async def _round(ground: Ground, figures: Figures, number: int, events: int) -> None:
    outgoing = [_outgoing(number, n) for n in range(events)]
    first = (await ground.runtime.bus.stream())["state"]["last_seq"] + 1
    heads = {item.lane: first + n for n, item in enumerate(outgoing)}
    async with _paused(ground):
        began = perf_counter()
        await publish_batches(ground.runtime.bus, outgoing)
        figures.publish.add(events, perf_counter() - began)
        figures.read.add(events, await read_all(ground.runtime.bus, first, events))
        share = events // PLAIN_SHARE
        figures.plain.add(share, await work_through(ground, f"plain-{number}", first, share))
    began = perf_counter()
    await _caught_up(ground, heads)
    figures.handrail.add(events, perf_counter() - began)
    figures.insert.add(events, await insert_rows(ground, first))
    figures.relay.add(*await _relay(ground))


def _outgoing(round_number: int, n: int) -> Outgoing:
    """The n-th event of a round, as it goes over the wire; the same in every run."""
    event = Added(
        network_id="bench",
        site_id="s1",
        tally_id=f"tally-{n * 7919 % AGGREGATES}",
        amount=n % 10,
        note=NOTE,
    )
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=n)
    envelope = Envelope(clock.new_id(), event, at, at, n + 1, event.tally_id, f"cause-{round_number}")
    return Outgoing(subject_of(event), envelope.body(), envelope.headers(), lane_of(event.tally_id))


@asynccontextmanager
async def _reading(ground: Ground) -> AsyncIterator[None]:
    """The readers of one service process, up and with their fair share of the lanes."""
    readers = [Reader(ground.runtime, n) for n in range(ground.runtime.settings.readers)]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    try:
        async with asyncio.timeout(30):
            while {len(r.held) for r in readers} != {LANES // len(readers)}:
                await asyncio.sleep(0.05)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _paused(ground: Ground) -> AsyncIterator[None]:
    """JetStream holds back the readers' events, so that all of them wait when the clock starts."""
    names = (await ground.runtime.bus.api(f"CONSUMER.NAMES.{STREAM}"))["consumers"]
    for name in names:
        await ground.runtime.bus.api(f"CONSUMER.PAUSE.{STREAM}.{name}", pause_until="2100-01-01T00:00:00Z")
    yield
    for name in names:
        await ground.runtime.bus.api(f"CONSUMER.PAUSE.{STREAM}.{name}")


async def _caught_up(ground: Ground, heads: dict[int, int]) -> None:
    """Until the committed position of every lane has reached its head."""
    async with ground.runtime.pool.acquire() as connection:
        while True:
            rows = await connection.fetch("SELECT lane, seq FROM positions")
            reached = {r["lane"]: r["seq"] for r in rows}
            if all(reached.get(lane, 0) >= seq for lane, seq in heads.items()):
                return
            await asyncio.sleep(0.01)


async def _relay(ground: Ground) -> tuple[int, float]:
    """Events carried and the seconds from the relay's start until the last was marked as sent."""
    async with ground.runtime.pool.acquire() as connection:
        waiting: int = await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
        began = perf_counter()
        task = asyncio.create_task(Relay(ground.runtime).run())
        while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
            await asyncio.sleep(0.01)
        seconds = perf_counter() - began
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rows = await connection.fetch("SELECT lane, stream_seq FROM lane_heads")
    await _caught_up(ground, {r["lane"]: r["stream_seq"] for r in rows})
    return waiting, seconds
