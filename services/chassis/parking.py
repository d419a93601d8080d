"""What a rule could not take: parked in order, shown, retried, dropped with a reason that is kept."""

import json
import re
import traceback
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from services.chassis.db import Connection
from services.chassis.service import Service

PARKED = "parked"
"""Stands where an aggregate's table would, in a wake that asks for another try."""

_LIBRARY = re.compile(r"site-packages|/lib/python")
UNKNOWN_EVENT = "unknown_event_type"
UNKNOWN_WAKE = "unknown_wake"
UNREADABLE = "unreadable"
BEHIND = "behind_a_parked_message"

_PARK = """INSERT INTO parked
    (aggregate_id, kind, name, message_id, lane, content, reason, detail, trace, parked_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_AGAIN = """INSERT INTO wakes (aggregate, aggregate_id, what, lane, at, cause, correlation_id, traceparent)
  SELECT $1, i, 'retry', l, $4, i, i, NULL FROM unnest($2::text[], $3::smallint[]) AS u(i, l)
  ON CONFLICT DO NOTHING"""
_FIRST = """SELECT DISTINCT ON (aggregate_id) aggregate_id, lane, name, reason
  FROM parked WHERE dropped_at IS NULL AND lane = ANY($1) ORDER BY aggregate_id, id"""
_STILL = "UPDATE parked SET reason = $2, detail = $3, trace = $4 WHERE id = $1"


async def parked_among(db: Connection, aggregates: Iterable[str]) -> set[str]:
    """Which of these aggregates have something parked, so that what follows must park too."""
    rows = await db.fetch(
        "SELECT DISTINCT aggregate_id FROM parked WHERE dropped_at IS NULL AND aggregate_id = ANY($1)",
        list(aggregates),
    )
    return {r["aggregate_id"] for r in rows}


async def park(
    db: Connection,
    *,
    aggregate_id: str,
    kind: str,
    name: str,
    message_id: str,
    lane: int,
    content: dict[str, Any],
    reason: str,
    error: BaseException | None,
    at: datetime,
) -> None:
    """Put a message aside. Detail and trace name code, never content: values stay out of them."""
    await db.execute(
        _PARK,
        aggregate_id,
        kind,
        name,
        message_id,
        lane,
        json.dumps(content),
        reason,
        type(error).__name__ if error else "",
        _where(error),
        at,
    )


async def still(db: Connection, id: int, reason: str, error: BaseException | None) -> None:
    """Keep why another try failed, in place of why the one before did."""
    await db.execute(_STILL, id, reason, type(error).__name__ if error else "", _where(error))


async def ask_again(db: Connection, lanes: dict[str, int], at: datetime) -> None:
    """Ask for another try of all that is parked for aggregates (id to lane), under their lanes' leases."""
    await db.execute(_AGAIN, PARKED, list(lanes), list(lanes.values()), at)


async def ask_for_known(db: Connection, service: Service, lanes: Collection[int], at: datetime) -> int:
    """Ask for another try of what older code could not read and this code may; returns of how many.

    To be called by whoever just took these lanes: whoever had them before may have run another version.
    """
    rows = await db.fetch(_FIRST, sorted(lanes))
    ready = {r["aggregate_id"]: r["lane"] for r in rows if _is_known(service, r["reason"], r["name"])}
    if ready:
        await ask_again(db, ready, at)
    return len(ready)


def _is_known(service: Service, reason: str, name: str) -> bool:
    if reason == UNKNOWN_EVENT:
        return name in service.language
    return name in service.wakes if reason == UNKNOWN_WAKE else reason == UNREADABLE


def _where(error: BaseException | None) -> str:
    """The lines of our own code that failed, without the exception's own words."""
    if error is None:
        return ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _LIBRARY.search(f.filename)]
    return "\n".join(f"{'/'.join(f.filename.split('/')[-3:])}:{f.lineno} {f.name}" for f in frames[-8:])
