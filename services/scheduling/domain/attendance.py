"""What one person's sessions, days and weeks come to. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Wake
from contracts.scheduling import (
    AttendanceCorrected,
    SessionAttended,
    SessionMissed,
    TreatmentDayClosed,
    TreatmentWeekClosed,
)
from contracts.vocabulary import MissKind, Modality
from services.scheduling.domain.calendar import Calendar, Expected, Outcome, counts, pending
from services.scheduling.domain.localtime import midnight_after, monday_of
from services.scheduling.domain.sessions import Mark, Session, count_minutes
from services.scheduling.domain.week import band_of

CLOSE_DELAY = timedelta(seconds=1)
"""A block that ends at 24:00 ends at the very instant the day does: the day closes just after it."""
WEEK_DELAY = timedelta(seconds=2)
RECHECK = timedelta(minutes=1)
"""How long a closing waits for a session whose end has not been counted yet."""


def attend(state: Calendar, session: Session, mark: Mark, present: int, moment: Moment) -> Sequence[object]:
    """Say that a person took part, with the minutes counted."""
    minutes = count_minutes(session, mark.late_minutes, mark.left_early_minutes, _credited(moment))
    return [
        *_expect(state, session, moment),
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
            present_minutes=minutes.present,
            break_minutes=minutes.breaks,
            creditable_minutes=minutes.creditable,
            late_minutes=minutes.late,
            left_early_minutes=minutes.left_early,
            group_size_present=present,
            level=state.level_on(session.local_date),
        ),
    ]


def miss(state: Calendar, session: Session, kind: MissKind, moment: Moment) -> Sequence[object]:
    """Say that a person was expected and is not there."""
    expected = _expect(state, session, moment)
    return [
        *expected,
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
            scheduled_minutes=_whole(session, moment),
            consecutive_missed=state.consecutive_missed + int(counts(kind)),
        ),
    ]


def correct(
    state: Calendar, session: Session, mark: Mark | None, kind: MissKind | None, moment: Moment
) -> Sequence[object]:
    """Take back what was said about an absence: the person came after all, or it was of another kind."""
    late, left = (mark.late_minutes, mark.left_early_minutes) if mark else (0, 0)
    minutes = count_minutes(session, late, left, _credited(moment))
    return [
        *_expect(state, session, moment),
        AttendanceCorrected(
            network_id=state.network_id,
            site_id=state.site_id,
            episode_id=state.id,
            patient_id=state.patient_id,
            part2=state.part2,
            actor=moment.actor,
            supersedes_event_id=session.id,
            session_id=session.id,
            attended=mark is not None,
            creditable_minutes=minutes.creditable if mark else 0,
            late_minutes=minutes.late if mark else 0,
            local_date=session.local_date,
            tz=session.tz,
            reason="came_late" if mark else (kind or MissKind.NO_SHOW).value,
        ),
    ]


def _expect(state: Calendar, session: Session, moment: Moment) -> list[object]:
    close = Wake(midnight_after(session.local_date, state.tz) + CLOSE_DELAY, f"day:{session.local_date}")
    known = session.id in state.outcomes
    return [*([] if known else [Expected(session.id, session.local_date, _whole(session, moment))]), close]


def _whole(session: Session, moment: Moment) -> int:
    return count_minutes(session, 0, 0, _credited(moment)).creditable


def _credited(moment: Moment) -> bool:
    return moment.rules.attendance.breaks_creditable


def _modality(state: Calendar, session: Session) -> Modality:
    week = state.week_on(session.local_date)
    slots = week.slots if week else ()
    return next((s.modality for s in slots if s.group_id == session.group_id), Modality.IN_PERSON)


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
