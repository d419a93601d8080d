"""How facts fold into a calendar. Pure."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import dropwhile

from contracts.scheduling import (
    AttendanceCorrected,
    BoosterProposed,
    MoveProposed,
    RiskDateCleared,
    RiskDateSet,
    SeatHeld,
    SeatReleased,
    SeatUnavailable,
    SessionAttended,
    SessionMissed,
    TreatmentDayClosed,
    TreatmentWeekClosed,
    WeekAtRisk,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import AgeBand, MissKind
from services.scheduling.domain.calendar import (
    Admitted,
    Calendar,
    CalendarEnded,
    Closing,
    Expected,
    Extended,
    Hold,
    LevelFrom,
    LevelSet,
    Outcome,
    Pause,
    Paused,
    PlaceContended,
    RequestWithdrawn,
    Resumed,
    Returned,
    RiskDate,
    SeatAsked,
    SeatsKept,
    Week,
)
from services.scheduling.domain.localtime import monday_of
from services.scheduling.domain.misses import missed_in_row
from services.scheduling.domain.terms import Authorized, Covered, Known

REMEMBERED_DAYS = 28
"""How long a closed week's attendance stays at hand."""
STEPS = ("step_down", "step_up")
"""Why a week changes when a clinician approved another amount of treatment."""
COVERAGE = "coverage"
"""Why a week changed that only another payer counts otherwise."""
REMEMBERED_PAUSES = 4


def evolve(state: Calendar | None, fact: object) -> Calendar:
    """Fold one fact into a calendar."""
    if isinstance(fact, SeatAsked):
        return _evolve_asked(state, fact)
    if isinstance(fact, Admitted):
        return _evolve_admitted(state, fact)
    if isinstance(fact, Known):
        return state or _first_heard_of(fact)
    if state is None:
        raise TypeError(f"a calendar does not begin with {type(fact).__name__}")
    if isinstance(fact, SessionAttended | SessionMissed | AttendanceCorrected | Expected):
        return _evolve_attendance(state, fact)
    if isinstance(fact, WeeklyScheduleAgreed | WeeklyScheduleChanged):
        return _evolve_week(state, fact)
    if isinstance(fact, TreatmentDayClosed | TreatmentWeekClosed):
        return _evolve_closing(state, fact)
    if isinstance(fact, Covered | Authorized | LevelSet | Extended):
        return _evolve_terms(state, fact)
    if isinstance(fact, RequestWithdrawn):
        return replace(state, request=None)
    if isinstance(fact, RiskDateSet | RiskDateCleared | BoosterProposed | WeekAtRisk):
        return _evolve_risk(state, fact)
    return _evolve_seats(state, fact)


def _first_heard_of(fact: Known) -> Calendar:
    return Calendar(
        id=fact.episode_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        patient_id=fact.patient_id,
        part2=fact.part2,
        tz=fact.tz,
        stage="known",
        age_band=AgeBand.ADULT,
        levels=(),
    )


def _evolve_terms(state: Calendar, fact: Covered | Authorized | LevelSet | Extended) -> Calendar:
    if isinstance(fact, Extended):
        return replace(state, planned_end_on=fact.planned_end_on)
    if isinstance(fact, Covered):
        return replace(state, terms=state.terms.covered(fact.coverage))
    if isinstance(fact, Authorized):
        return replace(state, terms=state.terms.authorized(fact.authorization))
    earlier = tuple(x for x in state.levels if x.since < fact.since)
    begun = LevelFrom(fact.since, fact.level, fact.weekly_minutes, fact.tapers_until)
    return replace(state, levels=(*earlier, begun))


