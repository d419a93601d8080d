"""Plans of a site's week: what they are made from, and seats exchanged all at once."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from contracts.vocabulary import Slot
from services.chassis import codec
from services.chassis.auth import Who
from services.chassis.db import Connection, transaction
from services.scheduling.domain.calendar import Calendar
from services.scheduling.store.seats import free_seats, take_seats

# Who sits at a site, and who waits for a seat there with nothing held.
_AT_SITE = """
SELECT state FROM calendars
WHERE network_id = $1 AND site_id = $2
  AND (stage = 'scheduled' OR stage = 'asked' AND state->'request' <> 'null'::jsonb)
ORDER BY id
"""

_APART = """
SELECT first_id, second_id FROM keep_apart WHERE network_id = $1 AND site_id = $2
ORDER BY first_id, second_id
"""

_FIND_PLANS = """
SELECT state FROM plans WHERE network_id = $1 AND site_id = ANY($2) AND ($3::text IS NULL OR site_id = $3)
ORDER BY id DESC LIMIT 50
"""

_FIND_PLAN = "SELECT state FROM plans WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"


class _Taken(Exception):
    """A seat of the exchange is not free."""


async def calendars_at(db: Connection, network_id: str, site_id: str) -> list[Calendar]:
    """Everybody who sits at a site or waits for a seat there."""
    return [codec.load(Calendar, row["state"]) for row in await db.fetch(_AT_SITE, network_id, site_id)]


async def pairs_apart(db: Connection, network_id: str, site_id: str) -> frozenset[frozenset[str]]:
    """Who must not meet whom at a site."""
    rows = await db.fetch(_APART, network_id, site_id)
    return frozenset(frozenset((row["first_id"], row["second_id"])) for row in rows)


async def exchange_seats(
    db: Connection, changes: Mapping[str, tuple[Sequence[Slot], Sequence[Slot]]], at: datetime
) -> bool:
    """Everybody gives up the first seats and takes the second, or nothing changes."""
    with suppress(_Taken):
        async with transaction(db):
            await _exchange(db, changes, at)
        return True
    return False


async def _exchange(
    db: Connection, changes: Mapping[str, tuple[Sequence[Slot], Sequence[Slot]]], at: datetime
) -> None:
    for episode_id, (gone, _) in sorted(changes.items()):
        await free_seats(db, episode_id, gone)
    for episode_id, (_, wanted) in sorted(changes.items()):
        if not await take_seats(db, episode_id, wanted, at):
            raise _Taken


async def find_plans(db: Connection, who: Who, site_id: str | None) -> list[dict[str, Any]]:
    """The newest plans of the caller's sites."""
    rows = await db.fetch(_FIND_PLANS, who.network_id, list(who.sites), site_id)
    return [json.loads(row["state"]) for row in rows]


async def find_plan(db: Connection, who: Who, plan_id: str) -> dict[str, Any] | None:
    """One plan, or None where the caller may not see it."""
    row = await db.fetchrow(_FIND_PLAN, who.network_id, list(who.sites), plan_id)
    return None if row is None else json.loads(row["state"])
