"""T6: a level of care, judged by somebody who may, in the edition the site works with."""

from dataclasses import replace
from typing import Any

import pytest

from contracts import intake
from contracts.intake import Diagnosis, Rating
from contracts.vocabulary import Risk
from services.intake import domain
from services.intake.domain import Locus, Stage
from tests.intake.story import (
    ASSESSMENT,
    KAI,
    NO_RISKS,
    WHOLE,
    Story,
    assessed,
    in_detox,
    level,
    measured,
    referred,
    ruled,
    screened,
    waiting,
)


def refused(story: Story, **changes: Any) -> set[str]:
    return story.refused(domain.assess_patient, replace(ASSESSMENT, **changes))


class TestWhoAndWhen:
    def test_high_withdrawal_risk_is_treated_first(self) -> None:
        assert refused(screened(replace(NO_RISKS, withdrawal_risk=Risk.HIGH))) >= {"withdrawal_not_high"}

    def test_a_high_alert_that_nobody_looked_at_comes_first(self) -> None:
        story = screened(replace(NO_RISKS, suicide_risk=Risk.HIGH))
        higher: dict[str, Any] = {"recommended_level": level("3.7")}
        (failed,) = story.refusal(domain.assess_patient, replace(ASSESSMENT, **higher)).facts["failed"]
        assert (failed["guard"], failed["alerts"]) == ("alerts_in_hand", [story.alert().id])
        story.acknowledge().do(domain.assess_patient, replace(ASSESSMENT, **higher))
        assert story.stands() is Stage.ASSESSED

    def test_a_moderate_alert_stops_no_assessment(self) -> None:
        assert screened(replace(NO_RISKS, suicide_risk=Risk.MODERATE)).do(domain.assess_patient, ASSESSMENT)

    def test_the_assessor_must_hold_a_listed_credential(self) -> None:
        assert refused(screened(), assessor_credential="RN") == {"assessor_credential"}

    def test_a_screening_counts_for_thirty_days(self) -> None:
        story = screened().later(days=30)
        domain.assess_patient(story.state, ASSESSMENT, story.moment())
        assert refused(story.later(days=1)) == {"screening_current"}

    def test_nobody_is_assessed_unscreened_or_in_detox(self) -> None:
        assert "stage" in refused(referred())
        assert "stage" in refused(in_detox())

    def test_what_grew_old_is_made_again_in_place(self) -> None:
        for story in (assessed(), waiting()):
            before = story.stands()
            story.do(domain.assess_patient, ASSESSMENT)
            assert story.stands() is before


class TestEdition:
    @pytest.mark.parametrize("dimensions", [WHOLE[:5], (*WHOLE[:5], WHOLE[0]), (*WHOLE, WHOLE[0]), ()])
    def test_edition_three_rates_each_of_six_dimensions_once(self, dimensions: tuple[Rating, ...]) -> None:
        assert refused(screened(), dimensions=dimensions) == {"dimensions_complete"}

    def test_what_is_missing_is_named(self) -> None:
        story = screened()
        command = replace(ASSESSMENT, dimensions=(*WHOLE[:2], *WHOLE[3:5]))
        (failed,) = story.refusal(domain.assess_patient, command).facts["failed"]
        assert failed["missing"] == [3, 6]

    def test_a_site_of_the_fourth_edition_leaves_the_sixth_unrated(self) -> None:
        story = screened()
        story.rules = ruled(edition="4")
        fourth: dict[str, Any] = {"recommended_level": level("2.1", "4")}
        assert refused(story, **fourth) == {"dimensions_complete"}
        assert story.do(domain.assess_patient, replace(ASSESSMENT, dimensions=WHOLE[:5], **fourth))

    def test_a_level_of_another_edition_means_nothing_here(self) -> None:
        story = screened()
        command = replace(ASSESSMENT, dimensions=WHOLE[:5], recommended_level=level("2.1", "4"))
        (failed,) = story.refusal(domain.assess_patient, command).facts["failed"]
        assert (failed["guard"], failed["accepted"]) == ("edition", ["3", "locus", "other"])

    def test_an_adolescent_is_rated_by_the_third_even_where_adults_are_not(self) -> None:
        """K12: the fourth edition's volume is for adults."""
        story = screened(person=KAI)
        story.rules = ruled(edition="4")
        fourth: dict[str, Any] = {"dimensions": WHOLE[:5], "recommended_level": level("2.1", "4")}
        assert refused(story, **fourth) == {"edition"}
        assert story.do(domain.assess_patient, ASSESSMENT)

    @pytest.mark.parametrize("edition", ["locus", "other"])
    def test_a_program_without_dimensions_rates_none(self, edition: str) -> None:
        story = screened()
        elsewhere: dict[str, Any] = {"recommended_level": level("2.1", edition), "dimensions": ()}
        assert refused(story, **(elsewhere | {"dimensions": WHOLE})) == {"dimensions_complete"}
        assert story.do(domain.assess_patient, replace(ASSESSMENT, **elsewhere))

    @pytest.mark.parametrize("rating", ["5", "A", "10", "low"])
    def test_the_third_edition_rates_from_zero_to_four(self, rating: str) -> None:
        ratings = (*WHOLE[:5], Rating(dimension=6, rating=rating))
        assert refused(screened(), dimensions=ratings) == {"ratings_known"}

    def test_the_symbols_of_another_edition_are_kept_as_they_are(self) -> None:
        story = screened()
        story.rules = ruled(edition="4")
        ratings = tuple(Rating(dimension=n, rating="B") for n in range(1, 6))
        command = replace(ASSESSMENT, dimensions=ratings, recommended_level=level("2.1", "4"))
        story.do(domain.assess_patient, command)
        assert story.said(intake.PatientAssessed)[0].dimensions == ratings


