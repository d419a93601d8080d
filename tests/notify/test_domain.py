"""Who is told what, and when."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.intake import (
    ReferralDeclined,
    ReferralReceived,
    WaitlistOfferMade,
)
from contracts.notify import NotificationSent, NotificationSuppressed
from contracts.progress import (
    CheckInDue,
    ExtensionRequested,
    StepDownRecommended,
    StepUpRecommended,
)
from contracts.scheduling import (
    ScheduleInfeasible,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import (
    Criterion,
    DeclineReason,
    DischargeReason,
    MissKind,
    ReferralSource,
    Urgency,
)
from services.notify import domain
from services.notify.domain.person import KEYS_KEPT, MessageQueued
from tests.notify.people import (
    COMMON,
    LEVEL,
    MONDAY_EVENING,
    MORNING,
    NEW_YORK,
    NIGHT,
    NOON,
    QUIET,
    RULES,
    SYSTEM,
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
    woken,
)


def test_a_new_referral_becomes_a_task_for_admissions() -> None:
    event = ReferralReceived(
        **COMMON, source=ReferralSource.SELF, urgency=Urgency.URGENT, received_at=NOON, tz=NEW_YORK
    )

    facts = domain.referral_received(None, event, moment())
    person = fold(None, facts)

    assert queued(facts) == [("new_referral", NOON)]
    assert person.tz == NEW_YORK
    assert woken(facts) == {(f"send:{next(iter(person.queued))}", NOON)}


def test_the_same_referral_twice_makes_one_task() -> None:
    event = ReferralReceived(
        **COMMON, source=ReferralSource.SELF, urgency=Urgency.URGENT, received_at=NOON, tz=NEW_YORK
    )

    assert queued(domain.referral_received(stranger(), event, moment(cause="again"))) == []


RECOMMENDATION: dict[str, Any] = {
    "recommendation_id": "r-1",
    "kind": "intensity",
    "from_level": LEVEL,
    "to_level": LEVEL,
    "from_weekly_minutes": 720,
    "to_weekly_minutes": 540,
    "criteria": (Criterion(id="attendance", value=900, threshold=800, met=True),),
    "generated_by": "machine",
    "expires_at": NOON + timedelta(days=14),
}


@pytest.mark.parametrize(
    ("reaction", "event", "template"),
    [
        (domain.raise_task, StepDownRecommended(**COMMON, **RECOMMENDATION), "review_step_down"),
        (
            domain.raise_task,
            StepUpRecommended(**COMMON, **RECOMMENDATION, trigger="relapse"),
            "review_step_up",
        ),
        (
            domain.raise_task,
            ExtensionRequested(
                **COMMON,
                request_id="x-1",
                from_planned_end_on=date(2027, 1, 3),
                to_planned_end_on=date(2027, 2, 2),
                days=30,
                reasons=("goals_open",),
            ),
            "review_extension",
        ),
        (domain.raise_task, CheckInDue(**COMMON, check_in=1, due_on=date(2026, 10, 5)), "check_in_due"),
        (
            domain.raise_task,
            ScheduleInfeasible(**COMMON, wanted_weekly_minutes=540, cause="no_seat"),
            "week_infeasible",
        ),
        (domain.patient_admitted, admitted(), "agree_week"),
    ],
)
def test_what_staff_must_do_becomes_one_task(reaction: Any, event: Any, template: str) -> None:
    facts = reaction(stranger(), event, moment(NIGHT))

    assert queued(facts) == [(template, NIGHT)]
    assert queued(reaction(fold(stranger(), facts), event, moment(NIGHT))) == []


def test_a_review_goes_to_the_primary_clinician_once_there_is_one() -> None:
    person = fold(stranger(), domain.patient_admitted(stranger(), admitted(), moment()))

    facts = domain.raise_task(person, StepDownRecommended(**COMMON, **RECOMMENDATION), moment())

    assert [f.message.recipient for f in facts if isinstance(f, MessageQueued)] == ["clin-1"]


def test_outreach_starts_when_too_many_sessions_in_a_row_were_missed() -> None:
    limit = RULES.attendance.outreach_after_missed

    below = domain.session_missed(reachable(), missed(consecutive_missed=limit - 1), moment())
    reached = domain.session_missed(reachable(), missed(consecutive_missed=limit), moment())

    assert [t for t, _ in queued(below)] == ["appointment_missed"]
    assert [t for t, _ in queued(reached)] == ["appointment_missed", "outreach"]


def test_a_message_without_consent_is_suppressed() -> None:
    person = fold(stranger(), domain.week_agreed(stranger(), agreed(), moment()))

    assert outcome(person) == ["not no_consent"]


def test_consent_to_treatment_is_not_consent_to_messages() -> None:
    assert domain.consent_granted(stranger(), consent("sms", kind="treatment"), moment()) == []


def test_consent_that_is_taken_back_before_sending_counts() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment()))
    person = fold(person, domain.consent_granted(person, consent(), moment()))

    assert outcome(person) == ["not no_consent"]


def test_a_message_goes_by_the_best_channel_agreed_to() -> None:
    person = fold(
        reachable("email", "sms"), domain.week_agreed(reachable("email", "sms"), agreed(), moment())
    )
    (message,) = person.queued.values()

    letter = domain.judge(person, message, NOON, QUIET)

    assert isinstance(letter, domain.Letter)
    assert (letter.channel, letter.recipient, letter.recipient_role) == ("sms", "pt-1", "patient")
    assert letter.text.startswith("Your appointments from Wed 7 Oct: Mon 18:00 to 19:30.")


def test_a_message_due_in_quiet_hours_waits_for_the_local_morning() -> None:
    facts = domain.week_agreed(reachable(), agreed(), moment(NIGHT))

    assert queued(facts) == [("appointment_times", MORNING)]
    assert {at for _, at in woken(facts)} == {MORNING}


def test_a_message_held_up_by_an_outage_does_not_go_out_at_night() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NOON)))

    assert outcome(person, NIGHT) == ["at 12:00"]


def test_the_same_calendar_is_told_once() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment()))

    assert domain.week_agreed(person, agreed(), moment(cause="again")) == []


def test_a_newer_calendar_replaces_one_that_still_waits_for_the_morning() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))
    changed = WeeklyScheduleChanged(
        **COMMON,
        schedule_id="w-1",
        version=2,
        previous_version=1,
        reason="step_down",
        effective_from=date(2026, 10, 14),
        tz=NEW_YORK,
        slots=(MONDAY_EVENING,),
        planned_weekly_minutes=540,
        days_per_week=3,
    )

    person = fold(person, domain.week_changed(person, changed, moment(NIGHT, cause="newer")))

    assert outcome(person, MORNING) == ["not superseded", "appointment_changed"]


@pytest.mark.parametrize("kind", [MissKind.LATE_CANCEL, MissKind.EXCUSED])
def test_who_called_off_gets_no_message(kind: MissKind) -> None:
    assert domain.session_missed(reachable(), missed(kind=kind), moment()) == []


def test_two_sessions_missed_on_one_day_are_one_message() -> None:
    person = fold(reachable(), domain.session_missed(reachable(), missed(), moment()))

    assert domain.session_missed(person, missed(session_id="s-2"), moment(cause="second")) == []


def test_a_corrected_absence_takes_back_the_message_that_still_waits() -> None:
    person = fold(reachable(), domain.session_missed(reachable(), missed(), moment(NIGHT)))

    person = fold(person, domain.attendance_corrected(person, correction(), moment(NIGHT, cause="fix")))

    assert outcome(person, MORNING) == ["not corrected"]


def test_a_corrected_absence_that_was_told_is_told_as_corrected() -> None:
    person = fold(reachable(), domain.session_missed(reachable(), missed(), moment()))
    told = replace(person, queued={})

    assert queued(domain.attendance_corrected(told, correction(), moment(cause="fix"))) == [
        ("appointment_corrected", NOON)
    ]
    assert domain.attendance_corrected(reachable(), correction(), moment()) == []


OFFER = WaitlistOfferMade(
    **COMMON,
    waitlist_entry_id="wl-1",
    seat_hold_id="h-1",
    offered_at=NOON,
    offer_expires_at=NOON + timedelta(hours=48),
)


def test_an_offer_is_told_to_the_person_and_called_in_by_admissions() -> None:
    facts = domain.waitlist_offer_made(reachable(), OFFER, moment())

    assert [t for t, _ in queued(facts)] == ["time_offered", "offer_open"]


def test_an_offer_is_not_told_once_it_has_ended() -> None:
    person = fold(reachable(), domain.waitlist_offer_made(reachable(), OFFER, moment()))

    assert outcome(person, OFFER.offer_expires_at) == ["not too_late", "offer_open"]


def test_a_discharge_sends_one_closing_message_and_drops_what_still_waits() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))

    person = fold(person, domain.patient_discharged(person, discharged(), moment(NIGHT, cause="end")))

    assert outcome(person, MORNING) == ["not discharged", "goodbye"]


def test_after_a_discharge_nothing_is_told_but_a_safety_alert() -> None:
    person = fold(reachable(), domain.patient_discharged(reachable(), discharged(), moment()))

    assert domain.week_agreed(person, agreed(), moment()) == []
    assert domain.session_missed(person, missed(consecutive_missed=9), moment()) == []
    assert (
        domain.raise_task(person, CheckInDue(**COMMON, check_in=1, due_on=date(2026, 12, 5)), moment()) == []
    )
    assert domain.patient_discharged(person, discharged(), moment(cause="again")) == []
    assert queued(domain.safety_alert_raised(person, alert(), moment())) == [("safety_alert", NOON)]


def test_after_a_death_everything_that_waits_is_suppressed_and_nothing_is_queued() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment(NIGHT)))
    person = fold(
        person, domain.session_missed(person, missed(consecutive_missed=3), moment(NIGHT, cause="missed"))
    )

    facts = domain.patient_discharged(
        person, discharged(DischargeReason.DECEASED), moment(NIGHT, cause="end")
    )
    person = fold(person, facts)

    assert queued(facts) == []
    assert {at for _, at in woken(facts)} == {NIGHT}
    assert outcome(person, NIGHT) == ["not deceased"] * 3
    assert queued(domain.safety_alert_raised(person, alert(), moment())) == []


def test_a_death_known_after_the_discharge_takes_back_the_closing_message() -> None:
    person = fold(reachable(), domain.patient_discharged(reachable(), discharged(), moment(NIGHT)))

    person = fold(
        person, domain.patient_discharged(person, discharged(DischargeReason.DECEASED), moment(NIGHT))
    )

    assert outcome(person, MORNING) == ["not deceased"]


def test_a_declined_referral_ends_the_messages_with_a_last_one() -> None:
    person = fold(reachable(), domain.waitlist_offer_made(reachable(), OFFER, moment(NIGHT)))
    declined = ReferralDeclined(**COMMON, reason=DeclineReason.UNREACHABLE, closed_at=NIGHT)

    person = fold(person, domain.referral_declined(person, declined, moment(NIGHT, cause="end")))

    assert outcome(person, MORNING) == ["not declined", "offer_open", "goodbye"]
    assert domain.referral_declined(person, declined, moment(cause="again")) == []


def test_a_sent_message_leaves_the_queue_and_says_so_without_its_text() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment()))
    (message,) = person.queued.values()
    letter = domain.judge(person, message, NOON, QUIET)
    assert isinstance(letter, domain.Letter)

    facts = domain.sent(person, letter, NOON, SYSTEM)

    assert [type(f) for f in facts] == [NotificationSent]
    assert fold(person, facts).queued == {}
    assert "Mon" not in facts[0].model_dump_json()  # type: ignore[union-attr]


def test_a_channel_that_fails_is_tried_again_and_given_up_in_the_end() -> None:
    person = fold(reachable(), domain.week_agreed(reachable(), agreed(), moment()))
    (message_id,) = person.queued
    waits = []

    for _ in range(20):
        facts = domain.failed(person, person.queued[message_id], NOON, SYSTEM)
        person = fold(person, facts)
        waits += [at - NOON for _, at in woken(facts)]
        if not person.queued:
            break

    assert waits == [timedelta(minutes=m) for m in (1, 5, 30, 120, 720)]
    assert isinstance(facts[-1], NotificationSuppressed)
    assert facts[-1].reason == "channel_failed"


def test_what_was_told_is_remembered_within_bounds() -> None:
    person = reachable()
    for n in range(KEYS_KEPT + 50):
        event = CheckInDue(**COMMON, check_in=n, due_on=date(2026, 10, 5))
        person = replace(fold(person, domain.raise_task(person, event, moment(cause=f"c{n}"))), queued={})

    assert len(person.told) == KEYS_KEPT
