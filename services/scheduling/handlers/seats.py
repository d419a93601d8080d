"""Seats: hold them for a request, let them go again."""

from contracts.decisions import Moment, Unwake, Wake, Woke
from contracts.intake import (
    DetoxReferred,
    PatientAdmitted,
    ReferralDeclined,
    SeatRequested,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
)
from contracts.progress import AftercarePlanned, PatientDischarged
from services.chassis.unit import Unit
from services.scheduling import store
from services.scheduling.domain import agreement, calendar
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import civil_date
from services.scheduling.store import CALENDARS

OPTIONS = 8
"""How many weeks are tried in one go before the seats are looked at afresh."""
TRIES = 20


async def hold(unit: Unit, key: str, event: SeatRequested, moment: Moment) -> None:
    """Keep the best free week for a person, or say that there is none."""
    state = await unit.load(CALENDARS, key)
    if state is not None and (state.running or state.stage == "ended" or _answered(state, event)):
        return
    if state is not None and state.hold is not None:
        await let_go(unit, state, "replaced", moment)
    site = await store.site_of(unit.db, event.network_id, event.site_id)
    asked = calendar.asked(event, site.tz if site is not None else "UTC")
    state = unit.record(CALENDARS, key, [asked])
    if site is None:
        unit.record(CALENDARS, key, [agreement.unavailable(state, asked.request, "unknown_site", moment)])
        return
    await _place(unit, state, moment)


def _answered(state: Calendar, event: SeatRequested) -> bool:
    return state.request is not None and state.request.request_id == event.request_id


async def place_again(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """Try once more where seats were just being taken by others."""
    state = await unit.load(CALENDARS, key)
    if state is not None and state.stage == "asked" and state.request is not None and state.hold is None:
        await _place(unit, state, moment)


async def _place(unit: Unit, state: Calendar, moment: Moment) -> None:
    request = state.request
    assert request is not None
    credited = moment.rules.attendance.breaks_creditable
    offers = await store.offers_of(unit.db, state.network_id, state.site_id, state.id, credited)
    choices, cause = agreement.candidates(request, offers, state, moment)
    for choice in choices[:OPTIONS]:
        if await store.take_seats(unit.db, state.id, [o.slot() for o in choice], moment.at):
            unit.record(CALENDARS, state.id, agreement.held(state, request, choice, moment))
            return
    if choices and request.tries < TRIES:
        unit.record(
            CALENDARS, state.id, [calendar.PlaceContended(request.request_id), Wake(moment.at, "place")]
        )
        return
    unit.record(CALENDARS, state.id, [agreement.unavailable(state, request, cause or "contended", moment)])


async def let_go(unit: Unit, state: Calendar, cause: str, moment: Moment) -> None:
    """Give back everything that a hold keeps."""
    if state.hold is None:
        return
    seats = await store.free_seats(unit.db, state.id, state.seats)
    gone = agreement.released(state, seats, cause, moment, state.hold.seat_hold_id)
    unit.record(CALENDARS, state.id, [gone, Unwake("hold_expires")])


async def expire_hold(unit: Unit, key: str, _woke: Woke, moment: Moment) -> None:
    """A hold that nobody took is over."""
    state = await unit.load(CALENDARS, key)
    if state is not None and state.hold is not None and state.hold.expires_at <= moment.at:
        await let_go(unit, state, "hold_expired", moment)


async def offer_ended(
    unit: Unit, key: str, event: WaitlistOfferDeclined | WaitlistOfferExpired, moment: Moment
) -> None:
    """An offer came to nothing: its hold ends with it."""
    state = await unit.load(CALENDARS, key)
    if state is not None and state.hold is not None and state.hold.seat_hold_id == event.seat_hold_id:
        cause = "offer_declined" if isinstance(event, WaitlistOfferDeclined) else "offer_expired"
        await let_go(unit, state, cause, moment)


async def referral_declined(unit: Unit, key: str, _event: ReferralDeclined, moment: Moment) -> None:
    """A referral ended without admission: nothing is kept for it."""
    await _place_no_more(unit, key, "referral_declined", moment)


async def referred_to_detox(unit: Unit, key: str, _event: DetoxReferred, moment: Moment) -> None:
    """Who is in detox cannot take a seat: what was held for them is free, and asked for anew later."""
    await _place_no_more(unit, key, "detox", moment)


async def _place_no_more(unit: Unit, key: str, cause: str, moment: Moment) -> None:
    state = await unit.load(CALENDARS, key)
    if state is not None and not state.running:
        await let_go(unit, state, cause, moment)
        unit.record(CALENDARS, key, [Unwake("place")])


async def admit(unit: Unit, key: str, event: PatientAdmitted, _moment: Moment) -> None:
    """An admission takes the held seats; they wait for the week to be agreed."""
    state = await unit.load(CALENDARS, key)
    if state is not None and (state.running or state.stage == "ended"):
        return
    unit.record(CALENDARS, key, [calendar.admitted(state, event), Unwake("hold_expires")])


async def discharge(unit: Unit, key: str, _event: PatientDischarged, moment: Moment) -> None:
    """An episode is over: no more sessions, and the seats are free."""
    await _end(unit, key, "discharged", moment)


async def aftercare(unit: Unit, key: str, _event: AftercarePlanned, moment: Moment) -> None:
    """Aftercare has no groups: the seats are free for others."""
    await _end(unit, key, "aftercare", moment)


async def _end(unit: Unit, key: str, cause: str, moment: Moment) -> None:
    state = await unit.load(CALENDARS, key)
    if state is None or state.stage == "ended":
        return
    await store.end_bookings(unit.db, key, moment.at)
    seats = await store.free_seats(unit.db, key, state.seats)
    hold_id = state.hold.seat_hold_id if state.hold is not None else None
    said = [agreement.released(state, seats, cause, moment, hold_id)] if seats else []
    ended = calendar.CalendarEnded(civil_date(moment.at, state.tz), cause)
    unit.record(CALENDARS, key, [*said, calendar.SeatsKept(()), Unwake("hold_expires"), ended])
