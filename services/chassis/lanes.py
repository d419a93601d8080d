"""The read path: lanes held by lease, events applied in order, wakes rung when their time has come."""

import asyncio
import contextlib
import itertools
import json
import math
from collections import deque
from datetime import datetime
from functools import partial
from typing import Any

from nats.aio.msg import Msg

from contracts.subjects import LANES, STREAM, lane_filter
from services.chassis import clock, db, parking, story, work
from services.chassis.bus import BusDown, BusError, sequences
from services.chassis.ordinals import Ordinals
from services.chassis.runtime import Runtime
from services.chassis.tail import DamagedStream, ForeignStream, MissingMessage, StreamTrouble
from services.chassis.telemetry import HANDLED, log

BATCH = 500
CREDIT_SECONDS = 30
HEARTBEAT_SECONDS = 5
SILENCE_SECONDS = 12
REBALANCE_SECONDS = 2.0
IDLE_LAG = 1000
"""How far a lane in which nothing is said may stay behind, so that a new consumer need not start there."""
_POSITIONS = "SELECT lane, seq, stream, ordinals FROM positions WHERE lane = ANY($1)"
_MOVE = """INSERT INTO positions (lane, seq, ordinals, stream)
  SELECT l, s, o::jsonb, $4 FROM unnest($1::smallint[], $2::bigint[], $3::text[]) AS u(l, s, o)
  ON CONFLICT (lane) DO UPDATE
    SET seq = EXCLUDED.seq, ordinals = EXCLUDED.ordinals
    WHERE positions.stream = EXCLUDED.stream AND positions.seq < EXCLUDED.seq"""
_ADMIT = """INSERT INTO inbox (event_id, lane, stream_seq, received_at)
  SELECT e, l, s, $4 FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS u(e, l, s)
  ON CONFLICT DO NOTHING RETURNING event_id"""
_DUE = """SELECT aggregate, aggregate_id, what FROM wakes WHERE at <= $1 AND lane = ANY($2)
  ORDER BY at, aggregate_id, what LIMIT 200"""
_TAKE = """DELETE FROM wakes w USING unnest($1::text[], $2::text[], $3::text[]) AS u(a, i, t)
  WHERE w.aggregate = u.a AND w.aggregate_id = u.i AND w.what = u.t AND w.at <= $4 RETURNING w.*"""
_NEXT = "SELECT min(at) AS at FROM wakes WHERE lane = ANY($1)"


class Lost(Exception):
    """The lease or the subscription is gone; start over from the committed positions."""


