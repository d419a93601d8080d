"""The way in: consents that end, offers, other referrals, authorizations, and the last word."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.intake import (
    AuthorizationRunningLow,
    ConsentExpired,
    ConsentRevoked,
    PatientCameOfAge,
    ReferralDeclined,
    ReferralLinked,
)
from contracts.progress import ReviewTaskRaised
from contracts.vocabulary import DeclineReason, ReferralSource, Risk, Urgency
from services.notify import domain
from tests.notify.people import (
    COMMON,
    LEVEL,
    NOON,
    admitted,
    agreed,
    alert,
    consent,
    discharged,
    fold,
    missed,
    moment,
    reachable,
)
from tests.notify.story import Story, offer

CONTACT = "contact_preferences"


def revoked(consent_id: str = "c-1", kind: str = CONTACT) -> ConsentRevoked:
    return ConsentRevoked(**COMMON, consent_id=consent_id, kind=kind, revoked_at=NOON)


def expired(consent_id: str = "c-1", kind: str = CONTACT, cause: str = "date") -> ConsentExpired:
    return ConsentExpired(**COMMON, consent_id=consent_id, kind=kind, expired_at=NOON, cause=cause)


def declined(reason: DeclineReason) -> ReferralDeclined:
    return ReferralDeclined(**COMMON, reason=reason, closed_at=NOON)


def uma() -> Story:
    """Vignette 10: waits for a place and may be written to."""
    return Story().at("2026-06-01 14:00").referred().hear(consent("sms"))


@pytest.mark.parametrize(("end", "why"), [(revoked, "revoked"), (expired, "no_consent")])
def test_a_contact_consent_that_ends_takes_channels_and_waiting_messages_with_it(end: Any, why: str) -> None:
    story = uma().at("2026-06-10 22:00").hear(agreed(), end())

    assert story.person.channels == ()
    assert story.kept_back() == [f"appointment_times: {why}"]
    story.at("2026-06-11 12:00").hear(missed())
    assert story.sent(to_patient=True) == []
    assert story.kept_back()[1:] == ["appointment_missed: no_consent"]

    assert story.hear(consent("email", id="c-2"), agreed(2)).sent(to_patient=True) != []


@pytest.mark.parametrize("end", [revoked, expired])
def test_the_end_of_an_older_or_another_consent_leaves_the_channels(end: Any) -> None:
    story = uma().hear(consent("sms", id="c-2"), end("c-1"), end("c-9", "part2_tpo"), agreed())

    assert story.person.channels == ("sms",)
    assert story.sent(to_patient=True) == [("06-01 14:00", "appointment_times to pt-1")]
    assert story.hear(end("c-2")).person.channels == ()


def test_channels_known_from_before_consents_had_ids_end_with_a_contact_consent_only() -> None:
    person = replace(reachable(), consent_id="")

    assert domain.consent_revoked(person, revoked("c-9", "part2_tpo"), moment()) == []
    assert fold(person, domain.consent_revoked(person, revoked("c-9"), moment())).channels == ()


def test_staff_tasks_do_not_need_the_persons_consent() -> None:
    story = uma().hear(revoked(), offer("2026-06-01 14:00", "2026-06-03 14:00"))

    assert ("06-01 14:00", "offer_open to admissions") in story.sent(to_patient=False)


@pytest.mark.parametrize(
    ("needs", "template", "words"),
    [
        ((), "offer_open", "until Fri 12 Jun, 14:20. Call the person and record the answer."),
        (("suicide_screen",), "offer_open_renew", "Needed before it can be taken: new suicide screen."),
        (
            ("suicide_screen", "assessment"),
            "offer_open_renew",
            "Needed before it can be taken: new suicide screen, new assessment.",
        ),
    ],
)
def test_the_task_of_an_open_offer_says_what_must_be_made_anew(
    needs: tuple[str, ...], template: str, words: str
) -> None:
    story = uma().at("2026-06-10 14:20").hear(offer("2026-06-10 14:20", "2026-06-12 14:20", needs=needs))

    assert sorted(story.sent()[1:]) == [
        ("06-10 14:20", f"{template} to admissions"),
        ("06-10 14:20", "time_offered to pt-1"),
    ]
    assert words in story.texts(template)[0]
    assert "screen" not in story.texts("time_offered")[0]


def test_an_offer_of_the_night_is_told_in_the_morning_and_its_end_does_not_move() -> None:
    story = uma().at("2026-06-16 21:30")
    story.hear(second := offer("2026-06-16 21:30", "2026-06-18 21:30", seat_hold_id="h-2"))
    story.at("2026-06-18 21:00")

    assert story.sent(to_patient=True) == [("06-17 08:00", "time_offered to pt-1")]
    assert story.letters[-1][0] == datetime(2026, 6, 17, 12, 0, tzinfo=UTC)
    assert (second.offer_expires_at - story.letters[-1][0]).total_seconds() == 37.5 * 3600
    assert story.texts("time_offered") == [
        "A time has become free for you. Please call us by Thu 18 Jun, 21:30 if you want it."
    ]
    assert ("06-16 21:30", "offer_open to admissions") in story.sent()


def test_an_offer_that_ends_before_the_morning_is_never_told() -> None:
    story = uma().at("2026-06-16 21:30").hear(offer("2026-06-16 21:30", "2026-06-17 08:00"))

    assert story.at("2026-06-17 09:00").kept_back() == ["time_offered: too_late"]


def linked(receipt: str = "r-2") -> ReferralLinked:
    return ReferralLinked(
        **COMMON,
        receipt_id=receipt,
        source=ReferralSource.HOSPITAL,
        urgency=Urgency.URGENT,
        received_at=NOON,
        wished_site_id="oak",
        match_permille=950,
    )


def test_another_referral_is_a_task_for_admissions_and_in_treatment_for_the_primary_clinician() -> None:
    story = uma().hear(linked(), linked())
    assert story.sent()[1:] == [("06-01 14:00", "referral_linked to admissions")]
    assert "(hospital, urgent)" in story.texts("referral_linked")[0]

    story.at("2026-06-20 22:15").hear(admitted(), linked("r-3"))
    assert story.sent()[-1] == ("06-20 22:15", "referral_linked to clin-1")
    assert story.letters[-1][1].recipient_role == "clinician"
    assert story.sent(to_patient=True) == []


def test_who_comes_of_age_is_asked_anew_by_whoever_looks_after_them() -> None:
    kinds = ("part2_tpo", "treatment")
    grown = PatientCameOfAge(**COMMON, ended=("treatment",), to_renew=kinds)
    story = uma().hear(grown, grown)
    assert story.sent()[1:] == [("06-01 14:00", "of_age to admissions")]
    assert "part2 tpo, treatment" in story.texts("of_age")[0]

    story = uma().at("2026-06-20 00:00").hear(admitted(), grown)
    assert story.sent()[-1] == ("06-20 00:00", "of_age to clin-1")
    assert story.sent(to_patient=True) == []


def test_of_the_task_that_progress_makes_of_it_nobody_is_told_twice() -> None:
    task = ReviewTaskRaised(**COMMON, task_id="t", about="of_age", subject_id="p", due_on=date(2026, 6, 3))
    assert uma().hear(task).sent() == uma().sent()


def test_where_no_guardian_ever_signed_there_is_nothing_to_ask() -> None:
    assert uma().hear(PatientCameOfAge(**COMMON)).sent() == uma().sent()


def running_low(**changes: Any) -> AuthorizationRunningLow:
    fields: dict[str, Any] = {
        "authorization_id": "auth-1",
        "level": LEVEL,
        "unit_kind": "day",
        "units_left": 3,
        "days_left": 20,
        "last_covered_on": date(2026, 7, 10),
        "ended": False,
    }
    return AuthorizationRunningLow(**COMMON, **(fields | changes))


def test_an_authorization_that_runs_low_and_then_ends_is_told_to_the_biller_once_each() -> None:
    ended = running_low(units_left=0, days_left=14, last_covered_on=date(2026, 7, 2), ended=True)
    story = uma().hear(admitted(), running_low(), running_low(), ended, ended)

    assert [what for _, what in story.sent()[2:]] == [
        "authorization_low to biller",
        "authorization_ended to biller",
    ]
    (low,) = story.texts("authorization_low")
    assert low.startswith(
        "The authorization has 3 units (day) and 20 days left, last covered day Fri 10 Jul."
    )
    assert (
        "0 units (day) and 14 days left, last covered day Thu 2 Jul" in story.texts("authorization_ended")[0]
    )
    assert story.sent(to_patient=True) == []


def test_after_the_end_of_the_treatment_an_authorization_is_nobodys_task() -> None:
    story = uma().hear(admitted(), discharged(), running_low())

    assert story.texts("authorization_low") == []


@pytest.mark.parametrize("reason", [DeclineReason.UNREACHABLE, DeclineReason.PATIENT_DECLINED])
def test_after_three_missed_offers_one_neutral_note_goes_out_and_then_nothing(reason: DeclineReason) -> None:
    story = (
        uma().at("2026-06-22 10:00").hear(offer("2026-06-22 10:00", "2026-06-24 10:00", seat_hold_id="h-3"))
    )
    story.at("2026-06-24 10:00").hear(declined(reason), declined(reason))
    story.hear(offer("2026-06-24 10:00", "2026-06-26 10:00", seat_hold_id="h-4"), missed())

    assert story.at("2026-07-10 12:00").sent(to_patient=True) == [
        ("06-22 10:00", "time_offered to pt-1"),
        ("06-24 10:00", "goodbye to pt-1"),
    ]


def test_the_closing_note_waits_for_the_morning_and_needs_a_consent_that_still_stands() -> None:
    reached = uma().at("2026-06-24 22:00").hear(declined(DeclineReason.UNREACHABLE))
    taken_back = uma().at("2026-06-24 22:00").hear(declined(DeclineReason.UNREACHABLE), revoked())
    never_asked = Story().referred().hear(declined(DeclineReason.UNREACHABLE))

    assert reached.at("2026-06-25 12:00").sent(to_patient=True) == [("06-25 08:00", "goodbye to pt-1")]
    assert taken_back.at("2026-06-25 12:00").kept_back() == ["goodbye: revoked"]
    assert never_asked.kept_back() == ["goodbye: no_consent"]


@pytest.mark.parametrize(
    "reason",
    [r for r in DeclineReason if r not in (DeclineReason.UNREACHABLE, DeclineReason.PATIENT_DECLINED)],
)
def test_a_duplicate_or_a_referral_that_others_take_over_ends_without_a_note(reason: DeclineReason) -> None:
    story = uma().at("2026-06-24 22:00").hear(agreed(), declined(reason)).at("2026-06-25 12:00")

    assert story.sent(to_patient=True) == []
    assert story.kept_back() == ["appointment_times: declined"]


def test_a_referral_that_ends_while_a_high_alert_is_open_ends_without_a_note() -> None:
    story = uma().hear(alert(Risk.HIGH), declined(DeclineReason.PATIENT_DECLINED)).at("2026-06-25 12:00")

    assert story.sent(to_patient=True) == []
    assert story.kept_back() == ["goodbye: safety"]


def test_a_consent_that_ends_by_its_date_asks_nobody() -> None:
    story = uma().hear(expired("c-1"))
    assert not [letter for letter in story.sent() if "of_age" in letter[1]]
