"""The plan: drafted before the first session, signed by everybody who must, due, and reviewed."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.intake import CoverageTerm
from contracts.progress import (
    PlanDue,
    PlanReviewDue,
    PlanSigned,
    StepDownRecommended,
    TreatmentPlanApproved,
    TreatmentPlanDrafted,
    TreatmentPlanReviewed,
)
from contracts.vocabulary import PlanKind, ServiceKind
from services.progress import domain
from tests.progress.story import (
    ADMITTED_ON,
    OPTIONAL,
    PHQ_DOWN,
    SOBER,
    Story,
    assessed,
    attending,
    in_aftercare,
    local,
    ready,
    recommended,
)

CBT = domain.WantedIntervention("cbt", ServiceKind.GROUP, 3, (1, 2))


def medicare() -> Story:
    paid = CoverageTerm(
        coverage_id="cover-1", payer_id="cms", plan_kind=PlanKind.MEDICARE, auth_required=False
    )
    return Story().admitted(coverage=paid)


class TestDraft:
    def test_goals_exist_before_the_first_session(self) -> None:
        story = Story().admitted()
        story.draft(SOBER, PHQ_DOWN, interventions=(CBT,), curriculum="matrix")

        drafted = story.last(TreatmentPlanDrafted)
        assert (drafted.version, drafted.drafted_on) == (1, ADMITTED_ON)
        assert [g.baseline for g in drafted.goals] == [None, 12]
        (cbt,) = drafted.interventions
        assert cbt.goal_ids == tuple(g.goal_id for g in drafted.goals)
        assert (cbt.modality, cbt.service_kind, cbt.times_per_week) == ("cbt", "group", 3)
        assert story.state.goals == ()
        assert story.said(TreatmentPlanApproved) == []

    def test_a_goal_of_the_draft_keeps_its_id_in_the_next_draft_and_in_the_plan(self) -> None:
        story = Story().admitted()
        story.draft(SOBER)
        (first,) = story.last(TreatmentPlanDrafted).goals
        story.draft(OPTIONAL, SOBER)
        assert story.last(TreatmentPlanDrafted).goals[1].goal_id == first.goal_id

        story.plan(SOBER)
        assert story.goal() == first.goal_id
        assert story.state.draft is None

    @pytest.mark.parametrize(("role", "guard"), [("scheduler", "clinical_role"), ("biller", "clinical_role")])
    def test_a_clinical_person_drafts(self, role: str, guard: str) -> None:
        Story().admitted().refuses(domain.DraftPlan((SOBER,)), guard, role=role, code="plan_not_drafted")

    def test_after_treatment_nothing_is_drafted(self) -> None:
        story = in_aftercare(recommended())

        story.refuses(domain.DraftPlan((SOBER,)), "state")
        story.refuses(domain.ReviewPlan((SOBER,), True, True), "state")

    @pytest.mark.parametrize(
        "wanted",
        [
            domain.WantedIntervention("tarot", ServiceKind.GROUP, 3, (1,)),
            domain.WantedIntervention("cbt", ServiceKind.GROUP, 0, (1,)),
            domain.WantedIntervention("cbt", ServiceKind.GROUP, 22, (1,)),
            domain.WantedIntervention("cbt", ServiceKind.GROUP, 3, ()),
            domain.WantedIntervention("cbt", ServiceKind.GROUP, 3, (0,)),
            domain.WantedIntervention("cbt", ServiceKind.GROUP, 3, (1, 2)),
        ],
    )
    def test_an_intervention_fits_the_plan(self, wanted: domain.WantedIntervention) -> None:
        command = domain.DraftPlan((SOBER,), interventions=(wanted,))

        assert Story().admitted().refuses(command, code="intervention_unfit").status == 422

    def test_the_edges_of_a_frequency_fit(self) -> None:
        for times in (1, 21):
            wanted = domain.WantedIntervention("cbt", ServiceKind.GROUP, times, (1,))
            assert Story().admitted().draft(SOBER, interventions=(wanted,))

    def test_a_plan_names_a_curriculum_that_there_is(self) -> None:
        command = domain.DraftPlan((SOBER,), curriculum="trivium")

        assert "matrix" in Story().admitted().refuses(command, code="curriculum_unknown").message

    def test_an_empty_draft_is_refused(self) -> None:
        assert Story().admitted().refuses(domain.DraftPlan(()), code="plan_without_goals").status == 422


class TestSignatures:
    @pytest.mark.parametrize("order", [("patient", "clinician"), ("clinician", "patient")])
    def test_the_last_signature_brings_the_plan_into_force(self, order: tuple[str, str]) -> None:
        story = Story().admitted()
        story.draft(SOBER, PHQ_DOWN, interventions=(CBT,), curriculum="matrix")
        story.do(domain.SignPlan(order[0]))
        assert story.said(TreatmentPlanApproved) == []
        assert story.state.draft.signed_by == order[:1]

        story.on("2026-01-15").do(domain.SignPlan(order[1]))
        approved = story.last(TreatmentPlanApproved)
        assert (approved.signed_by, approved.approved_on) == (order, date(2026, 1, 15))
        assert approved.next_review_due_on == date(2026, 2, 14)
        assert (approved.interventions, approved.curriculum) == (
            story.last(TreatmentPlanDrafted).interventions,
            "matrix",
        )
        assert [s.role for s in story.said(PlanSigned)] == list(order)
        assert story.state.draft is None
        assert len(story.state.goals) == 2

    def test_what_cannot_be_signed(self) -> None:
        story = Story().admitted()
        story.refuses(domain.SignPlan("patient"), "draft")
        story.draft()
        assert story.refuses(domain.SignPlan("neighbour"), code="signer_unknown").status == 422
        story.refuses(domain.SignPlan("patient"), "clinical_role", role="scheduler")
        story.do(domain.SignPlan("patient"))
        story.refuses(domain.SignPlan("patient"), "unsigned")

    def test_a_new_draft_voids_the_signatures_under_the_old_one(self) -> None:
        story = Story().admitted()
        story.draft()
        story.do(domain.SignPlan("patient"))
        story.draft(SOBER, OPTIONAL)
        story.do(domain.SignPlan("clinician"))
        assert story.said(TreatmentPlanApproved) == []

        story.do(domain.SignPlan("patient"))
        assert story.last(TreatmentPlanApproved).signed_by == ("clinician", "patient")

    def test_where_the_payer_wants_it_a_physician_signs_too(self) -> None:
        story = medicare()
        story.refuses(domain.ApprovePlan((SOBER,), True, True), "physician_signature")
        story.draft()
        for role in ("patient", "clinician"):
            story.do(domain.SignPlan(role))
        assert story.said(TreatmentPlanApproved) == []

        story.do(domain.SignPlan("physician"))
        assert story.last(TreatmentPlanApproved).signed_by == ("patient", "clinician", "physician")
        story.refuses(domain.ReviewPlan((SOBER,), True, True), "physician_signature")
        assert story.review(SOBER, signed_by_physician=True)

    def test_elsewhere_a_physician_may_sign_and_need_not(self) -> None:
        story = Story().admitted()
        story.do(domain.ApprovePlan((SOBER,), True, True, signed_by_physician=True))

        assert story.last(TreatmentPlanApproved).signed_by == ("patient", "clinician", "physician")


class TestDue:
    def test_a_plan_is_due_with_the_second_session_and_late_with_the_third(self) -> None:
        story = Story().admitted()
        story.agreed()
        for day in ("2026-01-13", "2026-01-14", "2026-01-15", "2026-01-16"):
            story.on(day).attended(day)

        said = [(d.sessions_attended, d.overdue) for d in story.said(PlanDue)]
        assert said == [(2, False), (3, True)]

    def test_only_sessions_with_minutes_count(self) -> None:
        story = Story().admitted()
        story.agreed()
        story.attended("2026-01-13", minutes=0)
        story.attended("2026-01-14")
        assert story.said(PlanDue) == []

        story.corrected("2026-01-13", attended=True, minutes=120)
        assert story.last(PlanDue).sessions_attended == 2

    def test_a_session_struck_and_attended_again_asks_no_second_time(self) -> None:
        story = Story().admitted()
        story.agreed()
        story.attended("2026-01-13")
        story.attended("2026-01-14")
        story.corrected("2026-01-14", attended=False, minutes=0)
        story.attended("2026-01-15")

        assert len(story.said(PlanDue)) == 1

    def test_a_draft_is_no_plan_and_a_signed_one_is(self) -> None:
        story = Story().admitted()
        story.agreed()
        story.draft()
        story.attended("2026-01-13")
        story.attended("2026-01-14")
        assert len(story.said(PlanDue)) == 1

        story.plan()
        story.attended("2026-01-15")
        assert len(story.said(PlanDue)) == 1


class TestReview:
    def test_goals_come_and_go_and_the_version_counts_up(self) -> None:
        story = attending()
        story.attest()
        kept = story.goal()
        story.on("2026-02-12").review(SOBER, PHQ_DOWN, interventions=(CBT,))

        reviewed = story.last(TreatmentPlanReviewed)
        assert (reviewed.version, reviewed.reviewed_on) == (2, date(2026, 2, 12))
        assert reviewed.next_review_due_on == date(2026, 3, 14)
        assert reviewed.signed_by == ("patient", "clinician")
        assert reviewed.plan_id == story.last(TreatmentPlanApproved).plan_id
        assert (story.goal(), story.state.goals[0].met_by) == (kept, "clinician")
        assert story.state.remaining_required == 1
        assert story.state.next_review_due_on == date(2026, 3, 14)

    def test_a_review_that_drops_the_last_open_goal_may_bring_a_step_down(self) -> None:
        story = ready()
        story.review(SOBER, PHQ_DOWN)
        story.attest()
        assert story.said(StepDownRecommended) == []

        story.review(SOBER)
        assert len(story.said(StepDownRecommended)) == 1

    def test_what_is_not_in_force_or_not_signed_is_not_reviewed(self) -> None:
        story = Story().admitted()
        story.refuses(domain.ReviewPlan((SOBER,), True, True), "plan_in_force")
        story.plan()
        for patient, clinician, guard in (
            (False, True, "patient_signature"),
            (True, False, "clinician_signature"),
        ):
            story.refuses(domain.ReviewPlan((SOBER,), patient, clinician), guard)
        story.refuses(domain.ReviewPlan((SOBER,), True, True), "clinical_role", role="biller")
        story.refuses(domain.ReviewPlan((), True, True), code="plan_without_goals")

    def test_the_curriculum_stays_until_another_is_named(self) -> None:
        story = attending()
        story.review(SOBER, curriculum="matrix")
        story.review(SOBER)

        assert story.state.curriculum == "matrix"

    def test_it_is_warned_of_seven_days_and_one_day_ahead_and_late_the_day_after(self) -> None:
        story = attending()
        told: list[Any] = []
        due = date(2026, 2, 12)
        for day in range(20, 40):
            before = len(story.said(PlanReviewDue))
            story.on(ADMITTED_ON + timedelta(days=day), "00:00")
            told += [
                (story.state.day(story.now), d.days_left, d.overdue)
                for d in story.said(PlanReviewDue)[before:]
            ]

        assert told == [
            (due - timedelta(days=7), 7, False),
            (due - timedelta(days=1), 1, False),
            (due + timedelta(days=1), 0, True),
        ]

    def test_it_comes_at_midnight_of_the_site_and_not_a_moment_before(self) -> None:
        story = attending()
        at = local(date(2026, 2, 5), "00:00")
        assert story.wakes["plan_review"] == at

        story.up_to(at - timedelta(seconds=1))
        assert story.woke("plan_review") == []
        story.up_to(at)
        assert story.last(PlanReviewDue).days_left == 7

    def test_across_the_change_of_clocks_it_is_still_midnight(self) -> None:
        story = attending().on("2026-02-12")
        story.review()
        story.on("2026-03-14", "23:59")
        assert not story.last(PlanReviewDue).overdue

        story.on("2026-03-15", "00:00")
        assert story.last(PlanReviewDue).overdue
        assert "plan_review" not in story.wakes

    def test_a_review_in_time_closes_it(self) -> None:
        story = attending().on("2026-02-06")
        assert story.last(PlanReviewDue).days_left == 7
        story.review()
        story.on("2026-02-28")

        assert len(story.said(PlanReviewDue)) == 1
        assert story.wakes["plan_review"] == local(date(2026, 3, 1), "00:00")

    def test_a_wake_that_comes_late_says_how_it_is_now(self) -> None:
        story = attending()
        due = story.wakes.pop("plan_review")
        story.now = due + timedelta(days=4)
        story.woke("plan_review")
        assert story.last(PlanReviewDue).days_left == 3
        assert story.wakes["plan_review"] == local(date(2026, 2, 11), "00:00")

    @pytest.mark.parametrize(
        ("since", "told"),
        [("2026-02-05", []), ("2026-02-06", [7]), ("2026-02-12", [7, 1]), ("2026-02-14", [7, 1, 0])],
    )
    def test_while_treatment_rests_no_review_is_due(self, since: str, told: list[int]) -> None:
        story = attending().on("2026-02-04")
        first = date.fromisoformat(since)
        story.do(domain.HoldEpisode(domain.HoldReason.TRAVEL, first + timedelta(days=20), first))
        story.on(first + timedelta(days=15))
        story.woke("plan_review")
        assert [due.days_left for due in story.said(PlanReviewDue)] == told

        assessed(story).do(domain.ResumeEpisode())
        story.up_to(story.now)
        assert story.last(PlanReviewDue).overdue

    def test_a_review_that_came_due_between_two_holds_is_not_forgotten(self) -> None:
        story = attending().on("2026-02-04")
        for first, back in ((date(2026, 2, 4), date(2026, 2, 10)), (date(2026, 2, 10), date(2026, 2, 16))):
            story.do(domain.HoldEpisode(domain.HoldReason.TRAVEL, first + timedelta(days=9)))
            story.on(back).do(domain.ResumeEpisode())

        assert story.on("2026-02-17").last(PlanReviewDue).overdue

    def test_after_treatment_no_review_is_due(self) -> None:
        story = in_aftercare(recommended())

        assert "plan_review" not in story.wakes
        assert story.woke("plan_review") == []
