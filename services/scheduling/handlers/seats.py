"""Seats: hold them for a request, let them go again."""

from collections.abc import Iterable
from datetime import date
from itertools import islice

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
from services.scheduling.domain import agreement, calendar, candidates, legality
from services.scheduling.domain.calendar import Calendar
from services.scheduling.domain.localtime import civil_date
from services.scheduling.domain.week import Choice, Offer
from services.scheduling.domain.wishes import OPTIONS
from services.scheduling.store import CALENDARS

TRIES = 20
"""How often seats that others are just taking are looked at afresh."""


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
    offers = await proposable(unit, state, request.earliest_start, moment)
    choices, cause = candidates.for_request(request, offers, state, moment)
    legal = first_legal(state, choices, request.earliest_start, moment)
    if choices and not legal:
        cause = "no_legal_week"
    for choice in legal:
        if await store.take_seats(unit.db, state.id, [o.slot() for o in choice], moment.at):
            unit.record(CALENDARS, state.id, agreement.held(state, request, choice, moment))
            return
    if legal and request.tries < TRIES:
        unit.record(
            CALENDARS, state.id, [calendar.PlaceContended(request.request_id), Wake(moment.at, "place")]
        )
        return
    facts: list[object] = []
    opening = None
    if cause == "no_free_seat":
        others = await store.calendars_at(unit.db, state.network_id, state.site_id)
        leaving = candidates.seats_in_use(others)
        opening = candidates.first_opening(request, offers, state, leaving, moment)
        facts.append(Wake(moment.at, "make_room"))
    said = agreement.unavailable(state, request, cause or "contended", moment, opening)
    unit.record(CALENDARS, state.id, [said, *facts])


async def offers_for(unit: Unit, state: Calendar, day: date, moment: Moment) -> list[Offer]:
    """What a site offers a person, counted by the rules of whoever pays on a day."""
    credited = state.rules_on(day, moment.rules).attendance.breaks_creditable
    return await store.offers_of(unit.db, state.network_id, state.site_id, state.id, credited)


async def barred_from(unit: Unit, state: Calendar) -> set[tuple[str, int]]:
    """Where somebody sits who is kept apart from this person; they stay there until this is decided."""
    others = await store.kept_apart_from(unit.db, state.id)
    if not others:
        return set()
    await unit.load_many(CALENDARS, others)
    return await store.seats_of(unit.db, others)


async def proposable(unit: Unit, state: Calendar, day: date, moment: Moment) -> list[Offer]:
    """What the machine may propose to a person from a day on."""
    barred = await barred_from(unit, state)
    return legality.open_to(state, await offers_for(unit, state, day, moment), barred)


def first_legal(state: Calendar, choices: Iterable[Choice], day: date, moment: Moment) -> list[Choice]:
    """The best few weeks that break no rule of level or payer."""
    legal = (c for c in choices if not legality.broken(state, c, day, moment.rules))
    return list(islice(legal, OPTIONS))


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
        gone = calendar.RequestWithdrawn()
        unit.record(CALENDARS, key, [gone, Unwake("place"), Unwake("make_room")])


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
