"""Calendar feeds (RFC 5545): of a clinician, of a room, and of one person by a link."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from fastapi import APIRouter
from fastapi.requests import Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel

from contracts.decisions import Refused
from contracts.vocabulary import Token
from services.chassis.clock import new_secret
from services.chassis.commands import not_found
from services.chassis.http import Call, runtime_of
from services.scheduling import store
from services.scheduling.api.ics import calendar_text
from services.scheduling.domain import feeds
from services.scheduling.domain.feeds import Entry
from services.scheduling.domain.links import MakeLink, RevokeLink

routes = APIRouter()
_STAFF = ("clinician", "scheduler", "director")
_HEADERS = {"cache-control": "private, no-store", "referrer-policy": "no-referrer"}
_ANSWERS: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing changed since `If-None-Match`."}}


class CalendarResponse(Response):
    """A calendar as RFC 5545 writes it."""

    media_type = "text/calendar"


class LinkView(BaseModel):
    """A link as it is shown once: whoever has the path sees the appointments."""

    id: str
    link_id: str
    path: str
    expires_at: AwareDatetime


class RevokedView(BaseModel):
    """Whether there was a link to take back."""

    id: str
    revoked: bool


@routes.get("/v1/clinicians/{clinician_id}/calendar.ics", response_class=CalendarResponse, responses=_ANSWERS)
async def clinician_calendar(clinician_id: Token, call: Call) -> Response:
    """What a clinician leads at the caller's sites: four weeks back and what is planned ahead."""
    call.require_role(*_STAFF)
    async with call.reading() as db:
        meetings = await store.find_meetings_led_by(db, call.who, clinician_id, feeds.since(call.now))
    return _feed(call.request, "Sessions", feeds.for_staff(meetings))


@routes.get("/v1/rooms/{site_id}/{room_id}/calendar.ics", response_class=CalendarResponse, responses=_ANSWERS)
async def room_calendar(site_id: Token, room_id: Token, call: Call) -> Response:
    """What meets in a room: four weeks back and what is planned ahead."""
    call.require_role(*_STAFF)
    call.require_site(site_id)
    async with call.reading() as db:
        meetings = await store.find_meetings_in(db, call.who, site_id, room_id, feeds.since(call.now))
    return _feed(call.request, "Room", feeds.for_staff(meetings))


@routes.post("/v1/episodes/{episode_id}/calendar-link", status_code=201)
async def make_calendar_link(episode_id: Token, call: Call, response: Response) -> LinkView:
    """Make the link by which a person's own phone reads their appointments; an earlier one ends."""
    call.require_role(*_STAFF)
    token, link_id = new_secret(), call.new_id()
    command = MakeLink(call.who.network_id, tuple(call.who.sites), link_id, _digest(token))
    answer = await call.take(command, on=episode_id)
    if answer["link_id"] != link_id:
        # What a repeat would get again is kept in the database, and the token must not be.
        raise Refused(
            "shown_already",
            "This link was shown when it was made and is kept nowhere.",
            hint="Make a new one with another Idempotency-Key; the earlier one ends with it.",
        )
    response.headers.update(_HEADERS)
    return LinkView(**answer, path=f"/v1/calendars/{token}.ics")


@routes.post("/v1/episodes/{episode_id}/calendar-link/revoke", status_code=201)
async def revoke_calendar_link(episode_id: Token, call: Call) -> RevokedView:
    """Take a person's calendar link back."""
    call.require_role(*_STAFF)
    command = RevokeLink(call.who.network_id, tuple(call.who.sites))
    return RevokedView(**await call.take(command, on=episode_id))


@routes.get("/v1/calendars/{token}.ics", response_class=CalendarResponse, responses=_ANSWERS)
async def linked_calendar(token: str, request: Request) -> Response:
    """The appointments behind a link: times and nothing else. Asks for no bearer token."""
    runtime = runtime_of(request)
    now = runtime.clock.now()
    async with runtime.reading() as db:
        found = await store.find_calendar_of_link(db, _digest(token), now)
        if found is None:
            raise not_found()
        network_id, episode_id = found
        yesterday = now.date() - timedelta(days=1)
        meetings = await store.find_meetings_ahead(db, network_id, episode_id, yesterday, now)
    return _feed(request, "Appointments", feeds.for_patient(episode_id, meetings))


def _digest(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


def _feed(request: Request, name: str, entries: Sequence[Entry]) -> Response:
    text = calendar_text(name, entries)
    tag = f'"{sha256(text).hexdigest()}"'
    headers = {**_HEADERS, "etag": tag}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return CalendarResponse(text, headers=headers)
