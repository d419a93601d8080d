"""What happened to one person, told by all services, over HTTP."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts import catalogue
from contracts.event import Event, PatientEvent
from contracts.vocabulary import Token
from services.chassis import codec
from services.chassis.clock import is_derived
from services.chassis.http import Call, Limit, Page
from services.progress import store

routes = APIRouter()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_COMMON = frozenset(PatientEvent.model_fields)
Place = Annotated[str, Query(pattern=r"^(-?\d{1,18}\.\d{1,19}\.[A-Za-z0-9_.:-]{1,200})?$")]


@routes.get("/v1/episodes/{episode_id}/timeline")
async def timeline(episode_id: Token, call: Call, cursor: Place = "", limit: Limit = 100) -> Page:
    """Everything that all services said about this person since the referral, and what caused what."""
    async with call.reading() as db:
        if not await store.has_episode(db, call.who, episode_id):
            raise call.not_found()
        found = await store.find_story(db, episode_id, _after(cursor), limit + 1)
        inside = await store.find_among(db, episode_id, {row["cause"] for row in found[:limit]})
    told = [(row, _fields(row["body"])) for row in found[:limit]]
    mine = (None, call.who.network_id)
    items = [_item(row, body, inside) for row, body in told if body.get("network_id") in mine]
    return Page(items=items, cursor=_place(found[limit - 1]) if len(found) > limit else None)


def _after(cursor: str) -> tuple[datetime, int, str]:
    if not cursor:
        return _FIRST, 0, ""
    micros, seq, event_id = cursor.split(".", 2)
    ticks = min(max(int(micros), (_FIRST - _EPOCH) // _TICK), (_LAST - _EPOCH) // _TICK)
    return _EPOCH + ticks * _TICK, min(int(seq), store.UNSENT_LAST), event_id


def _place(row: dict[str, Any]) -> str:
    return f"{(row['at'] - _EPOCH) // _TICK}.{row['seq']}.{row['event_id']}"


def _item(row: dict[str, Any], body: dict[str, Any], inside: set[str]) -> dict[str, Any]:
    kind, cause = _language().get(row["type"]), row["cause"]
    return {
        "id": row["event_id"],
        "type": row["type"],
        "service": row["type"].partition(".")[0],
        "at": row["at"],
        "recorded_at": row["recorded_at"],
        "summary": kind.summary() if kind else None,
        "actor": body.get("actor"),
        "cause": {"id": cause, "kind": _kind(cause, inside), "in_timeline": cause in inside},
        "facts": {name: value for name, value in body.items() if name not in _COMMON},
    }


def _kind(cause: str, inside: set[str]) -> str:
    """An event, a wake, or what somebody asked for; a wake's id names what woke."""
    if "/" in cause:
        return "wake"
    return "event" if cause in inside or is_derived(cause) else "command"


def _fields(body: str) -> dict[str, Any]:
    """What an event says, and nothing where it cannot be read."""
    try:
        found: dict[str, Any] = codec.load(dict, body)
    except ValueError:
        return {}
    return found


@cache
def _language() -> dict[str, type[Event]]:
    return catalogue.all_events()
