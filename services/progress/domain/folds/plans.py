"""How plans, goals and the curriculum change an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import Pursuit
from services.progress.domain.folds.registry import on
from services.progress.domain.kept import Draft
from services.progress.domain.state import Episode

DUE, LATE = 1, 2
TOLD_LATE = -1


@on(said.TreatmentPlanDrafted)
def _drafted(state: Episode, fact: said.TreatmentPlanDrafted) -> Episode:
    draft = Draft(
        plan_id=fact.plan_id,
        version=fact.version,
        goals=fact.goals,
        interventions=fact.interventions,
        curriculum=fact.curriculum,
        drafted_on=fact.drafted_on,
    )
    return replace(state, draft=draft)


@on(said.PlanSigned)
def _signed(state: Episode, fact: said.PlanSigned) -> Episode:
    if state.draft is None:
        return state
    return replace(state, draft=replace(state.draft, signed_by=(*state.draft.signed_by, fact.role)))


def _in_force(state: Episode, plan: said.TreatmentPlanApproved | said.TreatmentPlanReviewed) -> Episode:
    known = {p.goal.goal_id: p for p in state.goals}
    same = plan.curriculum == state.curriculum
    return replace(
        state,
        plan_id=plan.plan_id,
        plan_version=plan.version,
        next_review_due_on=plan.next_review_due_on,
        draft=None,
        review_told=None,
        goals=tuple(replace(known.get(g.goal_id, Pursuit(g)), goal=g) for g in plan.goals),
        interventions=plan.interventions,
        curriculum=plan.curriculum,
        curriculum_completed=state.curriculum_completed and same,
    )


on(said.TreatmentPlanApproved)(_in_force)
on(said.TreatmentPlanReviewed)(_in_force)


@on(said.PlanDue)
def _plan_due(state: Episode, fact: said.PlanDue) -> Episode:
    return replace(state, plan_asked=LATE if fact.overdue else DUE)


@on(said.PlanReviewDue)
def _review_due(state: Episode, fact: said.PlanReviewDue) -> Episode:
    return replace(state, review_told=TOLD_LATE if fact.overdue else fact.days_left)


def _pursue(state: Episode, goal_id: str, **changes: Any) -> Episode:
    return replace(
        state, goals=tuple(replace(p, **changes) if p.goal.goal_id == goal_id else p for p in state.goals)
    )


@on(said.GoalProgressed)
def _progressed(state: Episode, fact: said.GoalProgressed) -> Episode:
    return _pursue(state, fact.goal_id, value=fact.value, percent=fact.percent, current=fact.current)


@on(said.GoalMet)
def _met(state: Episode, fact: said.GoalMet) -> Episode:
    return _pursue(state, fact.goal_id, met_on=fact.met_on, met_by=fact.met_by, percent=100)


@on(said.GoalReopened)
def _reopened(state: Episode, fact: said.GoalReopened) -> Episode:
    return _pursue(state, fact.goal_id, met_on=None, met_by=None)


@on(said.CurriculumCompleted)
def _curriculum_done(state: Episode, _fact: said.CurriculumCompleted) -> Episode:
    return replace(state, curriculum_completed=True)


@on(said.CurriculumReopened)
def _curriculum_again(state: Episode, fact: said.CurriculumReopened) -> Episode:
    return replace(
        state,
        curriculum_completed=False,
        covered={kind: n for kind, n in state.covered.items() if kind != fact.part},
        sittings=tuple(replace(s, counted=False) if s.group_kind == fact.part else s for s in state.sittings),
    )
