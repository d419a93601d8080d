"""One meeting of a group: when it is, what is known of who comes, and how minutes are counted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from contracts.decisions import Moment, Refused, Wake
from contracts.scheduling import (
    Break,
    SessionCancelled,
    SessionCompleted,
    SessionReassigned,
    SessionRestored,
    SessionScheduled,
)
from contracts.vocabulary import MissKind, Modality, ServiceKind
from services.scheduling.domain.groups import Group
from services.scheduling.domain.localtime import instant, minutes_between

_IDS = UUID("0f5f4d0e-3f2c-5a53-9d0c-9f6c5e1a7b21")


class Presence(StrEnum):
    """What a roll call can say about a person."""

    PRESENT = "present"
    NO_SHOW = "no_show"
    LATE_CANCEL = "late_cancel"
    EXCUSED = "excused"
    UNMARKED = "unmarked"
    """Nothing is said any more: whatever was recorded is taken back."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the roll call says about one person; minutes that it leaves open are those of the check-in."""

    status: Presence
    late_minutes: int | None = None
    left_early_minutes: int | None = None
    goals: tuple[str, ...] = ()

    @property
    def present(self) -> bool:
        return self.status is Presence.PRESENT

    @property
    def kind(self) -> MissKind:
        """Why the person is missing; only asked of those who are."""
        return MissKind(self.status.value)


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a person came and went, and what is kept for them meanwhile."""

    at: datetime
    items: tuple[str, ...] = ()
    locker_id: str | None = None
    left_at: datetime | None = None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One person does not come, said before the session began."""

    kind: MissKind
    notice_minutes: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session with its roll call."""

    id: str
    network_id: str
    site_id: str
    group_id: str
    service_kind: ServiceKind
    start_at: datetime
    end_at: datetime
    tz: str
    local_date: date
    capacity: int
    breaks: tuple[Break, ...]
    stage: str = "scheduled"
    marks: dict[str, Mark] = field(default_factory=dict)
    missed: dict[str, MissKind] = field(default_factory=dict)
    """Whose absence has been said, and as what."""
    roster: dict[str, str] = field(default_factory=dict)
    """Who was expected and what became of it, once the session is over."""
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    cancellations: dict[str, Cancellation] = field(default_factory=dict)
    facilitator_id: str | None = None
    room_id: str | None = None
    modality: Modality = Modality.IN_PERSON
    cancelled: str = ""
    """Why the session does not take place."""
    held_back: bool = False
    """The calendar itself called it off: it takes place again once the reason is gone."""

    @property
    def over(self) -> bool:
        return self.stage == "completed"


@dataclass(frozen=True, slots=True)
class CancelSession:
    """Staff decides that a session does not take place, as when too few would come."""

    network_id: str
    sites: tuple[str, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class RollCalled:
    """Marks were set in the roll call."""

    marks: dict[str, Mark]


@dataclass(frozen=True, slots=True)
class AbsencesSaid:
    """Absences were said, so that each is said once."""

    missed: dict[str, MissKind]


@dataclass(frozen=True, slots=True)
class RosterCounted:
    """The roster as it was at the end."""

    roster: dict[str, str]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The session was cancelled because of a closure, an absence or the end of its group."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A person checked in."""

    episode_id: str
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class Departed:
    """A person checked out, with what was kept or without."""

    episode_id: str
    at: datetime
    returned: bool


@dataclass(frozen=True, slots=True)
class ComingCancelled:
    """A person will not come."""

    episode_id: str
    cancellation: Cancellation


@dataclass(frozen=True, slots=True)
class ComingAgain:
    """A person who had cancelled comes after all."""

    episode_id: str


PRIVATE = (RollCalled, AbsencesSaid, RosterCounted, HeldBack, Arrived, Departed, ComingCancelled, ComingAgain)


@dataclass(frozen=True, slots=True)
class Booked:
    """A person on a session's roster, and since when the seat is booked."""

    episode_id: str
    booked_at: datetime
    cause: str = ""
    """Why the person comes beside the agreed week; nothing where the session is part of it."""
    booking_id: str | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """How one person's presence in one session is counted."""

    length: int
    late: int
    left_early: int
    present: int
    breaks: int
    creditable: int


def session_id_of(group_id: str, day: date) -> str:
    """The id of a group's session on a day: the same whoever asks."""
    return str(uuid5(_IDS, f"{group_id}/{day.isoformat()}"))


def schedule(group: Group, day: date, moment: Moment) -> Sequence[object]:
    """Put a group's session of a day on the calendar, unless it would have begun already."""
    group = group.on(day)
    start, end = instant(day, group.start_local, group.tz), instant(day, group.end_local, group.tz)
    if start < moment.at or end <= start:
        return []
    grace = timedelta(minutes=moment.rules.attendance.no_show_grace_minutes)
    return [
        SessionScheduled(
            network_id=group.network_id,
            site_id=group.site_id,
            session_id=session_id_of(group.id, day),
            group_id=group.id,
            service_kind=group.service_kind,
            start_at=start,
            end_at=end,
            tz=group.tz,
            local_date=day,
            capacity=group.capacity,
            breaks=group.breaks,
            facilitator_id=group.facilitator_id,
            room_id=group.room_id,
            modality=group.modality,
        ),
        Wake(start + grace, "no_show"),
        Wake(end, "end"),
    ]


