"""What one person's sessions come to. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contracts.decisions import Moment
from contracts.scheduling import AttendanceCorrected, SessionAttended, SessionMissed
from contracts.vocabulary import GroupKind, MissKind, Modality
from services.scheduling.domain.bookings import WALK_IN
from services.scheduling.domain.calendar import Calendar, Expected, Outcome, about, pending
from services.scheduling.domain.closing import day_wake, week_wake
from services.scheduling.domain.forecast import look_again
from services.scheduling.domain.localtime import monday_of
from services.scheduling.domain.misses import missed_in_row
from services.scheduling.domain.roll_call import Word
from services.scheduling.domain.sessions import Mark, Minutes, Session, count_minutes


def attend(
    state: Calendar,
    session: Session,
    mark: Mark,
    present: int,
    moment: Moment,
    *,
    group_kind: GroupKind | None = None,
    cause: str = "",
    late_entry: bool = False,
) -> Sequence[object]:
    """Say that a person took part, with the minutes counted; `cause` is why they came beside their week."""
    counted = _counted(state, session, mark, moment)
    short = counted["creditable_minutes"] < _minutes(state, session, 0, 0, moment).creditable
    return [
        *_expect(state, session, cause, moment),
        *([look_again(session, moment)] if short else []),
        SessionAttended(
            **about(state, moment),
            session_id=session.id,
            group_id=session.group_id,
            service_kind=session.service_kind,
            start_at=session.start_at,
            end_at=session.end_at,
            tz=session.tz,
            local_date=session.local_date,
            modality=_modality(state, session),
            group_size_present=present,
            level=state.level_on(session.local_date),
            group_kind=group_kind,
            facilitator_id=session.facilitator_id,
            late_entry=late_entry,
            walk_in=cause == WALK_IN,
            **counted,
        ),
    ]


def miss(
    state: Calendar, session: Session, kind: MissKind, moment: Moment, *, cause: str = ""
) -> Sequence[object]:
    """Say that a person was expected and is not there."""
    cancellation = session.cancellations.get(state.id)
    return [
        *_expect(state, session, cause, moment),
        look_again(session, moment),
        SessionMissed(
            **about(state, moment),
            session_id=session.id,
            kind=kind,
            local_date=session.local_date,
            tz=session.tz,
            scheduled_minutes=_scheduled(state, session, cause, moment),
            consecutive_missed=_in_row(state, session, Outcome(session.local_date, 0, kind=kind)),
            notice_minutes=cancellation.notice_minutes
            if cancellation and cancellation.kind is kind
            else None,
        ),
    ]


def correct(
    state: Calendar,
    session: Session,
    word: Word,
    supersedes: str,
    reason: str,
    moment: Moment,
    *,
    group_kind: GroupKind | None = None,
    late_entry: bool = False,
) -> Sequence[object]:
    """Replace what was said about a person and a session by what became of it."""
    mark = word if isinstance(word, Mark) else None
    kind = word if isinstance(word, MissKind) else None
    outcome = Outcome(session.local_date, 0, attended=mark is not None, kind=kind)
    nothing = {"creditable_minutes": 0, "late_minutes": 0}
    return [
        AttendanceCorrected(
            **about(state, moment),
            supersedes_event_id=supersedes,
            session_id=session.id,
            attended=mark is not None,
            local_date=session.local_date,
            tz=session.tz,
            reason=reason,
            kind=kind,
            start_at=session.start_at,
            service_kind=session.service_kind,
            group_kind=group_kind,
            consecutive_missed=_in_row(state, session, outcome),
            late_entry=late_entry,
            **(_counted(state, session, mark, moment) if mark else nothing),
        ),
        look_again(session, moment),
        *_closings(state, session, moment),
    ]


def _counted(state: Calendar, session: Session, mark: Mark, moment: Moment) -> dict[str, Any]:
    """What of a presence counts: its minutes, the goals worked on, and what a payer is told."""
    minutes = _minutes(state, session, mark.late_minutes or 0, mark.left_early_minutes or 0, moment)
    level = state.level_on(session.local_date)
    authorization = state.terms.authorization_on(level, session.local_date)
    return {
        "present_minutes": minutes.present,
        "break_minutes": minutes.breaks,
        "creditable_minutes": minutes.creditable,
        "late_minutes": minutes.late,
        "left_early_minutes": minutes.left_early,
        "goals_addressed": mark.goals,
        "authorization_id": authorization.id if authorization else None,
    }


def _minutes(state: Calendar, session: Session, late: int, left_early: int, moment: Moment) -> Minutes:
    rules = state.rules_on(session.local_date, moment.rules)
    return count_minutes(session, late, left_early, rules.attendance.breaks_creditable)


def _in_row(state: Calendar, session: Session, outcome: Outcome) -> int:
    at = replace(outcome, start_at=session.start_at)
    return missed_in_row({**state.outcomes, session.id: at}, state.missed_before)


def _expect(state: Calendar, session: Session, cause: str, moment: Moment) -> list[object]:
    closings = _closings(state, session, moment)
    if session.id in state.outcomes:
        return closings
    expected = Expected(
        session_id=session.id,
        local_date=session.local_date,
        scheduled_minutes=_scheduled(state, session, cause, moment),
        start_at=session.start_at,
        service_kind=session.service_kind,
    )
    return [expected, *closings]


def _scheduled(state: Calendar, session: Session, cause: str, moment: Moment) -> int:
    """Creditable minutes of the whole session; what lies beside the agreed week was not scheduled by it."""
    return 0 if cause else _minutes(state, session, 0, 0, moment).creditable


def _closings(state: Calendar, session: Session, moment: Moment) -> list[object]:
    """Ask for the day to be closed, and for the week if it was closed before and must be again."""
    monday = monday_of(session.local_date)
    asked = [day_wake(session.local_date, state.tz)]
    if pending(state.closed_weeks, monday) is None:
        asked.append(week_wake(monday, state.tz))
    return [replace(wake, at=max(moment.at, wake.at)) for wake in asked]


def _modality(state: Calendar, session: Session) -> Modality:
    week = state.week_on(session.local_date)
    slots = week.slots if week else ()
    return next((s.modality for s in slots if s.group_id == session.group_id), session.modality)
