"""Sites, rooms, clinicians and groups."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.scheduling import Break
from contracts.vocabulary import (
    Count,
    GroupKind,
    LocalTime,
    Minutes,
    Token,
    Weekday,
    Zone,
)
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import LevelCode
from services.scheduling.domain.places import OpenGroup, OpenSite

routes = APIRouter()


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
