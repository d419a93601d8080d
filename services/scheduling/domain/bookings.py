"""One person and one session beside the agreed week: booked in, or not coming this once. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from contracts.decisions import Guard, Moment, Refused, require
from contracts.scheduling import BookingCancelled, PatientBooked
from contracts.vocabulary import MissKind
from services.scheduling.domain import suiting
from services.scheduling.domain.calendar import Calendar, about
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import minutes_between
from services.scheduling.domain.sessions import Booked, Cancellation, ComingAgain, ComingCancelled, Session

WALK_IN = "walk_in"
COMING_AFTER_ALL = "cancellation_undone"
MOST_NOTICE = int(timedelta(days=7) / timedelta(minutes=1))
"""Notice is told up to a week: more says nothing more."""


class Cause(StrEnum):
    """Why somebody comes beside the agreed week."""

    MAKE_UP = "make_up"
    BOOSTER = "booster"


class By(StrEnum):
    """Who says that a person does not come."""

    PATIENT = "patient"
    CLINIC = "clinic"


@dataclass(frozen=True, slots=True)
class BookSession:
    """Book one person into one session beside the agreed week."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class CancelBooking:
    """One person does not come to one session."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    by: By
    excused: bool = False


@dataclass(frozen=True, slots=True)
class UndoCancellation:
    """One person comes to one session after all."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str


@dataclass(frozen=True, slots=True)
class Seating:
    """What a session is like for one more person."""

    group: Group | None
    taken: int
    """Seats of that day that are taken, by agreed weeks and single bookings."""
    clashes: bool
    """The person is expected elsewhere at the time."""
    barred: bool = False
    """Somebody is expected from whom this person is kept apart."""


def taken(session: Session, roster: Sequence[Booked]) -> int:
    """How many seats of the day are taken; who has cancelled leaves theirs to others."""
    return sum(b.episode_id not in session.cancellations for b in roster)


def book(
    session: Session, state: Calendar, seating: Seating, cause: str, moment: Moment
) -> Sequence[PatientBooked]:
    """Give a person one seat of one day; raises Refused naming every rule that is against it."""
    group = seating.group
    level = state.level_on(session.local_date)
    require(
        "booking_refused",
        "This session cannot be booked",
        [
            Guard("admitted", state.running, "the person is not admitted", {"stage": state.stage}),
            Guard("same_site", state.site_id == session.site_id, "the person is at another site"),
            Guard("takes_place", not session.cancelled, "the session does not take place"),
            Guard(
                "to_come",
                moment.at < (session.end_at if cause == WALK_IN else session.start_at),
                "the session has begun: only who walks in can still come",
                {"start_at": session.start_at.isoformat()},
            ),
            Guard(
                "level_served",
                group is not None and level.code in {served.code for served in group.levels},
                f"the group does not serve level {level.code}",
                {"level": level.code},
            ),
            suiting.guard([group.attributes] if group else [], state.age_band, state.traits),
            *_a_seat(session, seating),
        ],
        hint="Choose another session from GET /v1/sessions.",
    )
    return [_booked(session, state, moment.new_id(f"booking/{state.id}"), cause, moment)]


def _a_seat(session: Session, seating: Seating) -> list[Guard]:
    return [
        Guard(
            "seat_free",
            seating.taken < session.capacity,
            f"all {session.capacity} seats of this day are taken",
            {"capacity": session.capacity, "taken": seating.taken},
        ),
        Guard("no_double_booking", not seating.clashes, "the person is expected elsewhere at that time"),
        Guard(
            "keep_apart", not seating.barred, "this session cannot be given to this person; choose another"
        ),
    ]


def _booked(session: Session, state: Calendar, booking_id: str, cause: str, moment: Moment) -> PatientBooked:
    return PatientBooked(
        **about(state, moment),
        booking_id=booking_id,
        session_id=session.id,
        group_id=session.group_id,
        cause=cause,
        start_at=session.start_at,
        end_at=session.end_at,
        tz=session.tz,
        local_date=session.local_date,
        modality=session.modality,
    )


def cancel(
    session: Session, state: Calendar, booked: Booked, command: CancelBooking, moment: Moment
) -> tuple[BookingCancelled, ComingCancelled]:
    """Say that a person does not come; with too little notice it counts as missed unless excused."""
    _before_the_start(session, moment)
    if state.id in session.cancellations:
        raise Refused("already_cancelled", "It was said before that this person does not come.")
    if state.id in session.arrivals:
        raise Refused("arrived_already", "This person has checked in: they came.")
    notice = minutes_between(moment.at, session.start_at)
    in_time = notice >= 60 * moment.rules.attendance.late_cancel_hours
    late = command.by is By.PATIENT and not command.excused and not in_time
    kind = MissKind.LATE_CANCEL if late else MissKind.EXCUSED
    cancellation = Cancellation(kind, min(notice, MOST_NOTICE))
    said = called_off(session, state, cancellation, command.by, booked.booking_id, moment)
    return said, ComingCancelled(state.id, cancellation)


def called_off(
    session: Session,
    state: Calendar,
    cancellation: Cancellation,
    by: By,
    booking_id: str | None,
    moment: Moment,
) -> BookingCancelled:
    """One person does not come to one session."""
    return BookingCancelled(
        **about(state, moment),
        session_id=session.id,
        cancelled_by=by.value,
        kind=cancellation.kind,
        notice_minutes=cancellation.notice_minutes,
        local_date=session.local_date,
        tz=session.tz,
        booking_id=booking_id,
    )


def undo(
    session: Session, state: Calendar, booked: Booked, seating: Seating, moment: Moment
) -> tuple[PatientBooked, ComingAgain]:
    """Take a cancellation back while the seat is free and the session has not begun."""
    _before_the_start(session, moment)
    if state.id not in session.cancellations:
        raise Refused("not_cancelled", "Nobody said that this person does not come.")
    require("booking_refused", "This cannot be taken back", _a_seat(session, seating))
    booking_id = booked.booking_id or moment.new_id(f"booking/{state.id}")
    return _booked(session, state, booking_id, COMING_AFTER_ALL, moment), ComingAgain(state.id)


def _before_the_start(session: Session, moment: Moment) -> None:
    if session.cancelled:
        raise Refused("session_cancelled", "This session does not take place.", cause=session.cancelled)
    if session.over or moment.at >= session.start_at:
        raise Refused(
            "session_begun",
            "The session has begun: its roll call says who is there.",
            start_at=session.start_at.isoformat(),
        )
