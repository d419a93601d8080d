"""Seats: one row each, and who sits there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.vocabulary import Slot
from services.chassis import codec
from services.chassis.db import Connection
from services.scheduling.domain.groups import Group
from services.scheduling.domain.week import Offer, slot_minutes

# Nobody new comes to a group that is closing or closed to new people; who sits there stays.
_OFFERS = """
SELECT g.state, s.dow, count(*) AS capacity,
       count(*) FILTER (WHERE s.episode_id IS NULL) AS free,
       count(*) FILTER (WHERE s.episode_id = $3) AS mine
FROM groups g JOIN seats s ON s.group_id = g.id
WHERE g.network_id = $1 AND g.site_id = $2
GROUP BY g.id, s.dow
HAVING count(*) FILTER (WHERE s.episode_id = $3) > 0
  OR g.state->>'closes_on' IS NULL AND (COALESCE((g.state->>'open_enrolment')::boolean, true)
    OR EXISTS (SELECT 1 FROM seats mine WHERE mine.group_id = g.id AND mine.episode_id = $3))
ORDER BY g.id, s.dow
"""

_OFFERS_AT = """
SELECT g.state, s.dow, count(*) AS capacity, count(*) FILTER (WHERE s.episode_id IS NULL) AS free, 0 AS mine
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


async def offers_of(
    db: Connection, network_id: str, site_id: str, episode_id: str, breaks_creditable: bool
) -> list[Offer]:
    """Every weekday of every group of a site: how many seats are free, and whether one is this person's."""
    return [
        _offer(row, breaks_creditable) for row in await db.fetch(_OFFERS, network_id, site_id, episode_id)
    ]


async def offers_at(db: Connection, network_id: str, site_id: str, breaks_creditable: bool) -> list[Offer]:
    """Every weekday of every group of a site, nobody's in particular."""
    return [_offer(row, breaks_creditable) for row in await db.fetch(_OFFERS_AT, network_id, site_id)]


def _offer(row: Any, breaks_creditable: bool) -> Offer:
    group: Group = codec.load(Group, row["state"])
    start, end, capacity = group.start_local, group.end_local, row["capacity"]
    return Offer(
        group_id=group.id,
        dow=row["dow"],
        start_local=start,
        end_local=end,
        creditable_minutes=slot_minutes(start, end, group.breaks, breaks_creditable),
        free=row["free"],
        taken_permille=1000 * (capacity - row["free"]) // capacity,
        mine=row["mine"] > 0,
        levels=tuple(level.code for level in group.levels),
        service_kind=group.service_kind,
        kind=group.kind,
        facilitator_id=group.facilitator_id,
        modality=group.modality,
        attributes=group.attributes,
        closes_on=group.closes_on,
        takes_new=group.open_enrolment,
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
