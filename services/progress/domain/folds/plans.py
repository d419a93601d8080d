"""How plans and goals change an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import (
    Pursuit,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode


@on(said.TreatmentPlanApproved)
def _planned(state: Episode, fact: said.TreatmentPlanApproved) -> Episode:
    known = {p.goal.goal_id: p for p in state.goals}
    return replace(
        state,
        plan_id=fact.plan_id,
        plan_version=fact.version,
        next_review_due_on=fact.next_review_due_on,
        goals=tuple(replace(known.get(g.goal_id, Pursuit(g)), goal=g) for g in fact.goals),
    )


def _pursue(state: Episode, goal_id: str, **changes: Any) -> Episode:
    return replace(
        state, goals=tuple(replace(p, **changes) if p.goal.goal_id == goal_id else p for p in state.goals)
    )


@on(said.GoalProgressed)
def _progressed(state: Episode, fact: said.GoalProgressed) -> Episode:
    return _pursue(state, fact.goal_id, value=fact.value, percent=fact.percent)


@on(said.GoalMet)
def _met(state: Episode, fact: said.GoalMet) -> Episode:
    return _pursue(state, fact.goal_id, met_on=fact.met_on, met_by=fact.met_by, percent=100)


@on(said.GoalReopened)
def _reopened(state: Episode, fact: said.GoalReopened) -> Episode:
    return _pursue(state, fact.goal_id, met_on=None, met_by=None)
