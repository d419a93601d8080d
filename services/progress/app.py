"""Progress: what it takes, what it hears, when it wakes and what it says."""

from contracts import catalogue
from contracts.intake import PatientAdmitted
from contracts.scheduling import (
    AttendanceCorrected,
    ScheduleInfeasible,
    SessionAttended,
    SessionMissed,
    TreatmentWeekClosed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from services.chassis.run import main
from services.chassis.service import Service, on
from services.progress import api, domain
from services.progress.store import EPISODE

CARE = ("clinician", "director")
OUTREACH = ("clinician", "director", "admissions")

service = Service(
    name="progress",
    purpose="Follows each admitted person: plan, goals, measures, recommendations, aftercare, discharge.",
    package="services.progress",
    aggregates=(EPISODE,),
    takes={
        domain.ApprovePlan: on(EPISODE, domain.approve_plan, roles=CARE),
        domain.AttestGoal: on(EPISODE, domain.attest_goal, roles=CARE),
        domain.RecordMeasure: on(EPISODE, domain.record_measure, roles=CARE),
        domain.ReportSubstanceUse: on(EPISODE, domain.report_substance_use, roles=CARE),
        domain.AcknowledgeAlert: on(EPISODE, domain.acknowledge_alert, roles=CARE),
        domain.ResolveAlert: on(EPISODE, domain.resolve_alert, roles=CARE),
        domain.RecommendStep: on(EPISODE, domain.recommend_step, roles=CARE),
        domain.ApproveRecommendation: on(EPISODE, domain.approve_recommendation, roles=CARE),
        domain.DeclineRecommendation: on(EPISODE, domain.decline_recommendation, roles=CARE),
        domain.DecideExtension: on(EPISODE, domain.decide_extension, roles=CARE),
        domain.LogOutreach: on(EPISODE, domain.log_outreach, roles=OUTREACH),
        domain.PlanAftercare: on(EPISODE, domain.plan_aftercare, roles=CARE),
        domain.RecordCheckIn: on(EPISODE, domain.record_check_in, roles=OUTREACH),
        domain.EnrolAlumni: on(EPISODE, domain.enrol_alumni, roles=CARE),
        domain.DischargePatient: on(EPISODE, domain.discharge_patient, roles=CARE),
    },
    hears={
        PatientAdmitted: on(EPISODE, domain.open_episode, creates=True),
        WeeklyScheduleAgreed: on(EPISODE, domain.note_schedule),
        WeeklyScheduleChanged: on(EPISODE, domain.note_schedule),
        ScheduleInfeasible: on(EPISODE, domain.note_infeasible),
        SessionAttended: on(EPISODE, domain.count_attendance),
        SessionMissed: on(EPISODE, domain.note_miss),
        AttendanceCorrected: on(EPISODE, domain.correct_attendance),
        TreatmentWeekClosed: on(EPISODE, domain.note_week),
    },
    wakes={
        "extension_due": on(EPISODE, domain.draft_extension),
        "evaluate": on(EPISODE, domain.review_again),
        "recommendation_expires": on(EPISODE, domain.expire_recommendation),
        "alert_due": on(EPISODE, domain.escalate_alert),
        "check_in": on(EPISODE, domain.ask_check_in),
        "check_in_missed": on(EPISODE, domain.miss_check_in),
    },
    says=catalogue.events_of("progress"),
    language=catalogue.all_events(),
    routes=api.routes,
)

if __name__ == "__main__":
    main(service)
