"""Plans: goals, what is done for them, how far they have come."""

from contracts.event import PatientEvent
from contracts.vocabulary import Count, Day, GoalCategory, Part, Score, ServiceKind, Token


class Measure(Part):
    """How a goal is measured: instrument, count, attendance or boolean."""

    kind: Token
    instrument: Token | None = None
    """Of a count it is what is counted: a kind of session, of group or of recovery activity, or homework."""
    comparator: Token
    target: Score
    window_days: Count
    subscale: Token | None = None


class Goal(Part):
    """One measurable objective of a plan."""

    goal_id: Token
    category: GoalCategory
    measure: Measure
    baseline: Score | None = None
    target_on: Day | None = None
    required_for_step_down: bool


class Intervention(Part):
    """What is done for some goals of a plan, and how often."""

    modality: Token
    """Such as cbt, dbt, motivational_interviewing, matrix or twelve_step_facilitation."""
    service_kind: ServiceKind
    times_per_week: Count
    goal_ids: tuple[Token, ...] = ()


class TreatmentPlanApproved(PatientEvent):
    """Patient and clinician signed a plan with measurable goals."""

    plan_id: Token
    version: Count
    goals: tuple[Goal, ...]
    next_review_due_on: Day
    interventions: tuple[Intervention, ...] = ()
    curriculum: Token | None = None
    signed_by: tuple[Token, ...] = ()
    """Roles: patient, clinician, and physician where the payer wants one."""
    approved_on: Day | None = None


class GoalProgressed(PatientEvent):
    """A goal came nearer or moved away."""

    goal_id: Token
    value: Score
    percent: Count
    trend: Token
    current: bool = True
    """Not once the value has grown older than the goal's window."""


class GoalMet(PatientEvent):
    """A goal of the plan was reached."""

    goal_id: Token
    category: GoalCategory
    met_on: Day
    met_by: Token
    remaining_required: Count
    evidence_event_ids: tuple[Token, ...] = ()


class GoalReopened(PatientEvent):
    """A goal that had been met no longer holds."""

    goal_id: Token
    reason: Token
    remaining_required: Count


class TreatmentPlanDrafted(PatientEvent):
    """A plan was drafted; it comes into force once it is signed."""

    plan_id: Token
    version: Count
    goals: tuple[Goal, ...]
    interventions: tuple[Intervention, ...] = ()
    curriculum: Token | None = None
    drafted_on: Day


class PlanSigned(PatientEvent):
    """One of those who must sign a draft did."""

    plan_id: Token
    version: Count
    role: Token
    """patient, clinician or physician."""
    signed_on: Day


class TreatmentPlanReviewed(PatientEvent):
    """A plan in force was reviewed; goals may have come, changed or gone."""

    plan_id: Token
    version: Count
    goals: tuple[Goal, ...]
    interventions: tuple[Intervention, ...] = ()
    curriculum: Token | None = None
    signed_by: tuple[Token, ...] = ()
    reviewed_on: Day
    next_review_due_on: Day


class PlanDue(PatientEvent):
    """A signed plan is due, and for how many sessions it has been."""

    sessions_attended: Count
    overdue: bool


class PlanReviewDue(PatientEvent):
    """The plan must be looked at again."""

    plan_id: Token
    due_on: Day
    days_left: Count
    overdue: bool


class CurriculumCompleted(PatientEvent):
    """A person has covered what their curriculum plans."""

    curriculum: Token
    sessions: Count


class CurriculumReopened(PatientEvent):
    """Part of a curriculum begins again."""

    curriculum: Token
    part: Token
    reason: Token


class HomeworkAssigned(PatientEvent):
    """A person took something home to work on."""

    homework_id: Token
    kind: Token
    due_on: Day
    goal_id: Token | None = None


class HomeworkReturned(PatientEvent):
    """Homework came back, done or not."""

    homework_id: Token
    done: bool
    returned_on: Day
