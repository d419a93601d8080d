"""Safety alerts before admission: K13, their times, and who is told when nobody looks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts import intake
from contracts.decisions import Unwake, Wake
from contracts.vocabulary import DeclineReason, Risk
from services.intake import domain
from tests.intake.story import (
    ADMISSION,
    CLINICIAN,
    NO_RISKS,
    Story,
    admitted,
    consented,
    declined,
    measured,
    ruled,
    seated,
)

HIGH = replace(NO_RISKS, suicide_risk=Risk.HIGH)
MODERATE = replace(NO_RISKS, suicide_risk=Risk.MODERATE)
ITEM_9 = measured(replace(NO_RISKS, suicide_risk=None), phq9=(0,) * 8 + (1,))


def alarmed(*screenings: domain.ScreenPatient, at: datetime | None = None, tz: str = "") -> Story:
    story = consented()
    story.at = at or story.at
    if tz:
        story.change(tz=tz)
    for command in screenings or (HIGH,):
        story.do(domain.screen_patient, command)
        story.later(minutes=1)
    return story.later(minutes=-1)


def due(story: Story) -> list[object]:
    return story.woke(domain.escalate_alert, f"alert_due:{story.alert().id}")


class TestOneAlert:
    """K13: one open alert of a kind; new facts join it, its severity only rises."""

    def test_a_second_sign_joins(self) -> None:
        story = alarmed(MODERATE, ITEM_9)
        assert len(story.said(intake.SafetyAlertRaised)) == 1
        assert story.alert().reasons == ("clinician", "phq9:item9")

    def test_a_rising_severity_is_said_again_of_the_same_alert(self) -> None:
        story = alarmed(MODERATE, HIGH)
        first, second = story.said(intake.SafetyAlertRaised)
        assert first.alert_id == second.alert_id
        assert (first.raised_at, second.raised_at) == (first.raised_at, first.raised_at)
        assert (second.severity, second.due_ack_at) == (Risk.HIGH, story.at + timedelta(minutes=15))

    @pytest.mark.parametrize("later", [MODERATE, NO_RISKS])
    def test_it_never_falls(self, later: domain.ScreenPatient) -> None:
        story = alarmed(HIGH, later)
        assert story.alert().severity is Risk.HIGH
        assert story.alert().due_ack_at == story.at + timedelta(minutes=14)

    def test_what_rises_must_be_taken_in_hand_anew(self) -> None:
        story = alarmed(MODERATE).acknowledge()
        story.do(domain.screen_patient, HIGH)
        assert story.alert().acknowledged_at is None
        assert story.alert().due_ack_at == story.at + timedelta(minutes=15)

    def test_a_rise_never_gives_more_time(self) -> None:
        late = datetime(2026, 1, 7, 4, 59, tzinfo=UTC)
        story = alarmed(MODERATE, at=late)
        story.do(domain.screen_patient, HIGH)
        assert story.alert().due_ack_at == datetime(2026, 1, 7, 5, 0, tzinfo=UTC)

    def test_a_rise_after_the_time_was_over_gives_fifteen_minutes_from_now(self) -> None:
        story = alarmed(MODERATE).later(hours=30)
        due(story)
        before = story.alert().escalations
        story.do(domain.screen_patient, HIGH)
        assert story.alert().due_ack_at == story.at + timedelta(minutes=15)
        assert story.alert().escalations == before == 1, "each escalation has a number of its own"
        assert due(story) == [], "nothing is made up for the hours before it rose"

    def test_a_rise_wipes_the_lateness_of_the_one_before(self) -> None:
        story = alarmed(MODERATE).later(hours=30).by(CLINICIAN)
        story.do(domain.acknowledge_alert, domain.AcknowledgeAlert(story.alert().id))
        story.do(domain.screen_patient, HIGH)
        raised = story.alert()
        assert (raised.acknowledged_at, raised.acknowledged_by, raised.late) == (None, None, False)

    def test_withdrawal_is_an_alert_of_its_own(self) -> None:
        story = alarmed(measured(HIGH, ciwa_ar=19))
        assert {a.kind for a in story.state.alerts} == {"suicide_risk", "withdrawal"}

    def test_after_it_was_closed_the_next_is_another(self) -> None:
        story = alarmed(HIGH)
        first = story.alert().id
        story.resolve().do(domain.screen_patient, HIGH)
        assert story.alert().id != first


class TestDue:
    def test_a_high_one_is_due_after_fifteen_minutes(self) -> None:
        story = alarmed(HIGH)
        ends = story.at + timedelta(minutes=15)
        assert story.alert().due_ack_at == ends
        assert Wake(ends, f"alert_due:{story.alert().id}") in story.facts

    @pytest.mark.parametrize(
        ("at", "tz", "midnight"),
        [
            ("2026-03-20T22:10", "America/Chicago", "2026-03-21T05:00"),
            ("2026-03-08T06:30", "America/New_York", "2026-03-09T04:00"),
            ("2026-11-01T05:30", "America/New_York", "2026-11-02T05:00"),
            ("2026-05-12T19:00", "America/Phoenix", "2026-05-13T07:00"),
            ("2026-03-09T03:59", "America/New_York", "2026-03-09T04:00"),
        ],
    )
    def test_a_moderate_one_by_the_end_of_the_sites_day(self, at: str, tz: str, midnight: str) -> None:
        story = alarmed(MODERATE, at=datetime.fromisoformat(f"{at}:00+00:00"), tz=tz)
        assert story.alert().due_ack_at == datetime.fromisoformat(f"{midnight}:00+00:00")

    def test_the_minutes_are_of_the_site(self) -> None:
        story = consented()
        story.rules = ruled(ack_minutes_high=5)
        story.do(domain.screen_patient, HIGH)
        assert story.alert().due_ack_at == story.at + timedelta(minutes=5)


class TestEscalation:
    def test_it_begins_at_the_due_instant_and_goes_on_until_somebody_looks(self) -> None:
        story = alarmed(HIGH).later(minutes=15, seconds=-1)
        assert due(story) == []
        story.later(seconds=1)
        for times in (1, 2, 3):
            facts = due(story)
            said = story.said(intake.SafetyAlertEscalated)[-1]
            assert (said.escalation, said.to_role) == (times, "director")
            again = story.at + timedelta(minutes=15)
            assert Wake(again, f"alert_due:{story.alert().id}") in facts
            story.at = again
        assert story.alert().escalations == 3
        story.acknowledge()
        assert due(story) == []

    def test_a_moderate_one_is_told_again_less_often(self) -> None:
        story = alarmed(MODERATE)
        story.at = story.alert().due_ack_at
        minutes = story.rules.intake.escalate_minutes
        assert minutes[Risk.HIGH] == 15 < minutes[Risk.MODERATE]
        again = story.at + timedelta(minutes=minutes[Risk.MODERATE])
        assert Wake(again, f"alert_due:{story.alert().id}") in due(story)

    def test_the_roles_are_told_one_after_the_other_and_the_last_again(self) -> None:
        story = alarmed(HIGH).later(minutes=15)
        story.rules = ruled(escalate_to=("clinician", "director"))
        for _ in range(3):
            due(story)
        told = [e.to_role for e in story.said(intake.SafetyAlertEscalated)]
        assert told == ["clinician", "director", "director"]

    def test_a_wake_of_an_alert_that_is_gone_tells_nobody(self) -> None:
        story = alarmed(HIGH)
        id = story.alert().id
        story.resolve().later(minutes=15)
        assert story.woke(domain.escalate_alert, f"alert_due:{id}") == []


class TestHands:
    def test_an_acknowledgement_says_who_and_stops_the_wake(self) -> None:
        story = alarmed(HIGH).by(CLINICIAN)
        facts = story.do(domain.acknowledge_alert, domain.AcknowledgeAlert(story.alert().id))
        assert Unwake(f"alert_due:{story.alert().id}") in facts
        assert (story.alert().acknowledged_by, story.alert().late) == ("u2", False)

    @pytest.mark.parametrize(("seconds", "late"), [(0, False), (1, True), (420, True)])
    def test_lateness_stays_visible_and_what_was_due_never_moves(self, seconds: int, late: bool) -> None:
        story = alarmed(HIGH)
        was = story.alert().due_ack_at
        story.later(minutes=15, seconds=seconds)
        due(story)
        story.acknowledge()
        assert (story.alert().late, story.alert().due_ack_at) == (late, was)
        assert story.said(intake.SafetyAlertAcknowledged)[0].late is late

    def test_only_a_clinician_takes_it_in_hand_and_only_once(self) -> None:
        story = alarmed(HIGH)
        command = domain.AcknowledgeAlert(story.alert().id)
        assert story.refused(domain.acknowledge_alert, command) == {"clinical"}
        story.acknowledge().by(CLINICIAN)
        assert story.refused(domain.acknowledge_alert, command) == {"not_acknowledged"}

    def test_it_is_closed_only_after_it_was_taken_in_hand(self) -> None:
        story = alarmed(HIGH).by(CLINICIAN)
        command = domain.ResolveAlert(story.alert().id, "plan-1")
        assert story.refused(domain.resolve_alert, command) == {"acknowledged"}
        story.acknowledge().do(domain.resolve_alert, command)
        assert story.said(intake.SafetyAlertResolved)[0].plan_ref == "plan-1"
        assert story.state.alerts == ()
        assert story.refusal(domain.resolve_alert, command).code == "alert_unknown"


class TestOutliving:
    def test_a_decline_does_not_close_it(self) -> None:
        story = alarmed(HIGH)
        facts = story.do(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL, "4"))
        assert Unwake(f"alert_due:{story.alert().id}") not in facts
        story.later(minutes=15)
        assert due(story)
        story.resolve()
        assert story.state.alerts == ()

    def test_at_admission_it_goes_with_the_person(self) -> None:
        story = seated()
        story.do(domain.screen_patient, MODERATE)
        alert = story.acknowledge().alert()
        facts = story.do(domain.admit_patient, ADMISSION)
        (handed,) = story.said(intake.PatientAdmitted)[0].open_alerts
        assert (handed.alert_id, handed.kind, handed.severity, handed.acknowledged) == (
            alert.id,
            "suicide_risk",
            Risk.MODERATE,
            True,
        )
        assert handed.due_ack_at == alert.due_ack_at
        assert Unwake(f"alert_due:{alert.id}") in facts
        assert story.state.alerts == ()
        assert story.woke(domain.escalate_alert, f"alert_due:{alert.id}") == []

    def test_who_has_none_hands_none_over(self) -> None:
        assert admitted().said(intake.PatientAdmitted)[0].open_alerts == ()