def _evolve_risk(
    state: Calendar, fact: RiskDateSet | RiskDateCleared | BoosterProposed | WeekAtRisk
) -> Calendar:
    if isinstance(fact, WeekAtRisk):
        figures = (fact.credited_minutes, fact.booked_minutes, fact.reachable_minutes)
        return replace(state, at_risk=(fact.week_start.isoformat(), *figures))
    dates = dict(state.risk_dates)
    if isinstance(fact, RiskDateSet):
        dates[fact.risk_date_id] = RiskDate(fact.on, fact.kind)
    elif isinstance(fact, RiskDateCleared):
        dates.pop(fact.risk_date_id, None)
    elif fact.risk_date_id in dates:
        dates[fact.risk_date_id] = replace(dates[fact.risk_date_id], proposed=True)
    return replace(state, risk_dates=dates)


def _evolve_asked(state: Calendar | None, fact: SeatAsked) -> Calendar:
    levels = (LevelFrom(fact.request.earliest_start, fact.request.level),)
    if state is None:
        return Calendar(
            id=fact.episode_id,
            network_id=fact.network_id,
            site_id=fact.site_id,
            patient_id=fact.patient_id,
            part2=fact.part2,
            tz=fact.tz,
            stage="asked",
            age_band=fact.age_band,
            levels=levels,
            request=fact.request,
            traits=fact.traits,
        )
    return replace(
        state,
        site_id=fact.site_id,
        tz=fact.tz,
        stage="asked",
        age_band=fact.age_band,
        levels=levels,
        request=fact.request,
        traits=fact.traits,
    )


def _evolve_admitted(state: Calendar | None, fact: Admitted) -> Calendar:
    base = state or Calendar(
        id=fact.episode_id,
        network_id=fact.network_id,
        site_id=fact.site_id,
        patient_id=fact.patient_id,
        part2=fact.part2,
        tz=fact.tz,
        stage="admitted",
        age_band=fact.age_band,
        levels=(),
    )
    return replace(
        base,
        stage="admitted",
        site_id=fact.site_id,
        patient_id=fact.patient_id,
        tz=fact.tz,
        age_band=fact.age_band,
        levels=(LevelFrom(fact.admitted_on, fact.level, fact.request.weekly_minutes),),
        admitted_on=fact.admitted_on,
        plan_kind=fact.plan_kind,
        terms=replace(
            base.terms,
            program_id=fact.program_id,
            program_kind=fact.program_kind,
            primary_clinician_id=fact.primary_clinician_id,
        ),
        planned_end_on=fact.planned_end_on,
        request=fact.request,
        hold=None,
    )


def _evolve_closing(state: Calendar, fact: TreatmentDayClosed | TreatmentWeekClosed) -> Calendar:
    if isinstance(fact, TreatmentDayClosed):
        return replace(state, days=_close(state.days, fact.local_date))
    closed = replace(state, closed_weeks=_close(state.closed_weeks, fact.week_start))
    return _forget(closed, fact.week_start)


def _evolve_seats(state: Calendar, fact: object) -> Calendar:
    after = state
    match fact:
        case SeatHeld():
            hold = Hold(fact.seat_hold_id, fact.request_id, fact.slots, fact.start_on, fact.hold_expires_at)
            after = replace(state, stage="held", hold=hold, seats=fact.slots)
        case SeatReleased() if fact.seat_hold_id is not None:
            after = replace(state, stage="asked", hold=None, seats=())
        case SeatUnavailable():
            after = replace(state, stage="asked")
        case PlaceContended() if state.request is not None:
            after = replace(state, request=replace(state.request, tries=state.request.tries + 1))
        case MoveProposed():
            after = replace(state, asked_to_move=fact.expires_at)
        case SeatsKept():
            after = replace(state, seats=fact.slots)
        case Paused():
            pause = Pause(fact.since, fact.expected_return_on)
            after = replace(state, pauses=(*state.pauses, pause)[-REMEMBERED_PAUSES:])
        case Returned() if state.pauses:
            back = replace(state.pauses[-1], back_on=fact.on)
            after = replace(state, pauses=(*state.pauses[:-1], back))
        case CalendarEnded():
            after = replace(state, stage="ended", ended_on=fact.on)
        case Resumed():
            after = replace(state, stage="scheduled", begun_on=fact.on, ended_on=None)
    return after


