"""What was approved stays, even when its ground is gone: a person looks at it again."""

from collections.abc import Sequence
from typing import Any

from contracts.decisions import Moment
from contracts.progress import GoalReopened, SubstanceUseReported, SubstanceUseWithdrawn
from contracts.vocabulary import Criterion
from services.progress.domain.facts import Week, WeekNoted
from services.progress.domain.state import Episode
from services.progress.domain.tasks import raise_task
from services.progress.domain.telling import Facts, Step, due_in

GROUND_GONE = "ground_gone"
DAYS_CLEAN = "days_clean"


def review_ground(told: Sequence[Any]) -> Step:
    """Ask a person to look at every approval that rests on what a correction has just changed."""

    def review(state: Episode, moment: Moment) -> Facts:
        if state.over:
            return []
        gone, recounted = _gone(state, told), _recounted(state, told)
        asked = {t.subject_id for t in state.tasks if t.about == GROUND_GONE and t.outcome is None}
        approved = [r for r in state.recommendations if r.closed == "approved" and r.id not in asked]
        return [
            fact
            for r in approved
            if any(_broken(c, gone, recounted) for c in r.criteria)
            for fact in raise_task(state, moment, GROUND_GONE, r.id, due_in(state, moment))
        ]

    return review


def _gone(state: Episode, told: Sequence[Any]) -> set[str]:
    """Ids of what is no longer so: goals that are open again, relapses and use that were none."""
    relapses = {r.id for r in state.use_reports if r.classification == "relapse"}
    reports = [f for f in told if isinstance(f, SubstanceUseReported) and f.classification != "relapse"]
    goals = {f.goal_id for f in told if isinstance(f, GoalReopened)}
    none = {f.report_id for f in told if isinstance(f, SubstanceUseWithdrawn)}
    return goals | none | {f.supersedes_report_id for f in reports if f.supersedes_report_id in relapses}


def _recounted(state: Episode, told: Sequence[Any]) -> list[Week]:
    starts = {f.week.week_start for f in told if isinstance(f, WeekNoted)}
    return [w for w in state.weeks if w.week_start in starts]


def _broken(criterion: Criterion, gone: set[str], recounted: Sequence[Week]) -> bool:
    # Days without use are no fewer when the last report of it was wrong.
    if criterion.id != DAYS_CLEAN and not gone.isdisjoint(criterion.evidence):
        return True
    weeks = [w for w in recounted if not {w.event_id, *w.earlier}.isdisjoint(criterion.evidence)]
    if criterion.id.startswith("attendance_week"):
        return any((w.ratio or 0) < criterion.threshold for w in weeks)
    return any(not w.below for w in weeks)
