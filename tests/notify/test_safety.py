"""Safety alerts and detox: who is told at once, and when nothing goes to the person."""

from typing import Any

import pytest

from contracts import intake, progress
from contracts.intake import (
    DetoxCompleted,
    DetoxReferred,
    OpenAlert,
    SafetyAlertEscalated,
)
from contracts.vocabulary import DischargeReason, Risk
from services.notify import domain
from tests.notify.people import (
    COMMON,
    NIGHT,
    NOON,
    admitted,
    agreed,
    alert,
    consent,
    correction,
    discharged,
    fold,
    missed,
    moment,
    outcome,
    queued,
    reachable,
    stranger,
)
from tests.notify.story import Story, local, offer

CHICAGO = "America/Chicago"


def raised(severity: Risk, due: str, kind: str = "suicide_risk") -> intake.SafetyAlertRaised:
    return intake.SafetyAlertRaised(
        **COMMON, alert_id="a-1", kind=kind, severity=severity, due_ack_at=local(due, CHICAGO)
    )


def escalated(number: int, to: str = "director", severity: Risk = Risk.HIGH) -> SafetyAlertEscalated:
    return SafetyAlertEscalated(
        **COMMON,
        alert_id="a-1",
        kind="suicide_risk",
        severity=severity,
        due_ack_at=local("2026-03-20 16:55", CHICAGO),
        escalation=number,
        to_role=to,
    )


def escalated_in_treatment(number: int, severity: Risk = Risk.HIGH) -> progress.SafetyAlertEscalated:
    said = escalated(number, severity=severity)
    return progress.SafetyAlertEscalated(**{name: getattr(said, name) for name in type(said).model_fields})


def resolved(alert_id: str = "a-1") -> intake.SafetyAlertResolved:
    return intake.SafetyAlertResolved(**COMMON, alert_id=alert_id, resolved_at=NOON, plan_ref="plan-1")


def resolved_in_treatment(alert_id: str = "a-1") -> progress.SafetyAlertResolved:
    return progress.SafetyAlertResolved(**COMMON, alert_id=alert_id, resolved_at=NOON)


def omar() -> Story:
    """Vignette 6: referred, reachable by text, and about to be screened."""
    return Story(CHICAGO).at("2026-03-20 16:00").referred().hear(consent("sms"))


def test_staff_hear_of_a_high_alert_at_once_and_the_next_in_line_with_each_escalation() -> None:
    story = omar().at("2026-03-20 16:40").hear(raised(Risk.HIGH, "2026-03-20 16:55"))
    story.at("2026-03-20 16:55").hear(escalated(1))
    story.at("2026-03-20 17:10").hear(escalated(2), escalated(2))
    story.at("2026-03-21 03:10").hear(escalated(3, to="on_call"))

    assert story.sent()[1:] == [
        ("03-20 16:40", "safety_alert to clinician"),
        ("03-20 16:55", "safety_alert_escalated to director"),
        ("03-20 17:10", "safety_alert_escalated to director"),
        ("03-21 03:10", "safety_alert_escalated to on_call"),
    ]
    assert [letter.recipient_role for _, letter in story.letters[1:]] == [
        "clinician",
        "director",
        "director",
        "on_call",
    ]
    assert story.texts("safety_alert_escalated")[1] == (
        "Safety alert (high) not acknowledged by Fri 20 Mar, 16:55, escalation 2. Take it in hand now."
    )
    assert story.sent(to_patient=True) == []


def test_an_alert_that_goes_on_escalating_in_treatment_is_told_though_its_numbers_begin_anew() -> None:
    story = omar().at("2026-03-20 17:10").hear(raised(Risk.MODERATE, "2026-03-20 16:55"))
    story.hear(escalated(1, severity=Risk.MODERATE)).hear(admitted())
    story.at("2026-03-20 18:00").hear(*[escalated_in_treatment(1, Risk.MODERATE)] * 2)
    story.at("2026-03-21 02:00").hear(escalated_in_treatment(2, Risk.MODERATE))
    story.at("2026-03-21 02:15").hear(escalated_in_treatment(2))

    assert [s for s in story.sent() if s[1].startswith("safety_alert_escalated")] == [
        ("03-20 17:10", "safety_alert_escalated to director"),
        ("03-20 18:00", "safety_alert_escalated to director"),
        ("03-21 02:00", "safety_alert_escalated to director"),
        ("03-21 02:15", "safety_alert_escalated to director"),
    ]