def _evolve_week(state: Calendar, fact: WeeklyScheduleAgreed | WeeklyScheduleChanged) -> Calendar:
    reason = fact.reason if isinstance(fact, WeeklyScheduleChanged) else "agreed"
    week = Week(fact.version, fact.effective_from, fact.slots, fact.planned_weekly_minutes, reason)
    return replace(
        state,
        stage="scheduled",
        schedule_id=fact.schedule_id,
        version=fact.version,
        weeks=_with(state.weeks, week),
        begun_on=min(state.begun_on or fact.effective_from, fact.effective_from),
    )


def _with(weeks: tuple[Week, ...], new: Week) -> tuple[Week, ...]:
    """The weeks with one more: a step replaces what was to follow, another week ends where a step begins.

    Another payer counts other minutes of the same week: whatever was to follow still does.
    """
    earlier = (w for w in weeks if w.effective_from < new.effective_from)
    later = (w for w in weeks if w.effective_from > new.effective_from)
    if new.reason == COVERAGE:
        same = next((w for w in weeks if w.effective_from == new.effective_from), new)
        return (*earlier, replace(new, reason=same.reason), *later)
    standing = () if new.reason in STEPS else dropwhile(lambda w: w.reason not in STEPS, later)
    return (*earlier, new, *standing)


def _evolve_attendance(
    state: Calendar, fact: SessionAttended | SessionMissed | AttendanceCorrected | Expected
) -> Calendar:
    before = state.outcomes.get(fact.session_id) or Outcome(fact.local_date, 0)
    outcomes = {**state.outcomes, fact.session_id: _outcome(before, fact)}
    return replace(
        state,
        outcomes=outcomes,
        consecutive_missed=missed_in_row(outcomes, state.missed_before),
        days=_reopen(state.days, fact.local_date),
        closed_weeks=_reopen(state.closed_weeks, monday_of(fact.local_date)),
    )


def _outcome(
    before: Outcome, fact: SessionAttended | SessionMissed | AttendanceCorrected | Expected
) -> Outcome:
    if isinstance(fact, Expected):
        return replace(
            before,
            scheduled_minutes=fact.scheduled_minutes,
            start_at=fact.start_at,
            service_kind=fact.service_kind,
        )
    if isinstance(fact, SessionMissed):
        return replace(before, kind=fact.kind)
    if isinstance(fact, SessionAttended) or fact.attended:
        return replace(before, attended=True, kind=None, creditable_minutes=fact.creditable_minutes)
    kind = fact.kind or MissKind(fact.reason)
    return replace(before, attended=False, kind=kind, creditable_minutes=0)


def _reopen(closings: dict[str, Closing], day: date) -> dict[str, Closing]:
    key = day.isoformat()
    return {**closings, key: replace(closings.get(key, Closing()), open=True)}


def _close(closings: dict[str, Closing], day: date) -> dict[str, Closing]:
    key = day.isoformat()
    return {**closings, key: Closing(closings.get(key, Closing()).closes + 1, open=False)}


def _forget(state: Calendar, week_start: date) -> Calendar:
    since = week_start - timedelta(days=REMEMBERED_DAYS)
    gone = {k: o for k, o in state.outcomes.items() if o.local_date < since}
    begun = sum(w.effective_from <= since for w in state.weeks)
    return replace(
        state,
        weeks=state.weeks[max(0, begun - 1) :],
        missed_before=missed_in_row(gone, state.missed_before),
        outcomes={k: o for k, o in state.outcomes.items() if o.local_date >= since},
        days={k: c for k, c in state.days.items() if k >= since.isoformat()},
        closed_weeks={k: c for k, c in state.closed_weeks.items() if k >= since.isoformat()},
    )
