"""Use that became known: reported, reclassified, answered; and approvals whose ground is gone."""

from datetime import date

import pytest

from contracts.decisions import Refused
from contracts.progress import (
    CurriculumReopened,
    EpisodeHeld,
    EpisodeStateChanged,
    RecommendationDeclined,
    RelapseResponded,
    ReviewTaskClosed,
    ReviewTaskRaised,
    SafetyAlertRaised,
    StepUpApproved,
    StepUpRecommended,
    SubstanceUseReported,
    SubstanceUseWithdrawn,
)
from contracts.vocabulary import DischargeReason, GoalCategory, Risk
from services.progress import domain
from services.progress.domain import Direction, Kind
from services.progress.domain.folds.measures import KEPT_REPORTS
from services.progress.domain.folds.tasks import KEPT_TASKS
from services.progress.domain.recommend import step_down_criteria
from tests.progress.story import ADMITTED_ON, SOBER, Story, attending, in_aftercare, ready, recommended

DOWN, UP = Direction.DOWN, Direction.UP
WITHDRAWAL = (4, 4, 3, 2, 0, 0, 0, 0, 0, 0, 0)


def relapsed(minutes: int = 540) -> Story:
    story = attending(minutes)
    story.used("relapse")
    return story


def under_review(minutes: int = 540) -> Story:
    story = relapsed(minutes)
    story.take_up()
    return story


def positive(story: Story, classification: str = "relapse") -> str:
    """A toxicology screen says that there was use; the id of the report."""
    today = story.state.day(story.now)
    story.do(domain.ReportSubstanceUse("tox_screen", today, classification))
    return str(story.state.use_reports[-1].id)


def resting(until: str, since: str | None = None) -> domain.HoldEpisode:
    first = date.fromisoformat(since) if since else None
    return domain.HoldEpisode(domain.HoldReason.TRAVEL, date.fromisoformat(until), first)


class TestReports:
    def test_a_report_says_all_that_is_known(self) -> None:
        story = attending()
        story.used("lapse", substances=("alcohol", "opioid"), confirmed=False)

        report = story.last(SubstanceUseReported)
        assert (report.substances, report.confirmed, report.reported_on) == (
            ("alcohol", "opioid"),
            False,
            ADMITTED_ON,
        )
        assert story.said(StepUpRecommended) == []

    def test_a_lapse_may_turn_out_to_be_a_relapse(self) -> None:
        story = attending(540)
        first = story.used("lapse", confirmed=False)
        second = story.used("relapse", supersedes_report_id=first)

        assert story.last(SubstanceUseReported).supersedes_report_id == first
        up = story.last(StepUpRecommended)
        assert (up.trigger, up.urgency, up.criteria[0].evidence) == ("relapse", "routine", (second,))

    def test_what_may_not_be_superseded(self) -> None:
        story = attending()
        sure, unsure = story.used("lapse"), story.used("lapse", confirmed=False)

        def again(report_id: str) -> domain.ReportSubstanceUse:
            return domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse", supersedes_report_id=report_id)

        story.refuses(again(sure), "unconfirmed")
        story.refuses(again(unsure), "clinical_role", role="admissions")
        assert story.refuses(again("nothing")).status == 404
        story.do(again(unsure))
        story.refuses(again(unsure), "newest")

    def test_what_nobody_answered_stays_however_much_is_told_after_it(self) -> None:
        story = relapsed()
        relapse = story.state.unanswered_relapse
        for _ in range(KEPT_REPORTS + 1):
            story.used("lapse")
        assert story.state.unanswered_relapse == relapse

        story.respond("individual_session")
        story.used("lapse")
        assert len(story.state.use_reports) == KEPT_REPORTS

    def test_the_newest_report_is_what_clean_days_count_from(self) -> None:
        story = recommended()
        report = story.used("lapse")
        story.on("2026-02-17", "00:00")

        clean = {c.id: c for c in story.state.recommendation(DOWN).criteria}["days_clean"]
        assert (clean.value, clean.evidence) == (14, (report,))


