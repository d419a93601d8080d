"""Alerts that were open at admission: they come with the person, under the ids they had."""

from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts.decisions import Moment, Refused, Woke
from contracts.intake import OpenAlert
from contracts.progress import (
    SafetyAlertAcknowledged,
    SafetyAlertEscalated,
    SafetyAlertRaised,
    SafetyAlertResolved,
    StepDownRecommended,
)
from contracts.rulebook import rulebook
from contracts.vocabulary import AgeBand, DischargeReason, Risk
from services.progress import domain
from services.progress.domain.facts import Alert
from services.progress.domain.recommend import step_down_criteria
from tests.progress.story import ADMITTED_ON, SYSTEM, Story, local
from tests.progress.test_properties import ACTIONS, Action

DUE = local(ADMITTED_ON, "12:30")


def handed(
    alert_id: str = "a-1",
    kind: str = "suicide_risk",
    due: datetime = DUE,
    *,
    acknowledged: bool = False,
    severity: Risk = Risk.MODERATE,
) -> OpenAlert:
    return OpenAlert(
        alert_id=alert_id, kind=kind, severity=severity, due_ack_at=due, acknowledged=acknowledged
    )


def admitted_with(*alerts: OpenAlert) -> Story:
    """Admitted on a Tuesday at 08:15 with alerts that somebody raised before."""
    return Story().admitted(open_alerts=alerts)


def in_treatment(*alerts: OpenAlert) -> Story:
    """Everything but the alerts speaks for a step down, save the one required goal."""
    story = admitted_with(*alerts)
    story.agreed()
    story.on(ADMITTED_ON, "12:00").attended()
    story.plan()
    story.week("2026-01-19", 720)
    story.week("2026-01-26", 720)
    return story.on("2026-02-03")


def test_an_open_alert_becomes_one_of_the_episode_as_it_was() -> None:
    story = admitted_with(
        handed(), handed("a-2", "withdrawal", acknowledged=True, severity=Risk.HIGH), handed("a-3", "other")
    )

    assert story.state.alerts == (
        Alert("a-1", "suicide_risk", Risk.MODERATE, DUE),
        Alert("a-2", "withdrawal", Risk.HIGH, DUE, acknowledged=True),
        Alert("a-3", "other", Risk.MODERATE, DUE),
    )
    assert story.said(SafetyAlertRaised) == [], "it was raised before, and is not raised again"
    assert {what: at for what, at in story.wakes.items() if what.startswith("alert_due")} == {
        "alert_due:a-1": DUE,
        "alert_due:a-3": DUE,
    }


def test_nobody_takes_it_in_hand_in_time_and_the_lateness_stays() -> None:
    story = admitted_with(handed())
    assert not story.on(ADMITTED_ON, "12:29").state.alerts[0].escalations
    assert story.on(ADMITTED_ON, "12:30").state.alerts[0].escalations

    story.on(ADMITTED_ON, "12:45").do(domain.AcknowledgeAlert("a-1"))

    said = story.last(SafetyAlertAcknowledged)
    assert (said.alert_id, said.late) == ("a-1", True)
    assert story.state.alerts[0].due_ack_at == DUE


@pytest.mark.parametrize("severity", [Risk.MODERATE, Risk.HIGH])
def test_it_escalates_at_the_rhythm_of_its_severity_until_somebody_takes_it_in_hand(severity: Risk) -> None:
    rules = rulebook().intake
    every = timedelta(minutes=rules.escalate_minutes[severity])
    story = admitted_with(handed(severity=severity))
    assert story.on(ADMITTED_ON, "12:29").said(SafetyAlertEscalated) == []

    for number in range(1, 4):
        assert story.wakes["alert_due:a-1"] == DUE + (number - 1) * every
        story.up_to(DUE + (number - 1) * every)
        said = story.last(SafetyAlertEscalated)
        assert (said.alert_id, said.kind, said.severity) == ("a-1", "suicide_risk", severity)
        assert (said.due_ack_at, said.escalation) == (DUE, number)
        assert said.to_role == rules.escalate_to[min(number, len(rules.escalate_to)) - 1]
        assert story.state.alerts[0].escalations == number
    assert story.state.alerts[0].escalations, "that it came too late is kept"

    story.do(domain.AcknowledgeAlert("a-1"))
    assert "alert_due:a-1" not in story.wakes
    assert story.woke("alert_due:a-1") == []
    story.up_to(DUE + 9 * every)
    assert len(story.said(SafetyAlertEscalated)) == 3


