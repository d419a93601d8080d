"""Intake on one screen: what it takes, hears and says."""

from contracts import catalogue
from contracts.progress import PatientDied, PatientDischarged
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable, SiteOpened, TreatmentDayClosed
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
        domain.ClaimReferral: on(REFERRALS, domain.claim_referral),
        domain.HandOver: on(REFERRALS, domain.hand_over_referral),
        domain.LogContact: on(REFERRALS, domain.log_contact),
        domain.GrantConsent: on(REFERRALS, domain.grant_consent),
        domain.SignConsent: on(REFERRALS, domain.sign_consent),
        domain.RevokeConsent: on(REFERRALS, domain.revoke_consent),
        domain.ScreenPatient: on(REFERRALS, domain.screen_patient),
        domain.AcknowledgeAlert: on(REFERRALS, domain.acknowledge_alert),
        domain.ResolveAlert: on(REFERRALS, domain.resolve_alert),
        domain.ReferToDetox: on(REFERRALS, domain.refer_to_detox),
        domain.ReturnFromDetox: on(REFERRALS, domain.return_from_detox),
        domain.AssessPatient: on(REFERRALS, domain.assess_patient),
        domain.VerifyCoverage: on(REFERRALS, domain.verify_coverage),
        domain.RecordAuthorization: on(REFERRALS, domain.record_authorization),
        domain.Certify: on(REFERRALS, domain.certify),
        domain.RequestSeat: on(REFERRALS, domain.request_seat),
        domain.OfferSeat: on(REFERRALS, domain.offer_seat),
        domain.Prioritize: on(REFERRALS, domain.prioritize),
        domain.AnswerOffer: gather(asked(domain.answer_offer)),
        domain.AdmitPatient: on(REFERRALS, domain.admit_patient),
        domain.DeclineReferral: gather(handlers.decline_referral),
    },
    hears={
        SiteOpened: on(SITES, domain.open_site, creates=True),
        SeatHeld: on(REFERRALS, domain.keep_seat),
        SeatUnavailable: gather(handlers.miss_seat),
        SeatReleased: gather(handlers.offer_freed_seat),
        TreatmentDayClosed: on(REFERRALS, domain.count_units),
        PatientDischarged: gather(heard(domain.end_episode)),
        PatientDied: on(REFERRALS, domain.note_death),
    },
    wakes={
        "ask_again": on(REFERRALS, domain.ask_again),
        "offer_expires": gather(heard(domain.expire_offer)),
        "entry_expires": gather(heard(domain.expire_entry)),
        "consent_expires": on(REFERRALS, domain.expire_consent),
        "of_age": on(REFERRALS, domain.come_of_age),
        "alert_due": on(REFERRALS, domain.escalate_alert),
        "authorization_ends": on(REFERRALS, domain.tell_of_authorization),
    },
    says=catalogue.events_of("intake"),
    language=catalogue.all_events(),
    routes=api.routes,
)

if __name__ == "__main__":
    main(service)
