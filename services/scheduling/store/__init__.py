"""Every line of SQL of scheduling."""

from services.scheduling.store.aggregates import CALENDARS, CLINICIANS, GROUPS, LINKS, PLANS, SESSIONS, SITES
from services.scheduling.store.feeds import (
    find_calendar_of_link,
    find_meetings_ahead,
    find_meetings_in,
    find_meetings_led_by,
)
from services.scheduling.store.lockers import free_locker, take_locker
from services.scheduling.store.meetings import (
    book,
    book_one,
    clashes,
    end_bookings,
    find_calendar,
    find_session,
    find_sessions,
    roster_of,
    sessions_unfinished,
    unbook,
)
from services.scheduling.store.outlook import calendar_of, sessions_ahead
from services.scheduling.store.people import keep_apart, kept_apart_from, lift_apart, seats_of
from services.scheduling.store.places import (
    clinicians_at,
    find_clinicians,
    find_groups,
    group_of,
    groups_at,
    make_seats,
    sessions_at,
    site_of,
    sites_of_clinician,
    steady_site_of,
)
from services.scheduling.store.plans import calendars_at, exchange_seats, find_plan, find_plans, pairs_apart
from services.scheduling.store.seats import free_seats, offers_at, offers_of, take_seats

__all__ = [
    "CALENDARS",
    "CLINICIANS",
    "GROUPS",
    "LINKS",
    "PLANS",
    "SESSIONS",
    "SITES",
    "book",
    "book_one",
    "calendar_of",
    "calendars_at",
    "clashes",
    "clinicians_at",
    "end_bookings",
    "exchange_seats",
    "find_calendar",
    "find_calendar_of_link",
    "find_clinicians",
    "find_groups",
    "find_meetings_ahead",
    "find_meetings_in",
    "find_meetings_led_by",
    "find_plan",
    "find_plans",
    "find_session",
    "find_sessions",
    "free_locker",
    "free_seats",
    "group_of",
    "groups_at",
    "keep_apart",
    "kept_apart_from",
    "lift_apart",
    "make_seats",
    "offers_at",
    "offers_of",
    "pairs_apart",
    "roster_of",
    "seats_of",
    "sessions_ahead",
    "sessions_at",
    "sessions_unfinished",
    "site_of",
    "sites_of_clinician",
    "steady_site_of",
    "take_locker",
    "take_seats",
    "unbook",
]
