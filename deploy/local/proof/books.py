"""What every service has written down, read as one snapshot over all schemas."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

_OUTBOX = """SELECT event_id, type, lane, aggregate_id, sequence, cause, subject, headers::text AS headers,
  body, sent_at IS NOT NULL AS sent, stream_seq FROM {s}.outbox ORDER BY id"""
_INBOX = "SELECT event_id, lane, stream_seq, xmin::text AS xmin FROM {s}.inbox"
_JOURNAL = """SELECT aggregate, aggregate_id, version, type, data::text AS data, cause, xmin::text AS xmin
  FROM {s}.journal ORDER BY aggregate, aggregate_id, version"""
_POSITIONS = "SELECT lane, seq, stream, xmin::text AS xmin FROM {s}.positions ORDER BY lane"
_PARKED = "SELECT aggregate_id, kind, name, message_id, reason FROM {s}.parked ORDER BY id"
_ANSWERS = "SELECT key, status, answer::text AS answer, xmin::text AS xmin FROM {s}.idempotency"
_TABLES = """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
    AND a.attname IN ('id', 'version', 'said', 'state') AND NOT a.attisdropped
  GROUP BY c.relname HAVING count(*) = 4 ORDER BY c.relname"""
_STATES = "SELECT id, network_id, site_id, version, said, state::text AS state FROM {s}.{table} ORDER BY id"
_BORN = "SELECT min(applied_at) FROM {s}.schema_migrations"


@dataclass(slots=True)
class Book:
    """Everything one service keeps that says what happened."""

    outbox: list[Row]
    inbox: dict[str, Row]
    journal: list[Row]
    positions: dict[int, Row]
    parked: list[Row]
    answers: dict[str, Row]
    states: dict[tuple[str, str], Row]
    born: datetime


Books: TypeAlias = Mapping[str, Book]


async def read_books(db: Any, services: Iterable[str]) -> dict[str, Book]:
    """The books of all services, none of them later than another."""
    async with db.transaction(isolation=None if db.is_in_transaction() else "repeatable_read"):
        return {name: await _read(db, name) for name in services}


async def _read(db: Any, service: str) -> Book:
    async def rows(statement: str, **names: str) -> list[Row]:
        return list(await db.fetch(statement.format(s=service, **names)))

    tables = [row["relname"] for row in await db.fetch(_TABLES, service)]
    return Book(
        outbox=await rows(_OUTBOX),
        inbox={row["event_id"]: row for row in await rows(_INBOX)},
        journal=await rows(_JOURNAL),
        positions={row["lane"]: row for row in await rows(_POSITIONS)},
        parked=await rows(_PARKED),
        answers={row["key"]: row for row in await rows(_ANSWERS)},
        states={(table, row["id"]): row for table in tables for row in await rows(_STATES, table=table)},
        born=await db.fetchval(_BORN.format(s=service)),
    )
