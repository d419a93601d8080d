"""Every line of SQL of notify."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.notify import NotificationSent, NotificationSuppressed
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.chassis.service import Aggregate
from services.notify import domain

PEOPLE = Aggregate("people", domain.Person, domain.evolve, facts=domain.PRIVATE)

_KEEP = """
INSERT INTO messages
  (message_id, episode_id, network_id, site_id, template_id, channel, recipient_role, status, reason, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (message_id) DO NOTHING
"""

_FIND = """
SELECT * FROM (
  SELECT message_id, episode_id, site_id, template_id, channel, recipient_role, status, reason, at
  FROM messages
  WHERE network_id = $1 AND site_id = ANY($2) AND ($3::text IS NULL OR episode_id = $3)
  UNION ALL
  SELECT m.key, p.id, p.site_id, m.value->>'template_id', NULL, NULL, 'queued', NULL,
         (m.value->>'due_at')::timestamptz
  FROM people p CROSS JOIN LATERAL jsonb_each(p.state->'queued') m
  WHERE p.network_id = $1 AND p.site_id = ANY($2) AND ($3::text IS NULL OR p.id = $3) AND p.waiting
) found
WHERE $4::timestamptz IS NULL OR (at, message_id) < ($4, $5)
ORDER BY at DESC, message_id DESC
LIMIT $6
"""


async def keep_outcomes(db: Connection, episode_id: str, facts: Sequence[object], at: datetime) -> None:
    """Remember what became of a message, beside the event that says so."""
    for fact in facts:
        if isinstance(fact, NotificationSent | NotificationSuppressed):
            sent = isinstance(fact, NotificationSent)
            await db.execute(
                _KEEP,
                fact.message_id,
                episode_id,
                fact.network_id,
                fact.site_id,
                fact.template_id,
                fact.channel,
                fact.recipient_role,
                "sent" if sent else "suppressed",
                None if isinstance(fact, NotificationSent) else fact.reason,
                at,
            )


async def find_messages(
    db: Connection, who: Who, episode_id: str | None, before: tuple[datetime, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Messages of the caller's sites, the newest first: queued, sent and suppressed."""
    at, message_id = before or (None, None)
    rows = await db.fetch(_FIND, who.network_id, list(who.sites), episode_id, at, message_id, limit)
    return [dict(row) for row in rows]
