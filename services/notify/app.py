"""Notify: what it hears and what it says."""

from contracts import catalogue
from contracts.intake import (
    ConsentGranted,
    PatientAdmitted,
    PatientScreened,
    ReferralDeclined,
    ReferralReceived,
    WaitlistOfferMade,
)
from contracts.progress import (
    CheckInDue,
    ExtensionRequested,
    PatientDischarged,
    SafetyAlertRaised,
    StepDownRecommended,
    StepUpRecommended,
)
from contracts.scheduling import (
    AttendanceCorrected,
    ScheduleInfeasible,
    SessionMissed,
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
        ConsentGranted: on(PEOPLE, domain.consent_granted),
        PatientScreened: on(PEOPLE, domain.patient_screened, creates=True),
        WaitlistOfferMade: on(PEOPLE, domain.waitlist_offer_made),
        PatientAdmitted: on(PEOPLE, domain.patient_admitted),
        ReferralDeclined: on(PEOPLE, domain.referral_declined),
        WeeklyScheduleAgreed: on(PEOPLE, domain.week_agreed),
        WeeklyScheduleChanged: on(PEOPLE, domain.week_changed),
        ScheduleInfeasible: on(PEOPLE, domain.schedule_infeasible),
        SessionMissed: on(PEOPLE, domain.session_missed),
        AttendanceCorrected: on(PEOPLE, domain.attendance_corrected),
        StepDownRecommended: on(PEOPLE, domain.step_down_recommended),
        StepUpRecommended: on(PEOPLE, domain.step_up_recommended),
        ExtensionRequested: on(PEOPLE, domain.extension_requested),
        SafetyAlertRaised: on(PEOPLE, domain.safety_alert_raised, creates=True),
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