class TestUrgency:
    def test_withdrawal_is_urgent_and_takes_the_place_of_what_is_not(self) -> None:
        story = relapsed()
        first = story.state.step_up
        story.do(domain.RecordMeasure("cows", WITHDRAWAL))

        closed = story.last(RecommendationDeclined)
        assert (closed.recommendation_id, closed.by, closed.reason) == (first, "system", "superseded")
        up = story.last(StepUpRecommended)
        assert (up.trigger, up.urgency) == ("withdrawal", "urgent")
        assert [(c.id, c.value, c.threshold) for c in up.criteria] == [("cows_total", 13, 13)]
        assert up.criteria[0].evidence

    def test_a_new_relapse_speaks_though_nobody_answered_the_one_before(self) -> None:
        story = relapsed()
        story.approve(story.state.step_up)
        second = story.used("relapse")

        assert story.last(StepUpRecommended).criteria[0].evidence == (second,)
        assert story.state.step_up

    def test_below_the_gate_it_is_not(self) -> None:
        story = attending()
        story.do(domain.RecordMeasure("cows", (4, 4, 3, 1, 0, 0, 0, 0, 0, 0, 0)))
        assert story.said(StepUpRecommended) == []

    def test_what_is_not_more_urgent_joins(self) -> None:
        story = attending(540)
        story.do(domain.RecordMeasure("cows", WITHDRAWAL))
        story.used("relapse")
        story.do(domain.RecordMeasure("ciwa_ar", (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)))

        assert [u.trigger for u in story.said(StepUpRecommended)] == ["withdrawal"]

    @pytest.mark.parametrize(
        ("kind", "severity", "speaks"),
        [
            ("suicide_risk", Risk.HIGH, True),
            ("suicide_risk", Risk.MODERATE, False),
            ("medical", Risk.HIGH, False),
        ],
    )
    def test_a_high_risk_of_suicide_is_urgent(self, kind: str, severity: Risk, speaks: bool) -> None:
        story = relapsed()
        alerted(story, kind, severity)

        assert (story.state.recommendation(UP).trigger == "safety") is speaks
        assert (story.state.recommendation(UP).urgency == "urgent") is speaks
        if speaks:
            assert story.last(StepUpRecommended).criteria[0].evidence == ("alert-1",)

    def test_a_decided_danger_does_not_speak_again(self) -> None:
        story = attending(540)
        alerted(story, "suicide_risk", Risk.HIGH)
        story.do(domain.DeclineRecommendation(story.state.step_up, "safe_at_home"))
        alerted(story, "suicide_risk", Risk.HIGH)

        assert story.state.step_up is None

    def test_it_stays_when_its_ground_is_gone(self) -> None:
        story = relapsed()
        rid = story.state.step_up
        story.week("2026-01-12", 540, 540)
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 0)

        assert story.state.step_up == rid

    def test_while_treatment_rests_nothing_is_recommended(self) -> None:
        story = recommended(540)
        story.do(resting("2026-02-09"))
        story.used("relapse")
        story.do(domain.RecordMeasure("cows", WITHDRAWAL))

        assert story.said(StepUpRecommended) == []
        assert (story.state.step_down, story.last(RecommendationDeclined).reason) == (None, "on_hold")

    def test_what_nobody_answered_meanwhile_speaks_when_treatment_goes_on(self) -> None:
        story = attending(540).on("2026-02-03")
        story.do(resting("2026-02-09"))
        relapse = story.used("relapse")
        story.do(domain.ResumeEpisode())
        assert story.last(StepUpRecommended).criteria[0].evidence == (relapse,)

        story.do(resting("2026-02-09"))
        story.cssrs(0, 0, None, None, None, 1, lifetime_months=1)
        story.do(domain.ResumeEpisode())
        assert [u.trigger for u in story.said(StepUpRecommended)] == ["relapse", "safety"]

    def test_after_a_rest_what_was_answered_is_not_asked_again(self) -> None:
        story = relapsed()
        story.respond("individual_session", "detox_referral", expected_return_on=date(2026, 1, 19))
        told = len(story.said(StepUpRecommended))
        story.do(domain.ResumeEpisode())

        assert len(story.said(StepUpRecommended)) == told

    def test_until_a_hold_begins_treatment_goes_on_and_a_relapse_is_answered(self) -> None:
        story = attending(540).on("2026-02-03")
        story.do(resting("2026-02-20", "2026-02-10"))
        story.on("2026-02-09").used("relapse")
        story.take_up()
        story.respond("individual_session")
        story.approve(story.state.step_up)

        assert story.state.weekly_minutes == 720
        story.on("2026-02-10").used("relapse")
        assert story.state.step_up is None

    def test_a_contact_after_a_week_that_was_well_says_nothing(self) -> None:
        story = attending(540)
        story.week("2026-01-19", 180, 540)
        story.week("2026-01-26", 180, 540)
        story.week("2026-02-02", 540, 540)
        story.do(domain.LogOutreach("voice", reached=True))

        assert story.said(StepUpRecommended) == []

    def test_it_follows_from_where_the_person_is_now(self) -> None:
        story = relapsed()
        story.rescheduled(720, 2, "patient_request")

        up = story.last(StepUpRecommended)
        assert (up.trigger, up.kind, up.from_weekly_minutes) == ("relapse", "transfer", 720)
        assert story.last(RecommendationDeclined).reason == "superseded"

    def test_a_clinicians_own_stays_as_it_is(self) -> None:
        story = attending(540)
        story.recommend(UP, Kind.INTENSITY_INCREASE, 900)
        rid = story.state.step_up
        story.rescheduled(600, 2, "patient_request")

        assert story.state.step_up == rid


