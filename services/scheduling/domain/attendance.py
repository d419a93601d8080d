"""What one person's sessions, days and weeks come to. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from contracts.decisions import Moment, Wake
from contracts.scheduling import (
    AttendanceCorrected,
    SessionAttended,
    SessionMissed,
    TreatmentDayClosed,
    TreatmentWeekClosed,
)
from contracts.vocabulary import GroupKind, MissKind, Modality
from services.scheduling.domain.bookings import WALK_IN
from services.scheduling.domain.calendar import Calendar, Expected, Outcome, missed_in_row, pending
from services.scheduling.domain.localtime import midnight_after, monday_of
from services.scheduling.domain.roll_call import Word
from services.scheduling.domain.sessions import Mark, Minutes, Session, count_minutes
from services.scheduling.domain.week import band_of

CLOSE_DELAY = timedelta(seconds=1)
"""A block that ends at 24:00 ends at the very instant the day does: the day closes just after it."""
WEEK_DELAY = timedelta(seconds=2)
RECHECK = timedelta(minutes=1)
"""How long a closing waits for a session whose end has not been counted yet."""


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
    return [
        *_expect(state, session, cause, moment),
        SessionAttended(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=state.patient_id,
            part2=state.part2,
            actor=moment.actor,
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
            **_counted(session, mark, moment),
        ),
    ]


def miss(
    state: Calendar, session: Session, kind: MissKind, moment: Moment, *, cause: str = ""
) -> Sequence[object]:
    """Say that a person was expected and is not there."""
    cancellation = session.cancellations.get(state.id)
    return [
        *_expect(state, session, cause, moment),
        SessionMissed(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=state.patient_id,
            part2=state.part2,
            actor=moment.actor,
            session_id=session.id,
            kind=kind,
            local_date=session.local_date,
            tz=session.tz,
            scheduled_minutes=_scheduled(session, cause, moment),
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
    late_entry: bool = False,
) -> Sequence[object]:
    """Replace what was said about a person and a session by what became of it."""
    mark = word if isinstance(word, Mark) else None
    kind = word if isinstance(word, MissKind) else None
    outcome = Outcome(session.local_date, 0, attended=mark is not None, kind=kind)
    nothing = {"creditable_minutes": 0, "late_minutes": 0}
    return [
        AttendanceCorrected(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=state.patient_id,
            part2=state.part2,
            actor=moment.actor,
            supersedes_event_id=supersedes,
            session_id=session.id,
            attended=mark is not None,
            local_date=session.local_date,
            tz=session.tz,
            reason=reason,
            kind=kind,
            consecutive_missed=_in_row(state, session, outcome),
            late_entry=late_entry,
            **(_counted(session, mark, moment) if mark else nothing),
        ),
        *_closings(state, session, moment),
    ]


def _counted(session: Session, mark: Mark, moment: Moment) -> dict[str, Any]:
    """What of a presence counts: its minutes, the goals worked on, and what a payer is told."""
    minutes = _minutes(session, mark.late_minutes or 0, mark.left_early_minutes or 0, moment)
    return {
        "present_minutes": minutes.present,
        "break_minutes": minutes.breaks,
        "creditable_minutes": minutes.creditable,
        "late_minutes": minutes.late,
        "left_early_minutes": minutes.left_early,
        "goals_addressed": mark.goals,
    }


def _minutes(session: Session, late: int, left_early: int, moment: Moment) -> Minutes:
    return count_minutes(session, late, left_early, moment.rules.attendance.breaks_creditable)


def _in_row(state: Calendar, session: Session, outcome: Outcome) -> int:
    at = replace(outcome, start_at=session.start_at)
    return missed_in_row({**state.outcomes, session.id: at}, state.missed_before)


def _expect(state: Calendar, session: Session, cause: str, moment: Moment) -> list[object]:
    closings = _closings(state, session, moment)
    if session.id in state.outcomes:
        return closings
    scheduled = _scheduled(session, cause, moment)
    return [Expected(session.id, session.local_date, scheduled, session.start_at), *closings]


def _scheduled(session: Session, cause: str, moment: Moment) -> int:
    """Creditable minutes of the whole session; what lies beside the agreed week was not scheduled by it."""
    return 0 if cause else _minutes(session, 0, 0, moment).creditable


def _closings(state: Calendar, session: Session, moment: Moment) -> list[object]:
    """Ask for the day to be closed, and for the week if it was closed before and must be again."""
    day, monday = session.local_date, monday_of(session.local_date)
    over = max(moment.at, midnight_after(day, state.tz) + CLOSE_DELAY)
    week = max(moment.at, week_over_at(monday, state.tz) + WEEK_DELAY)
    again = [Wake(week, f"week:{monday}")] if pending(state.closed_weeks, monday) is None else []
    return [Wake(over, f"day:{day}"), *again]


def _modality(state: Calendar, session: Session) -> Modality:
    week = state.week_on(session.local_date)
    slots = week.slots if week else ()
    return next((s.modality for s in slots if s.group_id == session.group_id), session.modality)


def close_day(state: Calendar, day: date, moment: Moment) -> Sequence[object]:
    """Count a day that is over; a day that changed after its close is counted again."""
    outcomes = [o for o in state.outcomes.values() if o.local_date == day]
    closing = pending(state.days, day)
    if not outcomes or closing is None:
        return []
    rules = moment.rules.attendance
    level = state.level_on(day)
    total = sum(o.creditable_minutes for o in outcomes)
    meets = total >= rules.day_rule_minutes
    return [
        TreatmentDayClosed(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=state.patient_id,
            part2=state.part2,
            actor=moment.actor,
            local_date=day,
            tz=state.tz,
            level=level,
            service_count=sum(o.attended for o in outcomes),
            total_creditable_minutes=total,
            meets_day_rule=meets,
            day_rule_minutes=rules.day_rule_minutes,
            units_used_today=int(meets and level.code == rules.day_rule_level),
            reopened_count=closing.closes,
        )
    ]


def close_week(state: Calendar, monday: date, moment: Moment) -> Sequence[object]:
    """Count a week that is over and ask to be woken for the next one while the calendar runs."""
    closing = pending(state.closed_weeks, monday)
    sunday = monday + timedelta(days=6)
    if closing is None or state.begun_on is None or state.begun_on > sunday:
        return []
    if state.ended_on is not None and state.ended_on < monday:
        return []
    return [_week(state, monday, closing.closes, moment), *_next_week(state, monday)]


def _week(state: Calendar, monday: date, closes: int, moment: Moment) -> TreatmentWeekClosed:
    outcomes = [o for o in state.outcomes.values() if monday_of(o.local_date) == monday]
    level = state.level_on(monday + timedelta(days=6))
    band = band_of(moment.rules, level, state.age_band)
    creditable = sum(o.creditable_minutes for o in outcomes)
    scheduled = sum(o.scheduled_minutes for o in outcomes if o.kind is not MissKind.SITE_CANCELLED)
    return TreatmentWeekClosed(
        network_id=state.network_id,
        site_id=state.site_id,
        episode_id=state.id,
        patient_id=state.patient_id,
        part2=state.part2,
        actor=moment.actor,
        week_start=monday,
        tz=state.tz,
        level=level,
        scheduled_minutes=scheduled,
        creditable_minutes=creditable,
        days_attended=len({o.local_date for o in outcomes if o.attended}),
        sessions_attended=sum(o.attended for o in outcomes),
        sessions_missed=sum(not o.attended for o in outcomes),
        level_min_minutes=band.min_minutes,
        level_max_minutes=band.max_minutes,
        below_level_minimum=creditable < band.min_minutes,
        short_week=_short(state, monday, outcomes),
        attendance_ratio_permille=ratio_permille(creditable, scheduled),
        reopened_count=closes,
    )


def ratio_permille(creditable: int, scheduled: int) -> int | None:
    """Attended minutes per thousand scheduled, rounded down; nothing scheduled has no ratio."""
    return min(1000, 1000 * creditable // scheduled) if scheduled > 0 else None


def _short(state: Calendar, monday: date, outcomes: Sequence[Outcome]) -> bool:
    sunday = monday + timedelta(days=6)
    begun = state.begun_on is None or state.begun_on > monday
    ended = state.ended_on is not None and state.ended_on <= sunday
    moved = state.level_on(monday) != state.level_on(sunday)
    return begun or ended or moved or any(o.kind is MissKind.SITE_CANCELLED for o in outcomes)


def _next_week(state: Calendar, monday: date) -> list[Wake]:
    following = monday + timedelta(days=7)
    if state.ended_on is not None and state.ended_on < following:
        return []
    return [week_wake(following, state.tz)]


def week_wake(monday: date, tz: str) -> Wake:
    """Ask to be woken when a week is over."""
    return Wake(week_over_at(monday, tz) + WEEK_DELAY, f"week:{monday}")


def week_over_at(monday: date, tz: str) -> datetime:
    """The instant at which a week is over."""
    return midnight_after(monday + timedelta(days=6), tz)
