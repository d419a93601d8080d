"""How attendance, weeks and outreach change an episode."""

from dataclasses import replace

from contracts import progress as said
from services.progress.domain.facts import (
    AttendanceNoted,
    AttendanceStruck,
    Contact,
    MissNoted,
    ScheduleNoted,
    ScheduleStuck,
    WeekNoted,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_SITTINGS = 60
KEPT_WEEKS = 26
KEPT_CONTACTS = 40


@on(ScheduleNoted)
def _scheduled(state: Episode, fact: ScheduleNoted) -> Episode:
    return replace(
        state,
        schedule_version=fact.version,
        planned_minutes=fact.planned_minutes,
        weekly_minutes=fact.weekly_minutes,
        schedule_pending=False,
        schedule_stuck=None,
    )


@on(ScheduleStuck)
def _stuck(state: Episode, fact: ScheduleStuck) -> Episode:
    return replace(state, schedule_stuck=fact.cause)


@on(AttendanceNoted)
def _attended(state: Episode, fact: AttendanceNoted) -> Episode:
    others = [s for s in state.sittings if s.session_id != fact.sitting.session_id]
    sittings = sorted([*others, fact.sitting], key=lambda s: (s.on, s.session_id))
    return replace(
        state, sittings=tuple(sittings[-KEPT_SITTINGS:]), consecutive_missed=0, missed_session=None
    )


@on(AttendanceStruck)
def _struck(state: Episode, fact: AttendanceStruck) -> Episode:
    return replace(state, sittings=tuple(s for s in state.sittings if s.session_id != fact.session_id))


@on(MissNoted)
def _missed(state: Episode, fact: MissNoted) -> Episode:
    return replace(state, consecutive_missed=fact.consecutive, missed_session=fact.session_id)


@on(WeekNoted)
def _week(state: Episode, fact: WeekNoted) -> Episode:
    others = [w for w in state.weeks if w.week_start != fact.week.week_start]
    weeks = sorted([*others, fact.week], key=lambda w: w.week_start)
    return replace(state, weeks=tuple(weeks[-KEPT_WEEKS:]))


@on(said.OutreachAttempted)
def _contacted(state: Episode, fact: said.OutreachAttempted) -> Episode:
    if fact.attempted_on is None:
        return state
    contact = Contact(fact.attempted_on, fact.channel, fact.reached)
    return replace(state, contacts=(*state.contacts, contact)[-KEPT_CONTACTS:])
