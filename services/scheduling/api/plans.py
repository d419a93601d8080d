"""Better weeks for a whole site: found by the engine, put in force by the people whom they move."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from contracts.vocabulary import Slot, Token
from services.chassis.http import Answer, Body, Call
from services.scheduling import store
from services.scheduling.domain import siteweek
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.plans import AnswerMove, Plan
from services.scheduling.handlers import solver
from services.scheduling.handlers.plans import site_week

routes = APIRouter()


class ShiftView(BaseModel):
    """One person's other seats, and whether they have agreed."""

    episode_id: str
    from_slots: list[Slot]
    to_slots: list[Slot]
    agreed: bool


class PlanView(BaseModel):
    """A plan and who has agreed to it."""

    plan_id: str
    site_id: str
    week_start: date
    stage: str
    cause: str
    expires_at: str | None
    shifts: list[ShiftView]


class PlansView(BaseModel):
    """The newest plans."""

    items: list[PlanView]


class AnswerBody(Body):
    """Whether patient and clinician agree to the other seats."""

    agreed_by_patient: bool
    agreed_by_clinician: bool


@routes.post("/v1/sites/{site_id}/week-plans", status_code=201)
async def plan_week(site_id: Token, call: Call) -> Answer:
    """Look for a better week of a site and propose it to whoever it moves; the answer says its worth."""
    call.require_role("scheduler", "director", "operator")
    call.require_site(site_id)
    book = call.rules.at(call.who.network_id, site_id)
    async with call.reading() as db:
        place = await store.site_of(db, call.who.network_id, site_id)
        if place is None:
            raise call.not_found()
        first = civil_date(call.now, place.tz) + timedelta(days=1)
        site = await site_week(db, call.who.network_id, place, first)
    problem = site.problem(book, call.now)
    solved = await solver.best_week(problem)
    command = siteweek.proposal(site, solved, problem, book)
    return await call.take(command, on=call.new_id(), extra=_found)


def _found(plan: Plan) -> dict[str, Any]:
    """What a plan is worth and whom it would move; nobody where nothing better can be had."""
    return {
        "plan_id": plan.id,
        "stage": plan.stage,
        "levels": asdict(plan.worth) if plan.worth else {},
        "shifts": [
            {
                "episode_id": id,
                "from_slots": [s.model_dump(mode="json") for s in shift.from_slots],
                "to_slots": [s.model_dump(mode="json") for s in shift.to_slots],
            }
            for id, shift in plan.shifts.items()
        ],
    }


@routes.get("/v1/week-plans")
async def week_plans(call: Call, site_id: Token | None = None) -> PlansView:
    """The newest plans of the caller's sites."""
    async with call.reading() as db:
        rows = await store.find_plans(db, call.who, site_id)
    return PlansView(items=[_plan(row) for row in rows])


@routes.get("/v1/week-plans/{plan_id}")
async def week_plan(plan_id: Token, call: Call) -> PlanView:
    """One plan."""
    async with call.reading() as db:
        row = await store.find_plan(db, call.who, plan_id)
    if row is None:
        raise call.not_found()
    return _plan(row)


def _plan(row: dict[str, Any]) -> PlanView:
    return PlanView(
        plan_id=row["id"],
        site_id=row["site_id"],
        week_start=row["week_start"],
        stage=row["stage"],
        cause=row["cause"],
        expires_at=row["expires_at"],
        shifts=[
            ShiftView(
                episode_id=id,
                from_slots=[Slot.model_validate(s, strict=False) for s in shift["from_slots"]],
                to_slots=[Slot.model_validate(s, strict=False) for s in shift["to_slots"]],
                agreed=shift["agreed"],
            )
            for id, shift in sorted(row["shifts"].items())
        ],
    )


@routes.post("/v1/week-plans/{plan_id}/moves/{episode_id}", status_code=201)
async def answer_move(plan_id: Token, episode_id: Token, body: AnswerBody, call: Call) -> Answer:
    """Say whether a person agrees to the seats that a plan proposes to them."""
    call.require_role("clinician", "scheduler", "director")
    command = AnswerMove(
        network_id=call.who.network_id,
        sites=tuple(call.who.sites),
        episode_id=episode_id,
        agreed_by_patient=body.agreed_by_patient,
        agreed_by_clinician=body.agreed_by_clinician,
    )
    return await call.take(command, on=plan_id)
