"""Sessions still to come, as one person could take part in them."""

from collections.abc import Sequence
from datetime import date

from services.chassis import codec
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.forecast import Ahead
from services.scheduling.domain.groups import Group
from services.scheduling.domain.sessions import Session
from services.scheduling.store.meetings import ON_ROSTER

# Who said that they do not come leaves the seat to others, and is not coming.
_AHEAD = f"""
SELECT s.state, g.state AS in_group, count(DISTINCT b.episode_id) AS coming,
       COALESCE(bool_or(b.episode_id = $3), false) AS booked,
       COALESCE(bool_or(b.episode_id = ANY($6)), false) AS barred
FROM sessions s JOIN groups g ON g.id = s.group_id
LEFT JOIN bookings b ON {ON_ROSTER} AND NOT COALESCE(s.state->'cancellations' ? b.episode_id, false)
WHERE s.network_id = $1 AND s.site_id = $2 AND s.local_date BETWEEN $4 AND $5
  AND s.stage <> 'completed' AND COALESCE(s.state->>'cancelled', '') = ''
GROUP BY s.id, g.id ORDER BY s.state->>'start_at', s.id
"""


_CALENDAR = """
SELECT state FROM calendars
WHERE id = $3 AND network_id = $1 AND site_id = ANY($2) AND state->'levels' <> '[]'::jsonb
"""


async def sessions_ahead(
    db: Connection, state: Calendar, first: date, last: date, barred: Sequence[str] = ()
) -> list[Ahead]:
    """The sessions of a person's site that are not over, from one day to another."""
    days = (first.isoformat(), last.isoformat())
    rows = await db.fetch(_AHEAD, state.network_id, state.site_id, state.id, *days, list(barred))
    return [
        Ahead(
            session=codec.load(Session, row["state"]),
            group=codec.load(Group, row["in_group"]),
            booked=row["booked"],
            coming=row["coming"],
            barred=row["barred"],
        )
        for row in rows
    ]


async def calendar_of(db: Connection, who: Who, episode_id: str) -> Calendar | None:
    """One person's calendar to look at, or None where the caller may not see it."""
    row = await db.fetchrow(_CALENDAR, who.network_id, list(who.sites), episode_id)
    state: Calendar | None = None if row is None else codec.load(Calendar, row["state"])
    return state
