"""What follows from a decision by itself: only the facts that a criterion rests on are looked at again."""

from collections.abc import Callable, Sequence
from typing import Any

from contracts import progress as said
from contracts import scheduling
from contracts.decisions import Moment
from services.progress.domain.recommend.down import review_step_down
from services.progress.domain.recommend.up import (
    review_deterioration,
    review_safety,
    review_step_up,
    review_what_came_up,
    review_withdrawal,
)
from services.progress.domain.telling import Facts, Step, then

REVIEWED_ON: frozenset[type] = frozenset(
    {
        said.TreatmentPlanApproved,
        said.TreatmentPlanReviewed,
        said.GoalMet,
        said.GoalReopened,
        said.MeasureRecorded,
        said.SafetyAlertRaised,
        said.SafetyAlertResolved,
        said.SubstanceUseReported,
        said.SubstanceUseWithdrawn,
        said.StepDownApproved,
        said.StepUpApproved,
        said.LevelOfCareChanged,
        said.EpisodeStateChanged,
        said.EpisodeHeld,
        said.EpisodeResumed,
        scheduling.AttendanceCorrected,
        scheduling.TreatmentWeekClosed,
        scheduling.WeeklyScheduleAgreed,
        scheduling.WeeklyScheduleChanged,
    }
)
"""What can make a criterion of a step-down hold or break; beside them only the passing of time can."""


def following(decide: Callable[[Any, Any, Moment], Sequence[Any]]) -> Callable[[Any, Any, Moment], Facts]:
    """A decision, and what the machine recommends or withdraws because of it."""

    def decided(state: Any, message: Any, moment: Moment) -> Facts:
        facts = list(decide(state, message, moment))
        if not facts or REVIEWED_ON.isdisjoint({type(message), *map(type, facts)}):
            return facts
        return then(state, moment, facts, review_step_down, review_step_up, *_upwards(facts))

    return decided


def _upwards(facts: Sequence[Any]) -> list[Step]:
    results = [f for f in facts if isinstance(f, said.MeasureRecorded)]
    raised = any(isinstance(f, said.SafetyAlertRaised) for f in facts)
    resumed = any(isinstance(f, said.EpisodeResumed) for f in facts)
    return [
        *([review_what_came_up] if resumed else []),
        *([review_safety] if raised else []),
        *(step for r in results for step in (review_withdrawal(r), review_deterioration(r))),
    ]
