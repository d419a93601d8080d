"""What was said about one person, by progress and by all others."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.chassis.db import Connection

UNSENT = 10**18
"""What is not in the stream yet stands behind all of it, in the order in which it was said."""
UNSENT_LAST = 2**63 - 1

_COLUMNS = "event_id, type, at, recorded_at, cause, body"
_FIND_STORY = f"""
SELECT * FROM (
  (SELECT {_COLUMNS}, stream_seq AS seq FROM story
   WHERE aggregate_id = $1 AND at >= $2 AND (at, stream_seq, event_id) > ($2, $3, $4)
   ORDER BY at, stream_seq, event_id LIMIT $5)
  UNION ALL
  (SELECT {_COLUMNS}, coalesce(stream_seq, {UNSENT} + id) AS seq FROM outbox
   WHERE correlation_id = $1 AND (at, coalesce(stream_seq, {UNSENT} + id), event_id) > ($2, $3, $4)
   ORDER BY at, seq, event_id LIMIT $5)) AS told
ORDER BY at, seq, event_id LIMIT $5
"""
_FIND_SENT = "SELECT stream_seq FROM outbox WHERE correlation_id = $1 AND event_id = $2"
_FIND_AMONG = """
SELECT event_id FROM story WHERE aggregate_id = $1 AND event_id = ANY($2)
UNION ALL SELECT event_id FROM outbox WHERE correlation_id = $1 AND event_id = ANY($2)
"""


async def find_story(
    db: Connection, episode_id: str, after: tuple[datetime, int, str], limit: int
) -> list[dict[str, Any]]:
    """Every event about a person after one place of the story, in the order of instant and stream."""
    at, seq, event_id = after
    if seq >= UNSENT:
        # It may have been sent since: then what was said behind it lies in the stream too.
        seq = await db.fetchval(_FIND_SENT, episode_id, event_id) or seq
    return [dict(row) for row in await db.fetch(_FIND_STORY, episode_id, at, seq, event_id, limit)]


async def find_among(db: Connection, episode_id: str, events: Iterable[str]) -> set[str]:
    """Which of these events are part of a person's story."""
    return {row["event_id"] for row in await db.fetch(_FIND_AMONG, episode_id, list(events))}