class TestResponse:
    def test_a_review_after_a_relapse_ends_with_what_is_done_about_it(self) -> None:
        story = under_review()
        rid = story.state.step_up
        story.refuses(domain.DeclineRecommendation(rid, "stable"), "relapse_responded")
        story.refuses(story.approval(rid), "relapse_responded")
        story.respond("individual_session")
        story.do(domain.DeclineRecommendation(rid, "stable"))

        assert story.last(EpisodeStateChanged).transition == "T24"

    def test_a_later_relapse_wants_an_answer_of_its_own(self) -> None:
        story = under_review()
        story.respond("individual_session")
        story.used("relapse")

        story.refuses(domain.DeclineRecommendation(story.state.step_up, "stable"), "relapse_responded")

    def test_one_answer_is_the_answer_to_all_that_was_known_of(self) -> None:
        story = under_review()
        story.used("relapse")
        story.respond("add_sessions", added_weekly_minutes=60)

        assert (story.state.stage, story.state.weekly_minutes) == ("ATTENDING", 600)

    def test_a_relapse_that_takes_the_place_of_what_is_under_review_wants_an_answer_too(self) -> None:
        story = attending(540)
        story.phq9(2, 2, 2, 2, 2, 2, 2, 3, 0)
        story.phq9(2, 2, 2, 2, 2, 2, 2, 3, 0)
        story.take_up()
        story.used("relapse")

        story.refuses(domain.DeclineRecommendation(story.state.step_up, "stable"), "relapse_responded")

    def test_where_nobody_relapsed_nothing_is_asked(self) -> None:
        story = relapsed()
        story.do(domain.RecordMeasure("cows", WITHDRAWAL))
        story.take_up()
        story.do(domain.DeclineRecommendation(story.state.step_up, "treated_here"))

        assert story.state.stage == "ATTENDING"

    def test_without_a_review_a_step_up_may_be_approved_at_once(self) -> None:
        story = relapsed()
        story.approve(story.state.step_up)

        assert story.last(StepUpApproved).to_weekly_minutes == 720

    def test_added_sessions_are_approved_in_the_same_decision(self) -> None:
        story = under_review()
        story.respond("add_sessions", added_weekly_minutes=180, effective_on=date(2026, 1, 15))

        responded, approved = story.last(RelapseResponded), story.last(StepUpApproved)
        assert (responded.actions, responded.added_weekly_minutes) == (("add_sessions",), 180)
        assert responded.report_id == story.state.use_reports[0].id
        assert (approved.kind, approved.to_weekly_minutes, approved.effective_on) == (
            "intensity_increase",
            720,
            date(2026, 1, 15),
        )
        assert (story.state.stage, story.state.weekly_minutes, story.state.step_up) == (
            "ATTENDING",
            720,
            None,
        )

    def test_all_parts_are_one_decision(self) -> None:
        story = under_review()
        story.review(SOBER, curriculum="matrix")
        back = date(2026, 1, 20)
        story.respond(
            "detox_referral",
            "step_up",
            "restart_early_recovery",
            "individual_session",
            "add_sessions",
            added_weekly_minutes=60,
            expected_return_on=back,
        )

        assert story.last(CurriculumReopened).reason == "relapse"
        held = story.last(EpisodeHeld)
        assert (held.reason, held.expected_return_on) == ("detox", back)
        assert story.state.weekly_minutes == 600
        up = story.state.recommendation(UP)
        assert (up.trigger, up.generated_by, up.to_minutes) == ("relapse", "clinician", 720)

    def test_a_step_up_on_the_table_is_kept(self) -> None:
        story = relapsed()
        rid = story.state.step_up
        story.respond("step_up")

        assert story.state.step_up == rid

    def test_more_than_the_level_allows_is_nothing_at_all(self) -> None:
        story = relapsed()
        before = story.state
        with pytest.raises(Refused) as refused:
            story.respond("restart_early_recovery", "add_sessions", added_weekly_minutes=660)

        assert {f["guard"] for f in refused.value.facts["failed"]} == {"band"}
        assert story.state == before

    @pytest.mark.parametrize(
        ("actions", "more", "guards"),
        [
            ((), {}, {"actions"}),
            (("add_sessions",), {}, {"added_minutes"}),
            (("step_up",), {"added_weekly_minutes": 60}, {"added_minutes"}),
            (("detox_referral",), {}, {"expected_return_on"}),
            (("step_up",), {"expected_return_on": date(2026, 1, 20)}, {"expected_return_on"}),
            (("detox_referral",), {"expected_return_on": ADMITTED_ON}, {"expected_return_on"}),
            (("detox_referral",), {"expected_return_on": date(2026, 2, 13)}, {"expected_return_on"}),
        ],
    )
    def test_each_part_asks_for_what_it_needs(
        self, actions: tuple[str, ...], more: dict[str, object], guards: set[str]
    ) -> None:
        relapsed().refuses(domain.RespondToRelapse(actions, **more), *guards)  # type: ignore[arg-type]

    def test_who_and_when(self) -> None:
        story = relapsed()
        response = domain.RespondToRelapse(("step_up",))
        story.refuses(response, "clinical_role", role="admissions")
        assert story.refuses(domain.RespondToRelapse(("prayer",))).status == 422
        assert story.refuses(domain.RespondToRelapse(("step_up",), "nothing")).status == 404
        in_aftercare(story).refuses(response, "state")

    def test_a_superseded_report_is_not_answered(self) -> None:
        story = attending()
        first = story.used("relapse", confirmed=False)
        story.used("lapse", supersedes_report_id=first)

        story.refuses(domain.RespondToRelapse(("step_up",), first), "newest")


