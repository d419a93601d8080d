"""Every line of SQL of intake."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from services.chassis.auth import Who
from services.chassis.codec import load
from services.chassis.db import Connection
from services.chassis.service import Aggregate
from services.intake import domain

REFERRALS = Aggregate("referrals", domain.Referral, domain.evolve, facts=domain.FACTS)
SITES = Aggregate("sites", domain.Site, domain.evolve_site, facts=domain.SITE_FACTS)

_SITE = "SELECT state FROM sites WHERE id = $2 AND network_id = $1"

# Sorted keys: two that claim the same person wait for each other instead of deadlocking.
_CLAIM = """INSERT INTO open_people (network_id, person_key, referral_id)
  SELECT $1, k, $3 FROM unnest($2::text[]) AS k ORDER BY k
  ON CONFLICT DO NOTHING RETURNING person_key"""

_HOLDER = """SELECT r.id FROM open_people p JOIN referrals r ON r.id = p.referral_id
  WHERE p.network_id = $1 AND p.person_key = ANY($2) AND p.referral_id <> $3
  ORDER BY r.born = $4 DESC, r.id LIMIT 1"""

_RELINK = "UPDATE open_people SET referral_id = $2 WHERE referral_id = $1"

_REMEMBER = """INSERT INTO known_people (network_id, person_key, referral_id)
  SELECT $1, k, $3 FROM unnest($2::text[]) AS k ON CONFLICT DO NOTHING"""

_EARLIER = """SELECT DISTINCT r.id, r.patient_id, (r.state ->> 'died')::boolean AS died,
    jsonb_array_length(r.state -> 'alerts') > 0 AS alerted,
    (r.state ->> 'received_at')::timestamptz AS received_at
  FROM known_people k JOIN referrals r ON r.id = k.referral_id
  WHERE k.network_id = $1 AND k.person_key = ANY($2) AND r.born = $3
    AND r.stage IN ('DECLINED', 'DISCHARGED')
  ORDER BY received_at DESC, r.id DESC LIMIT 20"""

_ALIKE = "SELECT EXISTS (SELECT FROM referrals WHERE network_id = $1 AND likeness = $2)"

_LOOKALIKES = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2) AND born = $3 AND id <> $4 ORDER BY id DESC LIMIT 200"""

_RELEASE = "DELETE FROM open_people WHERE referral_id = $1"

_NEXT = """SELECT id FROM referrals
  WHERE network_id = $1 AND site_id = $2 AND stage = 'WAITLISTED' AND id <> ALL($3)
    AND state -> 'entry' ->> 'offer' IS NULL
    AND state -> 'entry' ->> 'reason' <> ALL($5)
    AND ((state -> 'wish' ->> 'for_release_at') IS NULL
      OR (state -> 'wish' ->> 'for_release_at')::timestamptz < $4)
  ORDER BY (state -> 'entry' ->> 'priority')::int, (state -> 'entry' ->> 'queued_at')::timestamptz, id
  LIMIT 1 FOR UPDATE SKIP LOCKED"""

_ONE = "SELECT id, version, state FROM referrals WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"

_RECEIVED = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2)
    AND (id = $3 OR state -> 'sources' @> $4::jsonb) LIMIT 1"""

_PAGE = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2) AND ($4::text IS NULL OR id > $4)
    AND ($3::text[] IS NULL OR stage = ANY($3)) AND ($6::text IS NULL OR source = $6)
    AND ($7::text IS NULL OR urgency = $7) AND ($8::text IS NULL OR owner = $8)
    AND ($9::text IS NULL OR patient_id = $9)
  ORDER BY id LIMIT $5"""

_DESK = """SELECT id, version, state, queue_rank FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2)
    AND stage IN ('REFERRED', 'SCREENED', 'DETOX_REFERRED', 'ASSESSED', 'WAITLISTED')
    AND ($3::text IS NULL OR stage = $3) AND ($4::text IS NULL OR owner = $4)
    AND (NOT $5 OR owner IS NULL) AND (queue_rank, id) > ($6::smallint, $7::text)
  ORDER BY queue_rank, id LIMIT $8"""

_ALERTED = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2) AND jsonb_array_length(state -> 'alerts') > 0
    AND ($3::text IS NULL OR id > $3)
  ORDER BY id LIMIT $4"""

_LIST = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2) AND stage = 'WAITLISTED'
    AND ($3::text IS NULL OR id > $3)
  ORDER BY id LIMIT $4"""

_POSITIONS = """SELECT id, place FROM (
    SELECT id, row_number() OVER (PARTITION BY site_id ORDER BY (state -> 'entry' ->> 'priority')::int,
      (state -> 'entry' ->> 'queued_at')::timestamptz, id) AS place
    FROM referrals WHERE network_id = $1 AND site_id = ANY($2) AND stage = 'WAITLISTED') AS queue
  WHERE id = ANY($3)"""

_STORY = """SELECT version, type, data, at FROM journal
  WHERE aggregate = 'referrals' AND aggregate_id = $1 AND type = ANY($2) AND version > $3
  ORDER BY version LIMIT $4"""

Row = dict[str, Any]


async def find_site(db: Connection, network_id: str, site_id: str) -> domain.Site | None:
    """A site that has opened in a network."""
    row = await db.fetchrow(_SITE, network_id, site_id)
    site: domain.Site | None = load(domain.Site, row["state"]) if row else None
    return site


async def claim_person(db: Connection, network_id: str, keys: Sequence[str], referral_id: str) -> bool:
    """Claim a person for one referral; False when somebody holds any of the keys.

    Waits for a claim that is being made at the same time. Whatever was claimed stays this referral's
    until it is passed on or let go.
    """
    claimed = await db.fetch(_CLAIM, network_id, list(keys), referral_id)
    return len(claimed) == len(keys)


