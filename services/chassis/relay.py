"""From the outbox to the bus: in order, one atomic batch at a time, rows kept."""

import asyncio
import contextlib
import json
from typing import Any, Self

from services.chassis import clock, db
from services.chassis.bus import BusDown, BusError
from services.chassis.runtime import Runtime
from services.chassis.telemetry import log

BATCH = 500
POLL_SECONDS = 0.5
_LANE_LOCK = 0x72656C61
_ALREADY_THERE = 10201
_ATOMIC_OFF = 10174

_WAITING = """SELECT id, recorded_on, subject, headers, body, lane FROM outbox
  WHERE sent_at IS NULL AND lane = ANY($1) ORDER BY id LIMIT $2"""
_LANES = "SELECT DISTINCT lane FROM outbox WHERE sent_at IS NULL"
_LOCK = "SELECT lane FROM unnest($1::int[]) AS lane WHERE pg_try_advisory_xact_lock(hashtext($2), lane)"
_SENT = """UPDATE outbox o SET sent_at = $4, stream_seq = u.seq
  FROM unnest($1::bigint[], $2::date[], $3::bigint[]) AS u(id, recorded_on, seq)
  WHERE o.id = u.id AND o.recorded_on = u.recorded_on"""
_HEADS = """INSERT INTO lane_heads AS h (lane, stream_seq)
  SELECT lane, max(seq) FROM unnest($1::smallint[], $2::bigint[]) AS u(lane, seq) GROUP BY lane
  ON CONFLICT (lane) DO UPDATE SET stream_seq = greatest(h.stream_seq, EXCLUDED.stream_seq)"""


class Relay:
    """Carries what waits in the outbox; any number may run, each lane has one at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def run(self) -> None:
        while True:
            try:
                async with await self._connection() as connection:
                    await self._serve(connection.db)
            except (*db.TRANSIENT, BusDown) as error:
                log().warning("relay_waits", error=type(error).__name__)
                await asyncio.sleep(0.2)

    async def _connection(self) -> "_Connection":
        return _Connection(await db.connect(self.runtime.settings, self.runtime.service.name))

    async def _serve(self, connection: db.Connection) -> None:
        grew = asyncio.Event()
        self.runtime.outbox_grew.tell(grew)
        await connection.add_listener("outbox", lambda *_: grew.set())
        while True:
            grew.clear()
            if not self.runtime.bus.connected:
                raise BusDown("not connected")
            sent = await self.carry(connection)
            if sent < BATCH:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(grew.wait(), POLL_SECONDS)

    async def carry(self, connection: db.Connection) -> int:
        """Publish and mark one batch; returns how many events it held.

        The lane locks live as long as the transaction, so no other relay can overtake; the order
        is that of the outbox ids, which the aggregates' row locks make that of their story.
        """
        async with connection.transaction():
            lanes = [r["lane"] for r in await connection.fetch(_LANES)]
            if not lanes:
                return 0
            mine = [
                r["lane"] for r in await connection.fetch(_LOCK, lanes, f"relay:{self.runtime.service.name}")
            ]
            rows = await connection.fetch(_WAITING, mine, BATCH) if mine else []
            if not rows:
                return 0
            seqs = await self._publish(rows)
            done = rows[: len(seqs)]
            await connection.execute(
                _SENT, [r["id"] for r in done], [r["recorded_on"] for r in done], seqs, clock.wall_now()
            )
            await connection.execute(_HEADS, [r["lane"] for r in done], seqs)
            if not done:
                raise BusDown("nothing was acknowledged")
            return len(done)

    async def _publish(self, rows: list[Any]) -> list[int]:
        """Stream sequences of the acknowledged prefix of the rows."""
        if len(rows) > 1:
            try:
                return await self._publish_batch(rows)
            except BusError as error:
                if error.code not in (_ALREADY_THERE, _ATOMIC_OFF):
                    raise BusDown(f"jetstream {error.code}") from error
        return await self._publish_singly(rows)

    async def _publish_batch(self, rows: list[Any]) -> list[int]:
        client, batch = self.runtime.bus.client, clock.new_id()
        for number, row in enumerate(rows[:-1], 1):
            headers = {
                **json.loads(row["headers"]),
                "Nats-Batch-Id": batch,
                "Nats-Batch-Sequence": str(number),
            }
            await client.publish(row["subject"], row["body"].encode(), headers=headers)
        last = rows[-1]
        headers = {
            **json.loads(last["headers"]),
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(len(rows)),
            "Nats-Batch-Commit": "1",
        }
        ack = await self.runtime.bus.request(last["subject"], last["body"].encode(), headers)
        return list(range(ack["seq"] - len(rows) + 1, ack["seq"] + 1))

    async def _publish_singly(self, rows: list[Any]) -> list[int]:
        seqs: list[int] = []
        for row in rows:
            try:
                ack = await self.runtime.bus.request(
                    row["subject"], row["body"].encode(), json.loads(row["headers"])
                )
            except (BusDown, BusError):
                break
            seqs.append(ack["seq"])
        return seqs


class _Connection:
    """A connection that is closed whatever happens."""

    def __init__(self, connection: db.Connection) -> None:
        self.db = connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.db.terminate()
