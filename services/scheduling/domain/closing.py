"""When a day and a week are over, and what they come to for one person. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Wake
from contracts.rulebook import Rulebook
from contracts.scheduling import DayService, TreatmentDayClosed, TreatmentWeekClosed
from contracts.vocabulary import MissKind
from services.scheduling.domain.calendar import Calendar, Outcome, about, pending
from services.scheduling.domain.localtime import midnight_after, monday_of
from services.scheduling.domain.terms import service_codes
from services.scheduling.domain.week import band_of

CLOSE_DELAY = timedelta(seconds=1)
"""A block that ends at 24:00 ends at the very instant the day does: the day closes just after it."""
WEEK_DELAY = timedelta(seconds=2)
RECHECK = timedelta(minutes=1)
"""How long a closing waits for a session whose end has not been counted yet."""
FULL_DAY = 180
"""The three hours of which H0015 speaks; what a payer asks for is the day rule."""


def day_wake(day: date, tz: str) -> Wake:
    """Ask to be woken when a day is over."""
    return Wake(midnight_after(day, tz) + CLOSE_DELAY, f"day:{day}")


def close_day(state: Calendar, day: date, moment: Moment) -> Sequence[object]:
    """Count a day that is over; a day that changed after its close is counted again."""
    known = {k: o for k, o in state.outcomes.items() if o.local_date == day}
    closing, outcomes = pending(state.days, day), known.values()
    if not outcomes or closing is None:
        return []
    in_force = state.rules_on(day, moment.rules)
    rules, level = in_force.attendance, state.level_on(day)
    authorization = state.terms.authorization_on(level, day)
    total = sum(o.creditable_minutes for o in outcomes)
    meets = total >= rules.day_rule_minutes
    return [
        TreatmentDayClosed(
            **about(state, moment),
            local_date=day,
            tz=state.tz,
            level=level,
            service_count=sum(o.attended for o in outcomes),
            total_creditable_minutes=total,
            meets_day_rule=meets,
            day_rule_minutes=rules.day_rule_minutes,
            units_used_today=int(meets and level.code == rules.day_rule_level),
            reopened_count=closing.closes,
            services=tuple(
                _service(state, session_id, outcome, meets, in_force)
                for session_id, outcome in known.items()
                if outcome.attended
            ),
            authorization_id=authorization.id if authorization else None,
            meets_180_min=total >= FULL_DAY,
        )
    ]


def _service(
    state: Calendar, session_id: str, outcome: Outcome, meets_day_rule: bool, rules: Rulebook
) -> DayService:
    return DayService(
        session_id=session_id,
        service_kind=outcome.service_kind,
        creditable_minutes=outcome.creditable_minutes,
        service_codes=service_codes(
            rules,
            state.level_on(outcome.local_date),
            state.terms.program_kind,
            outcome.service_kind,
            outcome.creditable_minutes,
            meets_day_rule,
        ),
    )


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
    sunday = monday + timedelta(days=6)
    level = state.level_on(sunday)
    band = band_of(state.rules_on(sunday, moment.rules), level, state.age_band)
    creditable = sum(o.creditable_minutes for o in outcomes)
    scheduled = sum(o.scheduled_minutes for o in outcomes if o.kind is not MissKind.SITE_CANCELLED)
    return TreatmentWeekClosed(
        **about(state, moment),
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
        prescribed_minutes=state.prescribed_on(sunday),
    )


def ratio_permille(creditable: int, scheduled: int) -> int | None:
    """Attended minutes per thousand scheduled, rounded down; nothing scheduled has no ratio."""
    return min(1000, 1000 * creditable // scheduled) if scheduled > 0 else None


def _short(state: Calendar, monday: date, outcomes: Sequence[Outcome]) -> bool:
    sunday = monday + timedelta(days=6)
    begun = state.begun_on is None or state.begun_on > monday
    ended = state.ended_on is not None and state.ended_on <= sunday
    moved = state.level_on(monday) != state.level_on(sunday)
    held = any(p.since <= sunday and (p.back_on is None or p.back_on > monday) for p in state.pauses)
    return begun or ended or moved or held or any(o.kind is MissKind.SITE_CANCELLED for o in outcomes)


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
