"""What a rule could not take: parked in order, shown, retried, dropped with a reason that is kept."""

import json
import traceback
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.chassis.db import Connection

_PARK = """INSERT INTO parked
    (aggregate_id, kind, name, message_id, lane, content, reason, detail, trace, parked_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""


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


def _where(error: BaseException | None) -> str:
    """The lines of code that failed, without the exception's own words."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"{f.filename.rpartition('/services/')[2]}:{f.lineno} {f.name}" for f in frames[-8:])
