"""Sites and groups."""

import json
from typing import Any

from services.chassis.auth import Who
from services.chassis.db import Connection
from services.scheduling.domain import places
from services.scheduling.domain.places import Site

_SITE = "SELECT state FROM sites WHERE id = $1 AND network_id = $2"


_MAKE_SEATS = """
INSERT INTO seats (network_id, site_id, group_id, dow, seat_no)
SELECT $1, $2, $3, dow, seat_no FROM unnest($4::smallint[]) dow, generate_series(1, $5::int) seat_no
ON CONFLICT (group_id, dow, seat_no) DO NOTHING
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


async def site_of(db: Connection, network_id: str, site_id: str) -> Site | None:
    """A site as it stands, without locking it: sites do not change under a placement."""
    row = await db.fetchrow(_SITE, site_id, network_id)
    return None if row is None else Site(**json.loads(row["state"]))


async def make_seats(db: Connection, group: places.Group) -> None:
    """Lay out every seat of a group, one row each."""
    await db.execute(_MAKE_SEATS, group.network_id, group.site_id, group.id, list(group.dow), group.capacity)


async def find_groups(db: Connection, who: Who, site_id: str | None) -> list[dict[str, Any]]:
    """Groups of the caller's sites with the free seats of each weekday."""
    rows = await db.fetch(_FIND_GROUPS, who.network_id, list(who.sites), site_id)
    return [{**json.loads(r["state"]), "free": json.loads(r["free"] or "{}")} for r in rows]
