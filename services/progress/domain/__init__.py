"""The rules of progress: pure decisions about one episode of care."""

from services.progress.domain.aftercare import (
    EnrolAlumni,
    PlanAftercare,
    RecordCheckIn,
    ask_check_in,
    enrol_alumni,
    miss_check_in,
    plan_aftercare,
    record_check_in,
)
from services.progress.domain.course import (
    LogOutreach,
    correct_attendance,
    count_attendance,
    log_outreach,
    note_infeasible,
    note_miss,
    note_schedule,
    note_week,
    open_episode,
)
from services.progress.domain.discharge import DischargePatient, discharge_patient
from services.progress.domain.evolve import evolve, fold
from services.progress.domain.extension import DecideExtension, decide_extension, draft_extension
from services.progress.domain.facts import PRIVATE_FACTS, Direction, Kind, Stage
from services.progress.domain.measures import RecordMeasure, record_measure
from services.progress.domain.payers import note_authorization, note_coverage
from services.progress.domain.plan import (
    MAX_WINDOW_DAYS,
    ApprovePlan,
    AttestGoal,
    WantedGoal,
    approve_plan,
    attest_goal,
)
from services.progress.domain.recommend import expire_recommendation, review_again
from services.progress.domain.safety import (
    AcknowledgeAlert,
    ReportSubstanceUse,
    ResolveAlert,
    acknowledge_alert,
    escalate_alert,
    report_substance_use,
    resolve_alert,
)
from services.progress.domain.state import Episode
from services.progress.domain.steps import (
    ApproveRecommendation,
    DeclineRecommendation,
    RecommendStep,
    approve_recommendation,
    decline_recommendation,
    recommend_step,
)
from services.progress.domain.waits import waiting

__all__ = [
    "MAX_WINDOW_DAYS",
    "PRIVATE_FACTS",
    "AcknowledgeAlert",
    "ApprovePlan",
    "ApproveRecommendation",
    "AttestGoal",
    "DecideExtension",
    "DeclineRecommendation",
    "Direction",
    "DischargePatient",
    "EnrolAlumni",
    "Episode",
    "Kind",
    "LogOutreach",
    "PlanAftercare",
    "RecommendStep",
    "RecordCheckIn",
    "RecordMeasure",
    "ReportSubstanceUse",
    "ResolveAlert",
    "Stage",
    "WantedGoal",
    "acknowledge_alert",
    "approve_plan",
    "approve_recommendation",
    "ask_check_in",
    "attest_goal",
    "correct_attendance",
    "count_attendance",
    "decide_extension",
    "decline_recommendation",
    "discharge_patient",
    "draft_extension",
    "enrol_alumni",
    "escalate_alert",
    "evolve",
    "expire_recommendation",
    "fold",
    "log_outreach",
    "miss_check_in",
    "note_authorization",
    "note_coverage",
    "note_infeasible",
    "note_miss",
    "note_schedule",
    "note_week",
    "open_episode",
    "plan_aftercare",
    "recommend_step",
    "record_check_in",
    "record_measure",
    "report_substance_use",
    "resolve_alert",
    "review_again",
    "waiting",
]
