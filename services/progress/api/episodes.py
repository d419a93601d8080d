"""Who is in treatment, and how each of them is doing."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contracts.vocabulary import (
    Token,
)
from services.chassis.http import Call, Limit, Page
from services.progress import domain, store

routes = APIRouter()


@routes.get("/v1/episodes")
async def episodes(
    call: Call,
    state: domain.Stage | None = None,
    cursor: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "",
    limit: Limit = 50,
    missed: Annotated[int, Query(ge=0, le=100, description="At least so many sessions missed in a row.")] = 0,
) -> Page:
    """Episodes of the caller's sites, all or those in one state or in need of outreach."""
    async with call.reading() as db:
        found = await store.find_episodes(
            db, call.who, stage=state, missed=missed, after=cursor, limit=limit + 1
        )
    more = len(found) > limit
    return Page(items=[_brief(e) for e in found[:limit]], cursor=found[limit - 1]["id"] if more else None)


@routes.get("/v1/episodes/{episode_id}")
async def episode(episode_id: Token, call: Call) -> dict[str, Any]:
    """One episode with its plan, measures, alerts and recommendations."""
    async with call.reading() as db:
        found = await store.find_episode(db, call.who, episode_id)
    if found is None:
        raise call.not_found()
    return _view(found)


_BRIEF = (
    "site_id",
    "patient_id",
    "program_kind",
    "admitted_on",
    "planned_end_on",
    "level",
    "weekly_minutes",
    "extended",
    "stepped_down",
    "consecutive_missed",
    "discharged_on",
    "version",
)
_DETAIL = (
    "network_id",
    "tz",
    "program_id",
    "clinician_id",
    "age_band",
    "level_since",
    "planned_minutes",
    "schedule_pending",
    "schedule_stuck",
    "baselines",
    "results",
    "plan_id",
    "plan_version",
    "next_review_due_on",
    "alerts",
    "screening",
    "use_reported_on",
    "use_reports",
    "weeks",
    "contacts",
    "recommendations",
    "taper",
    "tasks",
    "extension",
    "aftercare",
    "alumni_since",
    "hold",
    "tasks",
    "reassessments",
    "certified_on",
    "certified_through",
    "outward",
)


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": found["id"],
        "episode_id": found["id"],
        "state": found["stage"],
        **{field: found[field] for field in _BRIEF},
        "safety_alert_open": bool(found["alerts"]),
        "screening_due": found["screening"] is not None,
        "step_down_open": found["step_down"] is not None,
        "step_up_open": found["step_up"] is not None,
    }


def _view(found: dict[str, Any]) -> dict[str, Any]:
    goals = found["goals"]
    required = [p for p in goals if p["goal"]["required_for_step_down"]]
    return {
        **_brief(found),
        **{field: found[field] for field in _DETAIL},
        "goals": [
            {**p["goal"], **{k: p[k] for k in ("value", "percent", "met_on", "met_by")}} for p in goals
        ],
        "alerts": [{**a, "lapsed": a["escalations"] > 0} for a in found["alerts"]],
        "remaining_required": sum(p["met_on"] is None for p in required),
        "last_attended_on": max((s["on"] for s in found["sittings"]), default=None),
    }
