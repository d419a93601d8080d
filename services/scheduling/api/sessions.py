"""Sessions and their roll calls."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.vocabulary import (
    ServiceKind,
    Token,
)
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import Day
from services.scheduling.domain.sessions import Mark, Presence, RollCall

routes = APIRouter()


class EntryBody(Body):
    """What the roll call says about one person."""

    episode_id: Token
    status: Presence
    late_minutes: Annotated[int, Field(ge=0, le=1440)] = 0
    left_early_minutes: Annotated[int, Field(ge=0, le=1440)] = 0


class RollCallBody(Body):
    """Who is there; `rest` speaks for everybody not named and not yet recorded."""

    entries: Annotated[list[EntryBody], Field(max_length=500)] = Field(default_factory=list)
    rest: Presence | None = None


class RosterEntry(BaseModel):
    """One expected person, and what is known of them."""

    episode_id: str
    status: str


class SessionView(BaseModel):
    """A session with its roster."""

    session_id: str
    site_id: str
    group_id: str
    service_kind: ServiceKind
    start_at: str
    end_at: str
    tz: str
    local_date: date
    status: str
    roster: list[RosterEntry]


class SessionsView(BaseModel):
    """The sessions of one day."""

    items: list[SessionView]


@routes.get("/v1/sessions")
async def sessions(call: Call, on: Day, site_id: Token | None = None) -> SessionsView:
    """The sessions of one day, each with its roster."""
    async with call.reading() as db:
        rows = await store.find_sessions(db, call.who, site_id, on)
    return SessionsView(items=[_session(row) for row in rows])


def _session(row: dict[str, Any]) -> SessionView:
    known = row["missed"] | {k: m["status"] for k, m in row["marks"].items()}
    over = row["stage"] == "completed"
    roster = row["roster"] if over else {k: known.get(k, "expected") for k in row["booked"]}
    return SessionView(
        session_id=row["id"],
        site_id=row["site_id"],
        group_id=row["group_id"],
        service_kind=ServiceKind(row["service_kind"]),
        start_at=row["start_at"],
        end_at=row["end_at"],
        tz=row["tz"],
        local_date=date.fromisoformat(row["local_date"]),
        status=row["stage"],
        roster=[RosterEntry(episode_id=k, status=v) for k, v in sorted(roster.items())],
    )


@routes.post("/v1/sessions/{session_id}/roll-call", status_code=201)
async def roll_call(session_id: Token, body: RollCallBody, call: Call) -> Answer:
    """Record who is there, from half an hour before the start until the end."""
    call.require_role("clinician", "scheduler", "director")
    entries = {e.episode_id: Mark(e.status, e.late_minutes, e.left_early_minutes) for e in body.entries}
    command = RollCall(call.who.network_id, tuple(call.who.sites), entries, body.rest)
    return await call.take(command, on=session_id)
