"""Who is kept apart from whom."""

from collections.abc import Sequence

from services.chassis.db import Connection

_KEEP_APART = """
INSERT INTO keep_apart (network_id, site_id, first_id, second_id, kept_at, kept_by)
VALUES ($1, $2, least($3, $4), greatest($3, $4), $5, $6) ON CONFLICT DO NOTHING
"""


_LIFT = "DELETE FROM keep_apart WHERE first_id = least($1, $2) AND second_id = greatest($1, $2) RETURNING 1"


_APART_FROM = """
SELECT CASE first_id WHEN $1 THEN second_id ELSE first_id END AS other FROM keep_apart
WHERE first_id = $1 OR second_id = $1 ORDER BY other
"""


_SEATS_OF = "SELECT DISTINCT group_id, dow FROM seats WHERE episode_id = ANY($1)"


async def keep_apart(
    db: Connection, place: tuple[str, str], pair: tuple[str, str], at: object, by: str
) -> None:
    """Two people are never again given the same session."""
    await db.execute(_KEEP_APART, *place, *pair, at, by)


async def lift_apart(db: Connection, pair: tuple[str, str]) -> bool:
    """Two people may meet again; returns whether they were kept apart."""
    return await db.fetchval(_LIFT, *pair) is not None


async def kept_apart_from(db: Connection, episode_id: str) -> list[str]:
    """Who must not meet this person."""
    return [row["other"] for row in await db.fetch(_APART_FROM, episode_id)]


async def seats_of(db: Connection, episodes: Sequence[str]) -> set[tuple[str, int]]:
    """The weekdays of groups in which somebody of these people has a seat."""
    return {(row["group_id"], row["dow"]) for row in await db.fetch(_SEATS_OF, list(episodes))}
