"""T3 to T5: withdrawal is treated first, and nothing measured before it counts."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts import intake
from contracts.intake import Diagnosis
from contracts.vocabulary import DeclineReason
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ASSESSMENT,
    NO_RISKS,
    declined,
    in_detox,
    measured,
    offered,
    referred,
    ruled,
    screened,
    waiting,
)

CLEARED = domain.ReturnFromDetox("completed", True, "physician-1")
BY_CLINICIAN = domain.ReferToDetox("hospital", "clinician")


class TestGate:
    """T3."""

    @pytest.mark.parametrize(
        ("trigger", "scores"), [("cows", {"cows": 12}), ("ciwa", {"ciwa_ar": 9}), ("cows", {"ciwa_ar": 40})]
    )
    def test_a_score_below_its_gate_opens_nothing(self, trigger: str, scores: dict[str, Any]) -> None:
        story = screened(measured(**scores))
        refusal = story.refusal(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger))
        (failed,) = refusal.facts["failed"]
        assert failed["guard"] == "detox_gate"
        assert failed["total"] == scores.get("cows" if trigger == "cows" else "ciwa_ar")

    @pytest.mark.parametrize(
        ("trigger", "scores"), [("cows", {"cows": 13}), ("ciwa", {"ciwa_ar": 10}), ("clinician", {})]
    )
    def test_a_score_at_its_gate_or_a_clinician_opens_it(self, trigger: str, scores: dict[str, Any]) -> None:
        story = screened(measured(**scores))
        story.do(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger))
        assert story.stands() is Stage.DETOX_REFERRED

    def test_a_history_of_opioid_use_is_a_reason_where_it_is_recorded(self) -> None:
        command = domain.ReferToDetox("hospital", "opioid_history")
        assert screened().refused(domain.refer_to_detox, command) == {"opioid_history"}
        assert screened(replace(NO_RISKS, opioid_history=True)).do(domain.refer_to_detox, command)
        story = screened()
        opioid = (Diagnosis(system="icd10cm", code="F1120", rank=1),)
        story.do(domain.assess_patient, replace(ASSESSMENT, diagnoses=opioid))
        assert story.do(domain.refer_to_detox, command)

    def test_a_site_without_detox_sends_nobody_to_its_own(self) -> None:
        here = replace(BY_CLINICIAN, in_house=True)
        story = screened()
        assert story.refused(domain.refer_to_detox, here) == {"detox_offered_here"}
        story.rules = ruled(detox_in_house=True)
        story.do(domain.refer_to_detox, here)
        assert story.said(intake.DetoxReferred)[0].in_house

    def test_where_to_and_for_how_long_is_said(self) -> None:
        story = screened(measured(cows=15))
        story.do(
            domain.refer_to_detox,
            domain.ReferToDetox("detox_facility", "cows", date(2026, 1, 13), "facility-1"),
        )
        said = story.said(intake.DetoxReferred)[0]
        assert (said.facility_id, said.expected_return_on, said.in_house) == (
            "facility-1",
            date(2026, 1, 13),
            False,
        )
        assert said.referred_at == story.at

    def test_detox_needs_a_screening_and_known_words(self) -> None:
        assert "stage" in referred().refused(domain.refer_to_detox, BY_CLINICIAN)
        unknown = domain.ReferToDetox("spa", "horoscope")
        assert screened().refused(domain.refer_to_detox, unknown) == {"detox_setting", "detox_trigger"}

    def test_who_waits_may_need_it_too_and_gives_the_place_up(self) -> None:
        for story in (waiting(), offered()):
            story.do(domain.refer_to_detox, BY_CLINICIAN)
            assert (story.stands(), story.state.entry, story.state.hold) == (Stage.DETOX_REFERRED, None, None)


class TestReturn:
    """T4."""

    def test_whoever_is_cleared_comes_back_with_everything_void(self) -> None:
        story = in_detox()
        story.later(days=7).do(domain.return_from_detox, CLEARED)
        assert story.stands() is Stage.SCREENED
        assert (story.state.screening, story.state.assessment) == (None, None)
        assert story.refused(domain.assess_patient, ASSESSMENT) == {"screening_current"}
        assert story.said(intake.DetoxCompleted)[0].cleared_by == "physician-1"

    def test_the_whole_set_must_be_measured_anew(self) -> None:
        story = screened(measured(cows=15, ciwa_ar=8, phq9=19))
        story.do(domain.refer_to_detox, domain.ReferToDetox("detox_facility", "cows"))
        story.later(days=7).do(domain.return_from_detox, CLEARED)
        refusal = story.refusal(domain.screen_patient, measured(cows=3))
        (failed,) = refusal.facts["failed"]
        assert (failed["guard"], failed["missing"]) == ("whole_screening", ["ciwa_ar", "phq9"])
        story.do(domain.screen_patient, measured(cows=3, ciwa_ar=3, phq9=12, gad7=8))
        assert story.stands() is Stage.SCREENED
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.stands() is Stage.ASSESSED

    def test_a_second_detox_forgets_nothing_of_what_the_first_made_void(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, CLEARED)
        story.do(domain.refer_to_detox, BY_CLINICIAN)
        story.do(domain.return_from_detox, CLEARED)
        assert story.refused(domain.screen_patient, NO_RISKS) == {"whole_screening"}
        assert story.do(domain.screen_patient, measured(cows=3, ciwa_ar=3))

    def test_once_it_is_whole_a_later_screening_is_free_again(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, CLEARED)
        story.do(domain.screen_patient, measured(cows=3, ciwa_ar=3))
        assert story.do(domain.screen_patient, NO_RISKS)

    def test_scores_from_before_the_detox_open_no_second_one(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, CLEARED)
        again = domain.ReferToDetox("hospital", "cows")
        assert story.refused(domain.refer_to_detox, again) == {"detox_gate"}

    def test_a_clearance_needs_whoever_gave_it(self) -> None:
        story = in_detox()
        assert story.refused(domain.return_from_detox, domain.ReturnFromDetox("completed", True)) == {
            "cleared_by"
        }
        assert story.do(domain.return_from_detox, domain.ReturnFromDetox("completed", False))

    def test_whoever_is_not_cleared_stays_and_may_go_a_second_time(self) -> None:
        story = in_detox()
        assert story.refused(domain.refer_to_detox, BY_CLINICIAN) == {"detox_not_running"}
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        assert story.stands() is Stage.DETOX_REFERRED
        assert story.refused(domain.return_from_detox, CLEARED) == {"detox_running"}
        story.do(domain.refer_to_detox, BY_CLINICIAN)
        assert len(story.said(intake.DetoxReferred)) == 2
        story.do(domain.return_from_detox, CLEARED)
        assert story.stands() is Stage.SCREENED

    def test_a_return_needs_a_detox_and_a_known_outcome(self) -> None:
        assert "stage" in screened().refused(domain.return_from_detox, CLEARED)
        vanished = replace(CLEARED, outcome="vanished")
        assert in_detox().refused(domain.return_from_detox, vanished) == {"detox_outcome"}


class TestLost:
    """T5."""

    GONE = declined(DeclineReason.UNREACHABLE, "3.7")

    def test_who_left_early_is_unreachable_after_fourteen_civil_days(self) -> None:
        story = in_detox()
        assert story.refused(domain.decline_referral, self.GONE) == {"left_detox", "contact_days_over"}
        story.at = datetime(2026, 2, 8, 8, 0, tzinfo=UTC)
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        story.at = datetime(2026, 2, 21, 23, 0, tzinfo=UTC)
        (failed,) = story.refusal(domain.decline_referral, self.GONE).facts["failed"]
        assert (failed["guard"], failed["days"], failed["needed"]) == ("contact_days_over", 13, 14)
        story.at = datetime(2026, 2, 22, 5, 0, tzinfo=UTC)
        story.do(domain.decline_referral, self.GONE)
        assert story.stands() is Stage.DECLINED

    @pytest.mark.parametrize("outcome", ["completed", "transferred", "not_needed"])
    def test_who_did_not_leave_early_is_not_given_up_as_lost(self, outcome: str) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, domain.ReturnFromDetox(outcome, False))
        story.later(days=40)
        assert story.refused(domain.decline_referral, self.GONE) == {"left_detox"}

    def test_who_answered_since_is_not_lost(self) -> None:
        story = in_detox()
        story.do(domain.log_contact, domain.LogContact("phone", reached=True))
        story.later(days=1).do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        story.later(days=7).do(domain.log_contact, domain.LogContact("phone", reached=False))
        kept = story.state
        story.later(days=7)
        assert domain.decline_referral(kept, self.GONE, story.moment())
        story.do(domain.log_contact, domain.LogContact("sms", reached=True))
        assert story.refused(domain.decline_referral, self.GONE) == {"not_reached"}

    def test_a_person_who_says_no_in_detox_is_let_go(self) -> None:
        story = in_detox()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert story.stands() is Stage.DECLINED


class TestContacts:
    def test_attempts_are_counted_and_told(self) -> None:
        story = referred()
        for channel in ("phone", "letter"):
            story.do(domain.log_contact, domain.LogContact(channel, reached=False))
        assert [(c.channel, c.attempts) for c in story.said(intake.OutreachAttempted)] == [
            ("phone", 1),
            ("letter", 2),
        ]

    def test_only_an_open_way_is_called_about_on_known_channels(self) -> None:
        story = referred()
        assert story.refused(domain.log_contact, domain.LogContact("pigeon", True)) == {"channel"}
        story.do(domain.decline_referral, declined(DeclineReason.OTHER))
        assert story.refused(domain.log_contact, domain.LogContact("phone", True)) == {"stage"}

    def test_the_state_keeps_the_last_fifty(self) -> None:
        story = referred()
        for _ in range(53):
            story.do(domain.log_contact, domain.LogContact("phone", reached=False))
        assert len(story.state.contacts) == 50
        assert story.said(intake.OutreachAttempted)[-1].attempts >= 50
