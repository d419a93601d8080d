"""How things stand, over HTTP: who needs something today, how numbers went, what became of people."""

from datetime import timedelta
from heapq import nsmallest
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query

from contracts.decisions import Refused
from contracts.progress import (
    GoalMet,
    GoalProgressed,
    GoalReopened,
    MeasureRecorded,
    ProfileRecorded,
    TreatmentPlanApproved,
    TreatmentPlanReviewed,
)
from contracts.vocabulary import Token
from services.chassis.http import Call, Caller, Limit, Page
from services.progress import domain, store
from services.progress.api.forms import Day

routes = APIRouter()

LONGEST_DAYS = 366
"""A report is about a year at most."""
Place: TypeAlias = Annotated[str, Query(pattern=r"^(\d{1,4}\.\d{1,16}\.[A-Za-z0-9_-]{1,64})?$")]
Weighed: TypeAlias = tuple[tuple[int, int, str], domain.Episode, tuple[domain.Need, ...]]
_NOTHING = 9999
"""Stands, in a place, for the urgency of somebody who needs nothing."""

_HREFS = {
    "alert_high": "/v1/episodes/{episode}/safety-alerts/{about}/acknowledge",
    "alert": "/v1/episodes/{episode}/safety-alerts/{about}/acknowledge",
    "alert_open": "/v1/episodes/{episode}/safety-alerts/{about}/resolve",
    "step_up": "/v1/recommendations/{about}/approve",
    "step_down": "/v1/recommendations/{about}/approve",
    "relapse": "/v1/episodes/{episode}/relapse-responses",
    "use_unconfirmed": "/v1/episodes/{episode}/substance-use",
    "review_task": "/v1/episodes/{episode}/review-tasks/{about}/close",
    "plan_draft": "/v1/episodes/{episode}/plan/signatures",
    "hold_over": "/v1/episodes/{episode}/resume",
    "certification": "/v1/episodes/{episode}/certification",
    "community_referral": "/v1/episodes/{episode}/community-referrals/{about}/close",
    "schedule_stuck": "/v1/episodes/{episode}",
    "outreach": "/v1/episodes/{episode}/outreach",
    "extension": "/v1/episodes/{episode}/extension",
    "check_in": "/v1/episodes/{episode}/check-ins",
    "plan": "/v1/episodes/{episode}/plan",
    "plan_review": "/v1/episodes/{episode}/plan/review",
    "screening": "/v1/episodes/{episode}/measures",
    "measures": "/v1/episodes/{episode}/measures",
}
"""Where each kind of need is answered."""


@routes.get("/v1/caseload")
async def caseload(
    call: Call,
    site_id: Token | None = None,
    clinician_id: Token | None = None,
    cursor: Place = "",
    limit: Limit = 50,
) -> Page:
    """Everybody in care with what they need from somebody today, the most urgent first."""
    after = _after(cursor)
    found: list[Weighed] = []
    async with call.reading() as db:
        async for some in store.find_in_care(db, call.who, _sites(call, site_id), clinician_id):
            # Only what the page may show is kept.
            behind = (entry for state in some if (entry := _weighed(state, call))[0] > after)
            found = nsmallest(limit + 1, chain(found, behind), key=itemgetter(0))
    place = found[limit - 1][0] if len(found) > limit else None
    return Page(
        items=[_entry(state, wanted) for _, state, wanted in found[:limit]],
        cursor=".".join(map(str, place)) if place else None,
    )


@routes.get("/v1/episodes/{episode_id}/series")
async def series(episode_id: Token, call: Call) -> dict[str, Any]:
    """How one person's measures, goals and weeks went over time."""
    async with call.reading() as db:
        if not await store.has_episode(db, call.who, episode_id):
            raise call.not_found()
        measured = await store.find_said(db, episode_id, (MeasureRecorded, ProfileRecorded))
        plans = await store.find_said(db, episode_id, (TreatmentPlanApproved, TreatmentPlanReviewed))
        moves = await store.find_said(db, episode_id, (GoalProgressed, GoalMet, GoalReopened))
        weeks = await store.find_weeks(db, episode_id)
    return {
        "episode_id": episode_id,
        "instruments": _instruments(measured),
        "goals": _goals(plans, moves),
        "weeks": weeks,
    }


