"""The HTTP face of notify: which messages went out, which wait, and which were kept back."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from contracts.decisions import Refused
from contracts.vocabulary import Token, utc
from services.chassis.http import Call, Limit, Page
from services.notify import store

routes = APIRouter()

Cursor = Annotated[str, Query(max_length=120)]


@routes.get("/v1/messages")
async def messages(
    call: Call, episode_id: Token | None = None, cursor: Cursor = "", limit: Limit = 50
) -> Page:
    """Messages of the caller's sites, the newest first, without their words."""
    async with call.reading() as db:
        rows = await store.find_messages(db, call.who, episode_id, _position(cursor), limit + 1)
    items = [{**row, "at": utc(row["at"])} for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items=items, cursor=f"{items[-1]['at']}~{items[-1]['message_id']}" if more else None)


def _position(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    at, _, message_id = cursor.partition("~")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not message_id.isprintable():
        raise Refused("invalid", "The cursor is not one that this list gave out.", status=422)
    return instant, message_id
