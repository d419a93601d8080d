"""Groups: opened, changed, closed, and shown with their free seats."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.scheduling import Attributes, Break
from contracts.vocabulary import (
    AgeBand,
    Count,
    GroupKind,
    LocalTime,
    Minutes,
    Modality,
    ServiceKind,
    Token,
    Weekday,
)
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import PLANNERS, Day, LevelCode
from services.scheduling.domain.groups import ChangeGroup, CloseGroup, OpenGroup

routes = APIRouter()


class BreakBody(Body):
    """A pause inside a session."""

    offset: Minutes
    minutes: Annotated[int, Field(ge=1, le=240)]


class AttributesBody(Body):
    """Whom a group is for; nothing said means everybody."""

    age_band: AgeBand | None = None
    language: Token | None = None
    gender: Token | None = None
    track: Token | None = None


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
    min_to_run: Annotated[int, Field(ge=0, le=200)] = 0
    open_enrolment: bool = True
    attributes: AttributesBody = Field(default_factory=AttributesBody)
    room_id: Token | None = None
    facilitator_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class GroupChangeBody(Body):
    """What of a group changes from a day on; what is not said stays."""

    effective_on: Day
    facilitator_id: Token | None = None
    room_id: Token | None = None
    min_to_run: Annotated[int, Field(ge=0, le=200)] | None = None
    open_enrolment: bool | None = None


class GroupCloseBody(Body):
    """The first day on which a group meets no more, and why."""

    effective_on: Day
    cause: Token


class EraView(BaseModel):
    """How a group is until an announced change."""

    until: date
    min_to_run: int
    open_enrolment: bool
    room_id: str | None
    facilitator_id: str | None


class GroupView(BaseModel):
    """A group, with the free seats of each of its weekdays; as it will be after the last announced change."""

    group_id: str
    site_id: str
    service_kind: ServiceKind = ServiceKind.GROUP
    kind: GroupKind | None
    levels: list[str]
    capacity: Count
    dow: list[int]
    start_local: str
    end_local: str
    breaks: list[Break]
    tz: str
    min_to_run: int = 0
    open_enrolment: bool = True
    attributes: Attributes = Attributes()
    room_id: str | None = None
    facilitator_id: str | None = None
    modality: Modality = Modality.IN_PERSON
    eras: list[EraView] = []
    closes_on: date | None = None
    free: dict[str, int]


class GroupsView(BaseModel):
    """Groups of one or all of the caller's sites."""

    items: list[GroupView]


@routes.post("/v1/groups", status_code=201)
async def open_group(body: GroupBody, call: Call) -> Answer:
    """Open a weekly group with its seats and its first sessions."""
    call.require_role(*PLANNERS)
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
        min_to_run=body.min_to_run,
        open_enrolment=body.open_enrolment,
        attributes=Attributes(**body.attributes.model_dump()),
        room_id=body.room_id,
        facilitator_id=body.facilitator_id,
        modality=body.modality,
    )
    group_id = body.group_id or call.new_id()
    return await call.take(command, on=group_id, extra=lambda group: {"group_id": group.id})


@routes.post("/v1/groups/{group_id}/changes", status_code=201)
async def change_group(group_id: Token, body: GroupChangeBody, call: Call) -> Answer:
    """Let a group be led by somebody else, meet elsewhere or take others in from a day on."""
    call.require_role(*PLANNERS)
    command = ChangeGroup(
        call.who.network_id,
        tuple(call.who.sites),
        body.effective_on,
        body.facilitator_id,
        body.room_id,
        body.min_to_run,
        body.open_enrolment,
    )
    return await call.take(command, on=group_id)


@routes.post("/v1/groups/{group_id}/close", status_code=201)
async def close_group(group_id: Token, body: GroupCloseBody, call: Call) -> Answer:
    """Let a group meet for the last time before a day."""
    call.require_role(*PLANNERS)
    command = CloseGroup(call.who.network_id, tuple(call.who.sites), body.effective_on, body.cause)
    return await call.take(command, on=group_id)


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
