"""From consent to assessment, one guard at a time: a refusal is proved by the one thing that is wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Refused, Unwake
from contracts.intake import Diagnosis, Rating
from contracts.vocabulary import (
    DeclineReason,
    LevelOfCare,
    Risk,
)
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ADMISSION,
    ASSESSMENT,
    COVERED,
    NO_RISKS,
    WHOLE,
    assessed,
    authorization,
    declined,
    in_detox,
    offered,
    referred,
    screened,
    seated,
    waiting,
)


class TestScreening:
    """T2."""

    def test_a_screening_needs_a_treatment_consent(self) -> None:
        story = referred()
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.do(domain.grant_consent, domain.GrantConsent("contact_preferences", ("sms",)))
        assert story.refused(domain.screen_patient, NO_RISKS) == {"treatment_consent"}
        story.do(domain.grant_consent, domain.GrantConsent("treatment_verbal"))
        story.do(domain.screen_patient, NO_RISKS)
        assert story.stands() is Stage.SCREENED

    def test_consents_use_the_words_of_the_field(self) -> None:
        story = referred()
        assert story.refused(domain.grant_consent, domain.GrantConsent("anything")) == {"consent_kind"}
        assert story.refused(domain.grant_consent, domain.GrantConsent("treatment", ("pigeon",))) == {
            "channel"
        }

    def test_instruments_are_scored_and_answers_stay_here(self) -> None:
        command = replace(
            NO_RISKS, phq9=(2, 2, 1, 2, 1, 2, 1, 1, 0), gad7=(2, 1, 2, 1, 1, 1, 1), ciwa=4, cows=13
        )
        said = screened(command).said(intake.PatientScreened)[0]
        totals = {r.instrument: (r.total, r.band, r.flags) for r in said.results}
        assert totals == {
            "phq9": (12, "moderate", ()),
            "gad7": (9, "mild", ()),
            "ciwa": (4, None, ()),
            "cows": (13, None, ("detox_gate",)),
        }
        assert "answers" not in said.model_dump_json()

    def test_item_nine_raises_the_suicide_risk_to_moderate_at_least(self) -> None:
        item9 = replace(NO_RISKS, phq9=(0, 0, 0, 0, 0, 0, 0, 0, 1))
        said = screened(item9).said(intake.PatientScreened)[0]
        assert said.suicide_risk is Risk.MODERATE
        assert said.results[0].flags == ("item9",)
        assert screened(replace(item9, suicide_risk=Risk.HIGH)).state.screening.suicide_risk is Risk.HIGH  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "changes",
        [
            {"phq9": (1,) * 8},
            {"phq9": (4, *(0,) * 8)},
            {"gad7": (0,) * 6 + (-1,)},
            {"ciwa": 68},
            {"cows": 49},
        ],
    )
    def test_impossible_answers_are_refused_as_such(self, changes: dict[str, Any]) -> None:
        story = referred()
        story.do(domain.grant_consent, domain.GrantConsent("treatment"))
        with pytest.raises(Refused) as refusal:
            domain.screen_patient(story.state, replace(NO_RISKS, **changes), story.moment())
        assert refusal.value.status == 422

    def test_nobody_is_screened_in_detox_or_after_the_end(self) -> None:
        assert in_detox().refused(domain.screen_patient, NO_RISKS) == {"stage"}
        story = screened()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert "stage" in story.refused(domain.screen_patient, NO_RISKS)
        assert story.refused(domain.grant_consent, domain.GrantConsent("treatment")) == {"not_closed"}


class TestDetox:
    """T3, T4, T5."""

    @pytest.mark.parametrize(
        ("trigger", "scores"), [("cows", {"cows": 12}), ("ciwa", {"ciwa": 9}), ("cows", {})]
    )
    def test_a_score_below_its_gate_opens_nothing(self, trigger: str, scores: dict[str, int]) -> None:
        story = screened(replace(NO_RISKS, **scores))  # type: ignore[arg-type]
        assert story.refused(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger)) == {
            "detox_gate"
        }

    @pytest.mark.parametrize(
        ("trigger", "scores"), [("cows", {"cows": 13}), ("ciwa", {"ciwa": 10}), ("clinician", {})]
    )
    def test_a_score_at_its_gate_or_a_clinician_opens_it(self, trigger: str, scores: dict[str, int]) -> None:
        story = screened(replace(NO_RISKS, **scores))  # type: ignore[arg-type]
        story.do(domain.refer_to_detox, domain.ReferToDetox("hospital", trigger))
        assert story.stands() is Stage.DETOX_REFERRED

    def test_the_screening_alone_never_refers(self) -> None:
        assert (
            screened(replace(NO_RISKS, cows=40, withdrawal_risk=Risk.HIGH)).said(intake.DetoxReferred) == []
        )

    def test_detox_needs_a_screening_and_known_words(self) -> None:
        assert "stage" in referred().refused(
            domain.refer_to_detox, domain.ReferToDetox("hospital", "clinician")
        )
        story = screened()
        unknown = domain.ReferToDetox("spa", "opioid_history")
        assert story.refused(domain.refer_to_detox, unknown) == {"detox_setting", "detox_trigger"}

    def test_whoever_is_cleared_comes_back_with_the_old_screening_void(self) -> None:
        story = in_detox()
        story.later(days=7).do(domain.return_from_detox, domain.ReturnFromDetox("completed", True))
        assert story.stands() is Stage.SCREENED
        assert story.refused(domain.assess_patient, ASSESSMENT) == {"screening_current"}
        story.do(domain.screen_patient, NO_RISKS)
        assert story.stands() is Stage.SCREENED
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.stands() is Stage.ASSESSED

    def test_scores_from_before_the_detox_open_no_second_one(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, domain.ReturnFromDetox("completed", True))
        assert story.refused(domain.refer_to_detox, domain.ReferToDetox("hospital", "cows")) == {"detox_gate"}

    def test_whoever_is_not_cleared_stays_and_may_go_a_second_time(self) -> None:
        story = in_detox()
        again = domain.ReferToDetox("hospital", "clinician")
        assert story.refused(domain.refer_to_detox, again) == {"detox_not_running"}
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        assert story.stands() is Stage.DETOX_REFERRED
        story.do(domain.refer_to_detox, again)
        assert len(story.said(intake.DetoxReferred)) == 2

    def test_a_return_needs_a_detox_and_a_known_outcome(self) -> None:
        assert "stage" in screened().refused(
            domain.return_from_detox, domain.ReturnFromDetox("completed", True)
        )
        assert in_detox().refused(domain.return_from_detox, domain.ReturnFromDetox("vanished", True)) == {
            "detox_outcome"
        }

    def test_who_left_early_is_unreachable_after_fourteen_civil_days(self) -> None:
        story = in_detox()
        gone = declined(DeclineReason.UNREACHABLE, "3.7")
        assert story.refused(domain.decline_referral, gone) == {"contact_days_over"}
        story.at = datetime(2026, 2, 8, 8, 0, tzinfo=UTC)
        story.do(domain.return_from_detox, domain.ReturnFromDetox("left_early", False))
        story.at = datetime(2026, 2, 21, 23, 0, tzinfo=UTC)
        assert story.refused(domain.decline_referral, gone) == {"contact_days_over"}
        story.at = datetime(2026, 2, 22, 5, 0, tzinfo=UTC)
        story.do(domain.decline_referral, gone)
        assert story.stands() is Stage.DECLINED

    def test_who_completed_detox_is_not_given_up_as_lost(self) -> None:
        story = in_detox()
        story.do(domain.return_from_detox, domain.ReturnFromDetox("transferred", False))
        story.later(days=40)
        assert story.refused(domain.decline_referral, declined(DeclineReason.UNREACHABLE)) == {
            "contact_days_over"
        }


class TestAssessment:
    """T6."""

    def test_high_withdrawal_risk_is_treated_first(self) -> None:
        story = screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH))
        assert story.refused(domain.assess_patient, ASSESSMENT) == {"withdrawal_not_high"}

    def test_the_assessor_must_hold_a_listed_credential(self) -> None:
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, assessor_credential="RN")) == {
            "assessor_credential"
        }

    @pytest.mark.parametrize("dimensions", [WHOLE[:5], (*WHOLE[:5], WHOLE[0]), (*WHOLE, WHOLE[0]), ()])
    def test_edition_three_rates_each_of_six_dimensions_once(self, dimensions: tuple[Rating, ...]) -> None:
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, dimensions=dimensions)) == {
            "dimensions_complete"
        }

    def test_edition_four_leaves_the_sixth_unrated(self) -> None:
        fourth = replace(ASSESSMENT, recommended_level=LevelOfCare(edition="4", code="2.1"))
        assert screened().refused(domain.assess_patient, fourth) == {"dimensions_complete"}
        assert screened().do(domain.assess_patient, replace(fourth, dimensions=WHOLE[:5]))

    def test_a_screening_counts_for_thirty_days(self) -> None:
        story = screened().later(days=30)
        domain.assess_patient(story.state, ASSESSMENT, story.moment())
        assert story.later(days=1).refused(domain.assess_patient, ASSESSMENT) == {"screening_current"}

    @pytest.mark.parametrize("ranks", [(), (2,), (1, 1)])
    def test_there_is_one_principal_diagnosis(self, ranks: tuple[int, ...]) -> None:
        diagnoses = tuple(Diagnosis(system="icd10cm", code="F1020", rank=r) for r in ranks)
        assert screened().refused(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses)) == {
            "principal_diagnosis"
        }

    def test_nobody_is_assessed_unscreened_or_in_detox(self) -> None:
        assert "stage" in referred().refused(domain.assess_patient, ASSESSMENT)
        assert "stage" in in_detox().refused(domain.assess_patient, ASSESSMENT)

    def test_diagnoses_stay_with_intake(self) -> None:
        story = assessed()
        assert story.state.diagnoses[0].code == "F1020"
        assert "F1020" not in story.said(intake.PatientAssessed)[0].model_dump_json()


class TestDeclining:
    """T7, and the rows that GA17 adds."""

    def test_a_higher_level_needs_grounds_and_alternatives(self) -> None:
        story = screened()
        assert story.refused(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL)) == {
            "higher_level_grounds",
            "alternatives_listed",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"home_safe": False},
            {"needs_24h_supervision": True},
            {"suicide_risk": Risk.HIGH},
            {"withdrawal_risk": Risk.HIGH},
        ],
    )
    def test_a_finding_of_the_screening_is_ground_enough(self, changes: dict[str, Any]) -> None:
        story = screened(replace(NO_RISKS, **changes))
        assert story.refused(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL)) == {
            "alternatives_listed"
        }
        story.do(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL, "4"))
        said = story.said(intake.ReferralDeclined)[0]
        assert [str(a) for a in said.alternatives_offered] == ["4"]

    @pytest.mark.parametrize(
        ("code", "grounds"), [("2.5", True), ("3.1", True), ("2.1", False), ("1", False)]
    )
    def test_a_recommended_level_above_the_served_is_ground_enough(self, code: str, grounds: bool) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code=code)))
        higher = declined(DeclineReason.NEEDS_HIGHER_LEVEL, "3.7")
        if grounds:
            assert story.do(domain.decline_referral, higher)
        else:
            assert story.refused(domain.decline_referral, higher) == {"higher_level_grounds"}

    def test_out_of_scope_names_an_alternative_too(self) -> None:
        assert referred().refused(domain.decline_referral, declined(DeclineReason.OUT_OF_SCOPE)) == {
            "alternatives_listed"
        }

    def test_the_machine_declines_nobody_for_a_finding(self) -> None:
        assert screened(replace(NO_RISKS, suicide_risk=Risk.HIGH)).said(intake.ReferralDeclined) == []

    def test_a_person_may_say_no_at_any_time_and_only_once(self) -> None:
        for story in (referred(), screened(), assessed(), in_detox(), waiting(), offered()):
            facts = story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
            assert {f.what for f in facts if isinstance(f, Unwake)} == {
                "offer_expires",
                "entry_expires",
                "ask_again",
            }
            assert story.state.closed
            assert story.refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}

    def test_an_admitted_person_is_discharged_not_declined(self) -> None:
        story = seated()
        story.do(domain.admit_patient, ADMISSION)
        assert story.refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}


class TestPayer:
    def test_words_and_dates_hold(self) -> None:
        story = referred()
        assert story.refused(domain.verify_coverage, replace(COVERED, status="maybe")) == {"coverage_status"}
        upside_down = authorization(status="perhaps", valid_to=date(2025, 1, 1))
        assert story.refused(domain.record_authorization, upside_down) == {
            "authorization_status",
            "valid_dates",
        }

    def test_nothing_is_recorded_for_a_closed_referral(self) -> None:
        story = referred()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        assert story.refused(domain.verify_coverage, COVERED) == {"not_closed"}
        assert story.refused(domain.record_authorization, authorization()) == {"not_closed"}
