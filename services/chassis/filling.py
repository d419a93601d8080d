"""Writes the books that a stream gives into an empty schema, in one transaction."""

import json
from datetime import datetime
from itertools import islice

from contracts.subjects import LANES
from services.chassis import clock, parking, story, tail
from services.chassis.db import Connection
from services.chassis.replay import CannotReplay, Replayed, Stream, only_aggregate, replayed
from services.chassis.service import Service
from services.chassis.unit import Unit
from services.chassis.work import Message, held_up

_LAST = 2**63 - 1
TOGETHER = 200
"""Aggregates that are saved with one statement a table."""
_KEPT = ("journal", "outbox", "inbox", "wakes", "parked", "positions", "lane_heads", "story")
_READERS = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
  AND classid = hashtext($1)::oid
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_LOCK_BOOKS = "SELECT pg_advisory_xact_lock(hashtext($1), $2)"
_HEARD = """INSERT INTO inbox (event_id, lane, stream_seq, received_at)
  SELECT e, l, s, $4 FROM unnest($1::text[], $2::smallint[], $3::bigint[]) AS u(e, l, s)
  ON CONFLICT DO NOTHING"""
_SENT = """UPDATE outbox o SET sent_at = $3, stream_seq = u.seq
  FROM unnest($1::text[], $2::bigint[]) AS u(id, seq) WHERE o.event_id = u.id"""
_READ = """INSERT INTO positions (lane, seq, ordinals, stream)
  SELECT l, $3, o::jsonb, $4 FROM unnest($1::smallint[], $2::text[]) AS u(l, o)"""


async def fill(db: Connection, service: Service, found: Stream, made: str, now: datetime) -> dict[str, int]:
    """Fill the schema of a service that does not run; returns how much of what there is now.

    Raises CannotReplay, and nothing is written, where the schema is not empty, the service runs or the
    stream does not give its books. `made` is the creation time of the stream.
    """
    aggregate = only_aggregate(service)
    counts = dict.fromkeys(("aggregates", "facts", "events", "heard", "wakes", "parked"), 0)
    async with db.transaction():
        await db.execute(_LOCK_BOOKS, f"relay:{service.name}", LANES)
        if await db.fetchval(_READERS, f"member:{service.name}"):
            raise CannotReplay(f"{service.name} is running; stop it first.")
        for table in (aggregate.table, *_KEPT):
            if await db.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
                raise CannotReplay(f"The schema of {service.name} is not empty: {table} has rows.")
        told = replayed(service, found, now)
        while some := list(islice(told, TOGETHER)):
            await _save(Unit(service, db, now), some, counts)
        counts["heard"] = len(found.heard)
        heard = [(m.id, m.lane, m.seq) for m in found.heard]
        if heard:
            await db.execute(_HEARD, *map(list, zip(*heard, strict=True)), now)
        for first in range(0, len(found.story), TOGETHER):
            await story.keep(db, service, found.story[first : first + TOGETHER])
        lanes = list(range(LANES))
        ordinals = [json.dumps(found.ordinals.of(lane, found.last)) for lane in lanes]
        await db.execute(_READ, lanes, ordinals, found.last, made)
        await tail.move_heads(db, found.heads, made)
    return counts


async def _save(unit: Unit, some: list[Replayed], counts: dict[str, int]) -> None:
    carried = dict[str, int]()
    for one in some:
        if one.row.state is not None:
            unit.rows |= one.unit.rows
            unit.dirty |= one.unit.dirty
        unit.journal += one.unit.journal
        unit.outbox += one.unit.outbox
        unit.wakes |= one.unit.wakes
        carried |= one.carried
    # The outbox numbers its rows in the order in which they were said; what nobody has carried yet is last.
    unit.outbox.sort(key=lambda said: carried.get(said.id, _LAST))
    await unit.save()
    await unit.db.execute(_SENT, list(carried), list(carried.values()), clock.wall_now())
    for one in some:
        for message, reason, error in one.left:
            await _park(unit, one.id, message, reason, error)
        counts["parked"] += len(one.left)
    counts["aggregates"] += len(unit.dirty)
    counts["facts"] += len(unit.journal)
    counts["events"] += len(unit.outbox)
    counts["wakes"] += len(unit.wakes)


async def _park(unit: Unit, id: str, m: Message, reason: str, error: Exception | None) -> None:
    behind = held_up(m, error) if error else id
    await parking.park(
        unit.db, aggregate_id=behind, kind=m.kind, name=m.name, message_id=m.id, lane=m.lane,
        content=m.content, reason=reason, error=error, at=unit.recorded_at,
    )  # fmt: skip
