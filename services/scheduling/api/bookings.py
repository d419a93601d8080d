"""One person and one session: booked, cancelled, arrived, left."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.vocabulary import Token
from services.chassis.http import Answer, Body, Call
from services.scheduling.api.sessions import STAFF
from services.scheduling.domain.arrivals import CheckIn, CheckOut, Item
from services.scheduling.domain.bookings import BookSession, By, CancelBooking, Cause, UndoCancellation

routes = APIRouter()


class BookingBody(Body):
    """Who comes to this session beside their agreed week, and why."""

    episode_id: Token
    cause: Cause


class CancellationBody(Body):
    """Who does not come to this session, and who says so."""

    episode_id: Token
    by: By
    excused: bool = False


class PersonBody(Body):
    """Whom it is about."""

    episode_id: Token


class CheckInBody(Body):
    """Who arrived, and what they hand over."""

    episode_id: Token
    items: Annotated[list[Item], Field(max_length=20)] = Field(default_factory=list)
    locker_id: Token | None = None


class CheckOutBody(Body):
    """Who left, and whether with what was kept for them."""

    episode_id: Token
    returned: bool = True


@routes.post("/v1/sessions/{session_id}/bookings", status_code=201)
async def book(session_id: Token, body: BookingBody, call: Call) -> Answer:
    """Book one person into one session that has a free seat that day."""
    call.require_role(*STAFF)
    command = BookSession(call.who.network_id, tuple(call.who.sites), body.episode_id, body.cause)
    return await call.take(command, on=session_id)


@routes.post("/v1/sessions/{session_id}/cancellations", status_code=201)
async def cancel(session_id: Token, body: CancellationBody, call: Call) -> Answer:
    """Say before the start that one person does not come; their seat of that day is free."""
    call.require_role(*STAFF)
    command = CancelBooking(
        call.who.network_id, tuple(call.who.sites), body.episode_id, body.by, body.excused
    )
    return await call.take(command, on=session_id)


@routes.post("/v1/sessions/{session_id}/cancellations/undo", status_code=201)
async def undo_cancellation(session_id: Token, body: PersonBody, call: Call) -> Answer:
    """Say before the start that one person comes after all."""
    call.require_role(*STAFF)
    return await call.take(
        UndoCancellation(call.who.network_id, tuple(call.who.sites), body.episode_id), on=session_id
    )


@routes.post("/v1/sessions/{session_id}/check-ins", status_code=201)
async def check_in(session_id: Token, body: CheckInBody, call: Call) -> Answer:
    """Let one person in and keep what they hand over."""
    call.require_role(*STAFF)
    command = CheckIn(
        call.who.network_id, tuple(call.who.sites), body.episode_id, tuple(body.items), body.locker_id
    )
    return await call.take(command, on=session_id)


@routes.post("/v1/sessions/{session_id}/check-outs", status_code=201)
async def check_out(session_id: Token, body: CheckOutBody, call: Call) -> Answer:
    """Let one person out with what was kept for them."""
    call.require_role(*STAFF)
    return await call.take(
        CheckOut(call.who.network_id, tuple(call.who.sites), body.episode_id, body.returned), on=session_id
    )
