"""What payers say: coverage, authorization and what remains of it, and who certified the need."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts import intake
from contracts.decisions import Unwake, Wake, Woke
from contracts.event import Event
from contracts.vocabulary import DeclineReason, PlanKind
from services.intake import domain
from services.intake.domain import Stage
from tests.intake.story import (
    COVERED,
    Story,
    admitted,
    assessed,
    authorization,
    declined,
    level,
    referred,
    seated,
    waiting,
)

PENDED = authorization(status="pended", units_approved=0)


class TestWords:
    def test_words_and_dates_hold(self) -> None:
        story = referred()
        assert story.refused(domain.verify_coverage, replace(COVERED, status="maybe")) == {"coverage_status"}
        over = replace(COVERED, valid_from=date(2026, 2, 1), valid_through=date(2026, 1, 31))
        assert story.refused(domain.verify_coverage, over) == {"valid_dates"}
        upside_down = authorization(status="perhaps", valid_to=date(2025, 1, 1), unit_kind="week")
        assert story.refused(domain.record_authorization, upside_down) == {
            "authorization_status",
            "valid_dates",
            "unit_kind",
        }

    def test_an_approval_of_nothing_is_none(self) -> None:
        for status in ("approved", "partial"):
            nothing = authorization(status=status, units_approved=0)
            assert referred().refused(domain.record_authorization, nothing) == {"units"}
        assert referred().do(domain.record_authorization, PENDED)

    def test_nothing_is_recorded_for_a_closed_referral(self) -> None:
        story = referred()
        story.do(domain.decline_referral, declined(DeclineReason.PATIENT_DECLINED))
        certificate = domain.Certify("dr", "MD", date(2026, 1, 6))
        assert story.refused(domain.verify_coverage, COVERED) == {"not_closed"}
        assert story.refused(domain.record_authorization, authorization()) == {"not_closed"}
        assert story.refused(domain.certify, certificate) == {"not_closed"}

    def test_a_decision_names_an_authorization_on_file_or_opens_a_new_one(self) -> None:
        story = referred()
        unknown = authorization(authorization_id="auth-7")
        assert story.refused(domain.record_authorization, unknown) == {"authorization_known"}
        story.do(domain.record_authorization, PENDED)
        (on_file,) = story.state.authorizations
        story.do(domain.record_authorization, authorization(authorization_id=on_file.id))
        assert [(a.id, a.status) for a in story.state.authorizations] == [(on_file.id, "approved")]
        story.do(domain.record_authorization, authorization())
        assert len(story.state.authorizations) == 2


class TestCertification:
    def test_only_a_physician_certifies_and_not_ahead(self) -> None:
        story = referred()
        (failed,) = story.refusal(domain.certify, domain.Certify("rn", "RN", date(2026, 1, 6))).facts[
            "failed"
        ]
        assert (failed["guard"], failed["accepted"]) == ("certifier_credential", ["MD", "DO"])
        assert story.refused(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 7))) == {"not_ahead"}

    def test_today_is_the_day_of_the_site(self) -> None:
        story = referred()
        story.at = datetime(2026, 1, 8, 3, 0, tzinfo=UTC)
        assert story.refused(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 8))) == {"not_ahead"}
        assert story.do(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 7)))

    def test_it_is_due_again_after_sixty_days_and_the_newest_counts(self) -> None:
        story = referred()
        story.do(domain.certify, domain.Certify("dr", "MD", date(2026, 1, 5)))
        assert story.state.certificate
        assert story.state.certificate.next_due_on == date(2026, 3, 6)
        story.later(days=40).do(domain.certify, domain.Certify("dr", "DO", date(2026, 2, 10)))
        assert story.state.certificate.certified_on == date(2026, 2, 10)


def used(story: Story) -> list[int]:
    return [sum(a.used.values()) for a in story.state.authorizations]


def granted(**changes: Any) -> Story:
    story = admitted()
    story.do(domain.record_authorization, authorization(**changes))
    return story


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "minutes", "services", "units"),
        [
            ("day", 180, 2, 1),
            ("day", 179, 2, 0),
            ("session", 180, 3, 3),
            ("hour", 180, 1, 3),
            ("hour", 181, 1, 4),
            ("hour", 0, 0, 0),
            ("visit", 30, 3, 1),
            ("visit", 0, 0, 0),
        ],
    )
    def test_each_kind_of_unit_is_counted_in_its_own_way(
        self, unit: str, minutes: int, services: int, units: int
    ) -> None:
        story = granted(unit_kind=unit)
        story.day_closed(date(2026, 1, 13), minutes, services)
        assert used(story) == [units]

    def test_a_day_closed_again_replaces_what_was_counted(self) -> None:
        story = granted(unit_kind="hour")
        story.day_closed(date(2026, 1, 13), 180)
        assert story.day_closed(date(2026, 1, 13), 180, reopened_count=1) == []
        story.day_closed(date(2026, 1, 13), 60, reopened_count=2)
        story.day_closed(date(2026, 1, 14), 120)
        assert used(story) == [3]
        story.day_closed(date(2026, 1, 13), 0, 0, reopened_count=3)
        assert used(story) == [2]

    def test_a_reopened_day_stays_with_the_authorization_it_was_drawn_from(self) -> None:
        story = granted(valid_to=date(2026, 2, 28))
        story.day_closed(date(2026, 1, 13))
        story.do(domain.record_authorization, authorization(valid_to=date(2026, 1, 31)))
        story.day_closed(date(2026, 1, 13), 0, 0, reopened_count=1)
        assert used(story) == [0, 0]

    def test_what_ends_first_is_drawn_first_and_what_is_used_up_last(self) -> None:
        story = granted(valid_to=date(2026, 6, 30))
        story.do(domain.record_authorization, authorization(valid_to=date(2026, 2, 28), units_approved=1))
        story.day_closed(date(2026, 1, 13))
        assert used(story) == [0, 1]
        story.day_closed(date(2026, 1, 14))
        assert used(story) == [1, 1]

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "denied"},
            {"status": "pended"},
            {"level": level("1")},
            {"valid_from": date(2026, 1, 14)},
            {"valid_to": date(2026, 1, 12)},
        ],
    )
    def test_what_does_not_cover_the_day_is_not_drawn(self, changes: dict[str, Any]) -> None:
        story = granted(**changes)
        assert story.day_closed(date(2026, 1, 13)) == []

    def test_a_partial_approval_is_drawn(self) -> None:
        story = granted(status="partial", units_approved=5)
        story.day_closed(date(2026, 1, 13))
        assert used(story) == [1]

    def test_a_new_decision_keeps_what_was_used(self) -> None:
        story = granted()
        story.day_closed(date(2026, 1, 13))
        (on_file,) = story.state.authorizations
        story.do(domain.record_authorization, authorization(authorization_id=on_file.id, units_approved=10))
        assert story.state.authorizations[0].units_left == 9


class TestWarnings:
    def test_it_is_said_once_when_low_and_once_when_over(self) -> None:
        story = granted(units_approved=5)
        for day in range(12, 19):
            story.day_closed(date(2026, 1, day))
        low, over = story.said(intake.AuthorizationRunningLow)
        assert (low.units_left, low.ended, low.last_covered_on) == (3, False, date(2026, 4, 30))
        assert (over.units_left, over.ended, over.last_covered_on) == (0, True, date(2026, 1, 16))

    def test_days_may_end_before_units(self) -> None:
        story = granted(valid_to=date(2026, 1, 20))
        story.day_closed(date(2026, 1, 12))
        assert story.said(intake.AuthorizationRunningLow) == []
        story.day_closed(date(2026, 1, 13))
        (low,) = story.said(intake.AuthorizationRunningLow)
        assert (low.days_left, low.ended, low.last_covered_on) == (7, False, date(2026, 1, 20))
        story.day_closed(date(2026, 1, 19))
        story.day_closed(date(2026, 1, 20))
        assert [(w.days_left, w.ended) for w in story.said(intake.AuthorizationRunningLow)] == [
            (7, False),
            (0, True),
        ]

    def test_one_that_ends_at_once_is_said_once(self) -> None:
        story = granted(units_approved=1)
        story.day_closed(date(2026, 1, 12))
        story.day_closed(date(2026, 1, 13))
        assert [w.ended for w in story.said(intake.AuthorizationRunningLow)] == [True]

    def test_a_renewal_warns_anew(self) -> None:
        story = granted(units_approved=1)
        story.day_closed(date(2026, 1, 12))
        (on_file,) = story.state.authorizations
        story.do(domain.record_authorization, authorization(authorization_id=on_file.id, units_approved=4))
        story.day_closed(date(2026, 1, 13))
        assert [w.ended for w in story.said(intake.AuthorizationRunningLow)] == [True, False]


class TestWaitingForThePayer:
    """T8 and the way back."""

    @pytest.mark.parametrize("status", ["pended", "requested", "contact_payer"])
    def test_an_undecided_authorization_waits_and_its_approval_ends_that(self, status: str) -> None:
        story = assessed()
        story.do(domain.record_authorization, replace(PENDED, status=status))
        assert story.said(intake.PatientWaitlisted)[0].priority_reason == "authorization_pended"
        story.later(days=1)
        assert not [f for f in story.woke(domain.ask_again, "ask_again") if isinstance(f, Event)]
        story.do(domain.record_authorization, authorization(status="denied"))
        assert story.stands() is Stage.WAITLISTED
        facts = story.do(domain.record_authorization, authorization(status="partial"))
        assert {f.what for f in facts if isinstance(f, Unwake)} == {"entry_expires", "ask_again"}
        assert (story.stands(), story.state.entry) == (Stage.ASSESSED, None)

    @pytest.mark.parametrize("status", ["active", "waived"])
    def test_undecided_coverage_waits_and_its_decision_ends_that(self, status: str) -> None:
        story = assessed()
        story.do(domain.verify_coverage, replace(COVERED, status="pended"))
        assert story.said(intake.PatientWaitlisted)[0].priority_reason == "coverage_pended"
        story.do(domain.record_authorization, authorization())
        assert story.stands() is Stage.WAITLISTED
        story.do(domain.verify_coverage, replace(COVERED, status=status))
        assert story.stands() is Stage.ASSESSED

    def test_an_approval_does_not_end_the_wait_for_a_seat(self) -> None:
        story = waiting()
        story.do(domain.record_authorization, authorization())
        story.do(domain.verify_coverage, COVERED)
        assert story.stands() is Stage.WAITLISTED

    def test_who_holds_a_seat_already_keeps_it_while_the_payer_thinks(self) -> None:
        story = seated()
        story.do(domain.record_authorization, PENDED)
        assert (story.stands(), story.state.entry) == (Stage.ASSESSED, None)

    def test_an_authorization_that_never_comes_is_no_coverage(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, PENDED)
        story.later(days=30).woke(domain.expire_entry, "entry_expires")
        assert story.said(intake.ReferralDeclined)[0].reason is DeclineReason.NO_COVERAGE

    def test_care_goes_on_when_an_authorization_is_over(self) -> None:
        story = granted(units_approved=1)
        story.day_closed(date(2026, 1, 13))
        assert story.stands() is Stage.ADMITTED


class TestDays:
    """An authorization ends by its days too, also for somebody who stays away."""

    @staticmethod
    def at(story: Story, local_midnight: datetime) -> list[Any]:
        id = story.state.authorizations[0].id
        story.at = local_midnight
        return story.do(domain.tell_of_authorization, Woke(story.at, f"authorization_ends:{id}"))

    def test_it_is_said_seven_days_before_and_at_the_end(self) -> None:
        story = referred()
        recorded = story.do(domain.record_authorization, authorization(valid_to=date(2026, 1, 31)))
        (wake,) = (f for f in recorded if isinstance(f, Wake))
        assert wake.at == datetime(2026, 1, 25, 5, tzinfo=UTC), "midnight at the site"
        assert [f for f in self.at(story, wake.at) if isinstance(f, Wake)] == [
            Wake(datetime(2026, 2, 1, 5, tzinfo=UTC), wake.what)
        ]
        assert self.at(story, datetime(2026, 2, 1, 5, tzinfo=UTC))
        low, over = story.said(intake.AuthorizationRunningLow)
        assert (low.days_left, low.ended, low.last_covered_on) == (7, False, date(2026, 1, 31))
        assert (over.days_left, over.ended) == (0, True)

    def test_what_is_renewed_is_no_news(self) -> None:
        story = referred()
        story.do(domain.record_authorization, authorization(valid_to=date(2026, 1, 31)))
        story.do(domain.record_authorization, authorization(valid_from=date(2026, 2, 1)))
        self.at(story, datetime(2026, 1, 25, 5, tzinfo=UTC))
        assert story.said(intake.AuthorizationRunningLow) == []

    def test_a_denial_takes_the_wake_back(self) -> None:
        story = referred()
        assert Unwake in {type(f) for f in story.do(domain.record_authorization, PENDED)}


class TestWaitingForAPayer:
    def test_whoever_pays_without_the_payer_waits_no_longer(self) -> None:
        for over in (
            replace(COVERED, plan_kind=PlanKind.SELF_PAY),
            replace(COVERED, status="waived"),
            COVERED,
        ):
            story = assessed()
            story.do(domain.record_authorization, PENDED)
            assert story.stands() is Stage.WAITLISTED
            story.do(domain.verify_coverage, over)
            assert story.stands() is Stage.ASSESSED

    def test_an_authorization_that_is_not_required_ends_the_wait(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, PENDED)
        story.do(domain.record_authorization, authorization(status="not_required", units_approved=0))
        assert story.stands() is Stage.ASSESSED

    def test_a_payer_who_still_asks_for_an_authorization_is_waited_for(self) -> None:
        story = assessed()
        story.do(domain.record_authorization, PENDED)
        story.do(domain.verify_coverage, replace(COVERED, auth_required=True))
        assert story.stands() is Stage.WAITLISTED
