"""Asking for a seat before T8, and what scheduling answers."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.intake import Diagnosis
from contracts.scheduling import SeatHeld, SeatUnavailable
from contracts.vocabulary import AgeBand, ProgramKind, Risk
from services.intake import domain
from tests.intake.story import (
    ADMISSION,
    ASSESSMENT,
    KAI,
    LEVEL,
    NO_RISKS,
    SEAT,
    asked,
    assessed,
    level,
    measured,
    screened,
    seated,
    waiting,
)


class TestAskingForASeat:
    def test_the_request_carries_what_scheduling_needs(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, curriculum_tracks=("trauma",)))
        story.do(domain.request_seat, SEAT)
        said = story.said(intake.SeatRequested)[0]
        assert (said.level, said.program_kind, said.age_band) == (LEVEL, ProgramKind.SUD, AgeBand.ADULT)
        assert said.availability == ASSESSMENT.availability
        assert said.tracks == ("trauma",)

    @pytest.mark.parametrize(
        ("language", "sex", "told"),
        [
            ("pt_BR", "F", ("pt-BR", "female")),
            ("en", "male", ("en", "male")),
            (None, None, (None, None)),
            ("speaks Portuguese", "ask Ann 555 0101", (None, None)),
            ("555-0101", "unknown", (None, None)),
        ],
    )
    def test_only_codes_of_what_groups_ask_for_leave_the_record(
        self, language: str | None, sex: str | None, told: tuple[str | None, str | None]
    ) -> None:
        story = assessed()
        story.change(person=replace(story.state.person, language=language, sex=sex))
        story.do(domain.request_seat, SEAT)
        said = story.said(intake.SeatRequested)[0]
        assert (said.language, said.gender) == told

    @pytest.mark.parametrize(
        ("changes", "guard"),
        [
            ({"weekly_minutes": 539}, "minutes_in_band"),
            ({"weekly_minutes": 1200}, "minutes_in_band"),
            ({"earliest_start": date(2026, 1, 5)}, "start_in_reach"),
            ({"earliest_start": date(9999, 12, 31)}, "start_in_reach"),
        ],
    )
    def test_the_week_must_be_legal_and_near(self, changes: dict[str, Any], guard: str) -> None:
        assert assessed().refused(domain.request_seat, replace(SEAT, **changes)) == {guard}

    def test_an_adolescent_has_the_band_of_the_age(self) -> None:
        story = assessed().change(person=KAI)
        story.do(domain.request_seat, replace(SEAT, weekly_minutes=360))
        assert story.said(intake.SeatRequested)[0].age_band is AgeBand.ADOLESCENT

    def test_a_level_that_is_not_served_gets_no_seat(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level("2.5")))
        assert story.refused(domain.request_seat, replace(SEAT, weekly_minutes=1200)) == {"level_served"}

    def test_whatever_a_new_screening_finds_blocks(self) -> None:
        story = assessed()
        story.do(domain.screen_patient, measured(replace(NO_RISKS, home_safe=False), ciwa_ar=20))
        assert story.refused(domain.request_seat, SEAT) == {
            "can_live_at_home",
            "withdrawal_not_high",
            "no_high_alert",
        }
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        assert story.refused(domain.request_seat, SEAT) == {"suicide_risk_not_high", "no_high_alert"}

    def test_a_high_alert_blocks_until_it_is_resolved(self) -> None:
        story = assessed()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        story.do(domain.screen_patient, NO_RISKS)
        assert story.acknowledge().refused(domain.request_seat, SEAT) == {"no_high_alert"}
        assert story.resolve().do(domain.request_seat, SEAT)

    def test_only_the_assessed_ask_and_not_twice(self) -> None:
        assert "stage" in screened().refused(domain.request_seat, SEAT)
        story = asked()
        assert story.refused(domain.request_seat, SEAT) == {"no_open_request"}
        story.seat_held()
        assert story.refused(domain.request_seat, SEAT) == {"no_seat_held"}

    def test_a_request_without_an_answer_may_be_made_again_after_a_day(self) -> None:
        story = asked().later(hours=24, seconds=-1)
        assert story.refused(domain.request_seat, SEAT) == {"no_open_request"}
        assert story.later(seconds=1).do(domain.request_seat, SEAT)

    def test_a_hold_that_is_over_may_be_followed_by_another(self) -> None:
        story = seated()
        later = replace(SEAT, earliest_start=date(2026, 1, 20))
        assert story.later(days=7, seconds=-1).refused(domain.request_seat, later) == {"no_seat_held"}
        assert story.later(seconds=1).do(domain.request_seat, later)

    def test_an_old_assessment_is_made_again_in_place(self) -> None:
        story = assessed().later(days=31)
        soon = replace(SEAT, earliest_start=date(2026, 2, 10))
        assert story.refused(domain.request_seat, soon) == {"assessment_current"}
        story.do(domain.screen_patient, NO_RISKS)
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.do(domain.request_seat, soon)

    def test_the_kind_of_program_is_never_guessed_from_codes_that_say_nothing(self) -> None:
        story = screened()
        diagnoses = (Diagnosis(system="icd10cm", code="I10", rank=1),)
        story.do(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses))
        assert story.refused(domain.request_seat, SEAT) == {"program_kind"}
        assert story.do(domain.request_seat, replace(SEAT, program_kind=ProgramKind.MENTAL_HEALTH))

    @pytest.mark.parametrize(
        ("codes", "kind"),
        [
            (("F1020", "F331"), ProgramKind.CO_OCCURRING),
            (("F331",), ProgramKind.MENTAL_HEALTH),
            (("F5001", "F331"), ProgramKind.EATING_DISORDER),
        ],
    )
    def test_diagnoses_name_the_kind_of_program(self, codes: tuple[str, ...], kind: ProgramKind) -> None:
        story = screened()
        diagnoses = tuple(Diagnosis(system="icd10cm", code=c, rank=n) for n, c in enumerate(codes, 1))
        story.do(domain.assess_patient, replace(ASSESSMENT, diagnoses=diagnoses))
        story.do(domain.request_seat, SEAT)
        assert story.said(intake.SeatRequested)[0].program_kind is kind

    def test_an_answer_to_another_request_changes_nothing(self) -> None:
        story = assessed()
        story.do(domain.request_seat, SEAT)
        stale = story.heard(SeatUnavailable, request_id="older", cause="full")
        assert story.do(domain.miss_seat, stale) == []
        held = story.heard(
            SeatHeld, request_id="older", seat_hold_id="h", slots=(), weekly_minutes=720,
            start_on=date(2026, 1, 13), hold_expires_at=story.at + timedelta(days=3),
        )  # fmt: skip
        assert story.do(domain.keep_seat, held) == []

    def test_hearing_the_same_answer_twice_changes_nothing(self) -> None:
        story = waiting()
        assert story.seat_unavailable() == []
        story = seated()
        assert story.seat_held() == []

    def test_a_seat_that_scheduling_lets_go_is_gone(self) -> None:
        story = seated()
        assert story.seat_released("another") == []
        story.seat_released()
        assert story.refused(domain.admit_patient, ADMISSION) == {"seat_held"}

    def test_whoever_referred_may_have_said_which_program(self) -> None:
        story = assessed().change(program_kind=ProgramKind.CO_OCCURRING)
        story.do(domain.request_seat, SEAT)
        assert story.said(intake.SeatRequested)[0].program_kind is ProgramKind.CO_OCCURRING