def evolve(state: Session | None, fact: object) -> Session:
    """Fold one fact into a session."""
    if isinstance(fact, SessionScheduled):
        return Session(
            id=fact.session_id,
            network_id=fact.network_id,
            site_id=fact.site_id,
            group_id=fact.group_id,
            service_kind=fact.service_kind,
            start_at=fact.start_at,
            end_at=fact.end_at,
            tz=fact.tz,
            local_date=fact.local_date,
            capacity=fact.capacity,
            breaks=fact.breaks,
            facilitator_id=fact.facilitator_id,
            room_id=fact.room_id,
            modality=fact.modality,
        )
    if state is None:
        raise TypeError(f"a session does not begin with {type(fact).__name__}")
    if isinstance(fact, SessionCompleted):
        return replace(state, stage="completed")
    if isinstance(fact, SessionCancelled):
        return replace(state, cancelled=fact.cause)
    if isinstance(fact, SessionRestored):
        return replace(state, cancelled="", held_back=False)
    if isinstance(fact, HeldBack):
        return replace(state, held_back=True)
    if isinstance(fact, SessionReassigned):
        return replace(state, facilitator_id=fact.facilitator_id, room_id=fact.room_id)
    return _evolve_people(state, fact)


def _evolve_people(state: Session, fact: object) -> Session:
    after = state
    match fact:
        case RollCalled():
            marks = {**state.marks, **fact.marks}
            after = replace(
                state, marks={k: m for k, m in marks.items() if m.status is not Presence.UNMARKED}
            )
        case AbsencesSaid():
            after = replace(state, missed={**state.missed, **fact.missed})
        case RosterCounted():
            after = replace(state, roster=fact.roster)
        case Arrived():
            marks = {k: m for k, m in state.marks.items() if k != fact.episode_id or m.present}
            after = replace(state, marks=marks, arrivals={**state.arrivals, fact.episode_id: fact.arrival})
        case Departed():
            arrival = state.arrivals[fact.episode_id]
            gone = replace(arrival, left_at=arrival.left_at or fact.at, returned=fact.returned)
            after = replace(state, arrivals={**state.arrivals, fact.episode_id: gone})
        case ComingCancelled():
            cancelled = {**state.cancellations, fact.episode_id: fact.cancellation}
            marks = {k: m for k, m in state.marks.items() if k != fact.episode_id}
            after = replace(state, cancellations=cancelled, marks=marks)
        case ComingAgain():
            left = {k: c for k, c in state.cancellations.items() if k != fact.episode_id}
            after = replace(state, cancellations=left)
    return after


def call_off(session: Session, command: CancelSession, moment: Moment) -> Sequence[SessionCancelled]:
    """Cancel a session before it has begun, or at its very start."""
    if session.over or moment.at > session.start_at:
        raise Refused(
            "session_begun",
            "A session that has begun is not cancelled: its roll call says who was there.",
            start_at=session.start_at.isoformat(),
        )
    if session.cancelled:
        raise Refused("session_cancelled", "This session is cancelled already.", cause=session.cancelled)
    return cancel(session, command.cause)


def cancel(session: Session, cause: str) -> Sequence[SessionCancelled]:
    """Say once that a session does not take place; one that is over stays as it was."""
    if session.over or session.cancelled:
        return []
    return [
        SessionCancelled(
            network_id=session.network_id,
            site_id=session.site_id,
            session_id=session.id,
            group_id=session.group_id,
            service_kind=session.service_kind,
            start_at=session.start_at,
            end_at=session.end_at,
            tz=session.tz,
            local_date=session.local_date,
            cause=cause,
        )
    ]


def restore(session: Session, cause: str, moment: Moment) -> Sequence[SessionRestored]:
    """Let a cancelled session take place after all, unless it would have begun already."""
    if not session.cancelled or session.start_at <= moment.at:
        return []
    return [
        SessionRestored(
            network_id=session.network_id, site_id=session.site_id, session_id=session.id, cause=cause
        )
    ]


def count_minutes(session: Session, late: int, left_early: int, breaks_creditable: bool) -> Minutes:
    """Count presence: late, present and left early always add up to the session's length."""
    length = minutes_between(session.start_at, session.end_at)
    late = min(max(late, 0), length)
    left_early = min(max(left_early, 0), length - late)
    present = length - late - left_early
    pauses = sum(
        max(0, min(b.offset + b.minutes, length - left_early) - max(b.offset, late)) for b in session.breaks
    )
    creditable = present if breaks_creditable else present - pauses
    return Minutes(length, late, left_early, present, pauses, creditable)