def test_the_roles_are_told_one_after_the_other_and_the_last_one_again_and_again() -> None:
    rules = rulebook()
    told = rules.model_copy(
        update={"intake": rules.intake.model_copy(update={"escalate_to": ("director", "on_call")})}
    )
    state = admitted_with(handed()).state
    roles = []
    for _ in range(3):
        facts = domain.escalate_alert(state, Woke(DUE, "alert_due:a-1"), Moment(DUE, SYSTEM, "late", told))
        state = domain.fold(state, facts)
        roles += [fact.to_role for fact in facts if isinstance(fact, SafetyAlertEscalated)]

    assert roles == ["director", "on_call", "on_call"]


def test_an_alert_raised_in_treatment_escalates_from_the_end_of_its_day() -> None:
    story = admitted_with()
    story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)
    story.on("2026-01-13", "23:59")
    assert story.said(SafetyAlertEscalated) == []

    story.on("2026-01-14", "08:00")
    assert [e.escalation for e in story.said(SafetyAlertEscalated)] == [1, 2]


def test_a_wake_before_its_time_or_for_an_alert_that_is_gone_says_nothing() -> None:
    story = admitted_with(handed())

    assert story.woke("alert_due:a-1") == []
    assert story.woke("alert_due:a-9") == []
    story.settle("a-1")
    story.on(ADMITTED_ON, "13:00")
    assert story.woke("alert_due:a-1") == []


def test_it_cannot_be_resolved_before_somebody_took_it_in_hand() -> None:
    story = admitted_with(handed())

    assert story.refuses(domain.ResolveAlert("a-1"), "acknowledged").code == "alert_not_resolved"
    story.settle("a-1")
    assert story.state.alerts == ()


def test_an_alert_that_was_overdue_at_admission_escalates_at_once() -> None:
    story = admitted_with(handed(due=local(ADMITTED_ON, "07:00"))).on(ADMITTED_ON, "08:15")

    assert story.state.alerts[0].escalations
    assert story.last(SafetyAlertEscalated).escalation == 1
    assert story.wakes["alert_due:a-1"] == local(ADMITTED_ON, "16:15")


def test_acknowledged_in_time_it_does_not_lapse_and_resolved_it_is_gone() -> None:
    story = admitted_with(handed()).on(ADMITTED_ON, "12:00")
    story.refuses(domain.AcknowledgeAlert("a-1"), "clinical_role", role="biller")
    story.do(domain.AcknowledgeAlert("a-1"))
    story.refuses(domain.AcknowledgeAlert("a-1"), "open")

    assert not story.last(SafetyAlertAcknowledged).late
    assert not story.on(ADMITTED_ON, "13:00").state.alerts[0].escalations
    story.do(domain.ResolveAlert("a-1", "plan-7"))
    resolved = story.last(SafetyAlertResolved)
    assert (resolved.alert_id, resolved.plan_ref) == ("a-1", "plan-7")
    assert story.state.alerts == ()


def test_what_was_acknowledged_before_admission_is_not_acknowledged_twice() -> None:
    story = admitted_with(handed(acknowledged=True)).on("2026-01-14")

    assert not story.state.alerts[0].escalations
    story.refuses(domain.AcknowledgeAlert("a-1"), "open")
    story.do(domain.ResolveAlert("a-1"))


@pytest.mark.parametrize("acknowledged", [False, True])
def test_item_nine_joins_the_suicide_alert_that_came_with_the_person(acknowledged: bool) -> None:
    story = admitted_with(handed(acknowledged=acknowledged))
    story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)

    assert [a.id for a in story.state.alerts] == ["a-1"]
    assert story.said(SafetyAlertRaised) == []

    story.settle("a-1")
    story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)
    assert len(story.said(SafetyAlertRaised)) == 1, "once it is resolved, a new finding is a new alert"


