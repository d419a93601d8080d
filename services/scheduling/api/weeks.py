"""The agreed week of one person."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.vocabulary import (
    LocalTime,
    Modality,
    ServiceKind,
    Slot,
    Token,
    Weekday,
)
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import Day
from services.scheduling.domain import legality
from services.scheduling.domain.agreement import AgreeSchedule

routes = APIRouter()


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
    override_reason: Token | None = None
    """Why days are accepted that the payer will not pay."""


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
        override_reason=body.override_reason,
    )
    return await call.take(
        command,
        on=episode_id,
        extra=lambda state: {"schedule_id": state.schedule_id, "warnings": legality.warnings(state)},
    )


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
