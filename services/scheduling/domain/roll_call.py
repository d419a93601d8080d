"""Who was there: the roll call, late entries, corrections, and the last word about each person. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from contracts.decisions import Guard, Moment, Refused, require
from contracts.scheduling import SessionCompleted
from contracts.vocabulary import MissKind
from services.scheduling.domain.localtime import civil_date, minutes_between
from services.scheduling.domain.sessions import (
    Arrival,
    Booked,
    Mark,
    Presence,
    RollCalled,
    RosterCounted,
    Session,
)

OPENS = timedelta(minutes=30)
"""How long before the start people may be recorded."""

Word: TypeAlias = Mark | MissKind
"""What became of a person: present, with the minutes that count, or missing as what."""


@dataclass(frozen=True, slots=True)
class RollCall:
    """Say who is there; `rest` speaks for everyone not named and not yet recorded."""

    network_id: str
    sites: tuple[str, ...]
    entries: dict[str, Mark]
    rest: Presence | None = None
    goals: tuple[str, ...] = ()
    """What the rest worked on."""
    walk_ins: tuple[str, ...] = ()
    """Those of the entries who may come without being booked."""


@dataclass(frozen=True, slots=True)
class LateEntry:
    """Say who was there at a session that is over, about those whom nobody recorded."""

    network_id: str
    sites: tuple[str, ...]
    entries: dict[str, Mark]
    rest: Presence | None = None
    goals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrectAttendance:
    """What was said about one person and one session was wrong."""

    network_id: str
    sites: tuple[str, ...]
    episode_id: str
    mark: Mark
    reason: str


def recorded(session: Session) -> set[str]:
    """Everybody about whom somebody has said something."""
    return {*session.marks, *session.arrivals, *session.cancellations}


def not_cancelled(session: Session) -> None:
    """Raise Refused about a session that does not take place."""
    if session.cancelled:
        raise Refused("session_cancelled", "This session does not take place.", cause=session.cancelled)


def call_roll(
    session: Session, command: RollCall, roster: Iterable[Booked], moment: Moment
) -> Sequence[RollCalled]:
    """Record who is there, from half an hour before the start until the end."""
    while_it_lasts(session, moment)
    marks = _marks(session, command, {b.episode_id for b in roster}, {*recorded(session), *session.missed})
    changed = {k: m for k, m in marks.items() if session.marks.get(k, _NOTHING) != m}
    return [RollCalled(changed)] if changed else []


_NOTHING = Mark(Presence.UNMARKED)


def while_it_lasts(session: Session, moment: Moment) -> None:
    """Raise Refused where people cannot be recorded as they come: before it opens, or over."""
    not_cancelled(session)
    if session.over or not session.start_at - OPENS <= moment.at < session.end_at:
        raise Refused(
            "roll_call_closed",
            "The roll is called from 30 minutes before the start until the end of the session.",
            hint="Enter late what nobody recorded; correct what somebody did.",
            start_at=session.start_at.isoformat(),
            end_at=session.end_at.isoformat(),
        )


def enter_late(
    session: Session, command: LateEntry, roster: Iterable[Booked], moment: Moment
) -> Sequence[RollCalled]:
    """Record who was there after the end, once for each whom nobody recorded."""
    not_cancelled(session)
    days = moment.rules.attendance.late_entry_days
    since = (civil_date(moment.at, session.tz) - session.local_date).days
    known = recorded(session)
    require(
        "late_entry_refused",
        "This cannot be entered late",
        [
            Guard("over", session.over, "the session is not over: call its roll"),
            Guard(
                "in_time",
                since <= days,
                f"the session was {since} days ago and a late entry is taken for {days}",
                {"days": since, "late_entry_days": days},
            ),
            Guard(
                "recorded_by_nobody",
                not known & set(command.entries),
                "somebody recorded these people already: correct it instead",
                {"episodes": sorted(known & set(command.entries))},
            ),
        ],
    )
    expected = {b.episode_id for b in roster} | set(session.roster)
    marks = _marks(session, command, expected, known)
    return [RollCalled(marks)] if marks else []


def _marks(
    session: Session, command: RollCall | LateEntry, expected: Collection[str], known: Collection[str]
) -> dict[str, Mark]:
    strangers = sorted(set(command.entries) - set(expected))
    if strangers:
        raise Refused(
            "not_on_roster",
            "Only people who are booked into this session can be recorded.",
            hint="Agree on a schedule with this session in it first, or say that they walk in.",
            episodes=strangers,
        )
    for mark in command.entries.values():
        _has_time(session, mark)
    rest = {} if command.rest is None else {k: Mark(command.rest) for k in sorted(set(expected) - set(known))}
    if command.rest is Presence.PRESENT:
        rest = {k: replace(mark, goals=command.goals) for k, mark in rest.items()}
    return rest | command.entries


def _has_time(session: Session, mark: Mark) -> None:
    length = minutes_between(session.start_at, session.end_at)
    lost = (mark.late_minutes or 0) + (mark.left_early_minutes or 0)
    if mark.present and lost >= length:
        raise Refused("no_time_left", f"Nobody is present for none of the {length} minutes.", status=422)


def correct(session: Session, command: CorrectAttendance) -> Sequence[RollCalled]:
    """Record what should have been recorded about one person, once the session is over."""
    not_cancelled(session)
    require(
        "correction_refused",
        "This cannot be corrected",
        [
            Guard("over", session.over, "the session is not over: call its roll"),
            Guard(
                "said_before",
                not session.over or command.episode_id in session.roster,
                "nothing was said about this person that could be wrong: enter it late",
            ),
            Guard(
                "says_something",
                command.mark.status is not Presence.UNMARKED,
                "a correction says what it should have been",
            ),
        ],
    )
    _has_time(session, command.mark)
    return [RollCalled({command.episode_id: command.mark})]


def word_on(session: Session, episode_id: str) -> Word:
    """The last word about a person: roll call before check-in before cancellation; else a no-show."""
    if session.cancelled:
        return MissKind.SITE_CANCELLED
    mark = session.marks.get(episode_id)
    if mark is not None and not mark.present:
        return mark.kind
    there = _there(session, mark, session.arrivals.get(episode_id))
    if there is not None:
        return there
    cancellation = session.cancellations.get(episode_id)
    return MissKind.NO_SHOW if cancellation is None else cancellation.kind


def _there(session: Session, mark: Mark | None, arrival: Arrival | None) -> Mark | None:
    """Presence with its minutes, or None for who was there for none of them."""
    if mark is None and arrival is None:
        return None
    mark = mark or Mark(Presence.PRESENT)
    late, early = (0, 0) if arrival is None else _seen(session, arrival)
    late = late if mark.late_minutes is None else mark.late_minutes
    early = early if mark.left_early_minutes is None else mark.left_early_minutes
    if late + early >= minutes_between(session.start_at, session.end_at):
        return None
    return replace(mark, late_minutes=late, left_early_minutes=early)


def _seen(session: Session, arrival: Arrival) -> tuple[int, int]:
    """How late somebody came and how early they went, by the clock on the wall, which shows no seconds."""
    late = max(0, minutes_between(session.start_at, _on_the_clock(arrival.at)))
    if arrival.left_at is None:
        return late, 0
    return late, max(0, minutes_between(_on_the_clock(arrival.left_at), session.end_at))


def _on_the_clock(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def words(session: Session, roster: Iterable[Booked]) -> dict[str, Word]:
    """The last word about everybody of whom there is one."""
    known = {*recorded(session), *session.missed}
    # Nobody is missed who was recorded by nobody and booked only after the session had begun.
    return {
        b.episode_id: word_on(session, b.episode_id)
        for b in roster
        if b.booked_at <= session.start_at or b.episode_id in known
    }


def absences(session: Session, roster: Iterable[Booked]) -> dict[str, MissKind]:
    """Who must be said to be missing: everybody expected who is not there and was not said to be missing."""
    return {
        k: word
        for k, word in words(session, roster).items()
        if isinstance(word, MissKind) and k not in session.missed
    }


def standing(session: Session, episode_id: str) -> str:
    """How a person stands in the roll call, in one word."""
    if session.over:
        return session.roster.get(episode_id, "expected")
    if session.cancelled or episode_id in recorded(session):
        return _status(word_on(session, episode_id))
    missed = session.missed.get(episode_id)
    return "expected" if missed is None else missed.value


def counted(told: Mapping[str, Word]) -> RosterCounted:
    """Keep what became of everybody."""
    return RosterCounted({k: _status(word) for k, word in sorted(told.items())})


def _status(word: Word) -> str:
    return word.value if isinstance(word, MissKind) else word.status.value


def complete(session: Session, told: Mapping[str, Word]) -> Sequence[RosterCounted | SessionCompleted]:
    """Close the session with its roster counted."""
    present = sum(isinstance(word, Mark) for word in told.values())
    return [
        counted(told),
        SessionCompleted(
            network_id=session.network_id,
            site_id=session.site_id,
            session_id=session.id,
            group_id=session.group_id,
            present=present,
            absent=len(told) - present,
            capacity=session.capacity,
            ran=present > 0,
        ),
    ]
