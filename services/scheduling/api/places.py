"""Sites, their rooms, their closed days and the holidays to close on."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.vocabulary import DevicePolicy, LocalTime, Token, Weekday, Zone
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import PLANNERS, Day
from services.scheduling.domain.holidays import holidays_of
from services.scheduling.domain.sites import (
    EVERY_DAY,
    LiftClosure,
    OpenRoom,
    OpenSite,
    SetClosure,
)

routes = APIRouter()

Year = Annotated[int, Field(ge=1971, le=2200)]


class SiteBody(Body):
    """A site to open."""

    site_id: Token
    tz: Zone
    opens_local: LocalTime
    closes_local: LocalTime
    part2: bool
    service_days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] = Field(
        default_factory=lambda: list(EVERY_DAY)
    )
    device_policy: DevicePolicy = DevicePolicy.SURRENDER


class RoomBody(Body):
    """A room to open."""

    room_id: Token
    capacity: Annotated[int, Field(ge=1, le=1000)]


class ClosureBody(Body):
    """Days on which a site is closed, the first and the last included."""

    closure_id: Token | None = None
    from_on: Day
    to_on: Day
    cause: Token


class RoomView(BaseModel):
    """A room."""

    room_id: str
    capacity: int


class ClosureView(BaseModel):
    """Closed days."""

    closure_id: str
    from_on: date
    to_on: date
    cause: str


class SiteView(BaseModel):
    """A site with its hours, rooms and closures."""

    site_id: str
    tz: str
    opens_local: str
    closes_local: str
    part2: bool
    service_days: list[int]
    device_policy: DevicePolicy
    rooms: list[RoomView]
    closures: list[ClosureView]


class HolidayView(BaseModel):
    """A holiday, and the day on which it is kept."""

    name: str
    on: date
    observed_on: date


class HolidaysView(BaseModel):
    """The holidays that are kept in a year."""

    items: list[HolidayView]


@routes.post("/v1/sites", status_code=201)
async def open_site(body: SiteBody, call: Call) -> Answer:
    """Open a site for scheduling."""
    call.require_role(*PLANNERS)
    call.require_site(body.site_id)
    command = OpenSite(
        call.who.network_id,
        body.site_id,
        body.tz,
        body.opens_local,
        body.closes_local,
        body.part2,
        tuple(body.service_days),
        body.device_policy,
    )
    return await call.take(command, on=body.site_id)


@routes.get("/v1/sites/{site_id}")
async def site(site_id: Token, call: Call) -> SiteView:
    """A site's hours, rooms and closures."""
    call.require_site(site_id)
    async with call.reading() as db:
        found = await store.site_of(db, call.who.network_id, site_id)
    if found is None:
        raise call.not_found()
    return SiteView(
        site_id=found.site_id,
        tz=found.tz,
        opens_local=found.opens_local,
        closes_local=found.closes_local,
        part2=found.part2,
        service_days=list(found.service_days),
        device_policy=found.device_policy,
        rooms=[RoomView(room_id=r.id, capacity=r.capacity) for r in found.rooms],
        closures=[
            ClosureView(closure_id=c.id, from_on=c.from_on, to_on=c.to_on, cause=c.cause)
            for c in found.closures
        ],
    )


@routes.get("/v1/sites/{site_id}/holidays")
async def holidays(site_id: Token, year: Year, call: Call) -> HolidaysView:
    """The holidays of a year, from which a director can close the site."""
    call.require_site(site_id)
    async with call.reading() as db:
        found = await store.site_of(db, call.who.network_id, site_id)
    if found is None:
        raise call.not_found()
    rules = call.rules.at(found.network_id, found.site_id).holidays
    return HolidaysView(
        items=[HolidayView(name=h.name, on=h.on, observed_on=h.observed_on) for h in holidays_of(year, rules)]
    )


@routes.post("/v1/sites/{site_id}/rooms", status_code=201)
async def open_room(site_id: Token, body: RoomBody, call: Call) -> Answer:
    """Open a room of a site."""
    call.require_role(*PLANNERS)
    call.require_site(site_id)
    return await call.take(OpenRoom(body.room_id, body.capacity), on=site_id)


@routes.post("/v1/sites/{site_id}/closures", status_code=201)
async def set_closure(site_id: Token, body: ClosureBody, call: Call) -> Answer:
    """Close a site on some days; the answer names the sessions that do not take place."""
    call.require_role(*PLANNERS)
    call.require_site(site_id)
    closure_id = body.closure_id or call.new_id()
    command = SetClosure(call.who.network_id, closure_id, body.from_on, body.to_on, body.cause)
    return await call.take(command, on=site_id)


@routes.post("/v1/sites/{site_id}/closures/{closure_id}/lift", status_code=201)
async def lift_closure(site_id: Token, closure_id: Token, call: Call) -> Answer:
    """Take a closure back; the answer names the sessions that take place after all."""
    call.require_role(*PLANNERS)
    call.require_site(site_id)
    return await call.take(LiftClosure(call.who.network_id, closure_id), on=site_id)
