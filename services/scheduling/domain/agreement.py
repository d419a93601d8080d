"""Agreeing on a week, and changing it when a step up or down was approved. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Refused, Wake, require
from contracts.scheduling import (
    ScheduleInfeasible,
    SeatHeld,
    SeatReleased,
    SeatUnavailable,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import Slot
from services.scheduling.domain import calendar, legality
from services.scheduling.domain import week as weeks
from services.scheduling.domain.calendar import Calendar, Request, Resumed, about
from services.scheduling.domain.closing import week_wake
from services.scheduling.domain.folding import COVERAGE
from services.scheduling.domain.localtime import civil_date, midnight, midnight_after, monday_of
from services.scheduling.domain.sites import Site
from services.scheduling.domain.week import Choice, Offer

HOLD_AT_LEAST = timedelta(hours=48)
SWAP_DELAY = timedelta(seconds=1)
Offers = Mapping[tuple[str, int], Offer]


@dataclass(frozen=True, slots=True)
class AgreeSchedule:
    """Patient and clinician agree on a week; without slots it is the week whose seats are held."""

    network_id: str
    sites: tuple[str, ...]
    agreed_by_patient: bool
    agreed_by_clinician: bool
    effective_from: date | None = None
    slots: tuple[Slot, ...] | None = None
    override_reason: str | None = None
    """Why a person accepts what will not be paid, or a group that is for others."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """A legal week, and why somebody accepted what is not as it should be in it."""

    slots: tuple[Slot, ...]
    first: date
    minutes: int
    override_reason: str | None = None


def hold_ends(start_on: date, tz: str, at: datetime) -> datetime:
    """A hold lasts until the asked start day is over, and never less than an offer would."""
    return max(at + HOLD_AT_LEAST, midnight_after(start_on, tz))


def held(state: Calendar, request: Request, choice: Choice, moment: Moment) -> Sequence[object]:
    """Say which seats are kept, and until when."""
    expires = hold_ends(request.earliest_start, state.tz, moment.at)
    slots = tuple(o.slot() for o in sorted(choice, key=lambda o: o.dow))
    return [
        SeatHeld(
            **about(state, moment),
            request_id=request.request_id,
            seat_hold_id=moment.new_id("hold"),
            slots=slots,
            weekly_minutes=weeks.minutes_of(choice),
            start_on=request.earliest_start,
            hold_expires_at=expires,
        ),
        Wake(expires, "hold_expires"),
    ]


def unavailable(
    state: Calendar, request: Request, cause: str, moment: Moment, next_on: date | None = None
) -> SeatUnavailable:
    """Say that a request cannot be met, and why."""
    return SeatUnavailable(
        **about(state, moment),
        request_id=request.request_id,
        cause=cause,
        next_available_on=next_on,
    )


def released(
    state: Calendar, seats: int, cause: str, moment: Moment, hold_id: str | None = None
) -> SeatReleased:
    """Say that seats are free again."""
    return SeatReleased(
        **about(state, moment),
        seat_hold_id=hold_id,
        seats=seats,
        cause=cause,
    )


def first_day(state: Calendar, command: AgreeSchedule, moment: Moment) -> tuple[date, date]:
    """The day from which a week would hold, and the earliest day on which one may."""
    today = civil_date(moment.at, state.tz)
    earliest = max(today, state.admitted_on or today)
    return command.effective_from or earliest, earliest


def check(
    state: Calendar,
    command: AgreeSchedule,
    site: Site,
    offers: Offers,
    moment: Moment,
    barred: legality.Keys = (),
) -> Agreed:
    """A week that keeps every rule; raises Refused naming every rule that it breaks."""
    asked = tuple(sorted(command.slots if command.slots is not None else state.seats, key=lambda s: s.dow))
    if not asked:
        raise Refused(
            "no_slots", "There is no held week to agree on.", hint="Send the slots that were agreed."
        )
    first, earliest = first_day(state, command, moment)
    latest = earliest + timedelta(days=state.rules_on(first, moment.rules).program.max_days)
    known = [_as_offered(s, offers, first) for s in asked]
    found = [o for o in known if o is not None]
    slots = tuple(_as_kept(s, o) for s, o in zip(asked, known, strict=True))
    level, reason = state.level_on(first), command.override_reason
    require(
        "schedule_refused",
        "This week cannot be agreed",
        [
            Guard("admitted", state.running, "the person is not admitted", {"stage": state.stage}),
            Guard("agreed_by_patient", command.agreed_by_patient, "the patient has not agreed"),
            Guard("agreed_by_clinician", command.agreed_by_clinician, "the clinician has not agreed"),
            Guard(
                "not_in_the_past",
                first >= earliest,
                f"{first} is before {earliest}, the first day that is still to come at the site",
                {"today": str(civil_date(moment.at, state.tz)), "earliest": str(earliest)},
            ),
            Guard(
                "not_too_far_ahead",
                first <= latest,
                f"{first} is after {latest}, the last day on which a week may begin",
                {"latest": str(latest)},
            ),
            Guard(
                "slots_exist",
                len(found) == len(slots),
                "a slot names no group that meets at that time",
                {"slots": [_named(s) for s, o in zip(slots, known, strict=True) if o is None]},
            ),
            Guard(
                "level_served",
                all(level.code in o.levels for o in found),
                f"a group does not serve level {level.code}",
            ),
            *legality.payer_guards(state, found, first, moment.rules, reason),
            *legality.place_guards(state, slots, found, site, reason),
            legality.apart(calendar.slots_without(slots, state.seats), barred),
        ],
        hint="Choose other slots from GET /v1/groups.",
    )
    needed = legality.broken(state, found, first, moment.rules) or not all(
        legality.suits(o, state) for o in found
    )
    return Agreed(slots, first, weeks.minutes_of(found), reason if needed else None)


def _as_offered(slot: Slot, offers: Offers, first: date) -> Offer | None:
    offer = offers.get((slot.group_id or "", slot.dow))
    if offer is None or (offer.start_local, offer.end_local) != (slot.start_local, slot.end_local):
        return None
    return None if offer.closes_on is not None and offer.closes_on <= first else offer


def _as_kept(slot: Slot, offer: Offer | None) -> Slot:
    return slot if offer is None else slot.model_copy(update={"service_kind": offer.service_kind})


def _named(slot: Slot) -> str:
    return f"{slot.group_id}/{slot.dow}/{slot.start_local}-{slot.end_local}"


def agree(
    state: Calendar,
    slots: tuple[Slot, ...],
    first: date,
    minutes: int,
    reason: str,
    moment: Moment,
    override_reason: str | None = None,
) -> Sequence[object]:
    """Say the week that is in force from a day on: agreed the first time, changed ever after."""
    days = len({s.dow for s in slots})
    if state.version == 0 or state.schedule_id is None:
        return [
            WeeklyScheduleAgreed(
                **about(state, moment),
                schedule_id=moment.new_id("schedule"),
                version=1,
                effective_from=first,
                tz=state.tz,
                slots=slots,
                planned_weekly_minutes=minutes,
                days_per_week=days,
                max_gap_days=weeks.longest_gap(s.dow for s in slots),
                agreed_at=moment.at,
                override_reason=override_reason,
            ),
            week_wake(monday_of(first), state.tz),
        ]
    version = state.version + 1
    resumed: list[object] = [Resumed(first)] if state.stage == "ended" else []
    sooner = state.begun_on is None or first < state.begun_on
    # Each week asks for the next when it closes, so a week before the first one asked for must be asked for.
    closing = [week_wake(monday_of(first), state.tz)] if resumed or sooner else []
    return [
        *resumed,
        *closing,
        WeeklyScheduleChanged(
            **about(state, moment),
            schedule_id=state.schedule_id,
            version=version,
            previous_version=state.version,
            reason=reason,
            effective_from=first,
            tz=state.tz,
            slots=slots,
            planned_weekly_minutes=minutes,
            days_per_week=days,
            override_reason=override_reason,
        ),
        Wake(midnight(first, state.tz) + SWAP_DELAY, f"swap:{version}"),
    ]


def in_force_from(state: Calendar, first: date, moment: Moment) -> datetime:
    """The instant from which a week holds; a change leaves the sessions that began today as they were."""
    begins = midnight(first, state.tz)
    return begins if state.version <= 1 else max(begins, moment.at)


def infeasible(state: Calendar, wanted: int, cause: str, moment: Moment) -> ScheduleInfeasible:
    """Say that an approved change could not be turned into a legal week."""
    return ScheduleInfeasible(
        **about(state, moment),
        wanted_weekly_minutes=wanted,
        cause=cause,
    )


def recounted(state: Calendar, offers: Offers, day: date, moment: Moment) -> Sequence[object]:
    """The week of a day under the rules of whoever pays from then on, or that a person must decide."""
    week = state.week_on(day)
    if week is None or state.schedule_id is None:
        return []
    chosen = [o for s in week.slots if (o := _as_offered(s, offers, day)) is not None]
    if legality.broken(state, chosen, day, moment.rules):
        return [infeasible(state, week.planned_weekly_minutes, "payer_rules", moment)]
    minutes = weeks.minutes_of(chosen)
    if minutes == week.planned_weekly_minutes:
        return []
    return agree(state, week.slots, day, minutes, COVERAGE, moment)