def test_an_escalation_of_a_risen_severity_is_told_even_under_a_number_that_was_told_before() -> None:
    story = omar().at("2026-03-20 17:10").hear(escalated(1, severity=Risk.MODERATE))
    story.at("2026-03-20 17:30").hear(escalated(1), escalated(1))

    assert [text[:22] for text in story.texts("safety_alert_escalated")] == [
        "Safety alert (moderate",
        "Safety alert (high) no",
    ]


def test_a_risen_severity_tells_again_and_the_same_one_does_not() -> None:
    story = omar().at("2026-03-20 23:00").hear(raised(Risk.MODERATE, "2026-03-21 00:00"))
    story.at("2026-03-20 23:05").hear(raised(Risk.MODERATE, "2026-03-21 00:00"))
    story.at("2026-03-20 23:30").hear(raised(Risk.HIGH, "2026-03-20 23:45"))

    assert [at for at, what in story.sent() if what.startswith("safety_alert")] == [
        "03-20 23:00",
        "03-20 23:30",
    ]
    assert [text[:22] for text in story.texts("safety_alert")] == [
        "Safety alert (moderate",
        "Safety alert (high). A",
    ]


@pytest.mark.parametrize("end", [resolved(), resolved_in_treatment()], ids=["by_intake", "by_progress"])
def test_while_a_high_alert_is_open_nothing_goes_to_the_person(end: Any) -> None:
    story = omar().at("2026-03-20 16:40").hear(raised(Risk.HIGH, "2026-03-20 16:55"))
    story.hear(offer("2026-03-20 16:45", "2026-03-22 16:45", CHICAGO), missed(), agreed(1))
    story.at("2026-03-21 09:00")

    assert story.sent(to_patient=True) == []
    assert story.kept_back() == [
        "time_offered: safety",
        "appointment_missed: safety",
        "appointment_times: safety",
    ]

    story.hear(end, agreed(2)).at("2026-03-22 09:00")

    assert story.sent(to_patient=True) == [("03-21 09:00", "appointment_times to pt-1")]


def test_what_waited_for_the_morning_is_withdrawn_when_a_high_alert_comes_in_the_night() -> None:
    story = omar().at("2026-03-20 22:00").hear(agreed())
    story.at("2026-03-20 23:00").hear(raised(Risk.HIGH, "2026-03-20 23:15"), resolved())

    assert story.at("2026-03-21 12:00").sent(to_patient=True) == []
    assert story.kept_back() == ["appointment_times: safety"]


def test_a_moderate_alert_lets_messages_go() -> None:
    story = omar().at("2026-03-20 17:10").hear(raised(Risk.MODERATE, "2026-03-21 00:00"), agreed())

    assert story.sent(to_patient=True) == [("03-20 17:10", "appointment_times to pt-1")]


def test_one_of_two_high_alerts_resolved_does_not_lift_the_silence() -> None:
    withdrawal = raised(Risk.HIGH, "2026-03-20 16:55", "withdrawal").model_copy(update={"alert_id": "a-2"})
    story = omar().hear(raised(Risk.HIGH, "2026-03-20 16:55"), withdrawal, resolved("a-2"), agreed(1))

    assert story.sent(to_patient=True) == []
    assert story.hear(resolved("a-1"), agreed(2)).sent(to_patient=True) != []


def test_a_high_alert_stays_known_after_admission_until_the_program_resolves_it() -> None:
    handed = OpenAlert(
        alert_id="a-1", kind="suicide_risk", severity=Risk.HIGH, due_ack_at=NOON, acknowledged=True
    )
    story = omar().hear(raised(Risk.HIGH, "2026-03-20 16:55"), admitted(open_alerts=(handed,)), agreed(1))

    assert story.sent(to_patient=True) == []
    assert len(story.texts("safety_alert")) == 1
    assert story.hear(resolved_in_treatment(), agreed(2)).sent(to_patient=True) != []


def test_an_open_alert_that_only_the_admission_names_is_kept_in_mind_and_its_offer_is_withdrawn_once() -> (
    None
):
    handed = OpenAlert(
        alert_id="a-1", kind="suicide_risk", severity=Risk.HIGH, due_ack_at=NOON, acknowledged=True
    )
    story = omar().at("2026-03-20 22:00").hear(offer("2026-03-20 22:00", "2026-03-22 22:00", CHICAGO))
    story.hear(admitted(open_alerts=(handed,))).at("2026-03-21 12:00")

    assert story.person.hushed == "safety"
    assert story.kept_back() == ["time_offered: safety"]


