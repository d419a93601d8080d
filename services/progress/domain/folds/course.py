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
    Sitting,
    WeekNoted,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_FIRST = 20
"""The first sittings stay, so that the first day of service is known however it is corrected."""
KEPT_SITTINGS = 60
KEPT_WEEKS = 26
KEPT_CLOSES = 20
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
    state = _replaced(state, fact.sitting.session_id, fact.sitting)
    return replace(state, consecutive_missed=0, missed_session=None)


@on(AttendanceStruck)
def _struck(state: Episode, fact: AttendanceStruck) -> Episode:
    return _replaced(state, fact.session_id, None)


def _replaced(state: Episode, session_id: str, sitting: Sitting | None) -> Episode:
    """What is known of one session from now on, and with it what the curriculum counts."""
    known = next((s for s in state.sittings if s.session_id == session_id), None)
    others = [s for s in state.sittings if s.session_id != session_id]
    full = len(state.sittings) >= KEPT_FIRST + KEPT_SITTINGS
    if sitting is not None and known is None and full:
        forgotten_after, forgotten_before = others[KEPT_FIRST - 1].on, others[KEPT_FIRST].on
        if forgotten_after < sitting.on < forgotten_before:
            # It may have been counted before it was forgotten.
            return state
    if sitting is not None and known is not None:
        sitting = replace(sitting, counted=known.counted, starts_at=known.starts_at or sitting.starts_at)
    sittings = sorted([*others, *([sitting] if sitting else [])], key=lambda s: (s.on, s.session_id))
    starts = [s.starts_at for s in sittings if s.starts_at is not None and s.minutes > 0]
    return replace(
        state,
        sittings=(*sittings[:KEPT_FIRST], *sittings[KEPT_FIRST:][-KEPT_SITTINGS:]),
        attended_from=min(starts, default=None),
        covered=_covering(_covering(state.covered, known, -1), sitting, 1),
    )


def _covering(covered: dict[str, int], sitting: Sitting | None, step: int) -> dict[str, int]:
    if sitting is None or sitting.group_kind is None or not sitting.counted or not sitting.minutes:
        return covered
    return {**covered, sitting.group_kind: max(0, covered.get(sitting.group_kind, 0) + step)}


@on(MissNoted)
def _missed(state: Episode, fact: MissNoted) -> Episode:
    return replace(state, consecutive_missed=fact.consecutive, missed_session=fact.session_id)


@on(WeekNoted)
def _week(state: Episode, fact: WeekNoted) -> Episode:
    others = [w for w in state.weeks if w.week_start != fact.week.week_start]
    before = [w for w in state.weeks if w.week_start == fact.week.week_start]
    earlier = tuple(id for w in before for id in (*w.earlier, w.event_id))[-KEPT_CLOSES:]
    week = replace(fact.week, earlier=earlier)
    weeks = sorted([*others, week], key=lambda w: w.week_start)
    return replace(state, weeks=tuple(weeks[-KEPT_WEEKS:]))


@on(said.OutreachAttempted)
def _contacted(state: Episode, fact: said.OutreachAttempted) -> Episode:
    if fact.attempted_on is None:
        return state
    contact = Contact(fact.attempted_on, fact.channel, fact.reached)
    return replace(state, contacts=(*state.contacts, contact)[-KEPT_CONTACTS:])
