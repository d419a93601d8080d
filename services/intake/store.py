"""Every line of SQL of intake."""

import json
from collections.abc import Sequence
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

_HOLDER = """SELECT r.id, r.site_id FROM open_people p JOIN referrals r ON r.id = p.referral_id
  WHERE p.network_id = $1 AND p.person_key = ANY($2) AND p.referral_id <> $3 ORDER BY r.id LIMIT 1"""

_REMEMBER = """INSERT INTO known_people (network_id, person_key, referral_id)
  SELECT $1, k, $3 FROM unnest($2::text[]) AS k ON CONFLICT DO NOTHING"""

_PRIOR = """SELECT r.id, r.state ->> 'patient_id' AS patient_id
  FROM known_people k JOIN referrals r ON r.id = k.referral_id
  WHERE k.network_id = $1 AND k.person_key = ANY($2) AND r.stage IN ('DECLINED', 'DISCHARGED')
  ORDER BY (r.state ->> 'received_at')::timestamptz DESC, r.id DESC LIMIT 1"""

_ALIKE = "SELECT EXISTS (SELECT FROM referrals WHERE network_id = $1 AND likeness = $2)"

_RELEASE = "DELETE FROM open_people WHERE referral_id = $1"

_NEXT = """SELECT id FROM referrals
  WHERE network_id = $1 AND site_id = $2 AND stage = 'WAITLISTED' AND id <> ALL($3)
    AND state -> 'entry' ->> 'offer' IS NULL AND state -> 'entry' ->> 'reason' <> 'authorization_pended'
  ORDER BY (state -> 'entry' ->> 'priority')::int, (state -> 'entry' ->> 'queued_at')::timestamptz, id
  LIMIT 1 FOR UPDATE SKIP LOCKED"""

_ONE = "SELECT version, state FROM referrals WHERE id = $3 AND network_id = $1 AND site_id = ANY($2)"

_PAGE = """SELECT id, version, state FROM referrals
  WHERE network_id = $1 AND site_id = ANY($2) AND ($3::text IS NULL OR stage = $3)
    AND ($4::text IS NULL OR id > $4)
  ORDER BY id LIMIT $5"""


async def find_site(db: Connection, network_id: str, site_id: str) -> domain.Site | None:
    """A site that has opened in a network."""
    row = await db.fetchrow(_SITE, network_id, site_id)
    site: domain.Site | None = load(domain.Site, row["state"]) if row else None
    return site


async def claim_person(db: Connection, network_id: str, keys: Sequence[str], referral_id: str) -> bool:
    """Claim a person for one referral; False when somebody holds any of the keys.

    Waits for a claim that is being made at the same time. What was claimed here before the
    refusal goes with the caller's transaction.
    """
    claimed = await db.fetch(_CLAIM, network_id, list(keys), referral_id)
    return len(claimed) == len(keys)


async def find_holder(
    db: Connection, network_id: str, keys: Sequence[str], referral_id: str
) -> tuple[str, str] | None:
    """The open referral that holds a person, and its site."""
    row = await db.fetchrow(_HOLDER, network_id, list(keys), referral_id)
    return (row["id"], row["site_id"]) if row else None


async def find_prior(db: Connection, network_id: str, keys: Sequence[str]) -> tuple[str, str] | None:
    """The last closed referral of a person, and the id the person had."""
    row = await db.fetchrow(_PRIOR, network_id, list(keys))
    return (row["id"], row["patient_id"]) if row else None


async def find_alike(db: Connection, network_id: str, likeness: str) -> bool:
    """Whether somebody of the same name and birth date is known in the network."""
    return bool(await db.fetchval(_ALIKE, network_id, likeness))


async def remember_person(db: Connection, network_id: str, keys: Sequence[str], referral_id: str) -> None:
    """Keep by which keys the person of a referral may be known again."""
    await db.execute(_REMEMBER, network_id, list(keys), referral_id)


async def release_person(db: Connection, referral_id: str) -> None:
    """The person's way is closed: a new referral may open."""
    await db.execute(_RELEASE, referral_id)


async def next_waiting(db: Connection, network_id: str, site_id: str, passed: Sequence[str]) -> str | None:
    """The first in a site's queue who is not passed over and whom no other transaction is busy with."""
    found: str | None = await db.fetchval(_NEXT, network_id, site_id, list(passed))
    return found


async def find_referral(db: Connection, who: Who, referral_id: str) -> dict[str, Any] | None:
    """One referral of the caller's sites."""
    row = await db.fetchrow(_ONE, who.network_id, list(who.sites), referral_id)
    return {"version": row["version"], "state": json.loads(row["state"])} if row else None


async def find_referrals(
    db: Connection, who: Who, *, sites: Sequence[str], stage: str | None, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """The caller's referrals in the order in which they came."""
    wanted = [s for s in sites if s in who.sites]
    rows = await db.fetch(_PAGE, who.network_id, wanted, stage, after, limit)
    return [{"version": r["version"], "state": json.loads(r["state"])} for r in rows]