def test_an_alert_whose_end_was_heard_first_does_not_silence_anybody_for_ever() -> None:
    story = omar().hear(resolved_in_treatment(), resolved(), raised(Risk.HIGH, "2026-03-20 16:55"), agreed())

    assert story.texts("safety_alert")
    assert story.sent(to_patient=True) != []


@pytest.mark.parametrize(
    "event", [alert(), raised(Risk.HIGH, "2026-03-20 16:55"), escalated(1), escalated_in_treatment(1)]
)
def test_an_alert_about_somebody_never_heard_of_still_reaches_staff_and_silences(event: Any) -> None:
    story = Story(CHICAGO).at("2026-03-20 23:40").hear(event)

    assert [at for at, _ in story.sent()] == ["03-20 23:40"]
    story.referred().hear(consent("sms"), agreed())
    assert story.at("2026-03-21 12:00").sent(to_patient=True) == []


def test_an_alert_raised_in_treatment_tells_again_when_it_rises_and_goes_to_the_primary_clinician() -> None:
    story = omar().hear(admitted(), alert(Risk.MODERATE), alert(Risk.MODERATE), alert(Risk.HIGH))

    assert [what for _, what in story.sent() if what.startswith("safety_alert")] == [
        "safety_alert to clin-1"
    ] * 2


def test_a_correction_of_what_was_never_told_is_not_the_first_word_about_it() -> None:
    before = omar().hear(raised(Risk.HIGH, "2026-03-20 16:55"), missed(), resolved(), correction())
    at_night = omar().at("2026-03-20 22:00").hear(missed(), raised(Risk.HIGH, "2026-03-20 22:15"), resolved())

    assert before.sent(to_patient=True) == []
    assert at_night.hear(correction()).at("2026-03-21 12:00").sent(to_patient=True) == []


def test_escalations_go_on_after_a_discharge_and_not_after_a_death() -> None:
    left = fold(reachable(), domain.patient_discharged(reachable(), discharged(), moment(NIGHT)))
    died = discharged(DischargeReason.DECEASED)
    dead = fold(reachable(), domain.patient_discharged(reachable(), died, moment(NIGHT)))

    assert queued(domain.safety_alert_escalated(left, escalated(1), moment(NIGHT))) == [
        ("safety_alert_escalated", NIGHT)
    ]
    assert queued(domain.safety_alert_escalated(dead, escalated(1), moment(NIGHT))) == []


def test_the_closing_message_is_kept_back_while_a_high_alert_is_open() -> None:
    story = omar().hear(raised(Risk.HIGH, "2026-03-20 16:55"), discharged(), resolved())

    assert story.kept_back() == ["goodbye: safety"]
    assert story.sent(to_patient=True) == []


# Vignette 5: detox first.


def sent_to_detox() -> DetoxReferred:
    return DetoxReferred(**COMMON, detox_referral_id="d-1", setting="detox_facility", trigger="cows")


def back(*, cleared: bool) -> DetoxCompleted:
    return DetoxCompleted(
        **COMMON,
        outcome="completed" if cleared else "left_early",
        medically_cleared=cleared,
        completed_at=NOON,
    )


def mel() -> Story:
    story = Story().at("2026-02-04 16:20").referred().hear(consent("sms"))
    return story.at("2026-02-05 11:40").hear(sent_to_detox())


def test_nothing_goes_to_a_person_in_detox_until_cleared_and_no_word_says_where_they_are() -> None:
    story = mel().hear(offer("2026-02-05 12:00", "2026-02-07 12:00"), missed(), sent_to_detox())

    assert story.sent(to_patient=True) == []
    assert story.kept_back() == ["time_offered: on_hold", "appointment_missed: on_hold"]
    assert "detox" not in repr(story.letters).lower()

    story.at("2026-02-12 09:00").hear(back(cleared=True), back(cleared=True))
    story.hear(offer("2026-02-12 09:00", "2026-02-14 09:00", seat_hold_id="h-2"))
    assert story.sent(to_patient=True) == [("02-12 09:00", "time_offered to pt-1")]


def test_who_left_detox_without_clearance_stays_without_messages() -> None:
    story = mel().at("2026-02-08 03:00").hear(back(cleared=False)).at("2026-02-09 12:00").hear(agreed())

    assert story.sent(to_patient=True) == []
    assert story.kept_back() == ["appointment_times: on_hold"]


def test_what_waited_for_the_morning_is_withdrawn_when_somebody_goes_to_detox() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))

    person = fold(person, domain.detox_referred(person, sent_to_detox(), moment(NIGHT, cause="away")))

    assert outcome(person, NIGHT) == ["not on_hold"]
    assert domain.detox_completed(stranger(), back(cleared=True), moment()) == []
