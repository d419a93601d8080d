"""Seats: asked for, held for the assessed, refused; and what scheduling let go. T8 and T9."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Unwake, Wake, Woke, require
from contracts.intake import SeatRequested, WaitlistOfferExpired, WaitlistOfferMade
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable
from contracts.vocabulary import ProgramKind
from services.intake.domain import guards, indications
from services.intake.domain.facts import SeatAsked, SeatKept, SeatLost, SeatRefused, about
from services.intake.domain.guards import in_stage
from services.intake.domain.people import age_band, gender_told, language_told, local_date
from services.intake.domain.state import Hold, Referral, SeatWish, Stage
from services.intake.domain.waitlist import PAYER_REASONS, enter_waitlist


@dataclass(frozen=True, slots=True)
class RequestSeat:
    """Ask scheduling for a weekly place."""

    earliest_start: date
    weekly_minutes: int
    days_per_week: int
    program_kind: ProgramKind | None = None


@dataclass(frozen=True, slots=True)
class OfferSeat:
    """Staff asks for a place for one waiting person, out of turn and with a reason."""

    reason: str
    earliest_start: date | None = None


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
            *guards.may_be_offered(referral, rules),
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
            Guard("no_open_request", not _still_asked(wish, moment), "a request is already being answered"),
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


def offer_seat(referral: Referral, command: OfferSeat, moment: Moment) -> list[Any]:
    """A person may decide to ask out of turn, also where the assessment must be renewed before T9."""
    entry, wish = referral.entry, referral.wish
    today = local_date(moment.at, referral.tz)
    require(
        "cannot_offer_seat",
        "A seat cannot be asked for out of turn",
        [
            in_stage(referral, Stage.WAITLISTED),
            Guard("wish_known", wish is not None, "nobody said yet which week the person needs"),
            Guard("no_offer_open", entry is None or entry.offer is None, "an offer is open already"),
            Guard("no_open_request", not _still_asked(wish, moment), "a request is already being answered"),
            *guards.may_be_offered(referral, moment.rules.intake),
            Guard(
                "start_in_reach",
                command.earliest_start is None
                or 0 <= (command.earliest_start - today).days <= moment.rules.program.max_days,
                "the earliest start lies in the past or too far ahead",
            ),
        ],
    )
    assert wish is not None
    out_of_turn = replace(wish, out_of_turn=command.reason)
    return _ask_for(referral, out_of_turn, None, moment, command.earliest_start)


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
    safe = all(guard.holds for guard in guards.may_be_offered(referral, moment.rules.intake))
    if entry.reason in PAYER_REASONS or not safe:
        # What changed since it was asked for speaks against an offer: the seat is kept, nobody is told.
        return [SeatKept(heard.request_id, hold)]
    ends = moment.at + timedelta(hours=moment.rules.intake.offer_ttl_hours)
    made = WaitlistOfferMade(
        **about(referral, moment),
        waitlist_entry_id=entry.id,
        seat_hold_id=hold.id,
        offered_at=moment.at,
        offer_expires_at=min(ends, hold.expires_at),
        needs=_needs(referral, moment),
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
    return [ended, Unwake("offer_expires")]


def _needs(referral: Referral, moment: Moment) -> tuple[str, ...]:
    """What must be made anew before the offer can be taken (T9)."""
    rules, today = moment.rules.intake, local_date(moment.at, referral.tz)
    checks = {
        "suicide_screen": guards.suicide_screen_current(referral, today, rules),
        "assessment": guards.assessment_current(referral, today, rules),
    }
    return tuple(name for name, guard in checks.items() if not guard.holds)


def _ask_while_waiting(referral: Referral, moment: Moment, released_at: datetime | None) -> list[Any]:
    """Nobody is offered a seat on a stale assessment, nor while something more urgent stands."""
    entry, wish = referral.entry, referral.wish
    if referral.stage is not Stage.WAITLISTED or entry is None or wish is None:
        return []
    if entry.offer is not None or entry.reason in PAYER_REASONS or _still_asked(wish, moment):
        return []
    today = local_date(moment.at, referral.tz)
    ready = (
        guards.assessment_current(referral, today, moment.rules.intake),
        *guards.may_be_offered(referral, moment.rules.intake),
    )
    if moment.at >= entry.expires_at or not all(guard.holds for guard in ready):
        return []
    return _ask_for(referral, replace(wish, out_of_turn=None), released_at, moment, None)


def _ask_for(
    referral: Referral, wish: SeatWish, released_at: datetime | None, moment: Moment, start: date | None
) -> list[Any]:
    # The hold ends with its start day: the offer must be over before, with a day left to admit.
    offer_ends = moment.at + timedelta(hours=moment.rules.intake.offer_ttl_hours)
    after = local_date(offer_ends, referral.tz) + timedelta(days=1)
    asked = replace(
        wish,
        request_id=moment.new_id("seat_request"),
        asked_at=moment.at,
        for_release_at=released_at,
        open=True,
        earliest_start=max(start or wish.earliest_start, after),
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
        language=language_told(referral.person),
        gender=gender_told(referral.person),
        tracks=made.curriculum_tracks,
    )
    return [SeatAsked(wish), requested]


def _still_asked(wish: SeatWish | None, moment: Moment) -> bool:
    return waits_for_answer(wish, moment.at, moment.rules.intake.ask_again_hours)


def waits_for_answer(wish: SeatWish | None, at: datetime, patience_hours: int) -> bool:
    """An answer that has not come in that time will not come: one may ask again."""
    return wish is not None and wish.open and at < wish.asked_at + timedelta(hours=patience_hours)


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
