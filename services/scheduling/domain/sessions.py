"""One meeting of a group: when it is, who was there, and for how many minutes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
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
ROLL_CALL_OPENS = timedelta(minutes=30)
"""How long before the start a roll call may begin."""


class Presence(StrEnum):
    """What a roll call can say about a person."""

    PRESENT = "present"
    NO_SHOW = "no_show"
    LATE_CANCEL = "late_cancel"
    EXCUSED = "excused"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the roll call says about one person."""

    status: Presence
    late_minutes: int = 0
    left_early_minutes: int = 0

    @property
    def kind(self) -> MissKind:
        """Why the person is missing; only asked of those who are."""
        return MissKind(self.status.value)


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
class RollCall:
    """Say who is there; `rest` speaks for everyone not named and not yet recorded."""

    network_id: str
    sites: tuple[str, ...]
    entries: dict[str, Mark]
    rest: Presence | None = None


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
class Booked:
    """A person on a session's roster, and since when the seat is booked."""

    episode_id: str
    booked_at: datetime


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
    if isinstance(fact, RollCalled):
        return replace(state, marks={**state.marks, **fact.marks})
    if isinstance(fact, AbsencesSaid):
        return replace(state, missed={**state.missed, **fact.missed})
    if isinstance(fact, RosterCounted):
        return replace(state, roster=fact.roster)
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
    return state


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


def call_roll(
    session: Session, command: RollCall, roster: Iterable[Booked], moment: Moment
) -> Sequence[object]:
    """Record who is there, from half an hour before the start until the end."""
    if session.over or not session.start_at - ROLL_CALL_OPENS <= moment.at < session.end_at:
        raise Refused(
            "roll_call_closed",
            "The roll is called from 30 minutes before the start until the end of the session.",
            start_at=session.start_at.isoformat(),
            end_at=session.end_at.isoformat(),
        )
    expected = {b.episode_id for b in roster}
    strangers = sorted(set(command.entries) - expected)
    if strangers:
        raise Refused(
            "not_on_roster",
            "Only people who are booked into this session can be recorded.",
            hint="Agree on a schedule with this session in it first.",
            episodes=strangers,
        )
    length = minutes_between(session.start_at, session.end_at)
    for mark in command.entries.values():
        if mark.status is Presence.PRESENT and mark.late_minutes + mark.left_early_minutes >= length:
            raise Refused("no_time_left", f"Nobody is present for none of the {length} minutes.", status=422)
    marks = dict(command.entries)
    if command.rest is not None:
        known = {*marks, *session.marks, *session.missed}
        marks |= {episode_id: Mark(command.rest) for episode_id in sorted(expected - known)}
    changed = {k: v for k, v in marks.items() if session.marks.get(k) != v}
    return [RollCalled(changed)] if changed else []


def absent_at_grace(session: Session, roster: Iterable[Booked]) -> dict[str, MissKind]:
    """Who must be said to be missing once the grace is over: everyone expected and not recorded present."""
    return {
        b.episode_id: mark.kind if (mark := session.marks.get(b.episode_id)) else MissKind.NO_SHOW
        for b in roster
        if b.episode_id not in session.missed
        and _expected(session, b)
        and not _present(session, b.episode_id)
    }


def _expected(session: Session, booked: Booked) -> bool:
    """Nobody is missed who was recorded by nobody and booked only after the session had begun."""
    return booked.booked_at <= session.start_at or booked.episode_id in session.marks


def _present(session: Session, episode_id: str) -> bool:
    mark = session.marks.get(episode_id)
    return mark is not None and mark.status is Presence.PRESENT


def present_at_end(session: Session, roster: Iterable[Booked]) -> dict[str, Mark]:
    """Who took part, by the roll call as it stands at the end."""
    return {b.episode_id: session.marks[b.episode_id] for b in roster if _present(session, b.episode_id)}


def amended(session: Session, roster: Iterable[Booked]) -> dict[str, MissKind]:
    """Whose absence was said as one kind and recorded as another afterwards."""
    return {
        b.episode_id: mark.kind
        for b in roster
        if b.episode_id in session.missed
        and (mark := session.marks.get(b.episode_id)) is not None
        and mark.status is not Presence.PRESENT
        and mark.kind is not session.missed[b.episode_id]
    }


def complete(
    session: Session, present: Mapping[str, Mark], missed: Mapping[str, MissKind]
) -> Sequence[RosterCounted | SessionCompleted]:
    """Close the session with its roster counted."""
    absent = {k: v for k, v in missed.items() if k not in present}
    roster = {k: v.value for k, v in absent.items()} | dict.fromkeys(present, Presence.PRESENT.value)
    return [
        RosterCounted(dict(sorted(roster.items()))),
        SessionCompleted(
            network_id=session.network_id,
            site_id=session.site_id,
            session_id=session.id,
            group_id=session.group_id,
            present=len(present),
            absent=len(absent),
            capacity=session.capacity,
            ran=bool(present),
        ),
    ]
