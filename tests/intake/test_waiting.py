"""Asking for a seat, waiting and offers: T8 to T11."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Unwake, Wake
from contracts.event import Event
from contracts.intake import Diagnosis
from contracts.scheduling import SeatHeld, SeatReleased, SeatUnavailable
from contracts.vocabulary import (
    AgeBand,
    DeclineReason,
    LevelOfCare,
    ProgramKind,
    Risk,
    Urgency,
)
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ACCEPT,
    ADMISSION,
    ASSESSMENT,
    COVERED,
    DANA,
    DECLINE,
    LEVEL,
    NO_RISKS,
    SEAT,
    START,
    Story,
    assessed,
    authorization,
    declined,
    offered,
    screened,
    seated,
    waiting,
)


class TestAskingForASeat:
    def test_the_request_carries_what_scheduling_needs(self) -> None:
        story = assessed()
        story.do(domain.request_seat, SEAT)
        said = story.said(intake.SeatRequested)[0]
        assert (said.level, said.program_kind, said.age_band) == (LEVEL, ProgramKind.SUD, AgeBand.ADULT)
        assert said.availability == ASSESSMENT.availability

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
        story = assessed()
        story.state = replace(story.state, person=replace(DANA, birth_date=date(2010, 1, 1)))
        story.do(domain.request_seat, replace(SEAT, weekly_minutes=360))
        assert story.said(intake.SeatRequested)[0].age_band is AgeBand.ADOLESCENT

    def test_a_level_that_is_not_served_gets_no_seat(self) -> None:
        story = screened()
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=LevelOfCare(code="2.5")))
        assert story.refused(domain.request_seat, replace(SEAT, weekly_minutes=1200)) == {"level_served"}

    def test_high_suicide_risk_or_an_unsafe_home_blocks(self) -> None:
        story = assessed()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH, home_safe=False))
        assert story.refused(domain.request_seat, SEAT) == {"suicide_risk_not_high", "can_live_at_home"}

    def test_only_the_assessed_ask_and_not_twice(self) -> None:
        assert "stage" in screened().refused(domain.request_seat, SEAT)
        story = assessed()
        story.do(domain.request_seat, SEAT)
        assert story.refused(domain.request_seat, SEAT) == {"no_open_request"}
        story.seat_held()
        assert story.refused(domain.request_seat, SEAT) == {"no_seat_held"}

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
        assert (
            story.do(domain.lose_seat, story.heard(SeatReleased, seat_hold_id="another", seats=1, cause="x"))
            == []
        )
        story.do(
            domain.lose_seat, story.heard(SeatReleased, seat_hold_id="hold-1", seats=1, cause="hold_over")
        )
        assert story.refused(domain.admit_patient, ADMISSION) == {"seat_held"}


class TestWaiting:
    """T8, T10, T11."""

    def test_without_a_seat_an_assessed_person_waits_thirty_days(self) -> None:
        story = waiting()
        said = story.said(intake.PatientWaitlisted)[0]
        assert story.stands() is Stage.WAITLISTED
        assert said.expires_at == START + timedelta(days=30)
        assert Wake(said.expires_at, "entry_expires") in story.facts
        assert Wake(START + timedelta(days=1), "ask_again") in story.facts

    @pytest.mark.parametrize(
        ("urgency", "priority"), [(Urgency.EMERGENT, 1), (Urgency.URGENT, 2), (Urgency.ROUTINE, 3)]
    )
    def test_urgency_is_the_place_in_the_queue(self, urgency: Urgency, priority: int) -> None:
        story = assessed()
        story.state = replace(story.state, urgency=urgency)
        story.do(domain.request_seat, SEAT)
        story.seat_unavailable()
        assert story.said(intake.PatientWaitlisted)[0].priority == priority

    def test_a_further_no_changes_nothing_for_who_already_waits(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.seat_unavailable()
        assert story.stands() is Stage.WAITLISTED
        assert len(story.said(intake.PatientWaitlisted)) == 1

    def test_every_day_a_waiting_person_is_asked_for_again(self) -> None:
        story = waiting().later(days=1)
        facts = story.woke(domain.ask_again, "ask_again")
        assert Wake(story.at + timedelta(days=1), "ask_again") in facts
        first, second = story.said(intake.SeatRequested)
        assert first.request_id != second.request_id

    def test_a_new_request_starts_late_enough_for_offer_and_admission(self) -> None:
        story = waiting().later(days=10)
        story.woke(domain.ask_again, "ask_again")
        assert story.said(intake.SeatRequested)[-1].earliest_start == date(2026, 1, 19)

    def test_who_waits_no_more_is_not_asked_for(self) -> None:
        story = offered()
        assert not [f for f in story.woke(domain.ask_again, "ask_again") if isinstance(f, Event)]
        story.do(domain.answer_offer, ACCEPT)
        assert story.woke(domain.ask_again, "ask_again") == []

    def test_a_freed_seat_is_tried_once_for_each(self) -> None:
        story = waiting().later(days=2)
        released = story.at
        assert story.do(domain.ask_for_freed_seat, released)
        assert story.do(domain.ask_for_freed_seat, released) == []
        story.seat_unavailable()
        assert story.do(domain.ask_for_freed_seat, released) == []
        assert story.do(domain.ask_for_freed_seat, released + timedelta(seconds=1))

    def test_an_unanswered_request_is_repeated_after_a_day(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.later(days=1).woke(domain.ask_again, "ask_again")
        assert len(story.said(intake.SeatRequested)) == 3

    def test_high_suicide_risk_asks_for_no_seat(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        facts = story.woke(domain.ask_again, "ask_again")
        assert [type(f) for f in facts] == [Wake]

    def test_the_wait_ends_at_the_instant_it_names(self) -> None:
        story = waiting().later(days=30, seconds=-1)
        assert story.woke(domain.expire_entry, "entry_expires") == []
        story.later(seconds=1).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.UNREACHABLE
        assert story.woke(domain.expire_entry, "entry_expires") == []

    def test_an_open_offer_outlives_the_wait(self) -> None:
        story = offered()
        assert story.state.entry
        story.state = replace(story.state, entry=replace(story.state.entry, expires_at=story.at))
        assert story.woke(domain.expire_entry, "entry_expires") == []
        story.later(hours=48).woke(domain.expire_offer, "offer_expires")
        assert story.stands() is Stage.DECLINED

    def test_staff_cannot_give_a_waiting_person_up_early(self) -> None:
        story = waiting()
        assert story.refused(domain.decline_referral, declined(DeclineReason.UNREACHABLE)) == {"wait_over"}

    def test_a_pended_authorization_waits_and_its_approval_ends_that(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, authorization(status="pended"))
        assert story.said(intake.PatientWaitlisted)[0].priority_reason == "authorization_pended"
        assert not [
            f for f in story.later(days=1).woke(domain.ask_again, "ask_again") if isinstance(f, Event)
        ]
        story.do(domain.record_authorization, authorization(status="denied"))
        assert story.stands() is Stage.WAITLISTED
        story.do(domain.record_authorization, authorization())
        assert story.stands() is Stage.ASSESSED

    def test_an_approval_does_not_end_the_wait_for_a_seat(self) -> None:
        story = waiting()
        story.do(domain.record_authorization, authorization())
        assert story.stands() is Stage.WAITLISTED

    def test_an_authorization_that_never_comes_is_no_coverage(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, authorization(status="pended"))
        story.later(days=30).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.NO_COVERAGE


class TestOffers:
    """T9 and T10."""

    def test_a_seat_held_for_a_waiting_person_is_offered_for_two_days(self) -> None:
        story = offered()
        said = story.said(intake.WaitlistOfferMade)[0]
        assert said.offer_expires_at == story.at + timedelta(hours=48)
        assert Wake(said.offer_expires_at, "offer_expires") in story.facts

    def test_an_offer_never_outlives_its_hold(self) -> None:
        story = waiting().later(days=1)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(hours=5))
        assert story.said(intake.WaitlistOfferMade)[0].offer_expires_at == story.at + timedelta(hours=5)

    def test_accepting_in_time_on_fresh_findings_leads_back_to_admission(self) -> None:
        story = offered()
        story.do(domain.verify_coverage, COVERED)
        facts = story.later(hours=47).do(domain.answer_offer, ACCEPT)
        assert {f.what for f in facts if isinstance(f, Unwake)} == {
            "offer_expires",
            "entry_expires",
            "ask_again",
        }
        assert story.stands() is Stage.ASSESSED
        story.do(domain.admit_patient, ADMISSION)
        assert story.said(intake.PatientAdmitted)[0].seat_hold_id == "hold-2"

    def test_at_the_instant_it_names_an_offer_is_over_said_or_not(self) -> None:
        story = offered().later(hours=48)
        assert story.refused(domain.answer_offer, ACCEPT) == {"offer_in_time"}
        assert story.refused(domain.answer_offer, DECLINE) == {"offer_in_time"}
        story.woke(domain.expire_offer, "offer_expires")
        assert story.refused(domain.answer_offer, ACCEPT) == {"offer_open", "seat_held"}

    def test_an_old_suicide_screen_must_be_renewed_first(self) -> None:
        story = offered()
        story.at = START + timedelta(days=8)
        assert story.state.entry
        assert story.state.entry.offer
        assert story.state.hold
        ends = story.at + timedelta(days=1)
        story.state = replace(
            story.state,
            hold=replace(story.state.hold, expires_at=ends),
            entry=replace(story.state.entry, offer=replace(story.state.entry.offer, expires_at=ends)),
        )
        assert story.refused(domain.answer_offer, ACCEPT) == {"suicide_screen_current"}
        story.do(domain.screen_patient, NO_RISKS)
        assert story.stands() is Stage.WAITLISTED
        story.do(domain.answer_offer, ACCEPT)
        assert story.stands() is Stage.ASSESSED

    def test_an_old_assessment_must_be_renewed_first(self) -> None:
        story = waiting().later(days=29)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(days=4))
        story.later(hours=47)
        story.do(domain.screen_patient, NO_RISKS)
        assert story.refused(domain.answer_offer, ACCEPT) == {"assessment_current"}
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.stands() is Stage.WAITLISTED
        story.do(domain.answer_offer, ACCEPT)

    def test_high_suicide_risk_blocks_acceptance_but_not_a_no(self) -> None:
        story = offered()
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        assert story.refused(domain.answer_offer, ACCEPT) == {"suicide_risk_not_high"}
        assert story.do(domain.answer_offer, DECLINE)

    def test_there_must_be_an_offer(self) -> None:
        assert "offer_open" in waiting().refused(domain.answer_offer, DECLINE)
        assert "stage" in assessed().refused(domain.answer_offer, ACCEPT)

    def test_an_early_or_stale_wake_expires_nothing(self) -> None:
        story = offered().later(hours=47)
        assert story.woke(domain.expire_offer, "offer_expires") == []
        story.do(domain.answer_offer, ACCEPT)
        assert story.later(hours=2).woke(domain.expire_offer, "offer_expires") == []

    def test_a_miss_goes_behind_those_who_wait(self) -> None:
        story = offered()
        assert story.state.entry
        assert story.state.entry.queued_at == START
        story.later(hours=48).woke(domain.expire_offer, "offer_expires")
        assert story.state.entry.queued_at == story.at
        assert story.state.entry.misses == 1
        assert story.state.hold is None
        assert story.woke(domain.expire_offer, "offer_expires") == []

    def _third_miss(self, answer: domain.AnswerOffer | None) -> Story:
        story = offered()
        for n in range(3):
            if answer is None:
                story.later(hours=48).woke(domain.expire_offer, "offer_expires")
            else:
                story.do(domain.answer_offer, answer)
            if n < 2:
                assert story.stands() is Stage.WAITLISTED
                story.later(hours=1)
                story.do(domain.ask_for_freed_seat, story.at)
                story.seat_held(f"hold-{n + 3}")
        return story

    def test_three_misses_end_the_wait(self) -> None:
        story = self._third_miss(None)
        assert story.stands() is Stage.DECLINED
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.UNREACHABLE
        assert [e.misses for e in story.said(intake.WaitlistOfferExpired)] == [1, 2, 3]

    def test_three_refusals_are_the_persons_own_no(self) -> None:
        assert (
            self._third_miss(DECLINE).said(intake.ReferralDeclined)[0].reason
            is DeclineReason.PATIENT_DECLINED
        )

    def test_an_offer_whose_seats_are_let_go_ends_without_a_miss(self) -> None:
        story = offered()
        story.do(domain.lose_seat, story.heard(SeatReleased, seat_hold_id="hold-2", seats=1, cause="closed"))
        assert story.said(intake.WaitlistOfferExpired)[0].misses == 0
        assert story.stands() is Stage.WAITLISTED
        assert "offer_open" in story.refused(domain.answer_offer, ACCEPT)
