"""What a person must look at, because it ran out or lost its ground."""

from dataclasses import dataclass
from datetime import date

from contracts.decisions import Guard, Moment, Refused, require
from contracts.intake import PatientCameOfAge
from contracts.progress import ReviewTaskClosed, ReviewTaskRaised
from services.progress.domain.state import Episode
from services.progress.domain.telling import HANDRAIL, Facts, about, clinical, due_in

HOLD_OVERDUE = "hold_overdue"
PLANNED_END_PASSED = "planned_end_passed"
OF_AGE = "of_age"


@dataclass(frozen=True, slots=True)
class CloseReviewTask:
    """Say what came of something that had to be looked at."""

    task_id: str
    outcome: str


def raise_task(state: Episode, moment: Moment, what: str, subject_id: str, due_on: date) -> Facts:
    """Ask a person to look."""
    return [
        ReviewTaskRaised(
            **about(state, HANDRAIL),
            task_id=moment.new_id(f"task/{what}/{subject_id}"),
            about=what,
            subject_id=subject_id,
            due_on=due_on,
        )
    ]


def raised_after(state: Episode, what: str, subject_id: str, day: date) -> bool:
    """Whether a person was asked to look at this after a day, and looked or not."""
    return any((t.about, t.subject_id) == (what, subject_id) and t.due_on > day for t in state.tasks)


def note_of_age(state: Episode | None, event: PatientCameOfAge, moment: Moment) -> Facts:
    """Consents that a guardian signed are asked for anew; the age band of the admission stays."""
    if state is None or state.over or not event.to_renew:
        return []
    return raise_task(state, moment, OF_AGE, state.patient_id, due_in(state, moment))


def settle_tasks(state: Episode, outcome: str, what: str | None = None, *, but: str = "") -> Facts:
    """Nobody has to look any more: at anything, or at things of one kind, or at anything but one kind."""
    return [
        ReviewTaskClosed(**about(state, HANDRAIL), task_id=task.id, outcome=outcome)
        for task in state.tasks
        if task.outcome is None and what in (None, task.about) and task.about != but
    ]


def close_review_task(state: Episode, command: CloseReviewTask, moment: Moment) -> Facts:
    """A clinician looked, and says what came of it."""
    task = next((t for t in state.tasks if t.id == command.task_id), None)
    if task is None:
        raise Refused("task_unknown", "This episode has no such task.", status=404)
    require(
        "task_not_closed",
        "The task cannot be closed",
        [
            clinical(moment),
            Guard("open", task.outcome is None, f"somebody has closed it already: {task.outcome}"),
        ],
    )
    return [ReviewTaskClosed(**about(state, moment.actor), task_id=task.id, outcome=command.outcome)]
