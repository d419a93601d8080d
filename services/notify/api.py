"""The HTTP face of notify: which messages went out, which wait, and which were kept back."""

from datetime import UTC, datetime
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
        rows = await store.find_messages(db, call.who, episode_id, position_of(cursor), limit + 1)
    items = [{**row, "at": utc(row["at"])} for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items=items, cursor=f"{items[-1]['at']}~{items[-1]['message_id']}" if more else None)


def position_of(cursor: str) -> tuple[datetime, str] | None:
    """Where a page of the list begins; raises Refused where the list gave out no such cursor."""
    if not cursor:
        return None
    at, _, message_id = cursor.partition("~")
    try:
        given = datetime.fromisoformat(at)
        # An offset can carry the first and the last instants beyond what a datetime holds.
        instant = given.astimezone(UTC) if given.tzinfo is not None else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None or not message_id.isprintable():
        raise Refused("invalid", "The cursor is not one that this list gave out.", status=422)
    return instant, message_id