def test_an_alert_of_another_kind_does_not_swallow_item_nine() -> None:
    story = admitted_with(handed("a-2", "withdrawal"))
    story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)

    assert [a.kind for a in story.state.alerts] == ["withdrawal", "suicide_risk"]


def test_a_handed_over_alert_stands_in_the_way_of_a_step_down_until_it_is_resolved() -> None:
    story = in_treatment(handed(acknowledged=True), handed("a-2", "withdrawal", acknowledged=True))
    story.attest()
    now = Moment(story.now, SYSTEM, "looking", rulebook())
    found = {c.id: (c.value, c.met) for c in step_down_criteria(story.state, now)}

    assert found["open_safety_alerts"] == (2, False)
    assert story.said(StepDownRecommended) == []
    story.do(domain.ResolveAlert("a-2"))
    assert story.said(StepDownRecommended) == []
    story.do(domain.ResolveAlert("a-1"))
    assert len(story.said(StepDownRecommended)) == 1


def test_the_same_admission_again_hands_nothing_over_twice() -> None:
    story = admitted_with(handed()).on(ADMITTED_ON, "12:00")
    story.settle("a-1")
    before = story.state

    story.admitted(open_alerts=(handed(),))

    assert story.state == before
    assert "alert_due:a-1" not in story.wakes


def test_a_discharge_takes_the_wake_back_and_leaves_the_alert_to_whoever_closes_it() -> None:
    story = admitted_with(handed()).on(ADMITTED_ON, "12:30")
    story.do(domain.DischargePatient(DischargeReason.DECEASED))

    assert story.wakes == {}
    story.up_to(DUE + timedelta(days=1))
    assert story.woke("alert_due:a-1") == []
    assert len(story.said(SafetyAlertEscalated)) == 1
    story.do(domain.AcknowledgeAlert("a-1"))
    story.do(domain.ResolveAlert("a-1"))
    assert story.state.alerts == ()


def test_an_admission_of_an_older_version_reads_back_without_alerts() -> None:
    admission = admitted_with().journal[0]
    adapter = TypeAdapter(type(admission))
    old = adapter.dump_python(admission, mode="json")
    del old["alerts"]

    assert domain.evolve(None, adapter.validate_python(old)) == domain.evolve(None, admission)


def test_an_alert_in_the_journal_of_an_older_version_reads_back_as_never_escalated() -> None:
    admission = admitted_with(handed()).journal[0]
    adapter = TypeAdapter(type(admission))
    old = adapter.dump_python(admission, mode="json")
    del old["alerts"][0]["escalations"]

    assert domain.evolve(None, adapter.validate_python(old)).alerts[0].escalations == 0


def acknowledge(story: Story) -> Any:
    return story.do(domain.AcknowledgeAlert(story.state.alerts[0].id)) if story.state.alerts else None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([handed(), handed("a-2", "withdrawal", acknowledged=True)]), unique=True),
    st.lists(st.one_of(ACTIONS, st.just(acknowledge)), max_size=25),
)
def test_whatever_happens_to_them_the_journal_alone_rebuilds_the_episode(
    alerts: list[OpenAlert], actions: list[Action]
) -> None:
    story = Story(age=AgeBand.ADULT).admitted(open_alerts=tuple(alerts))
    story.agreed()
    for act in actions:
        try:
            act(story)
        except Refused:
            continue
    read = [TypeAdapter(type(f)).validate_json(TypeAdapter(type(f)).dump_json(f)) for f in story.journal]

    assert reduce(domain.evolve, read, None) == story.state
    assert sum(a.kind == "suicide_risk" for a in story.state.alerts) <= 1
    unheeded = {
        f"alert_due:{a.id}" for a in story.state.alerts if not a.acknowledged and not story.state.over
    }
    assert {what for what in story.wakes if what.startswith("alert_due")} == unheeded


@pytest.mark.parametrize("severity", list(Risk))
def test_whatever_its_severity_somebody_else_is_told_again_and_again(severity: Risk) -> None:
    story = admitted_with(handed(severity=severity))
    patience = rulebook().intake.escalate_minutes.get(severity, 480)

    story.up_to(DUE + timedelta(minutes=patience))

    assert [e.escalation for e in story.said(SafetyAlertEscalated)] == [1, 2]
