"""`handrail status`: what runs where, how far behind, what is parked."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.local.nats_server import http_status
from deploy.local.network import Network
from deploy.local.output import Document, table
from deploy.local.secrets import OPERATOR, SERVICES

if TYPE_CHECKING:
    import asyncpg

_SENT = " UNION ALL ".join(
    f"SELECT lane, stream_seq FROM {name}.outbox WHERE stream_seq IS NOT NULL" for name in SERVICES
)


def counts_query(service: str) -> str:
    """Rows not yet in the stream, events in the stream not yet heard, messages parked."""
    return f"""
      SELECT (SELECT count(*) FROM {service}.outbox WHERE sent_at IS NULL) AS unsent,
             (SELECT count(*) FROM ({_SENT}) sent LEFT JOIN {service}.positions p USING (lane)
               WHERE sent.stream_seq > coalesce(p.seq, 0)) AS lag,
             (SELECT count(*) FROM {service}.parked WHERE dropped_at IS NULL) AS parked"""


def status(data: Path) -> dict[str, Any]:
    """The state of the network in a folder; `ready` once all four services say so."""
    network = Network(data)
    document: dict[str, Any] = {"data": str(network.data), "up": False, "ready": False, "services": []}
    if not network.is_up():
        return document
    network.load()
    processes = network.run.get("processes", {})
    counts = asyncio.run(count(network))
    services = [
        {
            "name": name,
            "url": network.url(name),
            "pid": processes.get(name, {}).get("pid"),
            "ready": http_status(network.ports[name], "/readyz") == 200,
            **(counts or {}).get(name, {"unsent": None, "lag": None, "parked": None}),
        }
        for name in SERVICES
    ]
    return document | {
        "up": True,
        "ready": all(service["ready"] for service in services),
        "clock": network.clock,
        "services": services,
        "nats": {
            "url": network.nats_url(),
            "pid": processes.get(network.nats_names[0], {}).get("pid"),
            "ready": all(
                http_status(network.nats_monitor(node), "/healthz") == 200 for node in network.nats_names
            ),
        },
        "postgres": {
            "port": network.ports["postgres"],
            "pid": processes.get("postgres", {}).get("pid"),
            "ready": counts is not None,
        },
    }


async def count(network: Network) -> dict[str, dict[str, int]] | None:
    """Unsent, lag and parked of each service whose schema is there; None if Postgres is away."""
    import asyncpg

    try:
        db = await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR), timeout=3)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return None
    try:
        return {name: found for name in SERVICES if (found := await _count(db, name)) is not None}
    finally:
        await db.close()


async def _count(db: "asyncpg.Connection[asyncpg.Record]", service: str) -> dict[str, int] | None:
    import asyncpg

    try:
        row = await db.fetchrow(counts_query(service), timeout=10)
    except asyncpg.PostgresError:
        return None
    return dict(row) if row else None


def lines(document: Document) -> list[str]:
    """The document, for people."""
    if not document["up"]:
        return [
            f"Not running: {document['data']}",
            f"Start it: handrail up --data {document['data']}",
        ]
    heading = ["process", "state", "pid", "where", "unsent", "lag", "parked"]
    rows = [
        [
            service["name"],
            _state(service["ready"]),
            _text(service["pid"]),
            service["url"],
            *(_text(service[key]) for key in ("unsent", "lag", "parked")),
        ]
        for service in document["services"]
    ]
    nats, postgres = document["nats"], document["postgres"]
    rows.append(["nats", _state(nats["ready"]), _text(nats["pid"]), nats["url"], "", "", ""])
    where = f"127.0.0.1:{postgres['port']}"
    rows.append(["postgres", _state(postgres["ready"]), _text(postgres["pid"]), where, "", "", ""])
    return [f"{document['data']}, {document['clock']} clock", *table([heading, *rows])]


def _state(ready: bool) -> str:
    return "ready" if ready else "NOT READY"


def _text(value: object) -> str:
    return "-" if value is None else str(value)
