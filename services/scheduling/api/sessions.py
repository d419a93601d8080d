"""Sessions: who is expected, who was there, and what is put right afterwards."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.vocabulary import Modality, ServiceKind, Token, utc
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import Day
from services.scheduling.domain import roll_call
from services.scheduling.domain.roll_call import CorrectAttendance, LateEntry, RollCall
from services.scheduling.domain.sessions import (
    Booked,
    CancelSession,
    Mark,
    Presence,
    Session,
    count_minutes,
)

routes = APIRouter()
STAFF = ("clinician", "scheduler", "director")
LATE = Annotated[int, Field(ge=0, le=1440)]
GOALS = Annotated[list[Token], Field(max_length=20)]


class EntryBody(Body):
    """What the roll call says about one person; minutes left out are those of the check-in."""

    episode_id: Token
    status: Presence
    late_minutes: LATE | None = None
    left_early_minutes: LATE | None = None
    goals: GOALS | None = None
    """What this person worked on, where it is not what the session was about."""


class RollEntryBody(EntryBody):
    """What the roll call says about one person, who may also walk in."""

    walk_in: bool = False


class RollCallBody(Body):
    """Who is there; `rest` speaks for everybody not named and not yet recorded."""

    entries: Annotated[list[RollEntryBody], Field(max_length=500)] = Field(default_factory=list)
    rest: Presence | None = None
    goals: GOALS = Field(default_factory=list)
    """What the session was about, for everybody whose entry does not say otherwise."""


class LateEntryBody(Body):
    """Who was there; `rest` speaks for everybody not named whom nobody recorded."""

    entries: Annotated[list[EntryBody], Field(max_length=500)] = Field(default_factory=list)
    rest: Presence | None = None
    goals: GOALS = Field(default_factory=list)


class CorrectionBody(EntryBody):
    """What should have been recorded about one person, and why it was not."""

    reason: Token


class CancelBody(Body):
    """Why a session does not take place."""

    cause: Token


class RosterEntry(BaseModel):
    """One expected person, and what is known of them."""

    episode_id: str
    status: str


class RosterLine(RosterEntry):
    """One expected person with all that was recorded."""

    cause: str | None
    """Why the person comes beside the agreed week."""
    late_minutes: int | None
    present_minutes: int | None
    left_early_minutes: int | None
    goals: list[str]
    notice_minutes: int | None
    arrived_at: str | None
    left_at: str | None
    items: list[str]
    locker_id: str | None
    returned: bool | None


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
    cancelled: str
    """Why it does not take place; empty where it does."""
    facilitator_id: str | None
    room_id: str | None
    modality: Modality
    capacity: int
    roster: Sequence[RosterEntry]


class SessionDetail(SessionView):
    """A session with all that was recorded of everybody."""

    roster: Sequence[RosterLine]


class SessionsView(BaseModel):
    """The sessions of one day."""

    items: list[SessionView]


@routes.get("/v1/sessions")
async def sessions(call: Call, on: Day, site_id: Token | None = None) -> SessionsView:
    """The sessions of one day, each with its roster."""
    async with call.reading() as db:
        found = await store.find_sessions(db, call.who, site_id, on)
    return SessionsView(items=[_listed(session, booked) for session, booked in found])


def _listed(session: Session, booked: list[str]) -> SessionView:
    people = sorted(session.roster) if session.over else booked
    roster = [RosterEntry(episode_id=k, status=roll_call.standing(session, k)) for k in people]
    return SessionView(**_about(session), roster=roster)


def _about(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "site_id": session.site_id,
        "group_id": session.group_id,
        "service_kind": session.service_kind,
        "start_at": utc(session.start_at),
        "end_at": utc(session.end_at),
        "tz": session.tz,
        "local_date": session.local_date,
        "status": session.stage,
        "cancelled": session.cancelled,
        "facilitator_id": session.facilitator_id,
        "room_id": session.room_id,
        "modality": session.modality,
        "capacity": session.capacity,
    }


@routes.get("/v1/sessions/{session_id}")
async def session(session_id: Token, call: Call) -> SessionDetail:
    """One session with its roster: marks, minutes and what is kept for people."""
    async with call.reading() as db:
        found = await store.find_session(db, call.who, session_id)
        if found is None:
            raise call.not_found()
        booked = {b.episode_id: b for b in await store.roster_of(db, found)}
    people = sorted(set(found.roster) | set(booked)) if found.over else sorted(booked)
    return SessionDetail(**_about(found), roster=[_line(found, k, booked.get(k)) for k in people])


def _line(session: Session, episode_id: str, booked: Booked | None) -> RosterLine:
    word = roll_call.word_on(session, episode_id)
    mark = word if isinstance(word, Mark) else None
    minutes = mark and count_minutes(session, mark.late_minutes or 0, mark.left_early_minutes or 0, True)
    arrival = session.arrivals.get(episode_id)
    cancellation = session.cancellations.get(episode_id)
    return RosterLine(
        episode_id=episode_id,
        status=roll_call.standing(session, episode_id),
        cause=(booked.cause or None) if booked else None,
        late_minutes=minutes.late if minutes else None,
        present_minutes=minutes.present if minutes else None,
        left_early_minutes=minutes.left_early if minutes else None,
        goals=list(mark.goals) if mark else [],
        notice_minutes=cancellation.notice_minutes if cancellation else None,
        arrived_at=utc(arrival.at) if arrival else None,
        left_at=utc(arrival.left_at) if arrival and arrival.left_at else None,
        items=list(arrival.items) if arrival else [],
        locker_id=arrival.locker_id if arrival else None,
        returned=arrival.returned if arrival else None,
    )


@routes.post("/v1/sessions/{session_id}/roll-call", status_code=201)
async def call_roll(session_id: Token, body: RollCallBody, call: Call) -> Answer:
    """Record who is there, from half an hour before the start until the end."""
    call.require_role(*STAFF)
    command = RollCall(
        call.who.network_id,
        tuple(call.who.sites),
        _marks(body.entries, body.goals),
        body.rest,
        tuple(body.goals),
        tuple(e.episode_id for e in body.entries if e.walk_in),
    )
    return await call.take(command, on=session_id)


@routes.post("/v1/sessions/{session_id}/late-entry", status_code=201)
async def enter_late(session_id: Token, body: LateEntryBody, call: Call) -> Answer:
    """Record those whom nobody recorded, after the end of the session."""
    call.require_role(*STAFF)
    command = LateEntry(
        call.who.network_id,
        tuple(call.who.sites),
        _marks(body.entries, body.goals),
        body.rest,
        tuple(body.goals),
    )
    return await call.take(command, on=session_id)


def _marks(entries: Sequence[EntryBody], goals: Sequence[str]) -> dict[str, Mark]:
    return {e.episode_id: _mark(e, goals) for e in entries}


def _mark(entry: EntryBody, goals: Sequence[str] = ()) -> Mark:
    if entry.status is not Presence.PRESENT:
        return Mark(entry.status)
    worked_on = goals if entry.goals is None else entry.goals
    return Mark(entry.status, entry.late_minutes, entry.left_early_minutes, tuple(worked_on))


@routes.post("/v1/sessions/{session_id}/corrections", status_code=201)
async def correct(session_id: Token, body: CorrectionBody, call: Call) -> Answer:
    """Replace what was said about one person, once the session is over."""
    call.require_role("clinician", "director")
    command = CorrectAttendance(
        call.who.network_id, tuple(call.who.sites), body.episode_id, _mark(body), body.reason
    )
    return await call.take(command, on=session_id)


@routes.post("/v1/sessions/{session_id}/cancel", status_code=201)
async def call_off(session_id: Token, body: CancelBody, call: Call) -> Answer:
    """Cancel a whole session before it has begun."""
    call.require_role(*STAFF)
    return await call.take(
        CancelSession(call.who.network_id, tuple(call.who.sites), body.cause), on=session_id
    )
