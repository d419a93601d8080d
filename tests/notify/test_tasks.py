"""Every event that asks something of staff becomes one task, in words that are whole."""

import json
from datetime import date
from typing import Any

import pytest

from contracts.event import PatientEvent
from contracts.progress import MeasuresDue, ScreeningDue, SubstanceUseReported
from deploy.local.contract_examples import example_of
from services.notify import domain
from services.notify.app import service
from services.notify.domain.person import MessageQueued
from services.notify.domain.templates import TEMPLATES, Audience, text_of
from tests.notify.people import COMMON, NIGHT, NOON, fold, moment, queued, reachable, stranger

KINDS = sorted(domain.TASKS, key=lambda kind: kind.__name__)
TWO_FACED = {
    "AuthorizationRunningLow": {"ended": True},
    "WeekAtRisk": {"lost": True},
    "PlanDue": {"overdue": True},
    "PlanReviewDue": {"overdue": True},
    "RecertificationDue": {"lapsed": True},
    "SubstanceUseReported": {"confirmed": False},
}
"""What makes the other task of an event that knows two."""


def example(kind: type[PatientEvent], **changes: Any) -> Any:
    return kind.model_validate_json(json.dumps(example_of(kind) | changes))


CASES: list[tuple[type[PatientEvent], dict[str, Any]]] = [
    *((k, {}) for k in KINDS if k.__name__ != "SubstanceUseReported")
] + [(k, TWO_FACED[k.__name__]) for k in KINDS if k.__name__ in TWO_FACED]


def test_use_that_a_person_confirmed_asks_nothing_of_anybody() -> None:
    assert domain.raise_task(stranger(), example(SubstanceUseReported), moment()) == []


def test_a_screen_that_an_alert_asks_for_already_is_no_second_task() -> None:
    assert domain.raise_task(stranger(), example(ScreeningDue, because="item_9"), moment()) == []


@pytest.mark.parametrize(("kind", "changes"), CASES)
def test_an_event_becomes_one_task_at_once_and_only_once(
    kind: type[PatientEvent], changes: dict[str, Any]
) -> None:
    event = example(kind, **changes)
    facts = domain.raise_task(stranger(), event, moment(NIGHT))
    [(template_id, at)] = queued(facts)
    assert at == NIGHT, "quiet hours bind what goes to patients only"
    assert TEMPLATES[template_id].audience is Audience.STAFF
    [message] = [f.message for f in facts if isinstance(f, MessageQueued)]
    said = text_of(template_id, message.words)
    assert "{" not in said
    assert "_" not in said
    again = domain.raise_task(fold(stranger(), facts), event, moment(NIGHT))
    assert queued(again) == []


@pytest.mark.parametrize("kind", [k for k in KINDS if k.__name__ in TWO_FACED])
def test_the_two_faces_of_an_event_are_two_tasks(kind: type[PatientEvent]) -> None:
    told = [
        [t for t, _ in queued(domain.raise_task(stranger(), example(kind, **changes), moment()))]
        for changes in ({}, TWO_FACED[kind.__name__])
    ]
    assert told[0] != told[1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_is_in_the_table_of_the_service(kind: type[PatientEvent]) -> None:
    assert service.hears[kind].decide is domain.raise_task


def test_a_form_is_announced_without_saying_which_and_again_as_a_reminder() -> None:
    asked = MeasuresDue(
        **COMMON, instruments=("phq9", "bam"), due_on=date(2026, 10, 5), expires_on=date(2026, 10, 9)
    )
    facts = domain.measures_due(reachable(), asked, moment(NOON))
    assert [t for t, _ in queued(facts)] == ["form_waiting"]
    [message] = [f.message for f in facts if isinstance(f, MessageQueued)]
    said = text_of(message.template_id, message.words).lower()
    assert not any(word in said for word in ("phq", "bam", "mood", "use", "health"))
    person = fold(reachable(), facts)
    assert queued(domain.measures_due(person, asked, moment(NOON))) == []
    reminder = asked.model_copy(update={"reminder": 1})
    assert [t for t, _ in queued(domain.measures_due(person, reminder, moment(NOON)))] == ["form_waiting"]
