"""Sessions, who is booked into them, and calendars."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from contracts.scheduling import PatientBooked
from contracts.vocabulary import Slot
from services.chassis import codec
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


_DROP_WEEK = "DELETE FROM bookings WHERE episode_id = $1 AND from_at >= $2 AND booking_id IS NULL"
_DROP_SINGLE = "DELETE FROM bookings WHERE episode_id = $1 AND from_at >= $2 AND booking_id IS NOT NULL"


_BOOK = """
INSERT INTO bookings (network_id, site_id, episode_id, group_id, dow, from_at, booked_at)
SELECT $1, $2, $3, group_id, dow, $6, $7 FROM unnest($4::text[], $5::smallint[]) AS u(group_id, dow)
ON CONFLICT (episode_id, group_id, dow, from_at)
DO UPDATE SET until_at = NULL, booking_id = NULL, cause = '', booked_at = EXCLUDED.booked_at
"""


# A single booking holds for the time of its session only: every roster finds it as it finds an agreed week.
_BOOK_ONE = """
INSERT INTO bookings
  (network_id, site_id, episode_id, group_id, dow, from_at, until_at, booked_at, booking_id, cause)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


_UNBOOK = "DELETE FROM bookings WHERE booking_id = $1 AND episode_id = $2"


_ROSTER = """
SELECT episode_id, min(booked_at) AS booked_at,
       CASE WHEN bool_and(booking_id IS NOT NULL) THEN max(booking_id) END AS booking_id,
       CASE WHEN bool_and(booking_id IS NOT NULL) THEN max(cause) ELSE '' END AS cause
FROM bookings
WHERE group_id = $1 AND dow = $2 AND from_at <= $3 AND (until_at IS NULL OR until_at > $3)
GROUP BY episode_id ORDER BY episode_id
"""


_UNFINISHED = f"""
SELECT 1 FROM sessions s JOIN bookings b ON {ON_ROSTER}
WHERE b.episode_id = $1 AND s.local_date BETWEEN $2 AND $3 AND s.stage <> 'completed' LIMIT 1
"""


_CLASHES = f"""
SELECT 1 FROM sessions s JOIN bookings b ON {ON_ROSTER}
WHERE b.episode_id = $1 AND s.id <> $2 AND s.local_date BETWEEN $3 AND $4
  AND (s.state->>'start_at')::timestamptz < $6 AND (s.state->>'end_at')::timestamptz > $5
  AND coalesce(s.state->>'cancelled', '') = '' AND NOT coalesce(s.state->'cancellations' ? $1, false)
LIMIT 1
"""


# Whoever has cancelled leaves their seat of the day to others, and does not need one.
_FULL = f"""
SELECT s.id FROM sessions s
WHERE s.network_id = $1 AND s.stage <> 'completed' AND coalesce(s.state->>'cancelled', '') = ''
  AND (s.state->>'start_at')::timestamptz >= $5 AND NOT coalesce(s.state->'cancellations' ? $2, false)
  AND (s.group_id, EXTRACT(isodow FROM (s.state->>'local_date')::date)::smallint)
    IN (SELECT * FROM unnest($3::text[], $4::smallint[]))
  AND (s.state->>'capacity')::int <= (SELECT count(DISTINCT b.episode_id) FROM bookings b
    WHERE {ON_ROSTER} AND b.episode_id <> $2 AND NOT coalesce(s.state->'cancellations' ? b.episode_id, false))
ORDER BY s.local_date, s.id
"""


# A single booking of a person at a time at which their agreed week has another session.
_DOUBLED = f"""
SELECT at.state, one.booking_id, one.cause, one.booked_at
FROM bookings one JOIN sessions at
  ON at.group_id = one.group_id AND (at.state->>'start_at')::timestamptz = one.from_at
WHERE one.episode_id = $1 AND one.booking_id IS NOT NULL AND one.from_at >= $2
  AND NOT coalesce(at.state->'cancellations' ? $1, false)
  AND EXISTS (SELECT 1 FROM bookings b JOIN sessions s ON {ON_ROSTER}
    WHERE b.episode_id = $1 AND b.booking_id IS NULL AND s.id <> at.id AND s.stage <> 'completed'
      AND (s.state->>'start_at')::timestamptz < one.until_at
      AND (s.state->>'end_at')::timestamptz > one.from_at
      AND coalesce(s.state->>'cancelled', '') = '' AND NOT coalesce(s.state->'cancellations' ? $1, false))
ORDER BY one.from_at
"""


_FIND_SESSIONS = f"""
SELECT s.state,
       (SELECT array_agg(DISTINCT b.episode_id) FROM bookings b WHERE {ON_ROSTER}) AS booked
FROM sessions s
WHERE s.network_id = $1 AND s.site_id = ANY($2) AND ($3::text IS NULL OR s.site_id = $3) AND s.local_date = $4
ORDER BY s.state->>'start_at', s.id
"""


