"""The whole story of an aggregate: beside what its service says of it, what all others say."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from contracts.event import instant
from services.chassis.db import Connection
from services.chassis.service import Service
from services.chassis.work import Message, clean

_KEEP = """INSERT INTO story (aggregate_id, at, event_id, stream_seq, type, recorded_at, cause, body)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::bigint[], $5::text[],
    $6::timestamptz[], $7::text[], $8::text[])
  ON CONFLICT DO NOTHING"""


async def keep(db: Connection, service: Service, messages: Iterable[Message]) -> None:
    """Keep what others say about the aggregates of a service that keeps their story, heard or not."""
    if rows := [_row(m) for m in messages if belongs(service, m)]:
        await db.execute(_KEEP, *map(list, zip(*rows, strict=True)))


def belongs(service: Service, m: Message) -> bool:
    """Whether a message is part of a story that the service keeps; what nobody knows yet may become so."""
    if not service.story or m.teller == service.name:
        return False
    kind = service.language.get(m.name)
    return kind is None or service.story == kind.AGGREGATE


def _row(m: Message) -> tuple[Any, ...]:
    headers = m.content["headers"]
    at = _instant(headers.get("ce-time"), m.at)
    recorded_at = _instant(headers.get("ce-recordedtime"), at)
    cause = clean(unquote(headers.get("ce-causationid", "")))[:200]
    return m.key, at, m.id, m.seq, m.name, recorded_at, cause, m.content["body"]


def _instant(text: str | None, otherwise: datetime) -> datetime:
    """An instant that a header names, if it is one that can be kept."""
    try:
        return instant(unquote(text or ""))
    except (ValueError, OverflowError):
        return otherwise
