"""Seats: asked for, held, waited for, offered, taken or lost. T8 to T11."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import (
    PatientWaitlisted,
    ReferralDeclined,
    SeatRequested,
    WaitlistOfferAccepted,
    WaitlistOfferDeclined,
    WaitlistOfferExpired,
    WaitlistOfferMade,
)
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable
from contracts.vocabulary import DeclineReason, ProgramKind, Urgency
from services.intake.domain import guards, indications
from services.intake.domain.facts import Requeued, SeatAsked, SeatKept, SeatLost, SeatRefused, about
from services.intake.domain.guards import in_stage
from services.intake.domain.people import age_band, local_date
from services.intake.domain.state import Entry, Hold, Referral, SeatWish, Stage

_PRIORITY = {Urgency.EMERGENT: 1, Urgency.URGENT: 2, Urgency.ROUTINE: 3}
_OFFER_OVER = Unwake("offer_expires")
_WAIT_OVER = (Unwake("entry_expires"), Unwake("ask_again"))


@dataclass(frozen=True, slots=True)
class RequestSeat:
    """Ask scheduling for a weekly place."""

    earliest_start: date
    weekly_minutes: int
    days_per_week: int
    program_kind: ProgramKind | None = None


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """The person takes the offered place, or does not."""

    network_id: str
    sites: tuple[str, ...]
    accept: bool


def request_seat(referral: Referral, command: RequestSeat, moment: Moment) -> list[Any]:
    """Ask scheduling, once everything that later decides about admission holds as far as it can be known."""
    rules = moment.rules.intake
    today = local_date(moment.at, referral.tz)
    made = referral.assessment
    kind = command.program_kind or referral.program_kind or _kind_of_diagnoses(referral)
    band_of = age_band(referral.person.birth_date, today, rules)
    wish = referral.wish
    require(
        "cannot_request_seat",
        "A seat cannot be requested",
        [
            in_stage(referral, Stage.ASSESSED),
            guards.assessment_current(referral, today, rules),
            guards.level_served(referral, rules),
            guards.can_live_at_home(referral),
            guards.suicide_risk_not_high(referral),
            guards.minutes_in_band(
                made.level if made else None, command.weekly_minutes, band_of, moment.rules
            ),
            Guard(
                "start_in_reach",
                0 <= (command.earliest_start - today).days <= moment.rules.program.max_days,
                "the earliest start lies in the past or too far ahead",
            ),
            Guard(
                "program_kind", kind is not None, "the kind of program is not known: name it in the request"
            ),
            Guard(
                "no_open_request", not _waits_for_answer(wish, moment), "a request is already being answered"
            ),
            Guard("no_seat_held", not guards.seat_held(referral, moment.at).holds, "a seat is already held"),
        ],
    )
    assert kind is not None
    asked = SeatWish(
        request_id=moment.new_id("seat_request"),
        asked_at=moment.at,
        for_release_at=None,
        open=True,
        earliest_start=command.earliest_start,
        program_kind=kind,
        weekly_minutes=command.weekly_minutes,
        days_per_week=command.days_per_week,
    )
    return _ask(referral, asked, moment)


def keep_seat(referral: Referral, heard: SeatHeld, moment: Moment) -> list[Any]:
    """A seat is held: for an assessed person it waits for admission, to a waiting one it is offered."""
    if referral.wish is None or referral.wish.request_id != heard.request_id or not referral.wish.open:
        return []
    hold = Hold(heard.seat_hold_id, heard.start_on, heard.weekly_minutes, heard.hold_expires_at)
    if referral.stage is Stage.ASSESSED:
        return [SeatKept(heard.request_id, hold)]
    entry = referral.entry
    if referral.stage is not Stage.WAITLISTED or entry is None or entry.offer is not None:
        return []
    ends = moment.at + timedelta(hours=moment.rules.intake.offer_ttl_hours)
    made = WaitlistOfferMade(
        **about(referral, moment),
        waitlist_entry_id=entry.id,
        seat_hold_id=hold.id,
        offered_at=moment.at,
        offer_expires_at=min(ends, hold.expires_at),
    )
    return [SeatKept(heard.request_id, hold), made, Wake(made.offer_expires_at, "offer_expires")]


def miss_seat(referral: Referral, heard: SeatUnavailable, moment: Moment) -> list[Any]:
    """T8: without a legal week an assessed person waits; for a waiting one nothing changes."""
    if referral.wish is None or referral.wish.request_id != heard.request_id or not referral.wish.open:
        return []
    refused = SeatRefused(heard.request_id)
    if referral.stage is not Stage.ASSESSED:
        return [refused]
    return [refused, *enter_waitlist(referral, str(referral.urgency), moment)]


def enter_waitlist(referral: Referral, reason: str, moment: Moment) -> list[Any]:
    """T8: a place in the queue, for a limited time."""
    rules = moment.rules.intake
    waitlisted = PatientWaitlisted(
        **about(referral, moment),
        waitlist_entry_id=moment.new_id("waitlist"),
        priority=_PRIORITY[referral.urgency],
        priority_reason=reason,
        entered_at=moment.at,
        expires_at=moment.at + timedelta(days=rules.waitlist_ttl_days),
    )
    again = moment.at + timedelta(hours=rules.ask_again_hours)
    return [waitlisted, Wake(waitlisted.expires_at, "entry_expires"), Wake(again, "ask_again")]


def ask_again(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """So that nobody is forgotten, a waiting person's wish is put again every day."""
    if referral.stage is not Stage.WAITLISTED:
        return []
    again = Wake(moment.at + timedelta(hours=moment.rules.intake.ask_again_hours), "ask_again")
    return [*_ask_while_waiting(referral, moment, None), again]


