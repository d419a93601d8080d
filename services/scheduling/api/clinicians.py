"""Clinicians: where and when they work, when they are away, and the times they have for one patient."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from contracts.scheduling import WorkingHours
from contracts.vocabulary import LocalTime, Modality, ServiceKind, Token, Weekday
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.api.forms import PLANNERS, LevelCode
from services.scheduling.domain.clinicians import BeAway, ComeBack, ListClinician
from services.scheduling.domain.groups import OpenAppointment

routes = APIRouter()

FIRST_YEAR, LAST_YEAR = 1900, 2200


def _within_reach(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise ValueError(f"must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at


Time = Annotated[datetime, AfterValidator(_within_reach)]
"""An instant, or without a zone the wall time of the clinician's own site."""


class HoursBody(Body):
    """When somebody works on a weekday, in the site's wall time."""

    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime


class ClinicianBody(Body):
    """A clinician at a site: what they are, when they work, how many patients of their own they take."""

    clinician_id: Token
    site_id: Token
    credential: Token
    hours: Annotated[list[HoursBody], Field(max_length=50)]
    caseload_max: Annotated[int, Field(ge=0, le=1000)]


class AbsenceBody(Body):
    """A time in which a clinician is away."""

    absence_id: Token | None = None
    from_at: Time
    to_at: Time
    substitute_individuals: bool = False
    """Whether somebody else may take over individual and family times."""


class AppointmentBody(Body):
    """A weekly time of a clinician that one patient can have."""

    group_id: Token | None = None
    site_id: Token | None = None
    """The site where the clinician works then; their first where none is named."""
    service_kind: Literal[ServiceKind.INDIVIDUAL, ServiceKind.FAMILY]
    levels: Annotated[list[LevelCode], Field(min_length=1, max_length=10)]
    dow: Weekday
    start_local: LocalTime
    end_local: LocalTime
    room_id: Token | None = None
    modality: Modality = Modality.IN_PERSON


class AbsenceView(BaseModel):
    """A time in which a clinician is away."""

    absence_id: str
    from_at: datetime
    to_at: datetime
    substitute_individuals: bool


class ClinicianView(BaseModel):
    """A clinician at one site."""

    clinician_id: str
    site_id: str
    credential: str
    hours: list[WorkingHours]
    caseload_max: int
    absences: list[AbsenceView]


class CliniciansView(BaseModel):
    """Who works at one or all of the caller's sites."""

    items: list[ClinicianView]


@routes.post("/v1/clinicians", status_code=201)
async def list_clinician(body: ClinicianBody, call: Call) -> Answer:
    """List a clinician at a site, or change what they are there."""
    call.require_role(*PLANNERS)
    call.require_site(body.site_id)
    command = ListClinician(
        call.who.network_id,
        body.site_id,
        body.credential,
        tuple(WorkingHours(dow=h.dow, start_local=h.start_local, end_local=h.end_local) for h in body.hours),
        body.caseload_max,
    )
    return await call.take(command, on=body.clinician_id)


@routes.get("/v1/clinicians")
async def clinicians(call: Call, site_id: Token | None = None) -> CliniciansView:
    """Who works at the caller's sites, when, and when they are away."""
    if site_id is not None:
        call.require_site(site_id)
    async with call.reading() as db:
        found = await store.find_clinicians(db, call.who, site_id)
    asked = call.who.sites if site_id is None else (site_id,)
    return CliniciansView(
        items=[
            ClinicianView(
                clinician_id=c.id,
                site_id=at.site_id,
                credential=at.credential,
                hours=list(at.hours),
                caseload_max=at.caseload_max,
                absences=[
                    AbsenceView(
                        absence_id=a.id,
                        from_at=a.from_at,
                        to_at=a.to_at,
                        substitute_individuals=a.substitute_individuals,
                    )
                    for a in c.absences
                ],
            )
            for c in found
            for at in c.listings
            if at.site_id in asked
        ]
    )


@routes.post("/v1/clinicians/{clinician_id}/absences", status_code=201)
async def be_away(clinician_id: Token, body: AbsenceBody, call: Call) -> Answer:
    """Note an absence; the answer names who leads instead and what does not take place."""
    call.require_role(*PLANNERS)
    command = BeAway(
        call.who.network_id,
        tuple(call.who.sites),
        body.absence_id or call.new_id(),
        body.from_at,
        body.to_at,
        body.substitute_individuals,
    )
    return await call.take(command, on=clinician_id)


@routes.post("/v1/clinicians/{clinician_id}/absences/{absence_id}/withdraw", status_code=201)
async def come_back(clinician_id: Token, absence_id: Token, call: Call) -> Answer:
    """Take an absence back; the answer names what is the clinician's again."""
    call.require_role(*PLANNERS)
    command = ComeBack(call.who.network_id, tuple(call.who.sites), absence_id)
    return await call.take(command, on=clinician_id)


@routes.post("/v1/clinicians/{clinician_id}/appointments", status_code=201)
async def open_appointment(clinician_id: Token, body: AppointmentBody, call: Call) -> Answer:
    """Open a weekly time of a clinician for one patient, individual or family."""
    call.require_role(*PLANNERS)
    if body.site_id is not None:
        call.require_site(body.site_id)
    command = OpenAppointment(
        network_id=call.who.network_id,
        sites=tuple(call.who.sites),
        site_id=body.site_id,
        clinician_id=clinician_id,
        service_kind=body.service_kind,
        levels=tuple(body.levels),
        dow=body.dow,
        start_local=body.start_local,
        end_local=body.end_local,
        room_id=body.room_id,
        modality=body.modality,
    )
    group_id = body.group_id or call.new_id()
    return await call.take(command, on=group_id, extra=lambda group: {"group_id": group.id})