class TestNoUseAtAll:
    """A test was wrong: what it said counts no more, and what people decided stays decided."""

    def test_what_it_spoke_against_may_be_proposed_again(self) -> None:
        story = recommended()
        report = positive(story, "lapse")
        assert [r.closed for r in story.state.recommendations] == ["criteria_no_longer_met"]

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        withdrawn = story.last(SubstanceUseWithdrawn)
        assert (withdrawn.report_id, withdrawn.reason) == (report, "false_positive")
        assert story.state.step_down
        assert story.state.use_reported_on is None

    def test_use_that_people_told_of_still_counts(self) -> None:
        story = attending(540)
        told = story.used("lapse")
        report = positive(story.on("2026-01-20"), "lapse")

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        assert story.state.use_reported_on == ADMITTED_ON
        assert days_clean(story) == (7, (told,))

    def test_a_step_up_on_the_table_is_left_to_a_person(self) -> None:
        story = attending(540)
        report = positive(story)
        story.take_up()
        story.refuses(domain.DeclineRecommendation(story.state.step_up, "no_use"), "relapse_responded")

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        assert (story.state.stage, story.state.unanswered_relapse) == ("STEP_UP_PENDING", None)
        story.do(domain.DeclineRecommendation(story.state.step_up, "no_use"))
        assert story.state.stage == "ATTENDING"

    def test_an_approved_step_up_stands_and_is_looked_at_again(self) -> None:
        story = attending(540)
        report = positive(story)
        approved = story.state.step_up
        story.approve(approved)

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        assert story.state.weekly_minutes == 720
        task = story.last(ReviewTaskRaised)
        assert (task.about, task.subject_id) == ("ground_gone", approved)

    def test_a_step_down_that_waited_for_days_without_use_has_lost_nothing(self) -> None:
        story = attending()
        report = positive(story, "lapse")
        story.week("2026-01-19", 720)
        story.week("2026-01-26", 720)
        story.on("2026-02-03").attest()
        story.approve(story.state.step_down)

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        assert story.said(ReviewTaskRaised) == []

    def test_what_an_instrument_said_needs_nobodys_word_any_more(self) -> None:
        story = attending()
        story.bam(0, administered_at=story.now)
        story.on("2026-01-20").bam(0)
        story.on("2026-01-27").bam(1)
        report = story.state.use_reports[-1]
        assert not report.confirmed
        asked = {need.kind for need in domain.needs(story.state, story.now, story.moment().rules)}

        story.do(domain.WithdrawUseReport(report.id, "misread"))

        left = {need.kind for need in domain.needs(story.state, story.now, story.moment().rules)}
        assert asked - left == {"use_unconfirmed"}

    def test_what_a_person_said_is_not_taken_back_as_none(self) -> None:
        story = attending()
        report = story.used("lapse")
        story.refuses(domain.WithdrawUseReport(report, "false_positive"), "by_machine")
        test = positive(story, "lapse")
        story.refuses(domain.WithdrawUseReport(test, "false_positive"), "clinical_role", role="admissions")
        story.do(domain.WithdrawUseReport(test, "false_positive"))
        story.refuses(domain.WithdrawUseReport(test, "false_positive"), "standing")
        story.refuses(domain.WithdrawUseReport("none", "false_positive"), code="report_unknown")

    def test_what_was_replaced_by_a_persons_word_stays_replaced(self) -> None:
        story = attending()
        first = story.used("lapse", confirmed=False)
        story.used("relapse", supersedes_report_id=first)

        story.refuses(domain.WithdrawUseReport(first, "false_positive"), "newest")

    def test_what_was_none_is_nothing_to_say_more_about(self) -> None:
        story = attending()
        first = story.used("lapse", confirmed=False)
        story.do(domain.WithdrawUseReport(first, "false_positive"))

        again = domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse", supersedes_report_id=first)
        story.refuses(again, "standing")
        story.refuses(domain.RespondToRelapse(("individual_session",), first), "newest")

    def test_after_the_discharge_too(self) -> None:
        story = attending(540)
        report = positive(story)
        story.approve(story.state.step_up)
        story.do(domain.DischargePatient(DischargeReason.MOVED))

        story.do(domain.WithdrawUseReport(report, "false_positive"))

        assert story.state.use_reports[-1].withdrawn
        assert story.said(ReviewTaskRaised) == []


