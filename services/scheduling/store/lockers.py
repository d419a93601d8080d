"""Lockers: whose things are in which, one person at a time."""

from datetime import datetime

from services.chassis.db import Connection
from services.scheduling.domain.sessions import Session

_TAKE = """
INSERT INTO lockers AS l (network_id, site_id, locker_id, episode_id, session_id, taken_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (network_id, site_id, locker_id)
DO UPDATE SET session_id = EXCLUDED.session_id WHERE l.episode_id = EXCLUDED.episode_id
RETURNING 1
"""


_FREE = """
DELETE FROM lockers
WHERE network_id = $1 AND site_id = $2 AND locker_id = $3 AND episode_id = $4 AND session_id = $5
"""


async def take_locker(
    db: Connection, session: Session, episode_id: str, locker_id: str, at: datetime
) -> bool:
    """Put a person's things into a locker, unless somebody else's are in it."""
    place = (session.network_id, session.site_id, locker_id)
    return await db.fetchval(_TAKE, *place, episode_id, session.id, at) is not None


async def free_locker(db: Connection, session: Session, episode_id: str, locker_id: str) -> None:
    """Empty the locker that a person has used during a session."""
    await db.execute(_FREE, session.network_id, session.site_id, locker_id, episode_id, session.id)