@routes.get("/v1/outcomes")
async def outcomes(
    call: Call,
    first: Annotated[Day, Query(alias="from")],
    last: Annotated[Day, Query(alias="to")],
    site_id: Token | None = None,
    program_id: Token | None = None,
) -> dict[str, Any]:
    """What became of everybody discharged in a period, by site and program."""
    if not timedelta() <= last - first < timedelta(days=LONGEST_DAYS):
        raise Refused(
            "period", f"A period goes from a day to a later one within {LONGEST_DAYS} days.", status=422
        )
    async with call.reading() as db:
        left = await store.find_left(db, call.who, _sites(call, site_id), program_id, first, last)
    return {"from": first, "to": last, "items": domain.outcomes(left)}


def _sites(call: Caller, site_id: str | None) -> list[str]:
    if site_id is None:
        return list(call.who.sites)
    call.require_site(site_id)
    return [site_id]


def _weighed(state: domain.Episode, call: Caller) -> Weighed:
    """Somebody in care with their place among all and what they need."""
    wanted = domain.needs(state, call.now, call.rules.at(state.network_id, state.site_id))
    return _place(state, wanted), state, wanted


def _place(state: domain.Episode, wanted: tuple[domain.Need, ...]) -> tuple[int, int, str]:
    if not wanted:
        return _NOTHING, 0, state.id
    rank, at = domain.urgency(wanted[0])
    return rank, max(0, int(at)), state.id


def _after(cursor: str) -> tuple[int, int, str]:
    if not cursor:
        return -1, 0, ""
    rank, at, id = cursor.split(".", 2)
    return int(rank), int(at), id


def _entry(state: domain.Episode, wanted: tuple[domain.Need, ...]) -> dict[str, Any]:
    return {
        "episode_id": state.id,
        "patient_id": state.patient_id,
        "site_id": state.site_id,
        "program_id": state.program_id,
        "clinician_id": state.clinician_id,
        "state": state.stage,
        "level": state.level,
        "weekly_minutes": state.weekly_minutes,
        "planned_end_on": state.planned_end_on,
        "needs": [
            {
                "kind": need.kind,
                "due_at": need.due_at,
                "since": need.since,
                "why": need.why,
                "href": _HREFS[need.kind].format(episode=state.id, about=need.about),
            }
            for need in wanted
        ],
    }


def _instruments(measured: list[tuple[str, Any, Any]]) -> list[dict[str, Any]]:
    """Every result of each instrument in the order of its day; a correction stands for what it corrects."""
    found: dict[str, list[dict[str, Any]]] = {}
    corrected = {event.supersedes_measure_id for _, _, event in measured} - {None}
    standing = [m for m in measured if m[2].measure_id not in corrected]
    for event_id, _, event in sorted(standing, key=lambda m: m[2].administered_at):
        result = {"event_id": event_id, "at": event.administered_at, **_shown(event, _OF_MEASURE)}
        found.setdefault(event.instrument, []).append(result)
    return [{"instrument": name, "results": results} for name, results in sorted(found.items())]


_OF_MEASURE = (
    "measure_id",
    "version",
    "total",
    "band",
    "subscales",
    "baseline_total",
    "change",
    "change_from_previous",
    "reliable_change",
    "response",
    "remission",
    "off_track",
    "flags",
)
_OF_GOAL = ("goal_id", "category", "measure", "baseline", "target_on", "required_for_step_down")


def _shown(event: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: getattr(event, field, None) for field in fields}


def _goals(plans: list[tuple[str, Any, Any]], moves: list[tuple[str, Any, Any]]) -> list[dict[str, Any]]:
    """Each goal as its newest plan words it; goals that a review left out stay with what they came to."""
    goals = {goal.goal_id: goal for _, _, plan in plans for goal in plan.goals}
    newest = {goal.goal_id for goal in plans[-1][2].goals} if plans else set()
    values: dict[str, list[dict[str, Any]]] = {goal_id: [] for goal_id in goals}
    for event_id, at, move in moves:
        values.setdefault(move.goal_id, []).append({"event_id": event_id, "at": at, **_move(move)})
    return [
        {**_shown(goal, _OF_GOAL), "in_force": goal_id in newest, "values": values[goal_id]}
        for goal_id, goal in goals.items()
    ]


def _move(move: GoalProgressed | GoalMet | GoalReopened) -> dict[str, Any]:
    match move:
        case GoalProgressed():
            return {"what": "progressed", "value": move.value, "percent": move.percent, "trend": move.trend}
        case GoalMet():
            return {"what": "met", "met_on": move.met_on, "met_by": move.met_by}
        case GoalReopened():
            return {"what": "reopened", "reason": move.reason}
