"""The waiting list and its offers: T8 to T11."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Unwake, Wake
from contracts.event import Event
from contracts.vocabulary import DeclineReason, Risk, Urgency
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    ACCEPT,
    ADMISSION,
    ASSESSMENT,
    COVERED,
    DECLINE,
    NO_RISKS,
    SEAT,
    START,
    Story,
    assessed,
    authorization,
    level,
    measured,
    offered,
    waiting,
)


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
        story = assessed().change(urgency=urgency)
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

    @pytest.mark.parametrize(
        ("found", "asks"),
        [
            ({"suicide_risk": Risk.HIGH}, False),
            ({"withdrawal_risk": Risk.HIGH}, False),
            ({"home_safe": False}, False),
            ({"home_safe": False, "alternative_housing": True}, True),
            ({}, True),
        ],
    )
    def test_nobody_is_asked_for_while_something_more_urgent_stands(
        self, found: dict[str, Any], asks: bool
    ) -> None:
        story = waiting().later(days=1)
        story.do(domain.screen_patient, replace(NO_RISKS, **found))
        facts = story.woke(domain.ask_again, "ask_again")
        assert (intake.SeatRequested in map(type, facts)) is asks
        assert Wake(story.at + timedelta(days=1), "ask_again") in facts

    def test_nobody_is_asked_for_at_a_level_that_is_not_served(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.assess_patient, replace(ASSESSMENT, recommended_level=level("2.5")))
        assert [type(f) for f in story.woke(domain.ask_again, "ask_again")] == [Wake]

    def test_a_high_alert_stops_the_asking_until_it_is_resolved(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        story.do(domain.screen_patient, NO_RISKS)
        assert story.do(domain.ask_for_freed_seat, story.at) == []
        assert story.resolve().do(domain.ask_for_freed_seat, story.at)

    def test_a_stale_assessment_is_never_asked_for_by_itself(self) -> None:
        story = waiting()
        assert story.state.entry
        story.change(entry=replace(story.state.entry, expires_at=START + timedelta(days=90)))
        story.later(days=30)
        assert intake.SeatRequested in map(type, story.woke(domain.ask_again, "ask_again"))
        story.later(days=1)
        assert [type(f) for f in story.woke(domain.ask_again, "ask_again")] == [Wake]
        assert story.do(domain.ask_for_freed_seat, story.at) == []
        story.do(domain.screen_patient, NO_RISKS)
        story.do(domain.assess_patient, ASSESSMENT)
        assert story.do(domain.ask_for_freed_seat, story.at)

    def test_the_wait_ends_at_the_instant_it_names(self) -> None:
        story = waiting().later(days=30, seconds=-1)
        assert story.woke(domain.expire_entry, "entry_expires") == []
        story.later(seconds=1).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.NO_CAPACITY
        assert story.woke(domain.expire_entry, "entry_expires") == []

    def test_who_missed_an_offer_was_out_of_reach_and_not_the_seats(self) -> None:
        story = offered().later(hours=48)
        story.woke(domain.expire_offer, "offer_expires")
        story.later(days=26).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.UNREACHABLE

    def test_an_open_offer_outlives_the_wait(self) -> None:
        story = offered()
        assert story.state.entry
        story.state = replace(story.state, entry=replace(story.state.entry, expires_at=story.at))
        (again,) = story.woke(domain.expire_entry, "entry_expires")
        assert again == Wake(story.at + timedelta(hours=48), "entry_expires")
        story.later(hours=48).woke(domain.expire_offer, "offer_expires")
        assert story.stands() is Stage.DECLINED


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
        story = waiting().later(days=8)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(days=4))
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

    def test_high_risks_block_acceptance_but_not_a_no(self) -> None:
        story = offered()
        story.do(domain.screen_patient, measured(replace(NO_RISKS, suicide_risk=Risk.HIGH), cows=13))
        assert story.refused(domain.answer_offer, ACCEPT) == {
            "suicide_risk_not_high",
            "withdrawal_not_high",
            "no_high_alert",
        }
        assert story.do(domain.answer_offer, DECLINE)

    def test_an_offer_says_what_must_be_made_anew_first(self) -> None:
        assert offered().said(intake.WaitlistOfferMade)[0].needs == ()
        story = waiting().later(days=8)
        story.woke(domain.ask_again, "ask_again")
        story.seat_held("hold-2", timedelta(days=4))
        assert story.said(intake.WaitlistOfferMade)[0].needs == ("suicide_screen",)
        story = waiting().later(days=29, hours=23)
        story.do(domain.offer_seat, OUT_OF_TURN)
        story.later(days=2).seat_held("hold-2", timedelta(days=4))
        assert story.said(intake.WaitlistOfferMade)[0].needs == ("suicide_screen", "assessment")

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
        story.seat_released("hold-2")
        assert story.said(intake.WaitlistOfferExpired)[0].misses == 0
        assert story.stands() is Stage.WAITLISTED
        assert "offer_open" in story.refused(domain.answer_offer, ACCEPT)


OUT_OF_TURN = domain.OfferSeat("discharge_from_hospital")


class TestOutOfTurn:
    """A person decides; the machine goes by the list."""

    def test_a_person_may_ask_where_the_assessment_must_be_renewed_first(self) -> None:
        story = waiting().later(days=29)
        story.do(domain.offer_seat, OUT_OF_TURN)
        assert story.state.wish
        assert story.state.wish.out_of_turn == "discharge_from_hospital"
        asked = story.said(intake.SeatRequested)[-1]
        assert asked.earliest_start == date(2026, 2, 7)
        story.later(days=2).seat_held("hold-2", timedelta(days=3))
        assert story.refused(domain.answer_offer, ACCEPT) >= {"assessment_current"}

    def test_a_later_start_may_be_named(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.offer_seat, replace(OUT_OF_TURN, earliest_start=date(2026, 2, 2)))
        assert story.said(intake.SeatRequested)[-1].earliest_start == date(2026, 2, 2)

    @pytest.mark.parametrize("start", [date(2026, 1, 6), date(2027, 1, 8)])
    def test_a_start_out_of_reach_is_refused(self, start: date) -> None:
        story = waiting().later(days=1)
        assert story.refused(domain.offer_seat, replace(OUT_OF_TURN, earliest_start=start)) == {
            "start_in_reach"
        }

    def test_neither_an_open_offer_nor_an_open_request_is_doubled(self) -> None:
        assert offered().refused(domain.offer_seat, OUT_OF_TURN) == {"no_offer_open"}
        story = waiting().later(days=1)
        story.do(domain.offer_seat, OUT_OF_TURN)
        assert story.refused(domain.offer_seat, OUT_OF_TURN) == {"no_open_request"}

    def test_a_high_alert_stops_a_person_too(self) -> None:
        story = waiting().later(days=1)
        story.do(domain.screen_patient, replace(NO_RISKS, suicide_risk=Risk.HIGH))
        assert story.refused(domain.offer_seat, OUT_OF_TURN) == {"no_high_alert", "suicide_risk_not_high"}

    def test_who_waits_for_a_payer_told_nobody_which_week(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, authorization(status="pended"))
        assert story.refused(domain.offer_seat, OUT_OF_TURN) == {"wish_known"}


class TestPriority:
    def test_the_reason_is_kept_and_a_miss_keeps_the_place(self) -> None:
        story = waiting()
        story.do(domain.prioritize, domain.Prioritize(1, "pregnancy"))
        assert story.state.entry
        assert (story.state.entry.priority, story.state.entry.priority_reason) == (1, "pregnancy")
        assert story.state.entry.reason == "routine"

    @pytest.mark.parametrize("priority", [0, 10, -1])
    def test_a_priority_lies_between_one_and_nine(self, priority: int) -> None:
        command = domain.Prioritize(priority, "x")
        assert waiting().refused(domain.prioritize, command) == {"priority_range"}

    def test_only_who_waits_has_a_place(self) -> None:
        assert assessed().refused(domain.prioritize, domain.Prioritize(1, "x")) == {"stage"}
