"""What happened, read from the journals and outboxes of all services through the read-only role."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from deploy.local.network import Network
from deploy.local.secrets import OPERATOR, SERVICES

Row = dict[str, Any]

_FIELDS = (
    "event_id, type, aggregate_id, sequence, cause, correlation_id, at, recorded_at, sent_at, stream_seq, id"
)
_OF_PATIENT = """SELECT DISTINCT correlation_id FROM {service}.outbox
  WHERE aggregate_id = $1 OR correlation_id = $1 OR event_id = $1 OR body::jsonb ->> 'patient_id' = $1"""
_STORY = "SELECT {fields} FROM {service}.outbox WHERE correlation_id = ANY($1)"
_NAMES = "SELECT event_id, type FROM {service}.outbox WHERE event_id = ANY($1)"


async def connect(network: Network) -> Any:
    """The read-only role of operators."""
    import asyncpg

    return await asyncpg.connect(**network.pg_dsn_kwargs(OPERATOR))


async def story_of(network: Network, what: str) -> list[Row]:
    """Every event on the way of a patient (by patient, episode or event id), oldest first, with its cause."""
    db = await connect(network)
    try:
        episodes: set[str] = set()
        for service in SERVICES:
            rows = await db.fetch(_OF_PATIENT.format(service=service), what)
            episodes |= {row["correlation_id"] for row in rows}
        steps: list[Row] = []
        for service in SERVICES:
            rows = await db.fetch(_STORY.format(fields=_FIELDS, service=service), sorted(episodes))
            steps += [{"service": service, **dict(row)} for row in rows]
        names = await _names(db, {step["cause"] for step in steps})
    finally:
        await db.close()
    steps.sort(key=lambda s: (s["at"], s["recorded_at"], s["stream_seq"] or 2**62, s["id"]))
    return [_step(step, names) for step in steps]


async def _names(db: Any, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for service in SERVICES:
        rows = await db.fetch(_NAMES.format(service=service), list(ids))
        found |= {row["event_id"]: row["type"] for row in rows}
    return found


def _step(step: Row, names: dict[str, str]) -> Row:
    sent: datetime | None = step["sent_at"]
    return {
        "at": step["at"].isoformat(),
        "service": step["service"],
        "type": step["type"],
        "event_id": step["event_id"],
        "episode_id": step["correlation_id"],
        "sequence": step["sequence"],
        "cause": step["cause"],
        "caused_by": names.get(step["cause"]) or _cause_kind(step["cause"]),
        "recorded_at": step["recorded_at"].isoformat(),
        "on_the_bus": sent is not None,
    }


def _cause_kind(cause: str) -> str:
    """A wake's id names what woke; anything else that no service said is a command."""
    parts = cause.split("/")
    return f"wake {parts[1].partition(':')[0]}" if len(parts) == 3 else "command"