def days_clean(story: Story) -> tuple[int, tuple[str, ...]]:
    """The days without use that a step down would be judged by, and the report they count from."""
    found = next(c for c in step_down_criteria(story.state, story.moment()) if c.id == "days_clean")
    return found.value, found.evidence


class TestLostGround:
    """What was approved is never rolled back."""

    def test_a_week_counted_again_after_the_approval(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.approve(rid)
        story.week("2026-01-26", 576, reopened=1)
        assert story.said(ReviewTaskRaised) == []

        story.week("2026-01-26", 575, reopened=2)
        task = story.last(ReviewTaskRaised)
        assert (task.about, task.subject_id, task.due_on) == ("ground_gone", rid, date(2026, 2, 10))
        assert (story.state.weekly_minutes, story.state.stepped_down) == (540, True)

        story.week("2026-01-26", 360, reopened=3)
        assert len(story.said(ReviewTaskRaised)) == 1

    def test_thin_weeks_that_were_none(self) -> None:
        story = attending(540)
        story.week("2026-01-19", 180, 540)
        story.week("2026-01-26", 180, 540)
        story.do(domain.LogOutreach("voice", reached=True))
        rid = story.state.step_up
        assert story.state.recommendation(UP).criteria[0].evidence
        story.approve(rid)
        story.week("2026-01-19", 360, 540, reopened=1)
        assert story.said(ReviewTaskRaised) == []

        story.week("2026-01-19", 540, 540, reopened=2)
        assert story.last(ReviewTaskRaised).subject_id == rid

    def test_what_was_only_recommended_or_declined_is_nobodys_task(self) -> None:
        story = recommended()
        story.do(domain.DeclineRecommendation(story.state.step_down, "not_ready"))
        story.week("2026-01-26", 0, reopened=1)

        assert story.said(ReviewTaskRaised) == []

    def test_a_new_week_takes_no_ground_away(self) -> None:
        story = recommended()
        story.approve(story.state.step_down)
        story.week("2026-02-02", 0)

        assert story.said(ReviewTaskRaised) == []

    def test_a_relapse_that_was_a_lapse(self) -> None:
        story = attending(540)
        first = story.used("relapse", confirmed=False)
        rid = story.state.step_up
        story.approve(rid)
        story.used("lapse", supersedes_report_id=first)

        assert story.last(ReviewTaskRaised).subject_id == rid
        assert story.state.weekly_minutes == 720

    def test_a_relapse_that_was_one_indeed(self) -> None:
        story = attending(540)
        first = story.used("relapse", confirmed=False)
        story.approve(story.state.step_up)
        story.used("relapse", supersedes_report_id=first)

        assert story.said(ReviewTaskRaised) == []

    @pytest.mark.parametrize("again", [True, False])
    def test_a_goal_that_only_a_wrong_week_had_met(self, again: bool) -> None:
        goal = domain.WantedGoal(
            GoalCategory.COPING_SKILLS, "attendance", ">=", 900, 14, required_for_step_down=True
        )
        story = ready()
        story.plan(SOBER, goal)
        story.attest()
        story.approve(story.state.step_down)
        story.week("2026-01-26" if again else "2026-02-02", 360, reopened=int(again))

        assert story.state.remaining_required == 1
        assert (len(story.said(ReviewTaskRaised)) == 1) is again

    def test_what_nobody_looked_at_stays_however_much_was_looked_at_since(self) -> None:
        story = attending()
        first = ReviewTaskRaised(
            **story.common(), task_id="t-0", about="ground_gone", subject_id="r-0", due_on=ADMITTED_ON
        )
        for number in range(KEPT_TASKS + 2):
            raised = first.model_copy(update={"task_id": f"t-{number}"})
            closed = ReviewTaskClosed(**story.common(), task_id=raised.task_id, outcome="kept")
            story.state = domain.evolve(story.state, raised)
            story.state = domain.evolve(story.state, closed) if number else story.state

        assert [t.id for t in story.state.tasks if t.outcome is None] == ["t-0"]

    def test_somebody_looks_and_says_what_came_of_it(self) -> None:
        story = recommended()
        story.approve(story.state.step_down)
        story.week("2026-01-26", 0, reopened=1)
        task = story.last(ReviewTaskRaised).task_id
        close = domain.CloseReviewTask(task, "stays")
        story.refuses(close, "clinical_role", role="biller")
        story.do(close)

        assert story.last(ReviewTaskClosed).outcome == "stays"
        story.refuses(close, "open")
        assert story.refuses(domain.CloseReviewTask("nothing", "stays")).status == 404


def alerted(story: Story, kind: str, severity: Risk) -> None:
    """An alert is raised, as by an instrument, and what follows from it."""
    raised = SafetyAlertRaised(
        **story.common(), alert_id="alert-1", kind=kind, severity=severity, due_ack_at=story.now
    )
    decide = domain.following(lambda *_: [raised])
    for fact in decide(story.state, None, story.moment()):
        story.state = domain.evolve(story.state, fact)
        story.journal.append(fact)


def test_the_level_back_up_after_a_relapse_is_an_approval_as_any_other() -> None:
    story = recommended(540)
    story.approve(story.state.step_down)
    story.used("relapse")
    story.take_up()
    story.respond("individual_session")
    story.approve(story.state.step_up)

    assert (story.state.level, story.state.stage) == (story.state.home_level, "ATTENDING")
    assert story.said(StepUpApproved)[-1].kind == Kind.LEVEL_CHANGE
