"""Notify: what it hears and what it says."""

from contracts import catalogue, intake, progress
from contracts.intake import (
    AuthorizationRunningLow,
    ConsentExpired,
    ConsentGranted,
    ConsentRevoked,
    DetoxCompleted,
    DetoxReferred,
    PatientAdmitted,
    ReferralDeclined,
    ReferralLinked,
    ReferralReceived,
    WaitlistOfferAccepted,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
    WaitlistOfferMade,
)
from contracts.progress import (
    CheckInDue,
    ExtensionRequested,
    PatientDischarged,
    StepDownRecommended,
    StepUpRecommended,
)
from contracts.scheduling import (
    AttendanceCorrected,
    BoosterProposed,
    MoveProposed,
    ScheduleInfeasible,
    SessionMissed,
    WeekAtRisk,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from services.chassis.run import main
from services.chassis.service import Service, gather, on
from services.notify import api, domain, handlers
from services.notify.handlers import channels
from services.notify.store import PEOPLE

service = Service(
    name="notify",
    purpose="Tells patients and staff what they must know, when they may be told.",
    package="services.notify",
    aggregates=(PEOPLE,),
    takes={},
    hears={
        ReferralReceived: on(PEOPLE, domain.referral_received, creates=True),
        ReferralLinked: on(PEOPLE, domain.referral_linked),
        ConsentGranted: on(PEOPLE, domain.consent_granted),
        ConsentRevoked: on(PEOPLE, domain.consent_revoked),
        ConsentExpired: on(PEOPLE, domain.consent_expired),
        intake.SafetyAlertRaised: on(PEOPLE, domain.safety_alert_raised, creates=True),
        intake.SafetyAlertEscalated: on(PEOPLE, domain.safety_alert_escalated, creates=True),
        intake.SafetyAlertResolved: on(PEOPLE, domain.safety_alert_resolved),
        DetoxReferred: on(PEOPLE, domain.detox_referred),
        DetoxCompleted: on(PEOPLE, domain.detox_completed),
        WaitlistOfferMade: on(PEOPLE, domain.waitlist_offer_made),
        WaitlistOfferAccepted: on(PEOPLE, domain.waitlist_offer_over),
        WaitlistOfferDeclined: on(PEOPLE, domain.waitlist_offer_over),
        WaitlistOfferExpired: on(PEOPLE, domain.waitlist_offer_over),
        PatientAdmitted: on(PEOPLE, domain.patient_admitted),
        AuthorizationRunningLow: on(PEOPLE, domain.authorization_running_low),
        ReferralDeclined: on(PEOPLE, domain.referral_declined),
        WeeklyScheduleAgreed: on(PEOPLE, domain.week_agreed),
        WeeklyScheduleChanged: on(PEOPLE, domain.week_changed),
        WeekAtRisk: on(PEOPLE, domain.week_at_risk),
        MoveProposed: on(PEOPLE, domain.move_proposed),
        BoosterProposed: on(PEOPLE, domain.booster_proposed),
        ScheduleInfeasible: on(PEOPLE, domain.schedule_infeasible),
        SessionMissed: on(PEOPLE, domain.session_missed),
        AttendanceCorrected: on(PEOPLE, domain.attendance_corrected),
        StepDownRecommended: on(PEOPLE, domain.step_down_recommended),
        StepUpRecommended: on(PEOPLE, domain.step_up_recommended),
        ExtensionRequested: on(PEOPLE, domain.extension_requested),
        progress.SafetyAlertRaised: on(PEOPLE, domain.safety_alert_raised, creates=True),
        progress.SafetyAlertEscalated: on(PEOPLE, domain.safety_alert_escalated, creates=True),
        progress.SafetyAlertResolved: on(PEOPLE, domain.safety_alert_resolved),
        CheckInDue: on(PEOPLE, domain.check_in_due),
        PatientDischarged: on(PEOPLE, domain.patient_discharged),
    },
    wakes={"send": gather(handlers.send)},
    says=catalogue.events_of("notify"),
    language=catalogue.all_events(),
    routes=api.routes,
    outside=channels.from_environment(),
)

if __name__ == "__main__":
    main(service)
