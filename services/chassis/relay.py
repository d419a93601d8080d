"""From the outbox to the bus: in order, one atomic batch at a time, rows kept.

Every batch says which sequence it expects to be the last of each of its lanes. So the stream itself refuses
whatever would double or overtake, however late it arrives and however long its sender was away.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nats.errors

from contracts.subjects import LANES, said_filter
from services.chassis import clock, db, tail
from services.chassis.bus import BusDown, BusError
from services.chassis.runtime import RELAY, Runtime
from services.chassis.tail import Head
from services.chassis.telemetry import log

BATCH = 500
POLL_SECONDS = 0.5
_FURTHER = (10071, 10164, 10201)
"""The stream has gone further than was expected, or holds one of these events already."""

_WAITING = """SELECT id, recorded_on, subject, headers, body, lane FROM outbox
  WHERE sent_at IS NULL AND lane = ANY($1) AND id <> ALL($2) ORDER BY id LIMIT $3"""
_LOCK = """SELECT lane FROM generate_series(0, $2 - 1) AS lane
  WHERE pg_try_advisory_lock(hashtext($1), lane) ORDER BY lane"""
_LOCK_BOOKS = "SELECT pg_advisory_lock_shared(hashtext($1), $2)"
_UNLOCK_BOOKS = "SELECT pg_advisory_unlock_shared(hashtext($1), $2)"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext($1), lane) FROM unnest($2::int[]) AS lane"
_SENT = """UPDATE outbox o SET sent_at = $4, stream_seq = u.seq
  FROM unnest($1::bigint[], $2::date[], $3::bigint[]) AS u(id, recorded_on, seq)
  WHERE o.id = u.id AND o.recorded_on = u.recorded_on"""


class Further(Exception):
    """The stream has gone further than this relay knew."""


class Relay:
    """Carries what waits in the outbox; any number may run, each lane has one at a time."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._stream = ""
        self._settled = False
        self._carried = False

    @property
    def _lock(self) -> str:
        """What the advisory locks are named by; beside the lanes' numbers, LANES is the books as a whole."""
        return f"relay:{self.runtime.service.name}"

    async def run(self) -> None:
        """Carry for ever; whatever goes wrong, try again."""
        further = 0
        while True:
            self._settled = False
            connection = None
            try:
                await self.runtime.bus.reachable()
                connection = await self.runtime.connect()
                await self._serve(connection)
            except Further:
                # Once is a lost answer. Again and again is a stream and a book that will not agree.
                further = 0 if self._carried else further + 1
                if further:
                    log().warning("stream_is_further", times=further)
                await asyncio.sleep(min(0.02 * 2**further, 5))
            except (*db.TRANSIENT, BusDown, BusError) as error:
                self.runtime.up = True
                log().warning("relay_waits", error=type(error).__name__)
                await asyncio.sleep(0.2)
            except tail.StreamTrouble as trouble:
                if RELAY not in self.runtime.troubles:
                    log().error("stream_does_not_fit", error=type(trouble).__name__)
                self.runtime.troubles[RELAY] = trouble
                await asyncio.sleep(1)
            except Exception as error:
                log().error("relay_failed", error=type(error).__name__)
                await asyncio.sleep(1)
            finally:
                if connection is not None:
                    connection.terminate()

    async def _serve(self, connection: db.Connection) -> None:
        grew = asyncio.Event()
        self.runtime.outbox_grew.tell(grew)
        self._carried = False
        try:
            await connection.add_listener("outbox", lambda *_: grew.set())
            while True:
                grew.clear()
                if not self.runtime.bus.connected:
                    raise BusDown("not connected")
                await self.carry(connection)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await grew.wait()
        finally:
            self.runtime.outbox_grew.forget(grew)

    async def carry(self, connection: db.Connection) -> int:
        """Publish and mark what waits in the lanes that no other relay has; returns how many events.

        The lane locks are the connection's, so no other relay gets in the way; the order is that of the
        outbox ids, which the aggregates' row locks make that of their story.
        """
        if not self._settled:
            await self._settle(connection)
        lanes = [r["lane"] for r in await connection.fetch(_LOCK, self._lock, LANES)]
        if not lanes:
            return 0
        carried = await self._carry_lanes(connection, lanes)
        await connection.execute(_UNLOCK, self._lock, lanes)
        return carried

    async def _settle(self, connection: db.Connection) -> None:
        """Take over whatever the stream says beyond the books.

        Of all lanes, also those that others carry: whether the database is behind is one question, and
        who comes up while others are busy need not wait for a lane of his own. Only a rebuild keeps him
        out, for what the old stream held must not be written down as held by the new one.
        """
        await connection.execute(_LOCK_BOOKS, self._lock, LANES)
        self._stream = await self.runtime.bus.identity()
        await tail.settle(connection, self.runtime.bus, self.runtime.service.name, self._stream)
        await connection.execute(_UNLOCK_BOOKS, self._lock, LANES)
        self._settled = True
        self.runtime.troubles.pop(RELAY, None)
        self.runtime.up = True

    async def _carry_lanes(self, connection: db.Connection, lanes: list[int]) -> int:
        """One batch after the other; while one is under way, the last is marked and the next is fetched.

        A batch is published only after the one before was stored, and whatever of an aggregate can be
        seen when a batch is fetched comes before what can be seen later: so its order holds.
        """
        rows = list(await connection.fetch(_WAITING, lanes, [], BATCH))
        if not rows:
            return 0
        heads = await tail.heads_of(connection, lanes, self._stream)
        carried, stored = 0, _Stored([], [], {})
        while rows:
            meanwhile = asyncio.create_task(self._mark_and_fetch(connection, stored, lanes, rows))
            try:
                stored = await self._publish(rows, heads)
            finally:
                following = await meanwhile
            heads |= stored.heads
            carried += len(rows)
            self._carried = True
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
        async with db.transaction(connection):
            await connection.execute(
                _SENT, [r["id"] for r in rows], [r["recorded_on"] for r in rows], seqs, clock.wall_now()
            )
            await tail.move_heads(connection, stored.heads, self._stream)

    async def _publish(self, rows: list[Any], heads: Mapping[int, Head]) -> "_Stored":
        """Have the rows stored all together and each lane behind its head, or not at all."""
        bus, batch, service = self.runtime.bus, clock.new_id(), self.runtime.service.name
        ordinals = {lane: head.ordinal for lane, head in heads.items()}
        headers: dict[str, str] = {}
        fenced: set[int] = set()
        try:
            for number, row in enumerate(rows, 1):
                headers = json.loads(row["headers"])
                lane = row["lane"]
                ordinals[lane] += 1
                headers[tail.ORDINAL] = str(ordinals[lane])
                if lane not in fenced:
                    fenced.add(lane)
                    headers["Nats-Expected-Last-Subject-Sequence"] = str(heads[lane].seq)
                    headers["Nats-Expected-Last-Subject-Sequence-Subject"] = said_filter(service, lane)
                if len(rows) > 1:
                    headers["Nats-Batch-Id"] = batch
                    headers["Nats-Batch-Sequence"] = str(number)
                if number < len(rows):
                    await bus.publish(row["subject"], row["body"].encode(), headers)
            if len(rows) > 1:
                headers["Nats-Batch-Commit"] = "1"
            ack = await bus.request(rows[-1]["subject"], rows[-1]["body"].encode(), headers)
        except BusError as error:
            if error.code in _FURTHER:
                raise Further from error
            log().error("publish_refused", code=error.code)
            raise
        except nats.errors.Error as error:
            raise BusDown(type(error).__name__) from error
        if ack.get("duplicate"):
            raise Further
        seqs = list(range(ack["seq"] - len(rows) + 1, ack["seq"] + 1))
        ends = {row["lane"]: seq for row, seq in zip(rows, seqs, strict=True)}
        return _Stored(rows, seqs, {lane: Head(seq, ordinals[lane]) for lane, seq in ends.items()})


@dataclass(frozen=True, slots=True)
class _Stored:
    """Rows that the stream holds, where, and what their lanes end with."""

    rows: list[Any]
    seqs: list[int]
    heads: dict[int, Head]
