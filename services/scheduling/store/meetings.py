"""Sessions, who is booked into them, and calendars."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from contracts.vocabulary import Slot
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.scheduling.domain import calendar, sessions
from services.scheduling.domain.sessions import Booked

ON_ROSTER = """b.group_id = s.group_id
  AND b.dow = EXTRACT(isodow FROM (s.state->>'local_date')::date)
  AND b.from_at <= (s.state->>'start_at')::timestamptz
  AND (b.until_at IS NULL OR b.until_at > (s.state->>'start_at')::timestamptz)"""


_CUT_BOOKINGS = """
UPDATE bookings SET until_at = $2
WHERE episode_id = $1 AND from_at < $2 AND (until_at IS NULL OR until_at > $2)
"""


_DROP_BOOKINGS = "DELETE FROM bookings WHERE episode_id = $1 AND from_at >= $2"


_BOOK = """
INSERT INTO bookings (network_id, site_id, episode_id, group_id, dow, from_at, booked_at)
SELECT $1, $2, $3, group_id, dow, $6, $7 FROM unnest($4::text[], $5::smallint[]) AS u(group_id, dow)
"""


_ROSTER = """
SELECT episode_id, min(booked_at) AS booked_at FROM bookings
WHERE group_id = $1 AND dow = $2 AND from_at <= $3 AND (until_at IS NULL OR until_at > $3)
GROUP BY episode_id ORDER BY episode_id
"""


_UNFINISHED = f"""
SELECT 1 FROM sessions s JOIN bookings b ON {ON_ROSTER}
WHERE b.episode_id = $1 AND s.local_date BETWEEN $2 AND $3 AND s.stage <> 'completed' LIMIT 1
"""


_FIND_SESSIONS = f"""
SELECT s.id, s.site_id, s.state,
       (SELECT array_agg(DISTINCT b.episode_id) FROM bookings b WHERE {ON_ROSTER}) AS booked
FROM sessions s
WHERE s.network_id = $1 AND s.site_id = ANY($2) AND ($3::text IS NULL OR s.site_id = $3) AND s.local_date = $4
ORDER BY s.state->>'start_at', s.id
"""


_FIND_CALENDAR = "SELECT id, state FROM calendars WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"


async def book(
    db: Connection, state: calendar.Calendar, slots: Sequence[Slot], from_at: datetime, at: datetime
) -> None:
    """Make an agreed week the one in force from an instant on."""
    await end_bookings(db, state.id, from_at)
    groups, days = [s.group_id for s in slots], [s.dow for s in slots]
    await db.execute(_BOOK, state.network_id, state.site_id, state.id, groups, days, from_at, at)


async def end_bookings(db: Connection, episode_id: str, at: datetime) -> None:
    """Expect a person at no session that starts at this instant or later."""
    await db.execute(_DROP_BOOKINGS, episode_id, at)
    await db.execute(_CUT_BOOKINGS, episode_id, at)


async def roster_of(db: Connection, session: sessions.Session) -> list[Booked]:
    """Who is expected at a session."""
    rows = await db.fetch(_ROSTER, session.group_id, session.local_date.isoweekday(), session.start_at)
    return [Booked(row["episode_id"], row["booked_at"]) for row in rows]


async def sessions_unfinished(db: Connection, episode_id: str, first: date, last: date) -> bool:
    """Whether a session of these days that the person is booked into has not been counted yet."""
    return await db.fetchval(_UNFINISHED, episode_id, first.isoformat(), last.isoformat()) is not None


async def find_sessions(db: Connection, who: Who, site_id: str | None, on: date) -> list[dict[str, Any]]:
    """Sessions of one day, each with the people booked into it."""
    rows = await db.fetch(_FIND_SESSIONS, who.network_id, list(who.sites), site_id, on.isoformat())
    return [{**json.loads(r["state"]), "booked": sorted(r["booked"] or ())} for r in rows]


async def find_calendar(db: Connection, who: Who, episode_id: str) -> dict[str, Any] | None:
    """One person's calendar, or None where the caller may not see it."""
    row = await db.fetchrow(_FIND_CALENDAR, who.network_id, list(who.sites), episode_id)
    return None if row is None else json.loads(row["state"])
