"""What people do between sessions: homework, medication, meetings, sponsors. None is treatment time."""

from dataclasses import dataclass
from datetime import date

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import (
    HomeworkAssigned,
    HomeworkReturned,
    MedicationStatusRecorded,
    RecoveryActivityLogged,
)
from services.progress.domain.goals import weigh_goals
from services.progress.domain.state import Episode
from services.progress.domain.targets import ACTIVITIES
from services.progress.domain.telling import Facts, about, running, then

ADHERENCE = ("taking", "partial", "stopped", "none")
MOST_MINUTES = 24 * 60
STEPS = 12


@dataclass(frozen=True, slots=True)
class AssignHomework:
    """Give a person something to work on at home."""

    kind: str
    due_on: date
    goal_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReturnHomework:
    """Homework came back."""

    homework_id: str
    done: bool


@dataclass(frozen=True, slots=True)
class RecordMedication:
    """Say how a person takes a medication."""

    medication_ref: str
    adherence: str


@dataclass(frozen=True, slots=True)
class LogActivity:
    """A person took part in something outside the program."""

    kind: str
    on: date | None = None
    minutes: int | None = None
    step: int | None = None


def assign_homework(state: Episode, command: AssignHomework, moment: Moment) -> Facts:
    """Homework may serve a goal of the plan in force, or of the draft."""
    running(state)
    goals = {p.goal.goal_id for p in state.goals} | {
        g.goal_id for g in (state.draft.goals if state.draft else ())
    }
    require(
        "homework_not_assigned",
        "The homework cannot be assigned",
        [
            Guard("due", command.due_on >= state.day(moment.at), "it would be due before today"),
            Guard("goal", command.goal_id is None or command.goal_id in goals, "the plan has no such goal"),
        ],
    )
    return [
        HomeworkAssigned(
            **about(state, moment.actor),
            homework_id=moment.new_id("homework"),
            kind=command.kind,
            due_on=command.due_on,
            goal_id=command.goal_id,
        )
    ]


def return_homework(state: Episode, command: ReturnHomework, moment: Moment) -> Facts:
    """What came back undone may come back again; what is done is done."""
    running(state)
    known = next((h for h in state.homework if h.id == command.homework_id), None)
    if known is None:
        raise Refused("homework_unknown", "This episode has no such homework.", status=404)
    require(
        "homework_not_returned",
        "The homework cannot be returned",
        [Guard("open", not known.done, "it was returned and done already")],
    )
    returned = HomeworkReturned(
        **about(state, moment.actor),
        homework_id=known.id,
        done=command.done,
        returned_on=state.day(moment.at),
    )
    return then(state, moment, [returned], weigh_goals)


def record_medication(state: Episode, command: RecordMedication, moment: Moment) -> Facts:
    """The newest word about a medication stands."""
    running(state)
    if command.adherence not in ADHERENCE:
        raise Refused("adherence_unknown", f"Adherence is {', '.join(ADHERENCE)}.", status=422)
    return [
        MedicationStatusRecorded(
            **about(state, moment.actor),
            medication_ref=command.medication_ref,
            adherence=command.adherence,
            recorded_on=state.day(moment.at),
        )
    ]


def log_activity(state: Episode, command: LogActivity, moment: Moment) -> Facts:
    """Meetings and sponsors count toward goals, and never as minutes of treatment."""
    running(state)
    if command.kind not in ACTIVITIES:
        raise Refused("activity_unknown", f"Activities are {', '.join(ACTIVITIES)}.", status=422)
    today = state.day(moment.at)
    on = command.on or today
    minutes_fit = command.minutes is None or 0 <= command.minutes <= MOST_MINUTES
    require(
        "activity_not_logged",
        "The activity cannot be logged",
        [
            Guard("in_episode", state.admitted_on <= on <= today, "it lies before the admission or ahead"),
            Guard("minutes", minutes_fit, f"it lasts at most {MOST_MINUTES} minutes"),
            Guard(
                "step", command.step is None or 1 <= command.step <= STEPS, f"there are steps 1 to {STEPS}"
            ),
        ],
    )
    logged = RecoveryActivityLogged(
        **about(state, moment.actor),
        activity_id=moment.new_id("activity"),
        kind=command.kind,
        on=on,
        minutes=command.minutes,
        step=command.step,
    )
    return then(state, moment, [logged], weigh_goals)
