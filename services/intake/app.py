"""Intake on one screen: what it takes, hears and says."""

from contracts import catalogue
from contracts.progress import PatientDischarged
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable, SiteOpened
from services.chassis.run import main
from services.chassis.service import Service, gather, on
from services.intake import api, domain, handlers
from services.intake.handlers import asked, heard
from services.intake.store import REFERRALS, SITES

service = Service(
    name="intake",
    purpose="From the first referral to admission, a waiting list with offers, or a reasoned no.",
    package="services.intake",
    aggregates=(REFERRALS, SITES),
    takes={
        domain.ReceiveReferral: gather(handlers.receive_referral),
        domain.GrantConsent: on(REFERRALS, domain.grant_consent),
        domain.ScreenPatient: on(REFERRALS, domain.screen_patient),
        domain.ReferToDetox: on(REFERRALS, domain.refer_to_detox),
        domain.ReturnFromDetox: on(REFERRALS, domain.return_from_detox),
        domain.AssessPatient: on(REFERRALS, domain.assess_patient),
        domain.VerifyCoverage: on(REFERRALS, domain.verify_coverage),
        domain.RecordAuthorization: on(REFERRALS, domain.record_authorization),
        domain.RequestSeat: on(REFERRALS, domain.request_seat),
        domain.AnswerOffer: gather(asked(domain.answer_offer)),
        domain.AdmitPatient: on(REFERRALS, domain.admit_patient),
        domain.DeclineReferral: gather(asked(domain.decline_referral)),
    },
    hears={
        SiteOpened: on(SITES, domain.open_site, creates=True),
        SeatHeld: on(REFERRALS, domain.keep_seat),
        SeatUnavailable: gather(handlers.miss_seat),
        SeatReleased: gather(handlers.offer_freed_seat),
        PatientDischarged: gather(heard(domain.end_episode)),
    },
    wakes={
        "ask_again": on(REFERRALS, domain.ask_again),
        "offer_expires": gather(heard(domain.expire_offer)),
        "entry_expires": gather(heard(domain.expire_entry)),
    },
    says=catalogue.events_of("intake"),
    language=catalogue.all_events(),
    routes=api.routes,
)

if __name__ == "__main__":
    main(service)