_FIND_SESSION = "SELECT state FROM sessions WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"


_FIND_CALENDAR = """
SELECT state FROM calendars
WHERE id = $3 AND network_id = $1 AND site_id = ANY($2) AND state->'levels' <> '[]'::jsonb
"""


async def book(
    db: Connection, state: calendar.Calendar, slots: Sequence[Slot], from_at: datetime, at: datetime
) -> None:
    """Make an agreed week the one in force from an instant on."""
    await db.execute(_DROP_WEEK, state.id, from_at)
    await db.execute(_CUT_BOOKINGS, state.id, from_at)
    groups, days = [s.group_id for s in slots], [s.dow for s in slots]
    await db.execute(_BOOK, state.network_id, state.site_id, state.id, groups, days, from_at, at)


async def end_bookings(db: Connection, episode_id: str, at: datetime) -> None:
    """Expect a person at no session that starts at this instant or later."""
    await db.execute(_DROP_WEEK, episode_id, at)
    await db.execute(_DROP_SINGLE, episode_id, at)
    await db.execute(_CUT_BOOKINGS, episode_id, at)


async def book_one(db: Connection, session: sessions.Session, booked: PatientBooked, at: datetime) -> None:
    """Expect a person at one session."""
    await db.execute(
        _BOOK_ONE,
        session.network_id,
        session.site_id,
        booked.episode_id,
        session.group_id,
        session.local_date.isoweekday(),
        session.start_at,
        session.end_at,
        at,
        booked.booking_id,
        booked.cause,
    )


async def unbook(db: Connection, booked: Booked) -> None:
    """Expect a person no more at the one session that they were booked into."""
    await db.execute(_UNBOOK, booked.booking_id, booked.episode_id)


async def clashes(db: Connection, episode_id: str, session: sessions.Session) -> bool:
    """Whether a person is expected at another session at that time."""
    near = timedelta(days=1)
    first, last = session.local_date - near, session.local_date + near
    found = await db.fetchval(
        _CLASHES,
        episode_id,
        session.id,
        first.isoformat(),
        last.isoformat(),
        session.start_at,
        session.end_at,
    )
    return found is not None


async def full_days(
    db: Connection, state: calendar.Calendar, slots: Sequence[Slot], from_at: datetime
) -> list[str]:
    """The sessions of a week from an instant on in which every seat of the day is given to somebody else."""
    groups, days = [s.group_id for s in slots], [s.dow for s in slots]
    rows = await db.fetch(_FULL, state.network_id, state.id, groups, days, from_at)
    return [row["id"] for row in rows]


async def doubled_bookings(
    db: Connection, episode_id: str, since: datetime
) -> list[tuple[sessions.Session, Booked]]:
    """The single bookings of a person that lie at a time of their agreed week."""
    rows = await db.fetch(_DOUBLED, episode_id, since)
    return [
        (
            codec.load(sessions.Session, row["state"]),
            Booked(episode_id, row["booked_at"], row["cause"], row["booking_id"]),
        )
        for row in rows
    ]


async def roster_of(db: Connection, session: sessions.Session) -> list[Booked]:
    """Who is expected at a session."""
    rows = await db.fetch(_ROSTER, session.group_id, session.local_date.isoweekday(), session.start_at)
    return [Booked(row["episode_id"], row["booked_at"], row["cause"], row["booking_id"]) for row in rows]


async def sessions_unfinished(db: Connection, episode_id: str, first: date, last: date) -> bool:
    """Whether a session of these days that the person is booked into has not been counted yet."""
    return await db.fetchval(_UNFINISHED, episode_id, first.isoformat(), last.isoformat()) is not None


async def find_sessions(
    db: Connection, who: Who, site_id: str | None, on: date
) -> list[tuple[sessions.Session, list[str]]]:
    """Sessions of one day, each with the people booked into it."""
    rows = await db.fetch(_FIND_SESSIONS, who.network_id, list(who.sites), site_id, on.isoformat())
    return [(codec.load(sessions.Session, r["state"]), sorted(r["booked"] or ())) for r in rows]


async def find_session(db: Connection, who: Who, session_id: str) -> sessions.Session | None:
    """One session, or None where the caller may not see it."""
    row = await db.fetchrow(_FIND_SESSION, who.network_id, list(who.sites), session_id)
    return None if row is None else codec.load(sessions.Session, row["state"])


async def find_calendar(db: Connection, who: Who, episode_id: str) -> dict[str, Any] | None:
    """One person's calendar, or None where the caller may not see it."""
    row = await db.fetchrow(_FIND_CALENDAR, who.network_id, list(who.sites), episode_id)
    return None if row is None else json.loads(row["state"])
