"""Episodes, each and in lists."""

import json
from typing import Any

from services.chassis import codec
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.chassis.service import Aggregate
from services.progress import domain

EPISODE = Aggregate(
    "episodes", domain.Episode, domain.evolve, facts=domain.PRIVATE_FACTS, waits=domain.awaited
)

_FIND_ONE = """
SELECT version, state FROM episodes
WHERE network_id = $1 AND site_id = ANY($2) AND id = $3
"""

_HAS_ONE = "SELECT EXISTS (SELECT FROM episodes WHERE network_id = $1 AND site_id = ANY($2) AND id = $3)"

_FIND_MANY = """
SELECT version, state FROM episodes
WHERE network_id = $1 AND site_id = ANY($2) AND id > $3
  AND ($4::text IS NULL OR stage = $4)
  AND ($5::int = 0 OR (consecutive_missed >= $5 AND stage <> 'DISCHARGED'))
ORDER BY id
LIMIT $6
"""

_FIND_UNDECIDED = """
SELECT e.id AS episode_id, e.site_id, e.state->>'patient_id' AS patient_id, e.stage, r.value AS recommendation
FROM episodes e CROSS JOIN LATERAL jsonb_array_elements(e.state->'recommendations') r
WHERE e.network_id = $1 AND e.site_id = ANY($2) AND e.undecided AND r.value->>'closed' IS NULL
ORDER BY r.value->>'expires_at', r.value->>'id'
LIMIT $3
"""

_FIND_BY_RECOMMENDATION = """
SELECT id FROM episodes
WHERE network_id = $1 AND site_id = ANY($2) AND state->'recommendations' @> $3::jsonb
"""


async def find_episode(db: Connection, who: Who, episode_id: str) -> dict[str, Any] | None:
    """One episode of the caller's sites."""
    row = await db.fetchrow(_FIND_ONE, who.network_id, list(who.sites), episode_id)
    return _episode(row) if row else None


async def has_episode(db: Connection, who: Who, episode_id: str) -> bool:
    """Whether there is such an episode at the caller's sites."""
    return bool(await db.fetchval(_HAS_ONE, who.network_id, list(who.sites), episode_id))


async def find_episodes(
    db: Connection, who: Who, *, stage: str | None, missed: int, after: str, limit: int
) -> list[dict[str, Any]]:
    """Episodes of the caller's sites in the order of their ids, of one state or in need of outreach."""
    rows = await db.fetch(_FIND_MANY, who.network_id, list(who.sites), after, stage, missed, limit)
    return [_episode(row) for row in rows]


async def find_undecided(db: Connection, who: Who, site_id: str | None, limit: int) -> list[dict[str, Any]]:
    """Recommendations that wait for a clinician, the ones that end first on top."""
    sites = [s for s in who.sites if site_id in (None, s)]
    rows = await db.fetch(_FIND_UNDECIDED, who.network_id, sites, limit)
    return [{**dict(row), "recommendation": json.loads(row["recommendation"])} for row in rows]


async def find_episode_of(db: Connection, who: Who, recommendation_id: str) -> str | None:
    """The id of the episode that a recommendation belongs to, open or not."""
    wanted = json.dumps([{"id": recommendation_id}])
    episode_id: str | None = await db.fetchval(
        _FIND_BY_RECOMMENDATION, who.network_id, list(who.sites), wanted
    )
    return episode_id


def _episode(row: Any) -> dict[str, Any]:
    # Through its type: what code that knew less has written lacks what came since.
    state = codec.load(EPISODE.state, row["state"])
    return {**json.loads(codec.dump(state)), "version": row["version"]}
