"""When instruments are to be filled in: asked for, reminded of, and missed."""

from datetime import date, datetime, timedelta

from contracts.decisions import Moment, Woke
from contracts.progress import MeasuresDue, MeasuresMissed, ScreeningDue
from contracts.rule_tables import Cadence
from contracts.rulebook import Rulebook
from services.progress.domain.facts import Sitting
from services.progress.domain.kept import Request
from services.progress.domain.reassessment import screened_since
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, about, days_between, midnight, then


def ask_for_measures(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """One request at a time: what is due is asked for together, reminded of, and missed when time is up."""
    today = state.day(moment.at)
    if not state.attending or state.rests_on(today):
        return []
    if state.request is None:
        return _ask(state, moment)
    if today >= state.request.expires_on:
        return then(state, moment, [_missed(state, state.request, moment)], _ask)
    return _remind(state, state.request, today, moment)


def _ask(state: Episode, moment: Moment) -> Facts:
    today = state.day(moment.at)
    due = tuple(name for name, day in sorted(_due(state, moment.rules).items()) if day <= today)
    if not due:
        return []
    expires_on = today + timedelta(days=moment.rules.measures.expiry_days)
    return [MeasuresDue(**about(state, moment.actor), instruments=due, due_on=today, expires_on=expires_on)]


def _remind(state: Episode, request: Request, today: date, moment: Moment) -> Facts:
    if today < _reminded_on(request, moment.rules):
        return []
    return [
        MeasuresDue(
            **about(state, moment.actor),
            instruments=request.instruments,
            due_on=request.due_on,
            expires_on=request.expires_on,
            reminder=(today - request.due_on).days // moment.rules.measures.reminder_days,
        )
    ]


def _missed(state: Episode, request: Request, moment: Moment) -> MeasuresMissed:
    return MeasuresMissed(
        **about(state, moment.actor), instruments=request.instruments, due_on=request.due_on
    )


def ask_for_screen(because: str, since: date) -> Step:
    """Staff ask a person about suicide, unless somebody did since that day, or is to do it already."""

    def ask(state: Episode, moment: Moment) -> Facts:
        screener = moment.rules.measures.screener.instrument
        if state.over or state.screening is not None or screened_since(state, since, (screener,)):
            return []
        today = state.day(moment.at)
        return [
            ScreeningDue(**about(state, moment.actor), instrument=screener, because=because, due_on=today)
        ]

    return ask


def ask_who_is_back(sitting: Sitting) -> Step:
    """Who comes again after days away is asked, unless somebody did while they were away."""

    def ask(state: Episode, moment: Moment) -> Facts:
        others = [s.on for s in state.sittings if s.session_id != sitting.session_id]
        before = max((on for on in others if on < sitting.on), default=None)
        if before is None or max(others) > sitting.on:
            return []
        if days_between(before, sitting.on) <= moment.rules.measures.screener.absence_days:
            return []
        return list(ask_for_screen("absence", before + timedelta(days=1))(state, moment))

    return ask


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """When something is due, a reminder of it, or its end."""
    if not state.attending:
        return {}
    if state.request is not None:
        day = min(_reminded_on(state.request, rules), state.request.expires_on)
    elif due := _due(state, rules):
        day = min(due.values())
    else:
        return {}
    day = state.after_rests(day)
    return {} if state.rests_on(day) else {"measures": midnight(day, state.tz)}


def _reminded_on(request: Request, rules: Rulebook) -> date:
    return request.due_on + timedelta(days=rules.measures.reminder_days * (request.reminder + 1))


def _due(state: Episode, rules: Rulebook) -> dict[str, date]:
    """By instrument, when it is due next: so long after the newest result, or after it was last missed."""
    return {
        name: _last(state, name) + timedelta(days=cadence.every_days)
        for name, cadence in rules.measures.cadence.items()
        if _concerns(state, name, cadence)
    }


def _concerns(state: Episode, name: str, cadence: Cadence) -> bool:
    return state.program_kind in cadence.programs and (not cadence.with_baseline or name in state.starts)


def _last(state: Episode, name: str) -> date:
    began = state.day(state.attended_from) if state.attended_from else state.admitted_on
    return max(began, *(state.day(r.at) for r in state.entries(name)), state.asked.get(name, began))
