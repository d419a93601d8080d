"""The plain subscriber that Handrail is compared with: FastStream, one event a transaction."""

import asyncio
import json
from time import perf_counter

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from faststream.nats.security import NatsUserPassword
from nats.js.api import ConsumerConfig, DeliverPolicy

from contracts.event import Envelope
from contracts.subjects import ROOT, STREAM, lane_of, subject_of
from deploy.local.bench.adding import Added
from deploy.local.bench.ground import Ground
from deploy.local.bench.tally import Tallied, Tally
from services.chassis import clock, codec, db

_TABLES = """CREATE SCHEMA IF NOT EXISTS plain;
CREATE TABLE IF NOT EXISTS plain.inbox (LIKE inbox INCLUDING ALL);
CREATE TABLE IF NOT EXISTS plain.tallies (LIKE tallies INCLUDING ALL);
CREATE TABLE IF NOT EXISTS plain.outbox (LIKE outbox INCLUDING ALL);"""
_INBOX = "INSERT INTO plain.inbox VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING event_id"
_STATE = """INSERT INTO plain.tallies VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (id)
  DO UPDATE SET version = EXCLUDED.version, said = EXCLUDED.said, state = EXCLUDED.state"""
_OUTBOX = """INSERT INTO plain.outbox (event_id, type, lane, aggregate_id, sequence, cause, correlation_id,
    subject, headers, body, at, recorded_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"""


async def work_through(ground: Ground, durable: str, first: int, events: int) -> float:
    """Seconds that a plain subscriber takes for so many events from a stream position on."""
    connection = await ground.connect()
    await connection.execute(_TABLES)
    broker = NatsBroker(
        ground.stack.nats_url(),
        security=NatsUserPassword("operator", ground.stack.passwords["nats"]["operator"]),
        inbox_prefix=b"_INBOX_operator",
        logger=None,
    )
    done = asyncio.Event()
    left = events
    began = 0.0

    @broker.subscriber(
        f"{ROOT}.>",
        stream=JStream(STREAM, declare=False),
        durable=durable,
        pull_sub=PullSub(batch_size=1, timeout=5),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            max_ack_pending=1,
            max_deliver=-1,
        ),
    )
    async def on_added(message: NatsMessage) -> None:
        nonlocal left, began
        began = began or perf_counter()
        await _apply(connection, Added.model_validate_json(message.body), message)
        left -= 1
        if left == 0:
            done.set()

    try:
        await broker.start()
        async with asyncio.timeout(120):
            await done.wait()
        return perf_counter() - began
    finally:
        await broker.stop()
        await connection.close()
        await ground.runtime.bus.api(f"CONSUMER.DELETE.{STREAM}.{durable}")


async def _apply(connection: db.Connection, event: Added, message: NatsMessage) -> None:
    """Inbox, state and outbox in one transaction."""
    id, now = message.headers["ce-id"], clock.wall_now()
    seq = message.raw_message.metadata.sequence.stream
    async with connection.transaction():
        if await connection.fetchval(_INBOX, id, lane_of(event.episode_id), seq, now) is None:
            return
        row = await connection.fetchrow(
            "SELECT version, state FROM plain.tallies WHERE id = $1 FOR UPDATE", event.episode_id
        )
        before = (
            codec.load(Tally, row["state"])
            if row
            else Tally(event.episode_id, event.network_id, event.site_id)
        )
        state = Tally(
            event.episode_id,
            event.network_id,
            event.site_id,
            before.additions + 1,
            before.total + event.amount,
            event.note,
        )
        version = (row["version"] if row else 0) + 1
        await connection.execute(
            _STATE, state.id, state.network_id, state.site_id, version, codec.dump(state)
        )
        said = Tallied(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=event.patient_id,
            part2=event.part2,
            actor=event.actor,
            additions=state.additions,
            total=state.total,
            note=state.note,
        )
        envelope = Envelope(clock.new_id(), said, now, now, version, state.id, id)
        await connection.execute(
            _OUTBOX,
            envelope.id,
            envelope.type,
            lane_of(state.id),
            state.id,
            version,
            id,
            state.id,
            subject_of(said),
            json.dumps(envelope.headers()),
            envelope.body().decode(),
            now,
            now,
        )
