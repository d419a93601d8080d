"""What the stream holds of a service beyond what its books know.

An answer that got lost, a crash before the mark and a database restored from an older backup all look the
same: the stream has gone further than the lane heads. What the outbox knows is marked as sent; what it does
not know says that the database is older than the bus.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.subjects import LANES, said_filter
from services.chassis import clock
from services.chassis.bus import Bus
from services.chassis.db import Connection, transaction

_HEADS = "SELECT lane, stream_seq, ordinal, stream FROM lane_heads WHERE lane = ANY($1)"
_KNOWN = """UPDATE outbox o SET sent_at = coalesce(o.sent_at, $3), stream_seq = u.seq
  FROM unnest($1::text[], $2::bigint[]) AS u(id, seq) WHERE o.event_id = u.id RETURNING o.event_id"""
_MOVE = """INSERT INTO lane_heads AS h (lane, stream_seq, ordinal, stream)
  SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::text[])
  ON CONFLICT (lane) DO UPDATE
    SET stream_seq = EXCLUDED.stream_seq, ordinal = EXCLUDED.ordinal, stream = EXCLUDED.stream
    WHERE h.stream_seq < EXCLUDED.stream_seq"""

BEHIND_SECONDS = 1.0
"""How long a replica may be behind the others before a head that it lacks counts as gone."""
ORDINAL = "Handrail-Ordinal"
"""Header: the how manieth message of its service this is in its lane of this stream, from 1."""


class StreamTrouble(Exception):
    """The stream does not fit this service's books; `sentence` says how, `cure` what to do."""

    sentence = ""
    cure = ""


class ForeignStream(StreamTrouble):
    sentence = "The stream EVENTS is another than the one this service has published to."
    cure = "Point HANDRAIL_NATS_SERVERS at the right bus or, if the stream was lost, run `handrail rebuild`."


class DamagedStream(StreamTrouble):
    sentence = "The stream EVENTS lacks events of this service that it had acknowledged."
    cure = "Run `handrail audit --mend`, or `handrail rebuild` to refill the stream from the outboxes."


class MissingMessage(StreamTrouble):
    sentence = "A replica of the stream EVENTS does not serve all of its messages."
    cure = "Run `handrail audit --mend`; nothing behind the missing message is read before it is there."


class BehindTheBus(StreamTrouble):
    sentence = "The stream EVENTS holds events of this service that its database does not know."
    cure = (
        "The database was restored from an older backup. What follows from the stream is being done again; "
        "if this does not end, restore the newest write-ahead log: only there are the commands since then."
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The last message of a service in a lane: its sequence in the stream, and its ordinal."""

    seq: int = 0
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """One message of this service in the stream."""

    id: str
    lane: int
    head: Head


async def heads_of(db: Connection, lanes: Iterable[int], stream: str) -> dict[int, Head]:
    """The head known of each lane; raises ForeignStream."""
    rows = await db.fetch(_HEADS, list(lanes))
    if any(r["stream"] not in ("", stream) for r in rows):
        raise ForeignStream
    return dict.fromkeys(lanes, Head()) | {r["lane"]: Head(r["stream_seq"], r["ordinal"]) for r in rows}


async def move_heads(db: Connection, heads: Mapping[int, Head], stream: str) -> None:
    """Heads only go forward."""
    columns = [list(heads), [h.seq for h in heads.values()], [h.ordinal for h in heads.values()]]
    await db.execute(_MOVE, *columns, [stream] * len(heads))


async def settle(db: Connection, bus: Bus, service: str, stream: str) -> None:
    """Mark as sent what the stream holds behind the known heads, and move them there.

    Raises ForeignStream, DamagedStream or BehindTheBus; what could be marked stays marked.
    """
    held = await _read(bus, service, await heads_of(db, range(LANES), stream))
    if not held:
        return
    async with transaction(db):
        ids, seqs = [h.id for h in held], [h.head.seq for h in held]
        known = {r["event_id"] for r in await db.fetch(_KNOWN, ids, seqs, clock.wall_now())}
        moved: dict[int, Head] = {}
        stopped: set[int] = set()
        for h in held:
            if h.id not in known:
                stopped.add(h.lane)
            elif h.lane not in stopped:
                moved[h.lane] = h.head
        await move_heads(db, moved, stream)
    if stopped:
        raise BehindTheBus


async def _read(bus: Bus, service: str, heads: Mapping[int, Head]) -> list[Held]:
    """What lies behind the heads, in order. Raises DamagedStream where a head itself is gone."""
    ends = await _ends(bus, service, heads)
    if _lacks(ends, heads):
        await asyncio.sleep(BEHIND_SECONDS)
        ends = await _ends(bus, service, heads)
    if _lacks(ends, heads):
        raise DamagedStream
    further = {lane: head.seq for lane, head in heads.items() if ends[lane] > head.seq}
    if not further:
        return []
    start = min(further.values()) + 1
    found = await _sweep(bus, service, further, deliver_policy="by_start_sequence", opt_start_seq=start)
    return [held for held in found if held.head.seq > further[held.lane]]


def _lacks(ends: Mapping[int, int], heads: Mapping[int, Head]) -> bool:
    return any(ends[lane] < head.seq for lane, head in heads.items())


async def _ends(bus: Bus, service: str, lanes: Iterable[int]) -> dict[int, int]:
    ends = dict.fromkeys(lanes, 0)
    for held in await _sweep(bus, service, lanes, deliver_policy="last_per_subject"):
        ends[held.lane] = max(ends[held.lane], held.head.seq)
    return ends


async def _sweep(bus: Bus, service: str, lanes: Iterable[int], **policy: object) -> list[Held]:
    wanted = sorted(lanes)
    filters = [said_filter(service)] if len(wanted) == LANES else [said_filter(service, n) for n in wanted]
    return [
        Held(
            m.headers.get("Nats-Msg-Id", ""),
            int(m.subject.split(".")[2]),
            Head(m.seq, ordinal_in(m.headers)),
        )
        for m in await bus.sweep(filters, "Nats-Msg-Id", ORDINAL, **policy)
    ]


def ordinal_in(headers: Mapping[str, str]) -> int:
    """The ordinal that a message carries; 0 where it carries none."""
    text = headers.get(ORDINAL, "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0
