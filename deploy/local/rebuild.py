"""Refills the stream from the outboxes.

The relays do the sending, so that lane locks, order and de-duplication are those of every day: here
the events that the stream lacks are only marked as unsent again. Whoever already heard them finds
their ids in the inbox.
"""

from typing import Any

from deploy.local.network import Network
from deploy.local.reconcile import read_stream
from deploy.local.secrets import SERVICES
from deploy.local.trouble import Trouble


async def rebuild(network: Network) -> dict[str, Any]:
    """Mark as unsent every event that the stream does not hold; returns how many of each service.

    An aggregate of which the stream still holds a later event cannot be put in order by sending the
    earlier ones behind it; the stream must be emptied first, and Trouble says so.
    """
    import asyncpg
    import nats

    from deploy.nats import topology

    client = await nats.connect(**network.nats_kwargs("operator"), connect_timeout=10)
    try:
        await topology.declare(client)
    finally:
        await client.close()
    held = {said.id for said in await read_stream(network)}
    missing: dict[str, list[str]] = {}
    connections: dict[str, Any] = {}
    try:
        for service in SERVICES:
            db = connections[service] = await asyncpg.connect(**network.pg_dsn_kwargs(service))
            rows = await db.fetch(
                "SELECT event_id, aggregate_id, sent_at IS NOT NULL AS sent FROM outbox ORDER BY id"
            )
            missing[service] = [
                row["event_id"] for row in rows if row["sent"] and row["event_id"] not in held
            ]
            if _has_gap(rows, held):
                raise Trouble(
                    "The stream lacks events from the middle of a story, which cannot be put back in order.",
                    "Stop the network, remove its nats folder, start it and run `handrail rebuild` again.",
                    code="gap",
                )
        for service, ids in missing.items():
            await connections[service].execute(
                "UPDATE outbox SET sent_at = NULL, stream_seq = NULL WHERE event_id = ANY($1)", ids
            )
            if not held:
                await connections[service].execute("DELETE FROM lane_heads")
            await connections[service].execute("SELECT pg_notify('outbox', '')")
    finally:
        for db in connections.values():
            await db.close()
    return {"missing": sum(map(len, missing.values())), "by_service": {s: len(i) for s, i in missing.items()}}


def _has_gap(rows: list[Any], held: set[str]) -> bool:
    """Whether the stream holds a later event of an aggregate whose earlier one is gone."""
    gone: set[str] = set()
    for row in rows:
        if row["event_id"] in held:
            if row["aggregate_id"] in gone:
                return True
        elif row["sent"]:
            gone.add(row["aggregate_id"])
    return False
