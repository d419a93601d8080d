"""The HTTP shapes and routes of scheduling."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.scheduling import Break
from contracts.vocabulary import (
    Count,
    GroupKind,
    LocalTime,
    Minutes,
    Modality,
    ServiceKind,
    Slot,
    Token,
    Weekday,
    Zone,
)
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.domain.agreement import AgreeSchedule
from services.scheduling.domain.places import OpenGroup, OpenSite
from services.scheduling.domain.sessions import Mark, Presence, RollCall

routes = APIRouter()

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
LevelCode = Annotated[str, Field(pattern=r"^[0-9](\.[0-9])?$")]


class SiteBody(Body):
    """A site to open."""

    site_id: Token
    tz: Zone
    opens_local: LocalTime
    closes_local: LocalTime
    part2: bool


class BreakBody(Body):
    """A pause inside a session."""

    offset: Minutes
    minutes: Annotated[int, Field(ge=1, le=240)]


class GroupBody(Body):
    """A weekly group to open."""

    site_id: Token
    group_id: Token | None = None
    kind: GroupKind
    levels: Annotated[list[LevelCode], Field(min_length=1, max_length=10)]
    capacity: Annotated[int, Field(ge=1, le=200)]
    dow: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    start_local: LocalTime
    end_local: LocalTime
    breaks: Annotated[list[BreakBody], Field(max_length=20)] = Field(default_factory=list)


class SlotBody(Body):
    """One weekly appointment."""

    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime
    group_id: Token
    modality: Modality = Modality.IN_PERSON


class ScheduleBody(Body):
    """An agreed week; without slots it is the one whose seats are held."""

    agreed_by_patient: bool
    agreed_by_clinician: bool
    effective_from: Day | None = None
    slots: Annotated[list[SlotBody], Field(min_length=1, max_length=21)] | None = None


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


class GroupView(BaseModel):
    """A group, with the free seats of each of its weekdays."""

    group_id: str
    site_id: str
    kind: GroupKind
    levels: list[str]
    capacity: Count
    dow: list[int]
    start_local: str
    end_local: str
    breaks: list[Break]
    tz: str
    free: dict[str, int]


class GroupsView(BaseModel):
    """Groups of one or all of the caller's sites."""

    items: list[GroupView]


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


class WeekView(BaseModel):
    """One version of an agreed week."""

    version: int
    effective_from: date
    slots: list[Slot]
    planned_weekly_minutes: int
    reason: str


class ScheduleView(BaseModel):
    """A person's calendar: the held seats, the agreed weeks and how it stands."""

    episode_id: str
    site_id: str
    tz: str
    stage: str
    level: str
    seats: list[Slot]
    hold_expires_at: str | None
    weeks: list[WeekView]
    consecutive_missed: int


@routes.post("/v1/sites", status_code=201)
async def open_site(body: SiteBody, call: Call) -> Answer:
    """Open a site for scheduling."""
    call.require_role("scheduler", "director", "operator")
    call.require_site(body.site_id)
    command = OpenSite(
        call.who.network_id, body.site_id, body.tz, body.opens_local, body.closes_local, body.part2
    )
    return await call.take(command, on=body.site_id)


@routes.post("/v1/groups", status_code=201)
async def open_group(body: GroupBody, call: Call) -> Answer:
    """Open a weekly group with its seats and its first sessions."""
    call.require_role("scheduler", "director", "operator")
    call.require_site(body.site_id)
    command = OpenGroup(
        network_id=call.who.network_id,
        site_id=body.site_id,
        kind=body.kind,
        levels=tuple(body.levels),
        capacity=body.capacity,
        dow=tuple(body.dow),
        start_local=body.start_local,
        end_local=body.end_local,
        breaks=tuple(Break(offset=b.offset, minutes=b.minutes) for b in body.breaks),
    )
    group_id = body.group_id or call.new_id()
    return await call.take(command, on=group_id, extra=lambda group: {"group_id": group.id})


@routes.get("/v1/groups")
async def groups(call: Call, site_id: Token | None = None) -> GroupsView:
    """The groups of the caller's sites."""
    async with call.reading() as db:
        rows = await store.find_groups(db, call.who, site_id)
    return GroupsView(items=[_group(row) for row in rows])


def _group(row: dict[str, Any]) -> GroupView:
    return GroupView.model_validate(
        {**row, "group_id": row["id"], "levels": [level["code"] for level in row["levels"]]}
    )


@routes.post("/v1/episodes/{episode_id}/schedule", status_code=201)
async def agree_schedule(episode_id: Token, body: ScheduleBody, call: Call) -> Answer:
    """Agree on a weekly calendar, or change the one in force."""
    call.require_role("clinician", "scheduler", "director")
    slots = None if body.slots is None else tuple(_slot(s) for s in body.slots)
    command = AgreeSchedule(
        network_id=call.who.network_id,
        sites=tuple(call.who.sites),
        agreed_by_patient=body.agreed_by_patient,
        agreed_by_clinician=body.agreed_by_clinician,
        effective_from=body.effective_from,
        slots=slots,
    )
    return await call.take(command, on=episode_id, extra=lambda state: {"schedule_id": state.schedule_id})


def _slot(body: SlotBody) -> Slot:
    return Slot(
        dow=body.dow,
        start_local=body.start_local,
        end_local=body.end_local,
        service_kind=ServiceKind.GROUP,
        group_id=body.group_id,
        modality=body.modality,
    )


@routes.get("/v1/episodes/{episode_id}/schedule")
async def schedule(episode_id: Token, call: Call) -> ScheduleView:
    """A person's calendar: held seats, agreed weeks and what is in force."""
    async with call.reading() as db:
        row = await store.find_calendar(db, call.who, episode_id)
    if row is None:
        raise call.not_found()
    return ScheduleView(
        episode_id=row["id"],
        site_id=row["site_id"],
        tz=row["tz"],
        stage=row["stage"],
        level=row["levels"][-1]["level"]["code"],
        seats=[Slot.model_validate(s, strict=False) for s in row["seats"]],
        hold_expires_at=row["hold"]["expires_at"] if row["hold"] else None,
        weeks=[WeekView.model_validate(w, strict=False) for w in row["weeks"]],
        consecutive_missed=row["consecutive_missed"],
    )


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