def ask_for_freed_seat(referral: Referral, released_at: datetime, moment: Moment) -> list[Any]:
    """A seat came free: ask for this person, unless this release was already tried for them."""
    wish = referral.wish
    if wish is None or (wish.for_release_at is not None and wish.for_release_at >= released_at):
        return []
    return _ask_while_waiting(referral, moment, released_at)


def lose_seat(referral: Referral, heard: SeatReleased, moment: Moment) -> list[Any]:
    """Scheduling let this person's seats go: a hold is gone, and an offer made of it ends without a miss."""
    hold, entry = referral.hold, referral.entry
    if (
        hold is None
        or hold.id != heard.seat_hold_id
        or referral.stage not in (Stage.ASSESSED, Stage.WAITLISTED)
    ):
        return []
    if entry is None or entry.offer is None:
        return [SeatLost(hold.id)]
    ended = WaitlistOfferExpired(
        **about(referral, moment), waitlist_entry_id=entry.id, seat_hold_id=hold.id, misses=entry.misses
    )
    return [ended, _OFFER_OVER]


def answer_offer(referral: Referral, command: AnswerOffer, moment: Moment) -> list[Any]:
    """T9 and T10: an offer is taken in time and on fresh findings, or it is a miss."""
    rules = moment.rules.intake
    today = local_date(moment.at, referral.tz)
    entry, hold = referral.entry, referral.hold
    offer = entry.offer if entry else None
    checks = [
        in_stage(referral, Stage.WAITLISTED),
        Guard("offer_open", offer is not None, "no offer is open"),
        Guard("offer_in_time", offer is None or moment.at < offer.expires_at, "the offer is over"),
    ]
    if command.accept:
        checks += [
            guards.seat_held(referral, moment.at),
            guards.assessment_current(referral, today, rules),
            guards.suicide_screen_current(referral, today, rules),
            guards.suicide_risk_not_high(referral),
        ]
    require("cannot_answer_offer", "The offer cannot be answered", checks)
    assert entry is not None
    assert hold is not None
    if not command.accept:
        return _missed(referral, entry, hold, moment, declined=True)
    accepted = WaitlistOfferAccepted(
        **about(referral, moment), waitlist_entry_id=entry.id, seat_hold_id=hold.id
    )
    return [accepted, _OFFER_OVER, *_WAIT_OVER]


