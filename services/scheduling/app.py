"""Scheduling: what it hears and what it says."""

from contracts import catalogue
from contracts.intake import (
    AuthorizationRecorded,
    CoverageVerified,
    DetoxReferred,
    PatientAdmitted,
    ReferralDeclined,
    SeatRequested,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
)
from contracts.progress import (
    AftercarePlanned,
    EpisodeHeld,
    EpisodeResumed,
    PatientDischarged,
    StepDownApproved,
    StepUpApproved,
)
from services.chassis.run import main
from services.chassis.service import Service, gather, on
from services.scheduling import api
from services.scheduling.domain import (
    agreement,
    arrivals,
    bookings,
    clinicians,
    groups,
    links,
    pairs,
    riskdates,
    roll_call,
    sessions,
    sites,
)
from services.scheduling.handlers import (
    closures,
    feeds,
    lobby,
    meetings,
    outlook,
    places,
    roll_calls,
    seats,
    single,
    terms,
    weeks,
)
from services.scheduling.store import CALENDARS, CLINICIANS, GROUPS, LINKS, SESSIONS, SITES

service = Service(
    name="scheduling",
    purpose="Keeps the calendar true: seats, agreed weeks, sessions and who was there.",
    package="services.scheduling",
    aggregates=(SITES, CLINICIANS, GROUPS, SESSIONS, CALENDARS, LINKS),
    takes={
        sites.OpenSite: on(SITES, sites.open_site, creates=True),
        sites.OpenRoom: on(SITES, sites.open_room),
        sites.SetClosure: gather(closures.set_closure),
        sites.LiftClosure: gather(closures.lift_closure),
        clinicians.ListClinician: gather(closures.list_clinician),
        clinicians.BeAway: gather(closures.be_away),
        clinicians.ComeBack: gather(closures.come_back),
        groups.OpenGroup: gather(places.open_group),
        groups.OpenAppointment: gather(places.open_appointment),
        groups.ChangeGroup: gather(places.change_group),
        groups.CloseGroup: gather(places.close_group),
        agreement.AgreeSchedule: gather(weeks.agree),
        riskdates.SetRiskDate: on(CALENDARS, riskdates.set_date),
        riskdates.ClearRiskDate: on(CALENDARS, riskdates.clear_date),
        pairs.KeepApart: gather(outlook.keep_apart),
        pairs.MayMeet: gather(outlook.may_meet),
        roll_call.RollCall: gather(roll_calls.call_roll),
        roll_call.LateEntry: gather(roll_calls.enter_late),
        roll_call.CorrectAttendance: gather(roll_calls.correct),
        bookings.BookSession: gather(single.book),
        bookings.CancelBooking: gather(single.cancel),
        bookings.UndoCancellation: gather(single.undo),
        arrivals.CheckIn: gather(lobby.check_in),
        arrivals.CheckOut: gather(lobby.check_out),
        sessions.CancelSession: gather(meetings.call_off),
        links.MakeLink: gather(feeds.make_link),
        links.RevokeLink: gather(feeds.revoke_link),
    },
    hears={
        CoverageVerified: gather(terms.cover),
        AuthorizationRecorded: gather(terms.authorize),
        SeatRequested: gather(seats.hold),
        WaitlistOfferDeclined: gather(seats.offer_ended),
        WaitlistOfferExpired: gather(seats.offer_ended),
        ReferralDeclined: gather(seats.referral_declined),
        DetoxReferred: gather(seats.referred_to_detox),
        PatientAdmitted: gather(seats.admit),
        StepDownApproved: gather(weeks.step),
        StepUpApproved: gather(weeks.step),
        EpisodeHeld: gather(terms.hold),
        EpisodeResumed: gather(terms.resume),
        AftercarePlanned: gather(seats.aftercare),
        PatientDischarged: gather(seats.discharge),
    },
    wakes={
        "extend": gather(places.extend),
        "no_show": gather(meetings.say_absences),
        "end": gather(meetings.end),
        "hold_expires": gather(seats.expire_hold),
        "place": gather(seats.place_again),
        "return": gather(terms.overdue),
        "swap": gather(weeks.swap),
        "forecast": gather(outlook.look),
        "booster": gather(outlook.propose_booster),
        "day": gather(weeks.close_day),
        "week": gather(weeks.close_week),
    },
    says=catalogue.events_of("scheduling"),
    language=catalogue.all_events(),
    routes=api.routes,
    unguarded=frozenset({"/v1/calendars/{token}.ics"}),
)

if __name__ == "__main__":
    main(service)
