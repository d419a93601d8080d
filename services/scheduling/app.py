"""Scheduling: what it hears and what it says."""

from contracts import catalogue
from contracts.intake import (
    DetoxReferred,
    PatientAdmitted,
    ReferralDeclined,
    SeatRequested,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
)
from contracts.progress import AftercarePlanned, PatientDischarged, StepDownApproved, StepUpApproved
from services.chassis.run import main
from services.chassis.service import Service, gather, on
from services.scheduling import api
from services.scheduling.domain import agreement, links, places, sessions
from services.scheduling.handlers import feeds, meetings, seats, weeks
from services.scheduling.store import CALENDARS, GROUPS, LINKS, SESSIONS, SITES

service = Service(
    name="scheduling",
    purpose="Keeps the calendar true: seats, agreed weeks, sessions and who was there.",
    package="services.scheduling",
    aggregates=(SITES, GROUPS, SESSIONS, CALENDARS, LINKS),
    takes={
        places.OpenSite: on(SITES, places.open_site, creates=True),
        places.OpenGroup: gather(meetings.open_group),
        agreement.AgreeSchedule: gather(weeks.agree),
        sessions.RollCall: gather(meetings.call_roll),
        links.MakeLink: gather(feeds.make_link),
        links.RevokeLink: gather(feeds.revoke_link),
    },
    hears={
        SeatRequested: gather(seats.hold),
        WaitlistOfferDeclined: gather(seats.offer_ended),
        WaitlistOfferExpired: gather(seats.offer_ended),
        ReferralDeclined: gather(seats.referral_declined),
        DetoxReferred: gather(seats.referred_to_detox),
        PatientAdmitted: gather(seats.admit),
        StepDownApproved: gather(weeks.step),
        StepUpApproved: gather(weeks.step),
        AftercarePlanned: gather(seats.aftercare),
        PatientDischarged: gather(seats.discharge),
    },
    wakes={
        "extend": gather(meetings.extend),
        "no_show": gather(meetings.say_absences),
        "end": gather(meetings.end),
        "hold_expires": gather(seats.expire_hold),
        "place": gather(seats.place_again),
        "swap": gather(weeks.swap),
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
