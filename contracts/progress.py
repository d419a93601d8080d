"""What progress says: plan, goals, measures, recommendations, and how an episode goes on and ends."""

from contracts.event import PatientEvent
from contracts.vocabulary import (
    Count,
    Criterion,
    Day,
    DischargeReason,
    GoalCategory,
    Instant,
    LevelOfCare,
    Minutes,
    Part,
    Risk,
    Score,
    Token,
    Zone,
)


class EpisodeStarted(PatientEvent):
    """Progress took over an admitted person."""

    level: LevelOfCare
    planned_end_on: Day
    weekly_minutes: Minutes
    tz: Zone


class EpisodeStateChanged(PatientEvent):
    """An episode moved from one state to another."""

    from_state: Token
    to_state: Token
    transition: Token


class Measure(Part):
    """How a goal is measured: instrument, count, attendance or boolean."""

    kind: Token
    instrument: Token | None = None
    comparator: Token
    target: Score
    window_days: Count


class Goal(Part):
    """One measurable objective of a plan."""

    goal_id: Token
    category: GoalCategory
    measure: Measure
    baseline: Score | None = None
    target_on: Day | None = None
    required_for_step_down: bool


class TreatmentPlanApproved(PatientEvent):
    """Patient and clinician signed a plan with measurable goals."""

    plan_id: Token
    version: Count
    goals: tuple[Goal, ...]
    next_review_due_on: Day


class GoalProgressed(PatientEvent):
    """A goal came nearer or moved away."""

    goal_id: Token
    value: Score
    percent: Count
    trend: Token


class GoalMet(PatientEvent):
    """A goal of the plan was reached."""

    goal_id: Token
    category: GoalCategory
    met_on: Day
    met_by: Token
    remaining_required: Count


class GoalReopened(PatientEvent):
    """A goal that had been met no longer holds."""

    goal_id: Token
    reason: Token
    remaining_required: Count


class MeasureRecorded(PatientEvent):
    """An instrument was scored during treatment and held against the baseline."""

    instrument: Token
    version: Token
    total: Score
    band: Token
    administered_at: Instant
    previous_total: Score | None = None
    baseline_total: Score | None = None
    change: Score | None = None
    reliable_change: Token
    response: bool | None = None
    remission: bool | None = None
    flags: tuple[Token, ...] = ()


class SafetyAlertRaised(PatientEvent):
    """Somebody must look after this person now."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant


class SafetyAlertEscalated(PatientEvent):
    """Nobody took an alert in hand in time: more people are told."""

    alert_id: Token
    kind: Token
    severity: Risk
    due_ack_at: Instant
    escalation: Count
    to_role: Token


class SafetyAlertAcknowledged(PatientEvent):
    """A clinician took a safety alert in hand."""

    alert_id: Token
    acknowledged_at: Instant
    late: bool


class SafetyAlertResolved(PatientEvent):
    """A clinician closed a safety alert."""

    alert_id: Token
    resolved_at: Instant


class SubstanceUseReported(PatientEvent):
    """A lapse or relapse became known."""

    report_id: Token
    source: Token
    used_on: Day
    classification: Token


class StepDownRecommended(PatientEvent):
    """The facts speak for less treatment: fewer minutes, or a lower level. A clinician decides."""

    recommendation_id: Token
    kind: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    from_weekly_minutes: Minutes
    to_weekly_minutes: Minutes
    criteria: tuple[Criterion, ...]
    generated_by: Token
    expires_at: Instant


class StepUpRecommended(PatientEvent):
    """The facts speak for more treatment. A clinician decides."""

    recommendation_id: Token
    kind: Token
    trigger: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    from_weekly_minutes: Minutes
    to_weekly_minutes: Minutes
    criteria: tuple[Criterion, ...]
    generated_by: Token
    expires_at: Instant


class RecommendationDeclined(PatientEvent):
    """A recommendation is off the table: declined, expired, superseded, or its ground is gone."""

    recommendation_id: Token
    by: Token
    reason: Token


class StepDownApproved(PatientEvent):
    """A clinician approved a step down and the patient agreed."""

    recommendation_id: Token
    kind: Token
    to_level: LevelOfCare
    to_weekly_minutes: Minutes
    effective_on: Day
    approver_id: Token
    patient_agreed: bool


class StepUpApproved(PatientEvent):
    """A clinician approved a step up."""

    recommendation_id: Token
    kind: Token
    to_level: LevelOfCare
    to_weekly_minutes: Minutes
    effective_on: Day
    approver_id: Token
    patient_agreed: bool


class LevelOfCareChanged(PatientEvent):
    """From a date on, a person is treated at another level of care."""

    loc_segment_id: Token
    from_level: LevelOfCare
    to_level: LevelOfCare
    effective_on: Day
    authorization_required: bool


class EpisodeHeld(PatientEvent):
    """Treatment rests for a time; the person keeps their seat until the expected return."""

    reason: Token
    held_from: Day
    expected_return_on: Day


class EpisodeResumed(PatientEvent):
    """Treatment goes on after a hold."""

    resumed_on: Day


class ExtensionRequested(PatientEvent):
    """The planned end is near and required goals are open: more days are asked for."""

    request_id: Token
    from_planned_end_on: Day
    to_planned_end_on: Day
    days: Count
    reasons: tuple[Token, ...]


class ExtensionApproved(PatientEvent):
    """A clinician extended the episode."""

    request_id: Token
    from_planned_end_on: Day
    to_planned_end_on: Day


class ExtensionDenied(PatientEvent):
    """A clinician decided against an extension."""

    request_id: Token
    reason: Token


class OutreachAttempted(PatientEvent):
    """Somebody tried to reach a person who stayed away."""

    channel: Token
    attempts: Count
    reached: bool


class AftercarePlanned(PatientEvent):
    """What follows after the program was agreed in a future-steps meeting."""

    aftercare_plan_id: Token
    meeting_at: Instant
    components: tuple[Token, ...]
    relapse_prevention_plan: bool
    checkin_cadence_days: Count
    until_on: Day


class CheckInDue(PatientEvent):
    """A check-in call is due today."""

    check_in: Count
    due_on: Day


class CheckInCompleted(PatientEvent):
    """A check-in call reached the person."""

    check_in: Count
    due_on: Day
    status_summary: Token


class CheckInMissed(PatientEvent):
    """A check-in call did not reach the person."""

    check_in: Count
    due_on: Day


class AlumniEnrolled(PatientEvent):
    """A person finished aftercare and stays in touch."""

    enrolled_on: Day


class PatientDischarged(PatientEvent):
    """An episode of care ended."""

    reason: DischargeReason
    teds_reason: Token
    discharged_on: Day
    admitted_on: Day
    last_service_on: Day | None = None
    los_days: Count
    level_at_discharge: LevelOfCare
    goals_total: Count
    goals_met: Count
