"""More days than were planned: who asks, when, and what an approval rests on (T20)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.decisions import Moment, Refused
from contracts.intake import AuthorizationRecorded, AuthorizedTerm, Certification, CoverageTerm
from contracts.progress import (
    AftercarePlanned,
    ExtensionApproved,
    ExtensionDenied,
    ExtensionRequested,
    ReviewTaskClosed,
    ReviewTaskRaised,
)
from contracts.rulebook import rulebook
from contracts.vocabulary import Actor, ActorType, DischargeReason, PlanKind
from services.progress import domain
from tests.progress.story import ADMITTED_ON, IOP, PHQ_DOWN, SOBER, Story, attending, local

GRANT = domain.DecideExtension(approve=True, reason="clinical_need")
MORE = domain.RequestExtension(("social_network", "mental_health"), 21)
END = ADMITTED_ON + timedelta(days=90)
"""2026-04-13."""


def paid_by(kind: PlanKind, auth_required: bool = False) -> CoverageTerm:
    return CoverageTerm(coverage_id="cover-1", payer_id="payer", plan_kind=kind, auth_required=auth_required)


def admitted(**changes: Any) -> Story:
    """Attending, with one required goal open."""
    story = Story().admitted(**changes)
    story.agreed()
    story.attended()
    story.do(domain.ApprovePlan((SOBER,), True, True, signed_by_physician=True))
    return story


class TestExtension:
    def test_fourteen_days_before_the_end_open_goals_ask_for_more_days(self) -> None:
        story = attending()
        story.on("2026-03-29", "23:59")
        assert story.said(ExtensionRequested) == []

        story.on("2026-03-30", "00:00")
        asked = story.last(ExtensionRequested)
        assert (asked.days, asked.to_planned_end_on) == (30, date(2026, 5, 13))
        assert asked.reasons == ("goals_outstanding",)

    def test_with_no_required_goal_open_nothing_is_asked_for(self) -> None:
        story = attending()
        story.attest()

        assert story.on("2026-04-01").said(ExtensionRequested) == []

    def test_approved_it_moves_the_end_and_is_thought_of_again(self) -> None:
        story = attending()
        story.on("2026-03-30").do(GRANT)

        assert story.last(ExtensionApproved).to_planned_end_on == date(2026, 5, 13)
        assert (story.state.extended, story.state.planned_end_on) == (True, date(2026, 5, 13))
        assert story.wakes["extension_due"] == local(date(2026, 4, 29), "00:00")

    def test_denied_it_leaves_the_end(self) -> None:
        story = attending()
        story.on("2026-03-30").do(domain.DecideExtension(approve=False, reason="plateau"))

        assert story.last(ExtensionDenied).reason == "plateau"
        assert (story.state.extended, story.state.planned_end_on) == (False, date(2026, 4, 13))

    def test_what_nobody_asked_for_cannot_be_decided(self) -> None:
        attending().refuses(GRANT, "requested")

    def test_only_a_clinical_person_decides(self) -> None:
        story = attending().on("2026-03-30")
        story.refuses(GRANT, "clinical_role", role="biller")

    def test_no_stay_is_longer_than_a_year(self) -> None:
        story = Story().admitted(planned_end_on=ADMITTED_ON + timedelta(days=350))
        story.agreed()
        story.attended()
        story.plan()
        story.on("2026-12-20").do(GRANT)
        assert story.last(ExtensionApproved).to_planned_end_on == ADMITTED_ON + timedelta(days=365)

        story.on("2027-01-05")
        assert len(story.said(ExtensionRequested)) == 1

    def test_an_extension_asked_for_under_older_rules_is_held_to_the_rules_in_force(self) -> None:
        story = attending().on("2026-03-30")
        shorter = rulebook().program.model_copy(update={"max_days": 100})
        rules = rulebook().model_copy(update={"program": shorter})
        actor = Actor(type=ActorType.USER, id="ann", role="clinician")
        moment = Moment(story.now, actor, "cause", rules)
        with pytest.raises(Refused, match="100 days"):
            domain.decide_extension(story.state, GRANT, moment)

        assert domain.decide_extension(story.state, domain.DecideExtension(approve=False), moment)


class TestDraft:
    def test_a_draft_says_who_made_it(self) -> None:
        asked = attending().on("2026-03-30").last(ExtensionRequested)

        assert (asked.generated_by, asked.late) == ("rule", False)

    def test_on_the_day_the_clocks_change_the_draft_comes_at_the_local_midnight(self) -> None:
        """2026-03-22 + 14 days is after the change of 2026-03-08; the notice of it lies on that very day."""
        story = admitted(planned_end_on=date(2026, 3, 22))

        assert story.wakes["extension_due"] == local(date(2026, 3, 8), "00:00")
        assert story.wakes["planned_end_passed"] == local(date(2026, 3, 23), "00:00")

    def test_a_goal_that_opens_shortly_before_the_end_makes_a_late_draft(self) -> None:
        story = attending()
        story.attest()
        story.on("2026-04-10").plan(SOBER, PHQ_DOWN)
        story.on("2026-04-10", "12:01")

        assert story.last(ExtensionRequested).late


class TestRequest:
    @pytest.mark.parametrize(("day", "late"), [("2026-04-06", False), ("2026-04-07", True)])
    def test_seven_days_before_the_end_are_in_time(self, day: str, late: bool) -> None:
        story = attending()
        story.attest()
        story.on(day)
        if late:
            story.refuses(MORE, "in_time")
            story.refuses(replace(MORE, late=True), "in_time")
            story.refuses(replace(MORE, late_reason="holiday"), "in_time")
        story.do(replace(MORE, late=late, late_reason="holiday" if late else None))

        asked = story.last(ExtensionRequested)
        assert (asked.late, asked.late_reason) == (late, "holiday" if late else None)
        assert (asked.generated_by, asked.reasons, asked.days) == (
            "clinician",
            ("social_network", "mental_health"),
            21,
        )
        assert asked.to_planned_end_on == END + timedelta(days=21)

    def test_one_request_at_a_time_and_for_a_reason(self) -> None:
        story = attending()
        story.refuses(replace(MORE, reasons=()), "reasons")
        story.refuses(replace(MORE, reasons=("because",)), code="reason_unknown")
        story.refuses(MORE, "clinical_role", role="scheduler")
        story.do(MORE)
        story.refuses(MORE, "not_requested")

    def test_the_longest_stay_holds_for_a_request_too(self) -> None:
        story = attending()
        story.refuses(replace(MORE, days=276), "max_days")
        story.do(replace(MORE, days=275))

    def test_after_the_end_the_new_end_lies_ahead(self) -> None:
        story = attending()
        story.attest()
        story.on("2026-04-20")
        late = replace(MORE, late=True, late_reason="overlooked")
        story.refuses(replace(late, days=7), "days")
        story.do(replace(late, days=8))

    def test_what_was_denied_ends_nothing_and_whoever_stays_is_asked_about(self) -> None:
        story = attending().on("2026-03-30")
        story.do(domain.DecideExtension(approve=False, reason="plateau"))
        story.on("2026-04-13", "23:59")
        assert story.said(ReviewTaskRaised) == []

        story.on("2026-04-14", "00:00")
        assert [t.about for t in story.said(ReviewTaskRaised)] == ["planned_end_passed"]
        assert len(story.on("2026-08-01").said(ExtensionRequested)) == 1

    def test_what_was_denied_may_be_asked_for_again(self) -> None:
        story = attending().on("2026-03-30")
        story.do(domain.DecideExtension(approve=False, reason="plateau"))
        story.do(MORE)

        assert story.last(ExtensionRequested).generated_by == "clinician"

    def test_nobody_extends_what_is_not_treatment(self) -> None:
        story = attending()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(date(2026, 1, 19), (), True, override_reason="moving"))
        story.refuses(MORE, "state")
        story.do(domain.DischargePatient(DischargeReason.MOVED))
        story.refuses(MORE, code="episode_over")


class TestApproval:
    def test_it_says_why_by_whom_and_under_which_authorization(self) -> None:
        story = attending().on("2026-03-30")
        story.do(GRANT)

        given = story.last(ExtensionApproved)
        assert given.reasons == ("goals_outstanding", "clinical_need")
        assert (given.authorization_id, given.approver_id) == ("auth-1", "ann")

    def test_what_the_machine_drafted_takes_a_reason_and_a_clinicians_request_has_one(self) -> None:
        drafted = attending().on("2026-03-30")
        drafted.refuses(domain.DecideExtension(approve=True), "reason")
        drafted.refuses(domain.DecideExtension(approve=True, reason="because"), "reason")
        asked = attending()
        asked.do(MORE)
        asked.do(domain.DecideExtension(approve=True))

        assert asked.last(ExtensionApproved).reasons == MORE.reasons

    def test_the_payer_has_said_yes_to_the_new_days(self) -> None:
        term = AuthorizedTerm(authorization_id="a-1", level=IOP, valid_from=ADMITTED_ON, valid_to=END)
        story = admitted(authorizations=(term,)).on("2026-03-30")
        refused = story.refuses(GRANT, "authorization")
        assert refused.facts["failed"][0]["from"] == "2026-04-14"

        for number, (first, last) in enumerate(
            (("2026-04-14", "2026-04-30"), ("2026-05-01", "2026-05-12")), start=2
        ):
            story.hear(recorded(story, f"a-{number}", first, last))
            story.refuses(GRANT, "authorization")
        story.hear(recorded(story, "a-4", "2026-05-13", "9998-12-31"))
        story.do(GRANT)

        assert story.last(ExtensionApproved).authorization_id == "a-4"

    def test_who_does_not_want_to_be_asked_is_not(self) -> None:
        story = admitted(coverage=paid_by(PlanKind.SELF_PAY), authorizations=()).on("2026-03-30")
        story.do(GRANT)

        assert story.last(ExtensionApproved).authorization_id is None

    @pytest.mark.parametrize(("certified_on", "refused"), [("2026-01-29", False), ("2026-01-28", True)])
    def test_medicare_wants_a_current_certification(self, certified_on: str, refused: bool) -> None:
        """60 days after 2026-01-29 is 2026-03-30, and that day counts."""
        story = admitted(coverage=paid_by(PlanKind.MEDICARE))
        story.on("2026-02-01").do(domain.RecordCertification("dr-1", "MD", date.fromisoformat(certified_on)))
        story.on("2026-03-30")
        if refused:
            story.refuses(GRANT, "certification")
        else:
            story.do(GRANT)

    def test_days_that_are_over_are_not_granted(self) -> None:
        story = attending().on("2026-03-30")
        story.on("2026-05-14").refuses(GRANT, "still_ahead")

    def test_days_near_the_end_of_an_open_request_are_judged_from_today(self) -> None:
        term = AuthorizedTerm(
            authorization_id="a-1", level=IOP, valid_from=date(2026, 4, 20), valid_to=date(2026, 6, 1)
        )
        story = admitted(authorizations=(term,)).on("2026-04-19")
        story.refuses(GRANT, "authorization")
        story.on("2026-04-20").do(GRANT)


def recorded(story: Story, id: str, first: str, last: str) -> AuthorizationRecorded:
    return AuthorizationRecorded(
        **story.common(),
        authorization_id=id,
        status="approved",
        service_codes=("H0015",),
        unit_kind="day",
        units_approved=10,
        valid_from=date.fromisoformat(first),
        valid_to=date.fromisoformat(last),
        level=IOP,
    )


class TestPlannedEnd:
    def test_the_day_after_somebody_must_look_and_treatment_goes_on(self) -> None:
        story = attending().on("2026-04-13", "23:59")
        assert story.said(ReviewTaskRaised) == []

        story.on("2026-04-14", "00:00")
        task = story.last(ReviewTaskRaised)
        assert (task.about, task.due_on) == ("planned_end_passed", date(2026, 4, 14))
        assert story.state.stage == "ATTENDING"
        assert story.on("2026-05-10").said(ReviewTaskRaised) == [task]

    def test_an_extension_answers_it_and_the_new_end_is_watched_too(self) -> None:
        story = attending().on("2026-04-14")
        story.do(GRANT)
        assert story.last(ReviewTaskClosed).outcome == "extended"

        story.on("2026-05-14")
        assert [t.due_on for t in story.said(ReviewTaskRaised)] == [date(2026, 4, 14), date(2026, 5, 14)]

    def test_after_treatment_nobody_is_asked(self) -> None:
        story = attending()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(date(2026, 1, 19), (), True, override_reason="moving"))

        assert story.said(AftercarePlanned)
        assert story.on("2026-04-20").said(ReviewTaskRaised) == []

    def test_a_person_closes_it_once(self) -> None:
        story = attending().on("2026-04-14")
        task = story.last(ReviewTaskRaised).task_id
        story.refuses(domain.CloseReviewTask("other", "seen"), code="task_unknown")
        story.refuses(domain.CloseReviewTask(task, "seen"), "clinical_role", role="biller")
        story.do(domain.CloseReviewTask(task, "ends_friday"))
        story.refuses(domain.CloseReviewTask(task, "seen"), "open")

        assert story.state.tasks[0].outcome == "ends_friday"


def test_a_certification_given_at_admission_counts() -> None:
    signed = Certification(
        certified_by="dr-1", certified_on=ADMITTED_ON, next_due_on=ADMITTED_ON + timedelta(days=60)
    )
    story = admitted(coverage=paid_by(PlanKind.MEDICARE), certification=signed)
    story.do(MORE)
    story.do(GRANT)

    assert story.state.certified_through == date(2026, 3, 14)
