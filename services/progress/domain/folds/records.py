"""How what people do between sessions changes an episode."""

from dataclasses import replace

from contracts import progress as said
from services.progress.domain.folds.registry import on
from services.progress.domain.kept import Activity, Homework, Medication
from services.progress.domain.state import Episode

KEPT_ACTIVITIES = 60
KEPT_HOMEWORK = 60
KEPT_MEDICATIONS = 40


@on(said.RecoveryActivityLogged)
def _active(state: Episode, fact: said.RecoveryActivityLogged) -> Episode:
    activities = (*state.activities, Activity(fact.activity_id, fact.kind, fact.on))
    return replace(state, activities=tuple(sorted(activities, key=lambda a: a.on)[-KEPT_ACTIVITIES:]))


@on(said.HomeworkAssigned)
def _assigned(state: Episode, fact: said.HomeworkAssigned) -> Episode:
    homework = (*state.homework, Homework(fact.homework_id, fact.kind, fact.due_on, fact.goal_id))
    return replace(state, homework=homework[-KEPT_HOMEWORK:])


@on(said.HomeworkReturned)
def _returned(state: Episode, fact: said.HomeworkReturned) -> Episode:
    return replace(
        state,
        homework=tuple(
            replace(h, done=fact.done, returned_on=fact.returned_on) if h.id == fact.homework_id else h
            for h in state.homework
        ),
    )


@on(said.MedicationStatusRecorded)
def _medicated(state: Episode, fact: said.MedicationStatusRecorded) -> Episode:
    others = tuple(m for m in state.medications if m.ref != fact.medication_ref)
    known = Medication(fact.medication_ref, fact.adherence, fact.recorded_on)
    return replace(state, medications=(*others, known)[-KEPT_MEDICATIONS:])