async def find_holder(
    db: Connection, network_id: str, keys: Sequence[str], referral_id: str, born: date
) -> str | None:
    """The open referral that holds a person, one of the same birth date before others."""
    found: str | None = await db.fetchval(_HOLDER, network_id, list(keys), referral_id, born.isoformat())
    return found


async def pass_claims(db: Connection, referral_id: str, holder: str) -> None:
    """What was claimed of the person here belongs to the way that is open already."""
    await db.execute(_RELINK, referral_id, holder)


async def find_earlier(db: Connection, network_id: str, keys: Sequence[str], born: date) -> list[Row]:
    """The closed ways of a person, newest first: id, patient_id, whether they died, and have an alert.

    A number that somebody of another birth date has too says nothing.
    """
    found = await db.fetch(_EARLIER, network_id, list(keys), born.isoformat())
    return [dict(row) for row in found]


async def find_alike(db: Connection, network_id: str, likeness: str) -> bool:
    """Whether somebody of the same name and birth date is known in the network."""
    return bool(await db.fetchval(_ALIKE, network_id, likeness))


async def remember_person(db: Connection, network_id: str, keys: Sequence[str], referral_id: str) -> None:
    """Keep by which keys the person of a referral may be known again."""
    await db.execute(_REMEMBER, network_id, list(keys), referral_id)


async def release_person(db: Connection, referral_id: str) -> None:
    """The person's way is closed: a new referral may open."""
    await db.execute(_RELEASE, referral_id)


async def next_waiting(
    db: Connection, network_id: str, site_id: str, passed: Sequence[str], released_at: datetime
) -> str | None:
    """The first in a site's queue whom no other transaction is busy with and who was not yet asked for."""
    found: str | None = await db.fetchval(
        _NEXT, network_id, site_id, list(passed), released_at, domain.PAYER_REASONS
    )
    return found


async def find_referral(db: Connection, who: Who, referral_id: str) -> Row | None:
    """One referral of the caller's sites."""
    row = await db.fetchrow(_ONE, who.network_id, list(who.sites), referral_id)
    return _row(row) if row else None


async def find_received(db: Connection, who: Who, receipt_id: str) -> Row | None:
    """Where a referral with this receipt went, within the caller's sites."""
    source = json.dumps([{"receipt_id": receipt_id}])
    row = await db.fetchrow(_RECEIVED, who.network_id, list(who.sites), receipt_id, source)
    return _row(row) if row else None


async def find_lookalikes(db: Connection, who: Who, referral: domain.Referral) -> list[Row]:
    """Referrals of somebody of the same birth date, in the caller's sites."""
    born = referral.person.birth_date.isoformat()
    found = await db.fetch(_LOOKALIKES, who.network_id, list(who.sites), born, referral.id)
    return [_row(r) for r in found]


async def find_referrals(
    db: Connection,
    who: Who,
    *,
    sites: Sequence[str],
    stages: Sequence[str] | None,
    after: str | None,
    limit: int,
    source: str | None = None,
    urgency: str | None = None,
    owner: str | None = None,
    patient_id: str | None = None,
) -> list[Row]:
    """The caller's referrals in the order in which they came."""
    wanted = _among(who, sites)
    found = await db.fetch(
        _PAGE, who.network_id, wanted, stages, after, limit, source, urgency, owner, patient_id
    )
    return [_row(r) for r in found]


async def find_desk(
    db: Connection,
    who: Who,
    *,
    sites: Sequence[str],
    stage: str | None,
    owner: str | None,
    unowned: bool,
    after: tuple[int, str],
    limit: int,
) -> list[Row]:
    """What waits at the admissions desk: alerts first, then by urgency, the oldest first."""
    wanted = _among(who, sites)
    found = await db.fetch(_DESK, who.network_id, wanted, stage, owner, unowned, *after, limit)
    return [{**_row(r), "queue_rank": r["queue_rank"]} for r in found]


async def find_alerted(
    db: Connection, who: Who, *, sites: Sequence[str], after: str | None, limit: int
) -> list[Row]:
    """Referrals with an open safety alert, also those that ended."""
    found = await db.fetch(_ALERTED, who.network_id, _among(who, sites), after, limit)
    return [_row(r) for r in found]


async def find_waiting(
    db: Connection, who: Who, *, sites: Sequence[str], after: str | None, limit: int
) -> list[Row]:
    """Who is on the waiting list."""
    found = await db.fetch(_LIST, who.network_id, _among(who, sites), after, limit)
    return [_row(r) for r in found]


async def find_positions(db: Connection, who: Who, ids: Sequence[str]) -> dict[str, int]:
    """The place of each in the queue of its site; 1 is next."""
    found = await db.fetch(_POSITIONS, who.network_id, list(who.sites), list(ids))
    return {row["id"]: row["place"] for row in found}


async def find_story(
    db: Connection, referral_id: str, kinds: Sequence[str], *, after: int, limit: int
) -> list[Row]:
    """What was recorded of some kinds, oldest first: version, type, at and data."""
    found = await db.fetch(_STORY, referral_id, list(kinds), after, limit)
    return [{**dict(r), "data": json.loads(r["data"])} for r in found]


def _among(who: Who, sites: Sequence[str]) -> list[str]:
    return [s for s in sites if s in who.sites]


def _row(row: Any) -> Row:
    return {"id": row["id"], "version": row["version"], "state": load(domain.Referral, row["state"])}
