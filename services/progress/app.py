"""Progress: what it takes, what it hears, when it wakes and what it says."""

from collections.abc import Iterable

from contracts import catalogue
from contracts.intake import AuthorizationRecorded, CoverageVerified, PatientAdmitted, PatientCameOfAge
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
from services.chassis.service import Decide, Reaction, Service, on
from services.progress import api, domain
from services.progress.store import EPISODE

CARE = ("clinician", "director")
TEAM = ("clinician", "director", "admissions", "scheduler")
OUTREACH = ("clinician", "director", "admissions")
RECORDS = ("clinician", "director", "admissions", "biller")


def episode(decide: Decide, *, creates: bool = False, roles: Iterable[str] = ()) -> Reaction:
    """Decide about one episode, see what follows, and read off the result what it waits for."""
    return on(EPISODE, domain.waiting(domain.following(decide)), creates=creates, roles=roles)


service = Service(
    name="progress",
    purpose="Follows each admitted person: plan, goals, measures, recommendations, aftercare, discharge.",
    package="services.progress",
    aggregates=(EPISODE,),
    takes={
        domain.ApprovePlan: episode(domain.approve_plan, roles=CARE),
        domain.DraftPlan: episode(domain.draft_plan, roles=CARE),
        domain.SignPlan: episode(domain.sign_plan, roles=CARE),
        domain.ReviewPlan: episode(domain.review_plan, roles=CARE),
        domain.AttestGoal: episode(domain.attest_goal, roles=CARE),
        domain.RecordMeasure: episode(domain.record_measure, roles=CARE),
        domain.AssignHomework: episode(domain.assign_homework, roles=CARE),
        domain.ReturnHomework: episode(domain.return_homework, roles=CARE),
        domain.RecordMedication: episode(domain.record_medication, roles=CARE),
        domain.LogActivity: episode(domain.log_activity, roles=CARE),
        domain.ReportSubstanceUse: episode(domain.report_substance_use, roles=CARE),
        domain.WithdrawUseReport: episode(domain.withdraw_use_report, roles=CARE),
        domain.RespondToRelapse: episode(domain.respond_to_relapse, roles=CARE),
        domain.AcknowledgeAlert: episode(domain.acknowledge_alert, roles=CARE),
        domain.ResolveAlert: episode(domain.resolve_alert, roles=CARE),
        domain.RecommendStep: episode(domain.recommend_step, roles=CARE),
        domain.ApproveRecommendation: episode(domain.approve_recommendation, roles=CARE),
        domain.DeclineRecommendation: episode(domain.decline_recommendation, roles=CARE),
        domain.OpenReview: episode(domain.open_review, roles=CARE),
        domain.AskTeam: episode(domain.ask_team, roles=CARE),
        domain.GiveOpinion: episode(domain.give_opinion, roles=TEAM),
        domain.RecordAgreement: episode(domain.record_agreement, roles=CARE),
        domain.CloseReviewTask: episode(domain.close_review_task, roles=CARE),
        domain.HoldEpisode: episode(domain.hold_episode, roles=CARE),
        domain.ResumeEpisode: episode(domain.resume_episode, roles=CARE),
        domain.Reassess: episode(domain.reassess, roles=CARE),
        domain.RecordCertification: episode(domain.record_certification, roles=RECORDS),
        domain.RequestExtension: episode(domain.request_extension, roles=CARE),
        domain.DecideExtension: episode(domain.decide_extension, roles=CARE),
        domain.LogOutreach: episode(domain.log_outreach, roles=OUTREACH),
        domain.PlanAftercare: episode(domain.plan_aftercare, roles=CARE),
        domain.RecordCheckIn: episode(domain.record_check_in, roles=OUTREACH),
        domain.EnrolAlumni: episode(domain.enrol_alumni, roles=CARE),
        domain.MakeCommunityReferral: episode(domain.make_referral, roles=OUTREACH),
        domain.CloseLoop: episode(domain.close_loop, roles=OUTREACH),
        domain.DischargePatient: episode(domain.discharge_patient, roles=CARE),
        domain.RecordDeath: episode(domain.record_death, roles=OUTREACH),
    },
    hears={
        PatientAdmitted: episode(domain.open_episode, creates=True),
        CoverageVerified: episode(domain.note_coverage, creates=True),
        AuthorizationRecorded: episode(domain.note_authorization, creates=True),
        PatientCameOfAge: episode(domain.note_of_age, creates=True),
        WeeklyScheduleAgreed: episode(domain.note_schedule),
        WeeklyScheduleChanged: episode(domain.note_schedule),
        ScheduleInfeasible: episode(domain.note_infeasible),
        SessionAttended: episode(domain.count_attendance),
        SessionMissed: episode(domain.note_miss),
        AttendanceCorrected: episode(domain.correct_attendance),
        TreatmentWeekClosed: episode(domain.note_week),
    },
    wakes={
        "extension_due": episode(domain.draft_extension),
        "plan_review": episode(domain.ask_for_review),
        "goals": episode(domain.weigh_again),
        "measures": episode(domain.ask_for_measures),
        "planned_end_passed": episode(domain.note_end_passed),
        "hold_overdue": episode(domain.note_overdue),
        "certification_due": episode(domain.ask_certification),
        "community_referral_due": episode(domain.ask_outcome),
        "evaluate": episode(domain.review_again),
        "recommendation_expires": episode(domain.expire_recommendation),
        "taper_over": episode(domain.end_taper),
        "alert_due": episode(domain.escalate_alert),
        "check_in": episode(domain.ask_check_in),
        "check_in_missed": episode(domain.miss_check_in),
    },
    says=catalogue.events_of("progress"),
    language=catalogue.all_events(),
    routes=api.routes,
    story="episode_id",
)

if __name__ == "__main__":
    main(service)