class Reader:
    """One connection, the lanes whose locks it holds, and one consumer over them."""

    def __init__(self, runtime: Runtime, number: int) -> None:
        self.runtime = runtime
        self.number = number
        self._name = f"reader-{number}"
        self.held: set[int] = set()
        self.positions: dict[int, int] = {}
        self.ordinals = Ordinals()
        self.waiting: deque[work.Message] = deque()
        self.stirred = asyncio.Event()
        runtime.time_passed.tell(self.stirred)
        self.credit = 0
        self.heard_at = 0.0
        self._delivered = 0
        self._to_catch_up = 0
        self._reconnects = 0
        self._torn = False
        self._stream = ""
        self._consumer = ""
        self._inbox = ""
        self._subscription: Any = None

    async def run(self) -> None:
        """Read for ever; transient trouble waits and starts over."""
        while True:
            connection = None
            try:
                await self.runtime.bus.reachable()
                connection = await self.runtime.connect()
                await self._serve(connection)
            except (*work.RETRY, BusDown, BusError, Lost) as error:
                log().info("reader_restarts", reader=self.number, error=type(error).__name__)
                await asyncio.sleep(0.1)
            except StreamTrouble as trouble:
                if self._name not in self.runtime.troubles:
                    log().error("reader_waits", reader=self.number, error=type(trouble).__name__)
                self.runtime.troubles[self._name] = trouble
                await asyncio.sleep(0.5)
            except Exception as error:
                log().error("reader_failed", reader=self.number, error=type(error).__name__)
                await asyncio.sleep(1)
            finally:
                await self._unsubscribe()
                self.held, self.positions = set(), {}
                if connection is not None:
                    connection.terminate()

    async def _serve(self, connection: db.Connection) -> None:
        loop = asyncio.get_running_loop()
        await connection.execute(
            "SELECT pg_advisory_lock(hashtext($1), $2)", self._lock("member"), self._member()
        )
        rebalance_at = 0.0
        while True:
            if loop.time() >= rebalance_at:
                if await self._rebalance(connection):
                    await self._subscribe(connection)
                    await parking.ask_for_known(
                        connection, self.runtime.service, self.held, self.runtime.clock.now()
                    )
                    self.stirred.set()
                rebalance_at = loop.time() + (REBALANCE_SECONDS if self.held else 0.1)
            await self._pause(connection, rebalance_at - loop.time())
            self.stirred.clear()
            if self._consumer and (self._torn or self.runtime.bus.reconnects != self._reconnects):
                raise Lost("deliveries died with the line they were on")
            if self.waiting:
                await self._take(connection)
            elif self._consumer:
                await self._ask()
            while await self._ring(connection):
                pass
            if self._consumer and loop.time() - self.heard_at > SILENCE_SECONDS:
                raise Lost("the consumer has fallen silent")

    def _lock(self, what: str) -> str:
        return f"{what}:{self.runtime.service.name}"

    def _member(self) -> int:
        return hash((clock.new_id(), self.number)) & 0x7FFFFFFF

    async def _pause(self, connection: db.Connection, until_rebalance: float) -> None:
        """Until something arrives, the time of the next wake, or the next look at the lanes."""
        seconds = max(0.0, min(until_rebalance, 1.0))
        if not self.runtime.clock.manual and self.held and not self.waiting:
            at = await connection.fetchval(_NEXT, sorted(self.held))
            if at is not None:
                seconds = max(0.0, min(seconds, (at - self.runtime.clock.now()).total_seconds()))
        if self.waiting:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stirred.wait()

    async def _rebalance(self, connection: db.Connection) -> bool:
        """Take or give up lanes to come to a fair share; True if the lanes changed."""
        members = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND classid = hashtext($1)::oid "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            self._lock("member"),
        )
        share = math.ceil(LANES / max(1, members))
        before = set(self.held)
        for lane in sorted(self.held, reverse=True)[: max(0, len(self.held) - share)]:
            await connection.execute("SELECT pg_advisory_unlock(hashtext($1), $2)", self._lock("read"), lane)
            self.held.discard(lane)
        for lane in range(LANES):
            if len(self.held) >= share:
                break
            if lane not in self.held and await connection.fetchval(
                "SELECT pg_try_advisory_lock(hashtext($1), $2)", self._lock("read"), lane
            ):
                self.held.add(lane)
        return self.held != before

    async def _subscribe(self, connection: db.Connection) -> None:
        """Open one ephemeral consumer over the held lanes, from the lowest of their positions."""
        await self._unsubscribe()
        if not self.held:
            return
        info = await self.runtime.bus.stream()
        self._stream = str(info["created"])
        rows = await connection.fetch(_POSITIONS, sorted(self.held))
        if any(r["stream"] != self._stream for r in rows):
            raise ForeignStream
        if any(r["seq"] > info["state"]["last_seq"] for r in rows):
            raise DamagedStream
        self.runtime.troubles.pop(self._name, None)
        self.positions = dict.fromkeys(self.held, 0) | {r["lane"]: r["seq"] for r in rows}
        self.ordinals = Ordinals()
        for r in rows:
            self.ordinals.resume(r["lane"], r["seq"], json.loads(r["ordinals"]))
        name = f"{self.runtime.service.name}-{clock.new_id()}"
        made = await self.runtime.bus.api(
            f"CONSUMER.CREATE.{STREAM}.{name}",
            stream_name=STREAM,
            config={
                "name": name,
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": min(self.positions.values()) + 1,
                "ack_policy": "none",
                "filter_subjects": [lane_filter(lane) for lane in sorted(self.held)],
                "inactive_threshold": 60_000_000_000,
                "mem_storage": True,
                "num_replicas": 1,
            },
        )
        self._delivered, self._torn, self._to_catch_up = 0, False, made["num_pending"]
        self._reconnects = self.runtime.bus.reconnects
        self._consumer = name
        self._inbox = f"_INBOX_{self.runtime.service.name}.{name}"
        self._subscription = await self.runtime.bus.listen(self._inbox, partial(self._deliver, name))
        self.heard_at = asyncio.get_running_loop().time()
        self.credit = 0
        await self._ask()

    async def _unsubscribe(self) -> None:
        subscription, self._subscription, consumer, self._consumer = (
            self._subscription,
            None,
            self._consumer,
            "",
        )
        self.waiting.clear()
        if subscription is None:
            return
        try:
            await subscription.unsubscribe()
            await self.runtime.bus.publish(f"$JS.API.CONSUMER.DELETE.{STREAM}.{consumer}", b"")
        except Exception as error:
            log().debug("consumer_not_deleted", error=type(error).__name__)

    async def _ask(self) -> None:
        """Keep one pull request open."""
        if self.credit > 0:
            return
        self.credit = BATCH
        request = {
            "batch": BATCH,
            "expires": CREDIT_SECONDS * 1_000_000_000,
            "idle_heartbeat": HEARTBEAT_SECONDS * 1_000_000_000,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer}"
        await self.runtime.bus.publish(subject, json.dumps(request).encode(), reply=self._inbox)

    async def _deliver(self, consumer: str, msg: Msg) -> None:
        if consumer != self._consumer:
            return
        self.heard_at = asyncio.get_running_loop().time()
        headers = msg.headers or {}
        if msg.subject == self._inbox:
            if headers.get("Status") != "100":
                self.credit = 0
                self.stirred.set()
            elif int(headers.get("Nats-Last-Consumer", 0)) > self._delivered:
                self._tear()
            return
        self.credit -= 1
        seq, number = sequences(msg.reply)
        if number > self._delivered + 1:
            self._tear()
        if self._torn or number <= self._delivered:
            return
        self._delivered = number
        service, now = self.runtime.service, self.runtime.clock.now()
        self.waiting.append(work.read_event(service, now, seq, msg.subject, headers, msg.data))
        self.stirred.set()

    def _tear(self) -> None:
        """A delivery is missing: the consumer will not send it again, so another one must."""
        self._torn = True
        self.stirred.set()

    async def _take(self, connection: db.Connection) -> None:
        """Apply everything that has arrived, in one transaction with the positions it moves to."""
        batch = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
        if self.credit <= 0:
            await self._ask()
        batch = [m for m in batch if m.seq > self.positions.get(m.lane, 0)]
        if not batch:
            return
        if {m.seq for m in batch if m.lane not in self.held}:
            raise Lost("an event of a lane that is not held")
        batch = list(itertools.takewhile(self._follows, batch))
        if not batch:
            raise MissingMessage
        try:
            await self._apply(connection, batch)
        except (*work.RETRY, Lost):
            raise
        except Exception as error:
            log().error("batch_failed", error=type(error).__name__, size=len(batch))
            for m in batch:
                await self._apply_alone(connection, m)

    def _follows(self, m: work.Message) -> bool:
        """Whether no message of the same service and lane is missing before this one."""
        if self.ordinals.take(m.lane, m.teller, m.ordinal):
            return True
        self.waiting.appendleft(m)
        return False

    async def _apply(self, connection: db.Connection, batch: list[work.Message]) -> None:
        with HANDLED.labels("events").time():
            async with db.transaction(connection):
                heard = {m.id: m for m in reversed(batch) if m.reaction or m.trouble}
                fresh = await self._admit(connection, list(heard.values()))
                unit = await work.apply(
                    self.runtime, connection, [m for m in batch if m.id in fresh and heard[m.id] is m]
                )
                await story.keep(connection, self.runtime.service, batch)
                last = batch[-1].seq
                moved: dict[int, int] = {}
                if last - min(self.positions.values()) > IDLE_LAG:
                    moved = {lane: last for lane, at in self.positions.items() if at < last}
                for m in batch:
                    moved[m.lane] = max(moved.get(m.lane, 0), m.seq)
                ordinals = [json.dumps(self.ordinals.of(lane, seq)) for lane, seq in moved.items()]
                done = await connection.execute(
                    _MOVE, list(moved), list(moved.values()), ordinals, self._stream
                )
                if done != f"INSERT 0 {len(moved)}":
                    raise Lost("somebody else has moved these lanes")
                if unit.outbox:
                    await connection.execute("SELECT pg_notify('outbox', '')")
        self.positions |= moved
        self.runtime.committed(said=bool(unit.outbox), woke=bool(unit.wakes))

    async def _admit(self, connection: db.Connection, batch: list[work.Message]) -> set[str]:
        """Write the inbox; the ids that were not there yet."""
        rows = await connection.fetch(
            _ADMIT,
            [m.id for m in batch],
            [m.lane for m in batch],
            [m.seq for m in batch],
            self.runtime.clock.now(),
        )
        return {r["event_id"] for r in rows}

    async def _apply_alone(self, connection: db.Connection, m: work.Message) -> None:
        try:
            await self._apply(connection, [m])
        except (*work.RETRY, Lost):
            raise
        except Exception as error:
            log().error("event_failed", error=type(error).__name__)
            await self._apply(connection, [work.give_up(m, "cannot_be_saved")])

    async def _ring(self, connection: db.Connection) -> int:
        """Handle the wakes of the held lanes that are due, in the order of their time; returns how many.

        What the stream held when the lanes were taken comes first, as it did for whoever had them before.
        """
        if not self.held or self._delivered - len(self.waiting) < self._to_catch_up:
            return 0
        now = self.runtime.clock.now()
        due = await connection.fetch(_DUE, now, sorted(self.held))
        if not due:
            return 0
        try:
            await self._ring_together(connection, due, now)
        except work.RETRY:
            raise
        except Exception as error:
            log().error("wakes_failed", error=type(error).__name__, size=len(due))
            for row in due:
                await self._ring_alone(connection, row, now)
        return len(due)

    async def _ring_alone(self, connection: db.Connection, due: Any, now: datetime) -> None:
        """Ring one wake; if what comes of it cannot be saved, park it."""
        try:
            await self._ring_together(connection, [due], now)
        except work.RETRY:
            raise
        except Exception as error:
            log().error("wake_failed", error=type(error).__name__)
            await self._ring_together(connection, [due], now, give_up=True)

    async def _ring_together(
        self, connection: db.Connection, due: list[Any], now: datetime, *, give_up: bool = False
    ) -> None:
        with HANDLED.labels("wakes").time():
            async with db.transaction(connection):
                await self._lock_aggregates(connection, due)
                keys = [list(column) for column in zip(*(tuple(r) for r in due), strict=True)]
                rows = sorted(
                    await connection.fetch(_TAKE, *keys, now),
                    key=lambda r: (r["at"], r["aggregate_id"], r["what"]),
                )
                for r in rows:
                    if r["aggregate"] == parking.PARKED:
                        await work.retry_parked(self.runtime, connection, r["aggregate_id"])
                wakes = [work.read_wake(self.runtime, r) for r in rows if r["aggregate"] != parking.PARKED]
                if give_up:
                    wakes = [work.give_up(wake, "cannot_be_saved") for wake in wakes]
                unit = await work.apply(self.runtime, connection, wakes)
                await connection.execute("SELECT pg_notify('outbox', '')")
        self.runtime.committed(said=True, woke=bool(unit.wakes))

    async def _lock_aggregates(self, connection: db.Connection, due: list[Any]) -> None:
        """Rows before wakes, as commands do it, so that neither waits for the other."""
        for aggregate in sorted(self.runtime.service.aggregates, key=lambda a: a.table):
            ids = [r["aggregate_id"] for r in due if r["aggregate"] == aggregate.table]
            if ids:
                await connection.execute(
                    f"SELECT 1 FROM {aggregate.table} WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids
                )
