"""Sessions as calendar feeds need them, and whose calendar a link shows."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from contracts.vocabulary import GroupKind, ServiceKind
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.scheduling.domain.feeds import Meeting
from services.scheduling.store.meetings import ON_ROSTER

_MEETINGS = f"""
SELECT s.id, s.version, s.state, g.state->>'kind' AS group_kind, j.at AS changed_at,
       (SELECT count(DISTINCT b.episode_id) FROM bookings b WHERE {ON_ROSTER}) AS booked
FROM sessions s
LEFT JOIN groups g ON g.id = s.group_id
JOIN journal j ON j.aggregate = 'sessions' AND j.aggregate_id = s.id AND j.version = s.version
"""

_IN_ORDER = "ORDER BY (s.state->>'start_at')::timestamptz, s.id"

_LED_BY = f"""{_MEETINGS}
WHERE s.network_id = $1 AND s.site_id = ANY($2) AND s.state->>'facilitator_id' = $3 AND s.local_date >= $4
{_IN_ORDER}
"""

_IN = f"""{_MEETINGS}
WHERE s.network_id = $1 AND s.site_id = $2 AND s.state->>'room_id' = $3 AND s.local_date >= $4
{_IN_ORDER}
"""

_AHEAD = f"""{_MEETINGS}
WHERE s.network_id = $1 AND s.local_date >= $3 AND (s.state->>'end_at')::timestamptz > $4
  AND EXISTS (SELECT 1 FROM bookings b WHERE b.episode_id = $2 AND {ON_ROSTER})
{_IN_ORDER}
"""

_OF_LINK = """
SELECT network_id, id FROM calendar_links
WHERE digest = $1 AND (state->>'expires_at')::timestamptz > $2
"""


async def find_meetings_led_by(db: Connection, who: Who, clinician_id: str, first: date) -> Sequence[Meeting]:
    """What a clinician leads at the caller's sites from a day on."""
    return [
        _meeting(row)
        for row in await db.fetch(_LED_BY, who.network_id, list(who.sites), clinician_id, first.isoformat())
    ]


async def find_meetings_in(
    db: Connection, who: Who, site_id: str, room_id: str, first: date
) -> Sequence[Meeting]:
    """What meets in a room from a day on."""
    return [_meeting(row) for row in await db.fetch(_IN, who.network_id, site_id, room_id, first.isoformat())]


async def find_meetings_ahead(
    db: Connection, network_id: str, episode_id: str, first: date, now: datetime
) -> Sequence[Meeting]:
    """What one person is booked into from a day on and what is not over yet."""
    return [_meeting(row) for row in await db.fetch(_AHEAD, network_id, episode_id, first.isoformat(), now)]


async def find_calendar_of_link(db: Connection, digest: str, now: datetime) -> tuple[str, str] | None:
    """The network and the episode that a link shows; None for unknown, expired and revoked ones alike."""
    row = await db.fetchrow(_OF_LINK, digest, now)
    return None if row is None else (row["network_id"], row["id"])


def _meeting(row: Any) -> Meeting:
    state = json.loads(row["state"])
    return Meeting(
        session_id=row["id"],
        start_at=datetime.fromisoformat(state["start_at"]),
        end_at=datetime.fromisoformat(state["end_at"]),
        tz=state["tz"],
        service_kind=ServiceKind(state["service_kind"]),
        group_kind=GroupKind(row["group_kind"]) if row["group_kind"] else None,
        room_id=state.get("room_id"),
        booked=row["booked"],
        cancelled=bool(state.get("cancelled")),
        version=row["version"],
        changed_at=row["changed_at"],
    )
