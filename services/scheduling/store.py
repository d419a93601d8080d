"""Every line of SQL of scheduling."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from contracts.scheduling import Break
from contracts.vocabulary import Slot
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.chassis.service import Aggregate
from services.scheduling.domain import calendar, folding, places, sessions
from services.scheduling.domain.places import Site
from services.scheduling.domain.sessions import Booked
from services.scheduling.domain.week import Offer, slot_minutes

SITES = Aggregate("sites", places.Site, places.evolve_site)
GROUPS = Aggregate("groups", places.Group, places.evolve_group, facts=(places.SessionsPlanned,))
SESSIONS = Aggregate(
    "sessions",
    sessions.Session,
    sessions.evolve,
    facts=(sessions.RollCalled, sessions.AbsencesSaid, sessions.RosterCounted),
)
CALENDARS = Aggregate("calendars", calendar.Calendar, folding.evolve, facts=calendar.PRIVATE)

_ON_ROSTER = """b.group_id = s.group_id
  AND b.dow = EXTRACT(isodow FROM (s.state->>'local_date')::date)
  AND b.from_at <= (s.state->>'start_at')::timestamptz
  AND (b.until_at IS NULL OR b.until_at > (s.state->>'start_at')::timestamptz)"""

_SITE = "SELECT state FROM sites WHERE id = $1 AND network_id = $2"

_MAKE_SEATS = """
INSERT INTO seats (network_id, site_id, group_id, dow, seat_no)
SELECT $1, $2, $3, dow, seat_no FROM unnest($4::smallint[]) dow, generate_series(1, $5::int) seat_no
ON CONFLICT (group_id, dow, seat_no) DO NOTHING
"""

_OFFERS = """
SELECT g.id, g.state->>'start_local' AS start_local, g.state->>'end_local' AS end_local,
       g.state->>'breaks' AS breaks, g.state->>'levels' AS levels, s.dow, count(*) AS capacity,
       count(*) FILTER (WHERE s.episode_id IS NULL) AS free,
       count(*) FILTER (WHERE s.episode_id = $3) AS mine
FROM groups g JOIN seats s ON s.group_id = g.id
WHERE g.network_id = $1 AND g.site_id = $2
GROUP BY g.id, s.dow
ORDER BY g.id, s.dow
"""

# The inner query runs once and passes over seats that somebody else is just taking:
# nobody waits, nobody oversells.
_TAKE = """
UPDATE seats SET episode_id = $3, taken_at = $4
WHERE group_id = $1 AND dow = $2 AND seat_no = (
  SELECT seat_no FROM seats WHERE group_id = $1 AND dow = $2 AND episode_id IS NULL
  ORDER BY seat_no FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING seat_no
"""

_FREE = """
UPDATE seats SET episode_id = NULL, taken_at = NULL
WHERE episode_id = $1 AND (group_id, dow) IN (SELECT * FROM unnest($2::text[], $3::smallint[]))
RETURNING seat_no
"""

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
SELECT 1 FROM sessions s JOIN bookings b ON {_ON_ROSTER}
WHERE b.episode_id = $1 AND s.local_date BETWEEN $2 AND $3 AND s.stage <> 'completed' LIMIT 1
"""

_FIND_GROUPS = """
SELECT g.id, g.state, (SELECT jsonb_object_agg(dow, free) FROM (
         SELECT dow, count(*) FILTER (WHERE episode_id IS NULL) AS free
         FROM seats WHERE group_id = g.id GROUP BY dow
       ) d) AS free
FROM groups g
WHERE g.network_id = $1 AND g.site_id = ANY($2) AND ($3::text IS NULL OR g.site_id = $3)
ORDER BY g.id
"""

_FIND_SESSIONS = f"""
SELECT s.id, s.site_id, s.state,
       (SELECT array_agg(DISTINCT b.episode_id) FROM bookings b WHERE {_ON_ROSTER}) AS booked
FROM sessions s
WHERE s.network_id = $1 AND s.site_id = ANY($2) AND ($3::text IS NULL OR s.site_id = $3) AND s.local_date = $4
ORDER BY s.state->>'start_at', s.id
"""

_FIND_CALENDAR = "SELECT id, state FROM calendars WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"


async def site_of(db: Connection, network_id: str, site_id: str) -> Site | None:
    """A site as it stands, without locking it: sites do not change under a placement."""
    row = await db.fetchrow(_SITE, site_id, network_id)
    return None if row is None else Site(**json.loads(row["state"]))


async def make_seats(db: Connection, group: places.Group) -> None:
    """Lay out every seat of a group, one row each."""
    await db.execute(_MAKE_SEATS, group.network_id, group.site_id, group.id, list(group.dow), group.capacity)


async def offers_of(
    db: Connection, network_id: str, site_id: str, episode_id: str, breaks_creditable: bool
) -> list[Offer]:
    """Every weekday of every group of a site: how many seats are free, and whether one is this person's."""
    return [
        _offer(row, breaks_creditable) for row in await db.fetch(_OFFERS, network_id, site_id, episode_id)
    ]


def _offer(row: Any, breaks_creditable: bool) -> Offer:
    breaks = [Break(**b) for b in json.loads(row["breaks"])]
    start, end, capacity = row["start_local"], row["end_local"], row["capacity"]
    return Offer(
        group_id=row["id"],
        dow=row["dow"],
        start_local=start,
        end_local=end,
        creditable_minutes=slot_minutes(start, end, breaks, breaks_creditable),
        free=row["free"],
        taken_permille=1000 * (capacity - row["free"]) // capacity,
        mine=row["mine"] > 0,
        levels=tuple(level["code"] for level in json.loads(row["levels"])),
    )


async def take_seats(db: Connection, episode_id: str, slots: Sequence[Slot], at: datetime) -> bool:
    """Take one seat for each slot, or none at all."""
    taken: list[Slot] = []
    for slot in sorted(slots, key=lambda s: (s.dow, s.group_id or "")):
        if await db.fetchval(_TAKE, slot.group_id, slot.dow, episode_id, at) is None:
            await free_seats(db, episode_id, taken)
            return False
        taken.append(slot)
    return True


async def free_seats(db: Connection, episode_id: str, slots: Sequence[Slot]) -> int:
    """Give seats back; returns how many there were."""
    if not slots:
        return 0
    return len(await db.fetch(_FREE, episode_id, [s.group_id for s in slots], [s.dow for s in slots]))


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


async def find_groups(db: Connection, who: Who, site_id: str | None) -> list[dict[str, Any]]:
    """Groups of the caller's sites with the free seats of each weekday."""
    rows = await db.fetch(_FIND_GROUPS, who.network_id, list(who.sites), site_id)
    return [{**json.loads(r["state"]), "free": json.loads(r["free"] or "{}")} for r in rows]


async def find_sessions(db: Connection, who: Who, site_id: str | None, on: date) -> list[dict[str, Any]]:
    """Sessions of one day, each with the people booked into it."""
    rows = await db.fetch(_FIND_SESSIONS, who.network_id, list(who.sites), site_id, on.isoformat())
    return [{**json.loads(r["state"]), "booked": sorted(r["booked"] or ())} for r in rows]


async def find_calendar(db: Connection, who: Who, episode_id: str) -> dict[str, Any] | None:
    """One person's calendar, or None where the caller may not see it."""
    row = await db.fetchrow(_FIND_CALENDAR, who.network_id, list(who.sites), episode_id)
    return None if row is None else json.loads(row["state"])