def expire_offer(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """T10: at the instant it names an offer is over."""
    entry, hold = referral.entry, referral.hold
    if entry is None or hold is None or entry.offer is None or moment.at < entry.offer.expires_at:
        return []
    return _missed(referral, entry, hold, moment, declined=False)


def expire_entry(referral: Referral, woke: Woke, moment: Moment) -> list[Any]:
    """T11: nobody waits for ever; an open offer is waited for."""
    entry = referral.entry
    if referral.stage is not Stage.WAITLISTED or entry is None or moment.at < entry.expires_at:
        return []
    if entry.offer is not None:
        return []
    return _give_up(referral, entry, moment, DeclineReason.UNREACHABLE)


def _missed(referral: Referral, entry: Entry, hold: Hold, moment: Moment, *, declined: bool) -> list[Any]:
    said = WaitlistOfferDeclined if declined else WaitlistOfferExpired
    miss = said(
        **about(referral, moment), waitlist_entry_id=entry.id, seat_hold_id=hold.id, misses=entry.misses + 1
    )
    facts: list[Any] = [miss, _OFFER_OVER]
    if miss.misses >= moment.rules.intake.max_missed_offers or moment.at >= entry.expires_at:
        reason = DeclineReason.PATIENT_DECLINED if declined else DeclineReason.UNREACHABLE
        return [*facts, *_give_up(referral, entry, moment, reason)]
    return [*facts, Requeued(moment.at)]


def _give_up(referral: Referral, entry: Entry, moment: Moment, reason: DeclineReason) -> list[Any]:
    pended = entry.reason == "authorization_pended"
    declined = ReferralDeclined(
        **about(referral, moment), reason=DeclineReason.NO_COVERAGE if pended else reason, closed_at=moment.at
    )
    return [declined, _OFFER_OVER, *_WAIT_OVER]


def _ask_while_waiting(referral: Referral, moment: Moment, released_at: datetime | None) -> list[Any]:
    entry, wish = referral.entry, referral.wish
    if referral.stage is not Stage.WAITLISTED or entry is None or wish is None:
        return []
    if entry.offer is not None or entry.reason == "authorization_pended" or _waits_for_answer(wish, moment):
        return []
    if moment.at >= entry.expires_at or guards.suicide_risk_not_high(referral).holds is False:
        return []
    # The hold ends with its start day: the offer must be over before, with a day left to admit.
    offer_ends = moment.at + timedelta(hours=moment.rules.intake.offer_ttl_hours)
    start = max(wish.earliest_start, local_date(offer_ends, referral.tz) + timedelta(days=1))
    asked = replace(
        wish,
        request_id=moment.new_id("seat_request"),
        asked_at=moment.at,
        for_release_at=released_at,
        open=True,
        earliest_start=start,
    )
    return _ask(referral, asked, moment)


def _ask(referral: Referral, wish: SeatWish, moment: Moment) -> list[Any]:
    made = referral.assessment
    if made is None:
        return []
    today = local_date(moment.at, referral.tz)
    requested = SeatRequested(
        **about(referral, moment),
        request_id=wish.request_id,
        earliest_start=wish.earliest_start,
        level=made.level,
        program_kind=wish.program_kind,
        age_band=age_band(referral.person.birth_date, today, moment.rules.intake),
        weekly_minutes=wish.weekly_minutes,
        days_per_week=wish.days_per_week,
        availability=made.availability,
    )
    return [SeatAsked(wish), requested]


def _waits_for_answer(wish: SeatWish | None, moment: Moment) -> bool:
    """An answer that has not come within a day will not come: one may ask again."""
    patience = timedelta(hours=moment.rules.intake.ask_again_hours)
    return wish is not None and wish.open and moment.at < wish.asked_at + patience


def _kind_of_diagnoses(referral: Referral) -> ProgramKind | None:
    """What the assessor's coded diagnoses ask for; nothing is guessed from codes that say nothing."""
    found = {c for d in referral.diagnoses for c in indications.classes_of(d.system, d.code or "")}
    return program_kind(sorted(found))


def program_kind(classes: Sequence[str]) -> ProgramKind | None:
    """The kind of program for the classes of a person's diagnoses."""
    if "sud" in classes:
        both = {"mh", "ed"} & set(classes)
        return ProgramKind.CO_OCCURRING if both else ProgramKind.SUD
    if "ed" in classes:
        return ProgramKind.EATING_DISORDER
    return ProgramKind.MENTAL_HEALTH if "mh" in classes else None
