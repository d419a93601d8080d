"""T5, T7, T11 and GA17: a way ends with a reason that holds."""

from dataclasses import replace
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Unwake
from contracts.vocabulary import DeclineReason, Risk
from services.intake import domain
from tests.intake.story import (
    ASSESSMENT,
    NO_RISKS,
    admitted,
    assessed,
    declined,
    in_detox,
    level,
    offered,
    referred,
    screened,
    waiting,
)

HIGHER = declined(DeclineReason.NEEDS_HIGHER_LEVEL, "3.7")


class TestHigherLevel:
    """T7."""

    def test_a_higher_level_needs_grounds_and_alternatives(self) -> None:
        bare = declined(DeclineReason.NEEDS_HIGHER_LEVEL)
        assert screened().refused(domain.decline_referral, bare) == {
            "higher_level_grounds",
            "alternatives_listed",
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"home_safe": False},
            {"needs_24h_supervision": True},
            {"home_safe": False, "alternative_housing": True, "needs_24h_supervision": True},
            {"suicide_risk": Risk.HIGH},
            {"withdrawal_risk": Risk.HIGH},
        ],
    )
    def test_a_finding_of_the_screening_is_ground_enough(self, changes: dict[str, Any]) -> None:
        story = screened(replace(NO_RISKS, **changes))
        bare = declined(DeclineReason.NEEDS_HIGHER_LEVEL)
        assert story.refused(domain.decline_referral, bare) == {"alternatives_listed"}
        story.do(domain.decline_referral, declined(DeclineReason.NEEDS_HIGHER_LEVEL, "4"))
        said = story.said(intake.ReferralDeclined)[0]
        assert [str(a) for a in said.alternatives_offered] == ["4"]

    def test_an_unsafe_home_with_another_roof_is_no_ground(self) -> None:
        story = screened(replace(NO_RISKS, home_safe=False, alternative_housing=True))
        assert story.refused(domain.decline_referral, HIGHER) == {"higher_level_grounds"}

    @pytest.mark.parametrize(
        ("code", "grounds"), [("2.5", True), ("3.1", True), ("2.1", False), ("1", False)]
    )
    def test_a_recommended_level_above_the_served_is_ground_enough(self, code: str, grounds: bool) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level(code)))
        if grounds:
            assert story.do(domain.decline_referral, HIGHER)
        else:
            assert story.refused(domain.decline_referral, HIGHER) == {"higher_level_grounds"}

    def test_out_of_scope_names_an_alternative_too(self) -> None:
        assert referred().refused(domain.decline_referral, declined(DeclineReason.OUT_OF_SCOPE)) == {
            "alternatives_listed"
        }


class TestDuplicate:
    def test_a_duplicate_names_the_open_way_of_the_same_person(self) -> None:
        story = referred()
        twice = declined(DeclineReason.DUPLICATE, duplicate_of="ref-0")
        assert story.refused(domain.decline_referral, twice) == {"duplicate_of"}
        story.do(domain.decline_referral, twice, same_person=True)
        assert story.said(intake.ReferralDeclined)[0].duplicate_of == "ref-0"


def test_a_person_may_say_no_at_any_time_and_only_once() -> None:
    for story in (referred(), screened(), assessed(), in_detox(), waiting(), offered()):
        facts = story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        over = {f.what for f in facts if isinstance(f, Unwake)}
        assert over == {"offer_expires", "entry_expires", "ask_again", "of_age"}
        assert story.state.closed
        assert (story.state.closed_at, story.state.closed_reason) == (story.at, "patient_declined")
        assert (story.state.hold, story.state.entry) == (None, None)
        assert story.refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}


def test_an_admitted_person_is_discharged_not_declined() -> None:
    assert admitted().refused(domain.decline_referral, declined(DeclineReason.OTHER)) == {"stage"}


def test_staff_cannot_give_a_waiting_person_up_early() -> None:
    story = waiting()
    gone = declined(DeclineReason.UNREACHABLE)
    assert story.refused(domain.decline_referral, gone) == {"wait_over"}
    story.later(days=30)
    assert story.do(domain.decline_referral, gone)


def test_before_the_list_and_the_detox_nobody_counts_the_days() -> None:
    for story in (referred(), screened(), assessed()):
        assert story.do(domain.decline_referral, declined(DeclineReason.UNREACHABLE))
