"""Who is in care, how somebody's numbers went, and what became of those who left."""

import json
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import date
from typing import Any

from contracts.event import Event
from contracts.progress import (
    DischargeCorrected,
    ExtensionApproved,
    MeasureRecorded,
    PatientDischarged,
    StepDownApproved,
    StepUpApproved,
)
from services.chassis import codec
from services.chassis.auth import Who
from services.chassis.db import Connection
from services.progress import domain
from services.progress.store.episodes import EPISODE

TOGETHER = 200

_FIND_IN_CARE = """
SELECT id, state FROM episodes
WHERE network_id = $1 AND site_id = ANY($2) AND in_care AND id > $4
  AND ($3::text IS NULL OR clinician_id = $3)
ORDER BY id
LIMIT $5
"""

_FIND_SAID = """
SELECT event_id, type, at, body FROM outbox WHERE correlation_id = $1 AND type = ANY($2) ORDER BY id
"""

_FIND_WEEKS = f"""
SELECT DISTINCT ON (data->'week'->>'week_start') data->'week' AS week FROM journal
WHERE aggregate = '{EPISODE.table}' AND aggregate_id = $1 AND type = '{domain.WeekNoted.__name__}'
ORDER BY data->'week'->>'week_start', version DESC
"""

_FIND_LEFT = f"""
SELECT e.site_id, e.state->>'program_id' AS program_id, told.*, minutes.*, measures.*
FROM episodes e
CROSS JOIN LATERAL (
  SELECT (array_agg(body ORDER BY id DESC) FILTER (WHERE type IN (
      '{PatientDischarged.type()}', '{DischargeCorrected.type()}')))[1] AS discharged,
    count(*) FILTER (WHERE type = '{ExtensionApproved.type()}') AS extensions,
    count(*) FILTER (WHERE type = '{StepUpApproved.type()}') AS step_ups,
    count(*) FILTER (WHERE type = '{StepDownApproved.type()}') AS step_downs
  FROM outbox WHERE correlation_id = e.id) AS told
CROSS JOIN LATERAL (
  SELECT coalesce(sum((week->>'creditable_minutes')::int), 0) AS creditable,
    coalesce(sum((week->>'scheduled_minutes')::int), 0) AS scheduled
  FROM ({_FIND_WEEKS.replace("$1", "e.id")}) AS weeks) AS minutes
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(body), '{{}}') AS measures FROM (
    SELECT DISTINCT ON (body::jsonb->>'instrument') body FROM outbox
    WHERE correlation_id = e.id AND type = '{MeasureRecorded.type()}'
      AND coalesce(body::jsonb->>'measure_id', '') NOT IN (
        SELECT body::jsonb->>'supersedes_measure_id' FROM outbox
        WHERE correlation_id = e.id AND type = '{MeasureRecorded.type()}'
          AND body::jsonb->>'supersedes_measure_id' IS NOT NULL)
    ORDER BY body::jsonb->>'instrument', (body::jsonb->>'administered_at')::timestamptz DESC, id DESC) AS last
  ) AS measures
WHERE e.network_id = $1 AND e.site_id = ANY($2) AND e.discharged_on BETWEEN $3 AND $4
  AND ($5::text IS NULL OR e.state->>'program_id' = $5)
"""


async def find_in_care(
    db: Connection, who: Who, sites: Sequence[str], clinician_id: str | None
) -> AsyncIterator[Iterator[domain.Episode]]:
    """Everybody whose way is not over or whose alert is open, a few rows at a time, each made when asked for.

    To have thousands of states at a time makes each of them three times as dear.
    """
    after = ""
    while True:
        rows = await db.fetch(_FIND_IN_CARE, who.network_id, list(sites), clinician_id, after, TOGETHER)
        yield (codec.load(EPISODE.state, row["state"]) for row in rows)
        if len(rows) < TOGETHER:
            return
        after = rows[-1]["id"]


async def find_said(
    db: Connection, episode_id: str, kinds: Collection[type[Event]]
) -> list[tuple[str, Any, Any]]:
    """What progress said of these kinds about a person, oldest first: id, instant and event."""
    types = {kind.type(): kind for kind in kinds}
    rows = await db.fetch(_FIND_SAID, episode_id, list(types))
    return [(r["event_id"], r["at"], types[r["type"]].model_validate_json(r["body"])) for r in rows]


async def find_weeks(db: Connection, episode_id: str) -> list[dict[str, Any]]:
    """Every closed week of a person as it was counted last."""
    return [json.loads(row["week"]) for row in await db.fetch(_FIND_WEEKS, episode_id)]


async def find_left(
    db: Connection, who: Who, sites: Sequence[str], program_id: str | None, first: date, last: date
) -> list[domain.Left]:
    """Everybody who was discharged in a period, with what is counted of them."""
    rows = await db.fetch(_FIND_LEFT, who.network_id, list(sites), str(first), str(last), program_id)
    return [_left(row) for row in rows if row["discharged"] is not None]


def _left(row: Any) -> domain.Left:
    return domain.Left(
        site_id=row["site_id"],
        program_id=row["program_id"],
        discharged=PatientDischarged.model_validate_json(row["discharged"]),
        creditable_minutes=row["creditable"],
        scheduled_minutes=row["scheduled"],
        extensions=row["extensions"],
        step_ups=row["step_ups"],
        step_downs=row["step_downs"],
        last_measures=tuple(MeasureRecorded.model_validate_json(body) for body in row["measures"]),
    )
