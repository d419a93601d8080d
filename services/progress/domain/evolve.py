"""How each fact changes an episode."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from contracts import progress as said
from services.progress.domain.facts import (
    Admitted,
    Aftercare,
    Alert,
    AttendanceNoted,
    AttendanceStruck,
    Contact,
    Direction,
    Extension,
    Kind,
    MissNoted,
    Pursuit,
    Recommendation,
    Result,
    ScheduleNoted,
    ScheduleStuck,
    Stage,
    WeekNoted,
)
from services.progress.domain.state import Episode

KEPT_SITTINGS = 60
KEPT_WEEKS = 26
KEPT_RESULTS = 2
KEPT_CONTACTS = 40
KEPT_RECOMMENDATIONS = 12

_Fact = TypeVar("_Fact")
_FOLDS: dict[type, Callable[[Episode, Any], Episode]] = {}


def _on(
    kind: type[_Fact],
) -> Callable[[Callable[[Episode, _Fact], Episode]], Callable[[Episode, _Fact], Episode]]:
    def register(fold: Callable[[Episode, _Fact], Episode]) -> Callable[[Episode, _Fact], Episode]:
        _FOLDS[kind] = fold
        return fold

    return register


def evolve(state: Episode | None, fact: Any) -> Episode:
    """The episode after one more fact."""
    if state is None:
        if isinstance(fact, Admitted):
            return _begin(fact)
        raise ValueError(f"an episode begins with an admission, not with {type(fact).__name__}")
    fold = _FOLDS.get(type(fact))
    return fold(state, fact) if fold else state


def fold(state: Episode | None, facts: Sequence[Any]) -> Episode:
    """The episode after several facts."""
    for fact in facts:
        state = evolve(state, fact)
    assert state is not None
    return state


def _begin(fact: Admitted) -> Episode:
    return Episode(
        id=fact.episode_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        patient_id=fact.patient_id,
        part2=fact.part2,
        tz=fact.tz,
        program_id=fact.program_id,
        program_kind=fact.program_kind,
        age_band=fact.age_band,
        clinician_id=fact.clinician_id,
        authorized=fact.authorized,
        admitted_on=fact.admitted_on,
        planned_end_on=fact.planned_end_on,
        home_level=fact.level,
        level=fact.level,
        level_before=fact.level,
        level_since=fact.admitted_on,
        weekly_minutes=fact.weekly_minutes,
        stepped_on=fact.admitted_on,
        baselines=fact.baselines,
        alerts=fact.alerts,
    )


@_on(said.EpisodeStateChanged)
def _moved(state: Episode, fact: said.EpisodeStateChanged) -> Episode:
    return replace(state, stage=Stage(fact.to_state))


@_on(ScheduleNoted)
def _scheduled(state: Episode, fact: ScheduleNoted) -> Episode:
    return replace(
        state,
        schedule_version=fact.version,
        planned_minutes=fact.planned_minutes,
        weekly_minutes=fact.weekly_minutes,
        schedule_pending=False,
        schedule_stuck=None,
    )


@_on(ScheduleStuck)
def _stuck(state: Episode, fact: ScheduleStuck) -> Episode:
    return replace(state, schedule_stuck=fact.cause)


@_on(AttendanceNoted)
def _attended(state: Episode, fact: AttendanceNoted) -> Episode:
    others = [s for s in state.sittings if s.session_id != fact.sitting.session_id]
    sittings = sorted([*others, fact.sitting], key=lambda s: (s.on, s.session_id))
    return replace(
        state, sittings=tuple(sittings[-KEPT_SITTINGS:]), consecutive_missed=0, missed_session=None
    )


@_on(AttendanceStruck)
def _struck(state: Episode, fact: AttendanceStruck) -> Episode:
    return replace(state, sittings=tuple(s for s in state.sittings if s.session_id != fact.session_id))


@_on(MissNoted)
def _missed(state: Episode, fact: MissNoted) -> Episode:
    return replace(state, consecutive_missed=fact.consecutive, missed_session=fact.session_id)


@_on(WeekNoted)
def _week(state: Episode, fact: WeekNoted) -> Episode:
    others = [w for w in state.weeks if w.week_start != fact.week.week_start]
    weeks = sorted([*others, fact.week], key=lambda w: w.week_start)
    return replace(state, weeks=tuple(weeks[-KEPT_WEEKS:]))


@_on(said.OutreachAttempted)
def _contacted(state: Episode, fact: said.OutreachAttempted) -> Episode:
    if fact.attempted_on is None:
        return state
    contact = Contact(fact.attempted_on, fact.channel, fact.reached)
    return replace(state, contacts=(*state.contacts, contact)[-KEPT_CONTACTS:])


@_on(said.SubstanceUseReported)
def _used(state: Episode, fact: said.SubstanceUseReported) -> Episode:
    return replace(state, use_reported_on=fact.reported_on or state.use_reported_on)


@_on(said.TreatmentPlanApproved)
def _planned(state: Episode, fact: said.TreatmentPlanApproved) -> Episode:
    known = {p.goal.goal_id: p for p in state.goals}
    return replace(
        state,
        plan_id=fact.plan_id,
        plan_version=fact.version,
        next_review_due_on=fact.next_review_due_on,
        goals=tuple(replace(known.get(g.goal_id, Pursuit(g)), goal=g) for g in fact.goals),
    )


def _pursue(state: Episode, goal_id: str, **changes: Any) -> Episode:
    return replace(
        state, goals=tuple(replace(p, **changes) if p.goal.goal_id == goal_id else p for p in state.goals)
    )


@_on(said.GoalProgressed)
def _progressed(state: Episode, fact: said.GoalProgressed) -> Episode:
    return _pursue(state, fact.goal_id, value=fact.value, percent=fact.percent)


@_on(said.GoalMet)
def _met(state: Episode, fact: said.GoalMet) -> Episode:
    return _pursue(state, fact.goal_id, met_on=fact.met_on, met_by=fact.met_by, percent=100)


@_on(said.GoalReopened)
def _reopened(state: Episode, fact: said.GoalReopened) -> Episode:
    return _pursue(state, fact.goal_id, met_on=None, met_by=None)


@_on(said.MeasureRecorded)
def _measured(state: Episode, fact: said.MeasureRecorded) -> Episode:
    result = Result(fact.administered_at, fact.total, fact.change, fact.reliable_change == "deteriorated")
    results = sorted([*state.scores(fact.instrument), result], key=lambda r: r.at)[-KEPT_RESULTS:]
    before_treatment = state.stage in (Stage.ADMITTED, Stage.SCHEDULED)
    return replace(
        state,
        results={**state.results, fact.instrument: tuple(results)},
        baselines={**state.baselines, fact.instrument: fact.total} if before_treatment else state.baselines,
    )


@_on(said.SafetyAlertRaised)
def _alerted(state: Episode, fact: said.SafetyAlertRaised) -> Episode:
    alert = Alert(fact.alert_id, fact.kind, fact.severity, fact.due_ack_at)
    return replace(state, alerts=(*(a for a in state.alerts if a.id != alert.id), alert))


def _alert(state: Episode, alert_id: str, **changes: Any) -> Episode:
    return replace(
        state, alerts=tuple(replace(a, **changes) if a.id == alert_id else a for a in state.alerts)
    )


@_on(said.SafetyAlertAcknowledged)
def _acknowledged(state: Episode, fact: said.SafetyAlertAcknowledged) -> Episode:
    return _alert(state, fact.alert_id, acknowledged=True)


@_on(said.SafetyAlertEscalated)
def _escalated(state: Episode, fact: said.SafetyAlertEscalated) -> Episode:
    return _alert(state, fact.alert_id, escalations=fact.escalation, escalated_at=fact.escalated_at)


@_on(said.SafetyAlertResolved)
def _resolved(state: Episode, fact: said.SafetyAlertResolved) -> Episode:
    return replace(state, alerts=tuple(a for a in state.alerts if a.id != fact.alert_id))


def _open(state: Episode, fact: said.StepDownRecommended | said.StepUpRecommended, way: Direction) -> Episode:
    made = Recommendation(
        id=fact.recommendation_id,
        direction=way,
        kind=Kind(fact.kind),
        trigger=fact.trigger if isinstance(fact, said.StepUpRecommended) else fact.generated_by,
        from_level=fact.from_level,
        to_level=fact.to_level,
        from_minutes=fact.from_weekly_minutes,
        to_minutes=fact.to_weekly_minutes,
        criteria=fact.criteria,
        generated_by=fact.generated_by,
        expires_at=fact.expires_at,
    )
    still = tuple(r for r in state.recommendations if not r.closed)
    closed = tuple(r for r in state.recommendations if r.closed)[-KEPT_RECOMMENDATIONS:]
    return replace(state, recommendations=(*closed, *still, made))


@_on(said.StepDownRecommended)
def _down_recommended(state: Episode, fact: said.StepDownRecommended) -> Episode:
    return replace(_open(state, fact, Direction.DOWN), step_down=fact.recommendation_id)


@_on(said.StepUpRecommended)
def _up_recommended(state: Episode, fact: said.StepUpRecommended) -> Episode:
    newest = (
        state.weeks[-1].week_start if fact.trigger == "attendance" and state.weeks else state.answered_week
    )
    return replace(_open(state, fact, Direction.UP), step_up=fact.recommendation_id, answered_week=newest)


def _close(state: Episode, recommendation_id: str, why: str) -> Episode:
    return replace(
        state,
        recommendations=tuple(
            replace(r, closed=why) if r.id == recommendation_id else r for r in state.recommendations
        ),
        step_down=None if state.step_down == recommendation_id else state.step_down,
        step_up=None if state.step_up == recommendation_id else state.step_up,
    )


@_on(said.RecommendationDeclined)
def _declined(state: Episode, fact: said.RecommendationDeclined) -> Episode:
    return _close(state, fact.recommendation_id, fact.reason)


@_on(said.StepDownApproved)
def _down_approved(state: Episode, fact: said.StepDownApproved) -> Episode:
    return replace(
        _close(state, fact.recommendation_id, "approved"),
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_down=True,
        schedule_pending=True,
    )


@_on(said.StepUpApproved)
def _up_approved(state: Episode, fact: said.StepUpApproved) -> Episode:
    closed = _close(state, fact.recommendation_id, "approved")
    if fact.kind == Kind.TRANSFER:
        return closed
    if fact.planned_end_on is not None:
        closed = replace(closed, planned_end_on=fact.planned_end_on, aftercare=None)
    return replace(
        closed,
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_down=False,
        schedule_pending=True,
    )


@_on(said.LevelOfCareChanged)
def _relevelled(state: Episode, fact: said.LevelOfCareChanged) -> Episode:
    return replace(
        state,
        level_before=fact.from_level,
        level=fact.to_level,
        level_since=fact.effective_on,
        stepped_on=fact.effective_on,
    )


@_on(said.ExtensionRequested)
def _extension_asked(state: Episode, fact: said.ExtensionRequested) -> Episode:
    return replace(state, extension=Extension(fact.request_id, fact.to_planned_end_on))


@_on(said.ExtensionApproved)
def _extension_given(state: Episode, fact: said.ExtensionApproved) -> Episode:
    return replace(state, extension=None, extended=True, planned_end_on=fact.to_planned_end_on)


@_on(said.ExtensionDenied)
def _extension_denied(state: Episode, _fact: said.ExtensionDenied) -> Episode:
    return replace(state, extension=None, denied_end_on=state.planned_end_on)


@_on(said.AftercarePlanned)
def _aftercare(state: Episode, fact: said.AftercarePlanned) -> Episode:
    plan = Aftercare(state.day(fact.meeting_at), fact.until_on, fact.checkin_cadence_days)
    return replace(state, aftercare=plan)


def _call(state: Episode, **changes: Any) -> Episode:
    return replace(state, aftercare=replace(state.aftercare, **changes)) if state.aftercare else state


@_on(said.CheckInDue)
def _call_due(state: Episode, fact: said.CheckInDue) -> Episode:
    return _call(state, called=fact.check_in, due_on=fact.due_on)


@_on(said.CheckInCompleted)
def _call_made(state: Episode, fact: said.CheckInCompleted) -> Episode:
    return _call(state, due_on=None, last_status=fact.status_summary)


@_on(said.CheckInMissed)
def _call_missed(state: Episode, _fact: said.CheckInMissed) -> Episode:
    return _call(state, due_on=None, missed=state.aftercare.missed + 1 if state.aftercare else 0)


@_on(said.PatientDischarged)
def _discharged(state: Episode, fact: said.PatientDischarged) -> Episode:
    return replace(state, discharged_on=fact.discharged_on)
