"""The HTTP face of progress: plans, measures, decisions, aftercare and discharge."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from contracts.vocabulary import (
    DischargeReason,
    GoalCategory,
    LevelOfCare,
    Minutes,
    Score,
    ShortText,
    Token,
)
from services.chassis.http import Answer, Body, Call, Limit, Page
from services.progress import domain, store

routes = APIRouter()

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_=<>-]{1,32}$")]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
Reason = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A short code, such as not_ready.")
]


class MeasureBody(Body):
    kind: Word
    instrument: Token | None = None
    comparator: Word = ">="
    target: Score = 1
    window_days: Annotated[int, Field(ge=0, le=domain.MAX_WINDOW_DAYS)] = 0


class GoalBody(Body):
    category: GoalCategory
    measure: MeasureBody
    required_for_step_down: bool = False
    target_on: Day | None = None


class PlanBody(Body):
    goals: Annotated[tuple[GoalBody, ...], Field(max_length=40)]
    signed_by_patient: bool
    signed_by_clinician: bool


class MeasuresBody(Body):
    instrument: Token
    answers: Annotated[tuple[int, ...], Field(max_length=60)]


class SubstanceUseBody(Body):
    source: Token
    used_on: Day
    classification: Token


class StepBody(Body):
    direction: domain.Direction
    kind: domain.Kind
    to_weekly_minutes: Minutes
    to_level: LevelOfCare | None = None


class ApprovalBody(Body):
    effective_on: Day
    patient_agreed: bool


class RefusalBody(Body):
    reason: Reason


class ExtensionBody(Body):
    approve: bool
    reason: Reason | None = None


class OutreachBody(Body):
    channel: Token
    reached: bool


class AftercareBody(Body):
    meeting_held: bool
    components: Annotated[tuple[Token, ...], Field(max_length=20)] = ()
    relapse_prevention_plan: bool
    override_reason: ShortText | None = None


class CheckInBody(Body):
    reached: bool
    status_summary: Token | None = None


class AlumniBody(Body):
    consented: bool


class DischargeBody(Body):
    reason: DischargeReason
    risks_discussed: bool = False
    receiving_program: ShortText | None = None
    written_notice: bool = False


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


@routes.get("/v1/recommendations")
async def recommendations(call: Call, site_id: Token | None = None, limit: Limit = 100) -> Page:
    """Recommendations that wait for a clinician, with the facts behind them."""
    if site_id is not None:
        call.require_site(site_id)
    async with call.reading() as db:
        found = await store.find_undecided(db, call.who, site_id, limit)
    return Page(items=[_recommendation(row) for row in found])


@routes.post("/v1/episodes/{episode_id}/plan", status_code=201)
async def approve_plan(episode_id: Token, body: PlanBody, call: Call) -> Answer:
    """Sign the plan: the first one, or a reviewed one that replaces it."""
    goals = tuple(
        domain.WantedGoal(
            category=goal.category,
            kind=goal.measure.kind,
            comparator=goal.measure.comparator,
            target=goal.measure.target,
            window_days=goal.measure.window_days,
            instrument=goal.measure.instrument,
            required_for_step_down=goal.required_for_step_down,
            target_on=goal.target_on,
        )
        for goal in body.goals
    )
    command = domain.ApprovePlan(goals, body.signed_by_patient, body.signed_by_clinician)
    return await call.take(command, on=episode_id, extra=_plan_of)


@routes.post("/v1/episodes/{episode_id}/measures", status_code=201)
async def record_measure(episode_id: Token, body: MeasuresBody, call: Call) -> Answer:
    """Score one instrument; the answers are not kept."""
    return await call.take(domain.RecordMeasure(body.instrument, body.answers), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/goals/{goal_id}/attest", status_code=201)
async def attest_goal(episode_id: Token, goal_id: Token, call: Call) -> Answer:
    """State that a goal which no number can settle is reached."""
    return await call.take(domain.AttestGoal(goal_id), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/substance-use", status_code=201)
async def report_substance_use(episode_id: Token, body: SubstanceUseBody, call: Call) -> Answer:
    """Report a lapse or relapse."""
    command = domain.ReportSubstanceUse(body.source, body.used_on, body.classification)
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/safety-alerts/{alert_id}/acknowledge", status_code=201)
async def acknowledge_alert(episode_id: Token, alert_id: Token, call: Call) -> Answer:
    """Take a safety alert in hand."""
    return await call.take(domain.AcknowledgeAlert(alert_id), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/safety-alerts/{alert_id}/resolve", status_code=201)
async def resolve_alert(episode_id: Token, alert_id: Token, call: Call) -> Answer:
    """Close a safety alert."""
    return await call.take(domain.ResolveAlert(alert_id), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/recommendations", status_code=201)
async def recommend_step(episode_id: Token, body: StepBody, call: Call) -> Answer:
    """Recommend other minutes or another level than the machine did; it supersedes the open one."""
    command = domain.RecommendStep(body.direction, body.kind, body.to_weekly_minutes, body.to_level)
    return await call.take(command, on=episode_id)


@routes.post("/v1/recommendations/{recommendation_id}/approve", status_code=201)
async def approve_recommendation(recommendation_id: Token, body: ApprovalBody, call: Call) -> Answer:
    """Approve a recommendation as it stands."""
    command = domain.ApproveRecommendation(recommendation_id, body.effective_on, body.patient_agreed)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/recommendations/{recommendation_id}/decline", status_code=201)
async def decline_recommendation(recommendation_id: Token, body: RefusalBody, call: Call) -> Answer:
    """Decline a recommendation."""
    command = domain.DeclineRecommendation(recommendation_id, body.reason)
    return await call.take(command, on=await _episode_of(recommendation_id, call))


@routes.post("/v1/episodes/{episode_id}/extension", status_code=201)
async def decide_extension(episode_id: Token, body: ExtensionBody, call: Call) -> Answer:
    """Grant or deny the days that were asked for."""
    return await call.take(domain.DecideExtension(body.approve, body.reason), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/outreach", status_code=201)
async def log_outreach(episode_id: Token, body: OutreachBody, call: Call) -> Answer:
    """Record an attempt to reach a person who stayed away."""
    return await call.take(domain.LogOutreach(body.channel, body.reached), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/aftercare", status_code=201)
async def plan_aftercare(episode_id: Token, body: AftercareBody, call: Call) -> Answer:
    """Record the future-steps meeting and begin aftercare."""
    command = domain.PlanAftercare(
        body.meeting_held, body.components, body.relapse_prevention_plan, body.override_reason
    )
    return await call.take(command, on=episode_id)


@routes.post("/v1/episodes/{episode_id}/check-ins", status_code=201)
async def record_check_in(episode_id: Token, body: CheckInBody, call: Call) -> Answer:
    """Record the check-in call that is due."""
    return await call.take(domain.RecordCheckIn(body.reached, body.status_summary), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/alumni", status_code=201)
async def enrol_alumni(episode_id: Token, body: AlumniBody, call: Call) -> Answer:
    """Enrol a person who finished aftercare with the alumni."""
    return await call.take(domain.EnrolAlumni(body.consented), on=episode_id)


@routes.post("/v1/episodes/{episode_id}/discharge", status_code=201)
async def discharge_patient(episode_id: Token, body: DischargeBody, call: Call) -> Answer:
    """End the episode of care."""
    command = domain.DischargePatient(
        body.reason, body.risks_discussed, body.receiving_program, body.written_notice
    )
    return await call.take(command, on=episode_id)


async def _episode_of(recommendation_id: str, call: Call) -> str:
    async with call.reading() as db:
        episode_id = await store.find_episode_of(db, call.who, recommendation_id)
    if episode_id is None:
        raise call.not_found()
    return episode_id


def _plan_of(state: domain.Episode) -> dict[str, Any]:
    return {
        "plan_id": state.plan_id,
        "goals": [{"goal_id": p.goal.goal_id, "category": p.goal.category} for p in state.goals],
    }


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
    "use_reported_on",
    "weeks",
    "contacts",
    "recommendations",
    "extension",
    "aftercare",
)


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": found["id"],
        "episode_id": found["id"],
        "state": found["stage"],
        **{field: found[field] for field in _BRIEF},
        "safety_alert_open": bool(found["alerts"]),
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


def _recommendation(row: dict[str, Any]) -> dict[str, Any]:
    recommendation = row.pop("recommendation")
    return {
        **recommendation,
        "recommendation_id": recommendation["id"],
        "episode_id": row["episode_id"],
        "site_id": row["site_id"],
        "patient_id": row["patient_id"],
        "state": row["stage"],
    }
