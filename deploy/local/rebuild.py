"""Refills the stream from the outboxes, and the schema of a service from the stream.

For the stream the relays do the sending, so that lane locks, order and fences are those of every day: here
the events that the stream lacks are marked as unsent again, and the services' books are told which stream
they are about. Whoever already heard an event finds its id in the inbox.
"""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from contracts.subjects import LANES, STREAM, lane_of
from deploy.local.network import Network
from deploy.local.reconcile import Said, pass_through, read_stream
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    import asyncpg

    from services.chassis.replay import Carried

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

_LOCK = "SELECT pg_advisory_lock(hashtext($1), lane) FROM generate_series(0, $2) AS lane"
_SAID = "SELECT event_id, lane, sent_at IS NOT NULL AS sent FROM outbox ORDER BY id"
_UNSEND = "UPDATE outbox SET sent_at = NULL, stream_seq = NULL WHERE event_id = ANY($1)"
_SENT = """UPDATE outbox o SET sent_at = coalesce(o.sent_at, now()), stream_seq = u.seq
  FROM unnest($1::text[], $2::bigint[]) AS u(id, seq) WHERE o.event_id = u.id"""
_HEADS = """INSERT INTO lane_heads (lane, stream_seq, ordinal, stream)
  SELECT u.*, $4 FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS u"""
_POSITIONS = """INSERT INTO positions AS p (lane, seq, stream)
  SELECT lane, 0, $2 FROM unnest($1::smallint[]) AS lane
  ON CONFLICT (lane) DO UPDATE SET seq = 0, ordinals = '{}', stream = EXCLUDED.stream
    WHERE p.stream <> EXCLUDED.stream OR p.seq > $3"""


async def rebuild(network: Network, anew: bool = False) -> dict[str, Any]:
    """Mark as unsent every event that the stream does not hold; returns how many of each service.

    A lane of which the stream still holds a later event cannot be put in order by sending the earlier
    ones behind it: Trouble says so. With `anew` the stream is emptied first, and filled whole.
    """
    import asyncpg
    import nats

    from deploy.nats import topology

    client = await nats.connect(**network.nats_kwargs("operator"), connect_timeout=10)
    try:
        async with AsyncExitStack() as open_until_done:
            books: dict[str, Connection] = {}
            for service in network.schemas:
                books[service] = await asyncpg.connect(**network.pg_dsn_kwargs(service))
                open_until_done.push_async_callback(books[service].close)
                # Until the books are right again, no relay carries or takes anything over from the stream.
                await books[service].execute(_LOCK, f"relay:{service}", LANES)
            if anew:
                await client.jetstream().delete_stream(STREAM)
            await topology.declare(client, len(network.nats_names))
            found = await topology.look_up(client)
            assert found is not None
            held = await read_stream(network)
            missing = await _missing(books, held)
            for service, db in books.items():
                said = [message for message in held if message.service == service]
                await adopt(db, str(found["created"]), found["state"]["last_seq"], missing[service], said)
    finally:
        await topology.hang_up(client)
    return {"missing": sum(map(len, missing.values())), "by_service": {s: len(i) for s, i in missing.items()}}


async def rebuild_service(network: Network, name: str) -> dict[str, int]:
    """Fill the empty schema of a service from the stream alone; returns how much of what there is now.

    Raises Trouble where the schema is not empty, the service runs, or the stream does not give its books.
    """
    import asyncpg

    from services.chassis import clock
    from services.chassis.filling import fill
    from services.chassis.replay import CannotReplay, read_stream

    service = import_module(f"services.{name}.app").service
    made, messages = await carried(network)
    now = clock.wall_now()
    db = await asyncpg.connect(**network.pg_dsn_kwargs(name))
    try:
        return await fill(db, service, read_stream(service, messages, now), made, now)
    except CannotReplay as error:
        raise Trouble(str(error), "See `docs/ops.md`, Back up and restore.", code="cannot_replay") from error
    finally:
        await db.close()


async def carried(network: Network) -> "tuple[str, list[Carried]]":
    """When the stream was made, and all of its messages as they lie there."""
    from services.chassis.replay import Carried

    messages: list[Carried] = []
    made, _ = await pass_through(
        network, lambda m: messages.append(Carried(m.seq, m.subject, dict(m.headers), m.body)), bodies=True
    )
    return made, messages


async def _missing(books: "dict[str, Connection]", held: Iterable[Said]) -> dict[str, list[str]]:
    ids = {said.id for said in held}
    missing = {}
    for service, db in books.items():
        rows = await db.fetch(_SAID)
        if _has_gap(rows, ids):
            raise Trouble(
                "The stream lacks events from the middle of a lane, which cannot be put back in order.",
                "handrail rebuild --anew empties the stream and fills it whole.",
                code="gap",
            )
        missing[service] = [r["event_id"] for r in rows if r["sent"] and r["event_id"] not in ids]
    return missing


async def adopt(db: "Connection", stream: str, last: int, missing: list[str], held: list[Said]) -> None:
    """Bring a service's books in line with a stream that ends at `last`.

    `held` is what it has of the service, in its order; `missing` what it should have.
    """
    ends = dict.fromkeys(range(LANES), (0, 0)) | {lane_of(m.aggregate): (m.seq, m.ordinal) for m in held}
    seqs, ordinals = zip(*ends.values(), strict=True)
    async with db.transaction():
        await db.execute(_UNSEND, missing)
        await db.execute(_SENT, [m.id for m in held], [m.seq for m in held])
        await db.execute("DELETE FROM lane_heads")
        await db.execute(_HEADS, list(ends), list(seqs), list(ordinals), stream)
        await db.execute(_POSITIONS, list(ends), stream, last)
        await db.execute("SELECT pg_notify('outbox', '')")


def _has_gap(rows: list[Any], held: set[str]) -> bool:
    """Whether the stream holds a later event of a lane in which an earlier one is gone."""
    gone: set[int] = set()
    for row in rows:
        if row["event_id"] in held:
            if row["lane"] in gone:
                return True
        elif row["sent"]:
            gone.add(row["lane"])
    return False
