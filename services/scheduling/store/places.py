"""Sites, clinicians and groups."""

import json
from collections.abc import Collection
from datetime import date
from typing import Any

from services.chassis import codec
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.scheduling.domain.clinicians import Clinician
from services.scheduling.domain.groups import Group
from services.scheduling.domain.sessions import Session
from services.scheduling.domain.sites import Site

_SITE = "SELECT state FROM sites WHERE id = $1 AND network_id = $2"


_GROUP = "SELECT state FROM groups WHERE id = $1 AND network_id = $2"


_LISTED = "jsonb_path_query_array(state, '$.listings[*].site_id') ?| $2::text[]"


_CLINICIANS = f"SELECT state FROM clinicians WHERE network_id = $1 AND {_LISTED} ORDER BY id"


_GROUPS = "SELECT state FROM groups WHERE network_id = $1 AND site_id = ANY($2) ORDER BY id"


_SESSIONS = """
SELECT state FROM sessions WHERE network_id = $1 AND site_id = ANY($2) AND local_date >= $3 ORDER BY id
"""


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
    """A site as it stands, without locking it: placements do not depend on what may change of it."""
    row = await db.fetchrow(_SITE, site_id, network_id)
    return None if row is None else codec.load(Site, row["state"])


async def group_of(db: Connection, network_id: str, group_id: str) -> Group | None:
    """A group as it stands, without locking it."""
    row = await db.fetchrow(_GROUP, group_id, network_id)
    return None if row is None else codec.load(Group, row["state"])


async def steady_site_of(db: Connection, network_id: str, site_id: str) -> Site | None:
    """A site whose rooms and closures, and the absences of whoever works there, stay until the end."""
    row = await db.fetchrow(f"{_SITE} FOR SHARE", site_id, network_id)
    return None if row is None else codec.load(Site, row["state"])


async def clinicians_at(db: Connection, network_id: str, sites: Collection[str]) -> dict[str, Clinician]:
    """Everybody who is listed at one of some sites."""
    found = [codec.load(Clinician, r["state"]) for r in await db.fetch(_CLINICIANS, network_id, list(sites))]
    return {c.id: c for c in found}


async def groups_at(db: Connection, network_id: str, sites: Collection[str]) -> dict[str, Group]:
    """The groups of some sites."""
    found = [codec.load(Group, r["state"]) for r in await db.fetch(_GROUPS, network_id, list(sites))]
    return {g.id: g for g in found}


async def sessions_at(
    db: Connection, network_id: str, sites: Collection[str], since: date
) -> dict[str, Session]:
    """The sessions of some sites from a day on."""
    rows = await db.fetch(_SESSIONS, network_id, list(sites), since.isoformat())
    return {s.id: s for s in (codec.load(Session, r["state"]) for r in rows)}


async def sites_of_clinician(db: Connection, network_id: str, clinician_id: str) -> list[str]:
    """Where a clinician is listed."""
    row = await db.fetchrow(
        "SELECT state FROM clinicians WHERE id = $1 AND network_id = $2", clinician_id, network_id
    )
    return [] if row is None else [x.site_id for x in codec.load(Clinician, row["state"]).listings]


async def make_seats(db: Connection, group: Group) -> None:
    """Lay out every seat of a group, one row each."""
    await db.execute(_MAKE_SEATS, group.network_id, group.site_id, group.id, list(group.dow), group.capacity)


async def find_groups(db: Connection, who: Who, site_id: str | None) -> list[dict[str, Any]]:
    """Groups of the caller's sites with the free seats of each weekday."""
    rows = await db.fetch(_FIND_GROUPS, who.network_id, list(who.sites), site_id)
    return [{**json.loads(r["state"]), "free": json.loads(r["free"] or "{}")} for r in rows]


async def find_clinicians(db: Connection, who: Who, site_id: str | None) -> list[Clinician]:
    """Who is listed at the caller's sites."""
    asked = who.sites if site_id is None else [s for s in who.sites if s == site_id]
    return list((await clinicians_at(db, who.network_id, list(asked))).values())
