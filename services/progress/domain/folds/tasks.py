"""How what must be looked at changes an episode."""

from dataclasses import replace

from contracts import progress as said
from services.progress.domain.facts import Task
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_TASKS = 40
"""So many of those that somebody closed; what is open stays."""


@on(said.ReviewTaskRaised)
def _raised(state: Episode, fact: said.ReviewTaskRaised) -> Episode:
    task = Task(fact.task_id, fact.about, fact.subject_id, fact.due_on)
    closed = tuple(t for t in state.tasks if t.outcome is not None)[-KEPT_TASKS:]
    still = tuple(t for t in state.tasks if t.outcome is None)
    return replace(state, tasks=(*closed, *still, task))


@on(said.ReviewTaskClosed)
def _closed(state: Episode, fact: said.ReviewTaskClosed) -> Episode:
    return replace(
        state,
        tasks=tuple(replace(t, outcome=fact.outcome) if t.id == fact.task_id else t for t in state.tasks),
    )
