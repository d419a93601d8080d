"""How aftercare changes an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import (
    Aftercare,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode


@on(said.AftercarePlanned)
def _aftercare(state: Episode, fact: said.AftercarePlanned) -> Episode:
    plan = Aftercare(state.day(fact.meeting_at), fact.until_on, fact.checkin_cadence_days)
    return replace(state, aftercare=plan)


def _call(state: Episode, **changes: Any) -> Episode:
    return replace(state, aftercare=replace(state.aftercare, **changes)) if state.aftercare else state


@on(said.CheckInDue)
def _call_due(state: Episode, fact: said.CheckInDue) -> Episode:
    return _call(state, called=fact.check_in, due_on=fact.due_on)


@on(said.CheckInCompleted)
def _call_made(state: Episode, fact: said.CheckInCompleted) -> Episode:
    return _call(state, due_on=None, last_status=fact.status_summary)


@on(said.CheckInMissed)
def _call_missed(state: Episode, _fact: said.CheckInMissed) -> Episode:
    return _call(state, due_on=None, missed=state.aftercare.missed + 1 if state.aftercare else 0)
