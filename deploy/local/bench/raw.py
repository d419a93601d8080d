"""The parts of the event path by themselves: publish, read, insert."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from nats.aio.msg import Msg

from contracts.subjects import LANES, STREAM, lane_filter
from deploy.local.bench.ground import Ground
from services.chassis import clock, db
from services.chassis.bus import Bus

BATCH = 500
_INBOX = """INSERT INTO raw.inbox SELECT * FROM unnest($1::text[], $2::smallint[], $3::bigint[],
  $4::timestamptz[]) ON CONFLICT DO NOTHING"""
_STATES = """INSERT INTO raw.tallies AS t SELECT i, n, s, v, w, d::jsonb FROM unnest(
  $1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[]) AS u(i, n, s, v, w, d)
  ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, said = EXCLUDED.said, state = EXCLUDED.state"""
_JOURNAL = """INSERT INTO raw.journal SELECT a, i, v, t, d::jsonb, c, h, r FROM unnest($1::text[], $2::text[],
  $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
  AS u(a, i, v, t, d, c, h, r)"""
_OUTBOX = """INSERT INTO raw.outbox (event_id, type, lane, aggregate_id, sequence, cause, correlation_id,
    subject, headers, body, at, recorded_at)
  SELECT e, t, l, a, s, c, k, j, h::jsonb, b, w, r FROM unnest($1::text[], $2::text[], $3::smallint[],
    $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::timestamptz[], $12::timestamptz[]) AS u(e, t, l, a, s, c, k, j, h, b, w, r)"""
_TABLES = """CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw.inbox (LIKE inbox INCLUDING ALL);
CREATE TABLE IF NOT EXISTS raw.tallies (LIKE tallies INCLUDING ALL);
CREATE TABLE IF NOT EXISTS raw.journal (LIKE journal INCLUDING ALL);
CREATE TABLE IF NOT EXISTS raw.outbox (LIKE outbox INCLUDING ALL);"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it goes over the wire."""

    subject: str
    body: bytes
    headers: dict[str, str]
    lane: int


async def publish_batches(bus: Bus, outgoing: Sequence[Outgoing]) -> None:
    """Everything, in order, in atomic batches, each acknowledged before the next."""
    for start in range(0, len(outgoing), BATCH):
        items = outgoing[start : start + BATCH]
        batch = clock.new_id()
        for number, item in enumerate(items, 1):
            headers = {**item.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number < len(items):
                await bus.client.publish(item.subject, item.body, headers=headers)
            else:
                await bus.request(item.subject, item.body, headers | {"Nats-Batch-Commit": "1"})


async def read_all(bus: Bus, first: int, events: int) -> float:
    """Seconds to receive so many events by lane, without acknowledgements, doing nothing with them."""
    name = f"raw-{clock.new_id()}"
    inbox = f"_INBOX_{bus.service}.{name}"
    done = asyncio.Event()
    left = events
    credit = 0

    async def ask() -> None:
        nonlocal credit
        credit = BATCH
        request = json.dumps({"batch": BATCH, "expires": 30_000_000_000}).encode()
        await bus.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}", request, reply=inbox)

    async def deliver(_: Msg) -> None:
        nonlocal left, credit
        left, credit = left - 1, credit - 1
        if left <= 0:
            done.set()
        elif credit <= 0:
            await ask()

    subscription = await bus.listen(inbox, deliver)
    began = perf_counter()
    await bus.api(
        f"CONSUMER.CREATE.{STREAM}.{name}",
        stream_name=STREAM,
        config={
            "name": name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "ack_policy": "none",
            "filter_subjects": [lane_filter(lane) for lane in range(LANES)],
            "inactive_threshold": 60_000_000_000,
            "mem_storage": True,
            "num_replicas": 1,
        },
    )
    await ask()
    async with asyncio.timeout(120):
        await done.wait()
    seconds = perf_counter() - began
    await subscription.unsubscribe()
    await bus.api(f"CONSUMER.DELETE.{STREAM}.{name}")
    return seconds


async def insert_rows(ground: Ground, first: int) -> float:
    """Seconds to insert the rows that Handrail wrote since a stream position, into tables like its own."""
    connection = await ground.connect()
    try:
        await connection.execute(_TABLES)
        batches = [[_columns(part) for part in rows] for rows in await _rows_of(connection, first)]
        began = perf_counter()
        for inbox, states, journal, outbox in batches:
            async with connection.transaction():
                await connection.execute(_INBOX, *inbox)
                await connection.execute(_STATES, *states)
                await connection.execute(_JOURNAL, *journal)
                await connection.execute(_OUTBOX, *outbox)
        return perf_counter() - began
    finally:
        await connection.close()


def _columns(rows: Sequence[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def _rows_of(connection: db.Connection, first: int) -> list[tuple[list[Any], ...]]:
    """What Handrail wrote: a row of the inbox, the journal and the outbox for each event, in batches."""
    inbox = await connection.fetch(
        "SELECT event_id, lane, stream_seq, received_at FROM inbox "
        "WHERE stream_seq >= $1 ORDER BY stream_seq",
        first,
    )
    ids = [r["event_id"] for r in inbox]
    journal = await connection.fetch(
        "SELECT aggregate, aggregate_id, version, type, data::text, cause, at, recorded_at FROM journal "
        "WHERE cause = ANY($1) ORDER BY at",
        ids,
    )
    outbox = await connection.fetch(
        "SELECT event_id, type, lane, aggregate_id, sequence, cause, correlation_id, subject, headers::text, "
        "body, at, recorded_at FROM outbox WHERE cause = ANY($1) ORDER BY at",
        ids,
    )
    states = {
        r["id"]: tuple(r)
        for r in await connection.fetch(
            "SELECT id, network_id, site_id, version, said, state::text FROM tallies"
        )
    }
    batches: list[tuple[list[Any], ...]] = []
    for start in range(0, len(inbox), BATCH):
        part = slice(start, start + BATCH)
        touched = sorted({r["aggregate_id"] for r in outbox[part]})
        batches.append((inbox[part], [states[id] for id in touched], journal[part], outbox[part]))
    return batches
