"""From the outbox to the bus: in order, one atomic batch at a time, rows kept."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any, Self

import nats.errors

from contracts.subjects import LANES
from services.chassis import clock, db
from services.chassis.bus import BusDown, BusError
from services.chassis.runtime import Runtime
from services.chassis.telemetry import log

BATCH = 500
POLL_SECONDS = 0.5
_ALREADY_THERE = 10201
_ATOMIC_OFF = 10174

_WAITING = """SELECT id, recorded_on, subject, headers, body, lane FROM outbox
  WHERE sent_at IS NULL AND lane = ANY($1) AND id <> ALL($2) ORDER BY id LIMIT $3"""
_LOCK = """SELECT lane FROM generate_series(0, $2 - 1) AS lane
  WHERE pg_try_advisory_lock(hashtext($1), lane) ORDER BY lane"""
_UNLOCK = "SELECT pg_advisory_unlock(hashtext($1), lane) FROM unnest($2::int[]) AS lane"
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
        """Carry for ever; whatever goes wrong, try again."""
        while True:
            try:
                async with await self._connection() as connection:
                    await self._serve(connection.db)
            except (*db.TRANSIENT, BusDown) as error:
                log().warning("relay_waits", error=type(error).__name__)
                await asyncio.sleep(0.2)
            except Exception as error:
                log().error("relay_failed", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _connection(self) -> "_Connection":
        return _Connection(await self.runtime.connect())

    async def _serve(self, connection: db.Connection) -> None:
        grew = asyncio.Event()
        self.runtime.outbox_grew.tell(grew)
        try:
            await connection.add_listener("outbox", lambda *_: grew.set())
            while True:
                grew.clear()
                if not self.runtime.bus.connected:
                    raise BusDown("not connected")
                await self.carry(connection)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(grew.wait(), POLL_SECONDS)
        finally:
            self.runtime.outbox_grew.forget(grew)

    async def carry(self, connection: db.Connection) -> int:
        """Publish and mark what waits in the lanes that no other relay has; returns how many events.

        The lane locks are the connection's, so no other relay can overtake; the order is that of the
        outbox ids, which the aggregates' row locks make that of their story.
        """
        lock = f"relay:{self.runtime.service.name}"
        lanes = [r["lane"] for r in await connection.fetch(_LOCK, lock, LANES)]
        if not lanes:
            return 0
        carried = await self._carry_lanes(connection, lanes)
        await connection.execute(_UNLOCK, lock, lanes)
        return carried

    async def _carry_lanes(self, connection: db.Connection, lanes: list[int]) -> int:
        """One batch after the other; while one is under way, the last is marked and the next is fetched.

        A batch is published only after the one before was stored, and whatever of an aggregate can be
        seen when a batch is fetched comes before what can be seen later: so its order holds.
        """
        carried, stored = 0, _Stored([], [])
        rows = await connection.fetch(_WAITING, lanes, [], BATCH)
        while rows:
            meanwhile = asyncio.create_task(self._mark_and_fetch(connection, stored, lanes, rows))
            try:
                seqs = await self._publish(rows)
            finally:
                following = await meanwhile
            stored = _Stored(rows[: len(seqs)], seqs)
            carried += len(seqs)
            if len(seqs) < len(rows):
                await self._mark(connection, stored)
                raise BusDown("not everything was acknowledged")
            rows = following
        await self._mark(connection, stored)
        return carried

    async def _mark_and_fetch(
        self, connection: db.Connection, stored: "_Stored", lanes: list[int], under_way: list[Any]
    ) -> list[Any]:
        await self._mark(connection, stored)
        return list(await connection.fetch(_WAITING, lanes, [r["id"] for r in under_way], BATCH))

    async def _mark(self, connection: db.Connection, stored: "_Stored") -> None:
        """Write down what the stream holds."""
        rows, seqs = stored.rows, stored.seqs
        if not rows:
            return
        async with connection.transaction():
            await connection.execute(
                _SENT, [r["id"] for r in rows], [r["recorded_on"] for r in rows], seqs, clock.wall_now()
            )
            await connection.execute(_HEADS, [r["lane"] for r in rows], seqs)

    async def _publish(self, rows: list[Any]) -> list[int]:
        """Stream sequences of the acknowledged prefix of the rows."""
        if len(rows) > 1:
            try:
                return await self._publish_batch(rows)
            except BusError as error:
                if error.code not in (_ALREADY_THERE, _ATOMIC_OFF):
                    raise BusDown(f"jetstream {error.code}") from error
            except nats.errors.Error as error:
                raise BusDown(type(error).__name__) from error
        return await self._publish_singly(rows)

    async def _publish_batch(self, rows: list[Any]) -> list[int]:
        bus, batch = self.runtime.bus, clock.new_id()
        headers: dict[str, str] = {}
        for number, row in enumerate(rows, 1):
            headers = json.loads(row["headers"])
            headers["Nats-Batch-Id"] = batch
            headers["Nats-Batch-Sequence"] = str(number)
            if number < len(rows):
                await bus.publish(row["subject"], row["body"].encode(), headers)
        headers["Nats-Batch-Commit"] = "1"
        ack = await self.runtime.bus.request(rows[-1]["subject"], rows[-1]["body"].encode(), headers)
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


@dataclass(frozen=True, slots=True)
class _Stored:
    """Rows that the stream holds, and where."""

    rows: list[Any]
    seqs: list[int]


class _Connection:
    """A connection that is closed whatever happens."""

    def __init__(self, connection: db.Connection) -> None:
        self.db = connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.db.terminate()