class TestFindings:
    @pytest.mark.parametrize("ranks", [(), (2,), (1, 1)])
    def test_there_is_one_principal_diagnosis(self, ranks: tuple[int, ...]) -> None:
        diagnoses = tuple(Diagnosis(system="icd10cm", code="F1020", rank=r) for r in ranks)
        assert refused(screened(), diagnoses=diagnoses) == {"principal_diagnosis"}

    @pytest.mark.parametrize(
        ("system", "code"),
        [
            ("icd10cm", "nonsense"),
            ("icd10cm", "F1"),
            ("icd10cm", "U071"),
            ("icd10cm", "F10200000"),
            ("icd10cm", None),
            ("snomed", "7200002"),
        ],
    )
    def test_a_diagnosis_is_written_as_the_code_book_writes_it(self, system: str, code: str | None) -> None:
        more = (
            Diagnosis(system="icd10cm", code="F1020", rank=1),
            Diagnosis(system=system, code=code, rank=2),
        )
        (failed,) = (
            screened().refusal(domain.assess_patient, replace(ASSESSMENT, diagnoses=more)).facts["failed"]
        )
        assert (failed["guard"], failed["ranks"]) == ("diagnosis_codes", [2])

    def test_diagnoses_stay_with_intake(self) -> None:
        story = assessed()
        assert story.state.diagnoses[0].code == "F1020"
        assert "F1020" not in story.said(intake.PatientAssessed)[0].model_dump_json()

    def test_words_of_the_field_are_used(self) -> None:
        assert refused(screened(), stage_of_change="thinking") == {"stage_of_change"}
        assert refused(screened(), support_network="some") == {"support_network"}
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, stage_of_change="action", support_network="weak"))
        assert story.state.assessment
        assert (story.state.assessment.stage_of_change, story.state.assessment.support_network) == (
            "action",
            "weak",
        )


class TestChoice:
    """Why this program: what was presented, what the person chose, and why."""

    @pytest.mark.parametrize(
        ("presented", "choice"),
        [
            (("adult_sud_day", "spa"), None),
            (("adult_sud_day",), "adult_sud_evening"),
            ((), "adult_sud_day"),
        ],
    )
    def test_only_what_is_offered_is_presented_and_only_what_was_presented_is_chosen(
        self, presented: tuple[str, ...], choice: str | None
    ) -> None:
        story = screened()
        assert refused(story, programs_presented=presented, patient_choice=choice) == {"programs_presented"}

    def test_the_choice_and_its_reason_are_kept(self) -> None:
        story = screened()
        chosen = replace(
            ASSESSMENT,
            programs_presented=("adult_sud_day", "adult_sud_evening"),
            patient_choice="adult_sud_evening",
            choice_reason="works_days",
        )
        story.do(domain.assess_patient, chosen)
        assert story.state.assessment
        assert (story.state.assessment.patient_choice, story.state.assessment.choice_reason) == (
            "adult_sud_evening",
            "works_days",
        )
        assert story.said(intake.PatientAssessed)[0].programs_presented == chosen.programs_presented


class TestDifference:
    """A judgement below what the facts speak for says why; above or beside it needs no word."""

    def test_a_lower_level_than_suggested_needs_a_reason(self) -> None:
        story = screened(measured(phq9=20))
        (failed,) = story.refusal(domain.assess_patient, ASSESSMENT).facts["failed"]
        assert (failed["guard"], failed["suggested"]) == ("differs_reason", "2.5")
        story.do(domain.assess_patient, replace(ASSESSMENT, differs_reason="strong_family"))
        said = story.said(intake.PatientAssessed)[0]
        assert (str(said.suggested_level), said.differs_reason) == ("2.5", "strong_family")

    @pytest.mark.parametrize("code", ["2.1", "2.5", "3.1"])
    def test_the_suggested_level_or_a_higher_one_needs_none(self, code: str) -> None:
        story = screened(measured(phq9=12))
        assert story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level(code)))

    def test_where_no_rule_speaks_any_level_is_the_assessors(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level("1")))
        assert story.said(intake.PatientAssessed)[0].suggested_level is None

    def test_what_this_assessment_finds_counts_too(self) -> None:
        story = screened()
        story.change(earlier_episodes=("a", "b"))
        assert refused(story, support_network="weak") == {"differs_reason"}
        assert story.do(domain.assess_patient, replace(ASSESSMENT, support_network="strong"))


class TestLocus:
    @pytest.mark.parametrize(
        "record",
        [
            Locus((3,) * 6, 18),
            Locus((3,) * 8, 24),
            Locus((0, *(3,) * 6), 18),
            Locus((6, *(3,) * 6), 24),
            Locus((3,) * 7, 20),
        ],
    )
    def test_a_record_that_cannot_be_is_refused(self, record: Locus) -> None:
        assert refused(screened(), locus=record) == {"locus_record"}

    def test_a_record_is_kept_and_not_told(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, locus=Locus((3,) * 7, 21)))
        assert story.state.locus == Locus((3,) * 7, 21)
        assert "locus" not in story.said(intake.PatientAssessed)[0].model_dump_json()
