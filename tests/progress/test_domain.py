"""How an episode goes on: plan, measures, recommendations, extension, aftercare and discharge."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from contracts.decisions import Moment, Refused
from contracts.progress import (
    EpisodeStarted,
    EpisodeStateChanged,
    GoalMet,
    GoalProgressed,
    GoalReopened,
    LevelOfCareChanged,
    MeasureRecorded,
    OutreachAttempted,
    RecommendationDeclined,
    SafetyAlertAcknowledged,
    SafetyAlertRaised,
    StepDownApproved,
    StepDownRecommended,
    StepUpApproved,
    StepUpRecommended,
    TreatmentPlanApproved,
)
from contracts.rulebook import rulebook
from contracts.scheduling import ScheduleInfeasible
from contracts.vocabulary import ActorType, AgeBand, GoalCategory, LevelOfCare, ProgramKind
from services.progress import domain
from services.progress.domain import Direction, Kind
from services.progress.domain.recommend import step_down_criteria
from tests.progress.story import (
    ADMITTED_ON,
    IOP,
    OPTIONAL,
    OUTPATIENT,
    PHP,
    PHQ_DOWN,
    SOBER,
    SYSTEM,
    Story,
    attending,
    authorized,
    local,
    ready,
    recommended,
)


class TestAdmission:
    def test_an_admission_starts_an_episode(self) -> None:
        story = Story().admitted()

        assert story.last(EpisodeStarted).weekly_minutes == 720
        assert story.state.stage == "ADMITTED"
        assert story.state.baselines == {"phq9": 12}
        assert story.wakes == {"planned_end_passed": local(date(2026, 4, 14), "00:00")}

    def test_a_second_admission_of_the_same_episode_changes_nothing(self) -> None:
        story = Story().admitted()

        assert story.admitted().said(EpisodeStarted) == story.said(EpisodeStarted)[:1]

    def test_the_agreed_week_makes_it_scheduled_and_the_first_creditable_session_attending(self) -> None:
        story = Story().admitted()
        story.agreed()
        story.attended(minutes=0)
        story.attended(session="s-2", minutes=165)

        moves = [(m.from_state, m.to_state, m.transition) for m in story.said(EpisodeStateChanged)]
        assert moves == [("ADMITTED", "SCHEDULED", "T13"), ("SCHEDULED", "ATTENDING", "T14")]

    def test_what_is_heard_twice_is_heard_once(self) -> None:
        story = ready()
        story.missed("2026-02-02", 1)

        assert story.agreed() == []
        assert story.attended(ADMITTED_ON) == []
        assert story.missed("2026-02-02", 1) == []
        assert story.week("2026-01-26", 720) == []

    def test_coming_late_after_all_replaces_the_miss(self) -> None:
        story = attending()
        story.missed("2026-01-14", 2)
        story.corrected("2026-01-14", attended=True, minutes=140)

        assert story.state.consecutive_missed == 0
        assert story.state.last_attended_on == date(2026, 1, 14)
        assert story.missed("2026-01-14", 2) == []

    def test_a_correction_may_be_the_first_attendance(self) -> None:
        story = Story().admitted()
        story.agreed()
        story.corrected("2026-01-13", attended=True, minutes=140)

        assert story.state.stage == "ATTENDING"

    def test_a_session_struck_out_is_no_service(self) -> None:
        story = attending()
        story.attended("2026-01-14")
        story.corrected("2026-01-14", attended=False, minutes=0)

        assert story.state.last_attended_on == ADMITTED_ON

    def test_a_calendar_that_people_agreed_on_sets_the_dose(self) -> None:
        story = attending()
        story.rescheduled(600, 2, "patient_request")

        assert story.state.weekly_minutes == 600

    def test_a_calendar_outside_the_band_never_moves_the_dose(self) -> None:
        story = attending()
        story.rescheduled(360, 2, "site_closure")

        assert (story.state.weekly_minutes, story.state.planned_minutes) == (720, 360)

    def test_a_step_that_found_no_week_is_shown_until_one_is_agreed(self) -> None:
        story = recommended()
        story.approve(story.state.step_down)
        story.hear(ScheduleInfeasible(**story.common(), wanted_weekly_minutes=540, cause="no_seat"))
        assert story.state.schedule_stuck == "no_seat"

        story.rescheduled(600, 2, "patient_request")
        assert (story.state.schedule_stuck, story.state.weekly_minutes) == (None, 600)


class TestPlan:
    def test_a_plan_is_signed_by_both_and_reviewed_in_thirty_days(self) -> None:
        story = attending()

        signed = story.last(TreatmentPlanApproved)
        assert (signed.version, signed.next_review_due_on) == (1, date(2026, 2, 12))

    @pytest.mark.parametrize(
        ("patient", "clinician", "guard"),
        [(False, True, "patient_signature"), (True, False, "clinician_signature")],
    )
    def test_a_signature_is_missing(self, patient: bool, clinician: bool, guard: str) -> None:
        plan = domain.ApprovePlan((SOBER,), signed_by_patient=patient, signed_by_clinician=clinician)

        attending().refuses(plan, guard)

    def test_only_a_clinical_person_brings_a_plan_into_force(self) -> None:
        plan = domain.ApprovePlan((SOBER,), signed_by_patient=True, signed_by_clinician=True)

        attending().refuses(plan, "clinical_role", role="scheduler")

    def test_after_treatment_there_is_no_new_plan(self) -> None:
        story = recommended()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[1] * 8, 0)
        story.do(domain.PlanAftercare(date(2026, 2, 3), (), relapse_prevention_plan=True))

        story.refuses(domain.ApprovePlan((SOBER,), signed_by_patient=True, signed_by_clinician=True), "state")

    @pytest.mark.parametrize(
        "goal",
        [
            domain.WantedGoal(GoalCategory.OTHER, "feeling", "ge", 1, 0),
            domain.WantedGoal(GoalCategory.OTHER, "boolean", "near", 1, 0),
            domain.WantedGoal(GoalCategory.OTHER, "instrument", "le", 9, 7, instrument="tea_leaves"),
            domain.WantedGoal(GoalCategory.OTHER, "instrument", "le", 28, 7, instrument="phq9"),
            domain.WantedGoal(GoalCategory.OTHER, "attendance", "ge", 1001, 14),
            domain.WantedGoal(GoalCategory.OTHER, "count", "ge", 61, 28),
            domain.WantedGoal(GoalCategory.OTHER, "count", "ge", 6, 3661),
            domain.WantedGoal(GoalCategory.OTHER, "count", "ge", 6, 1_000_000),
            domain.WantedGoal(GoalCategory.OTHER, "instrument", "le", 9, -1, instrument="phq9"),
            domain.WantedGoal(GoalCategory.OTHER, "count", "ge", 6, 28, instrument="meeting"),
        ],
    )
    def test_a_goal_must_be_measurable(self, goal: domain.WantedGoal) -> None:
        plan = domain.ApprovePlan((goal,), signed_by_patient=True, signed_by_clinician=True)

        assert attending().refuses(plan, code="goal_not_measurable").status == 422

    def test_a_plan_has_goals_and_none_twice(self) -> None:
        story = attending()
        for goals, code in (((), "plan_without_goals"), ((SOBER, SOBER), "goal_twice")):
            plan = domain.ApprovePlan(goals, signed_by_patient=True, signed_by_clinician=True)
            story.refuses(plan, code=code)

    def test_a_goal_kept_in_a_reviewed_plan_keeps_its_story(self) -> None:
        story = attending()
        story.attest()
        kept = story.goal()
        story.plan(SOBER, OPTIONAL)

        assert story.last(TreatmentPlanApproved).version == 2
        assert story.goal() == kept
        assert story.state.goals[0].met_by == "clinician"
        assert story.state.goals[1].met_on is None

    def test_an_instrument_goal_is_met_by_rule_and_reopened_by_a_worse_result(self) -> None:
        story = attending()
        story.plan(SOBER, PHQ_DOWN)
        story.phq9(2, 1, 1, 2, 1, 2, 1, 1, 0)
        story.phq9(1, 1, 1, 2, 1, 1, 1, 1, 0)
        story.phq9(2, 1, 1, 2, 1, 2, 1, 1, 0)

        assert [(g.value, g.percent, g.trend) for g in story.said(GoalProgressed)] == [
            (11, 33, "improving"),
            (9, 100, "improving"),
            (11, 33, "worsening"),
        ]
        met, reopened = story.last(GoalMet), story.last(GoalReopened)
        assert (met.met_by, met.remaining_required) == ("rule", 1)
        assert reopened.remaining_required == 2

    def test_a_result_older_than_the_window_meets_no_new_goal(self) -> None:
        story = attending()
        story.phq9(1, 1, 1, 2, 1, 1, 1, 1, 0)
        story.on("2026-01-21").plan(PHQ_DOWN)
        assert story.state.remaining_required == 1

        story.phq9(1, 1, 1, 2, 1, 1, 1, 1, 0)
        assert story.state.remaining_required == 0

    def test_an_attendance_goal_waits_for_all_weeks_of_its_window(self) -> None:
        story = attending()
        goal = domain.WantedGoal(GoalCategory.COPING_SKILLS, "attendance", ">=", 800, 14)
        story.plan(goal)
        story.week("2026-01-19", 720)
        assert story.state.goals[0].value is None

        story.week("2026-01-26", 540)
        assert story.last(GoalProgressed).value == 1000 * (720 + 540) // 1440
        assert story.last(GoalMet).goal_id == story.goal()

        story.week("2026-02-02", 360)
        assert story.last(GoalReopened).goal_id == story.goal()

    def test_a_count_goal_counts_sessions_in_its_window_and_stays_met(self) -> None:
        story = attending()
        goal = domain.WantedGoal(GoalCategory.SUPPORT_NETWORK, "count", ">=", 2, 7, instrument="group")
        story.plan(goal)
        story.attended("2026-01-14")
        assert story.last(GoalMet).met_by == "rule"

        story.on("2026-02-03").attended("2026-02-03")
        assert story.last(GoalProgressed).value == 1
        assert story.said(GoalReopened) == []

    def test_only_goals_without_a_number_are_attested_and_only_once(self) -> None:
        story = attending()
        story.plan(SOBER, PHQ_DOWN)
        story.refuses(domain.AttestGoal(story.goal(1)), "boolean")
        story.refuses(domain.AttestGoal(story.goal(0)), "clinical_role", role="biller")
        story.attest()
        story.refuses(domain.AttestGoal(story.goal(0)), "open")
        assert story.refuses(domain.AttestGoal("nothing")).status == 404


class TestMeasures:
    def test_a_result_is_held_against_the_start(self) -> None:
        story = attending()
        story.phq9(1, 0, 1, 1, 0, 1, 0, 0, 0)

        measured = story.last(MeasureRecorded)
        assert (measured.total, measured.band, measured.baseline_total, measured.change) == (
            4,
            "minimal",
            12,
            -8,
        )
        assert (measured.reliable_change, measured.response, measured.remission) == ("improved", True, True)

    def test_the_newest_result_before_treatment_is_the_start(self) -> None:
        story = Story().admitted(phq9=19)
        story.phq9(1, 2, 2, 2, 1, 2, 1, 1, 0)
        story.agreed()
        story.attended()
        story.phq9(1, 2, 1, 2, 1, 2, 1, 1, 0)

        measured = story.last(MeasureRecorded)
        assert (measured.baseline_total, measured.change, measured.reliable_change) == (12, -1, "none")

    def test_without_a_start_nothing_changed_reliably(self) -> None:
        story = Story().admitted(phq9=None)
        story.agreed()
        story.attended()
        story.phq9(3, 3, 3, 3, 3, 3, 3, 3, 0)

        measured = story.last(MeasureRecorded)
        assert (measured.change, measured.reliable_change, measured.response) == (None, "none", None)

    @pytest.mark.parametrize(
        ("instrument", "answers", "code"),
        [
            ("tea_leaves", (1,), "instrument_unknown"),
            ("phq9", (1,) * 8, "answers_incomplete"),
            ("phq9", (1,) * 8 + (4,), "answer_out_of_range"),
            ("gad7", (-1,) * 7, "answer_out_of_range"),
        ],
    )
    def test_answers_that_are_none_are_refused(
        self, instrument: str, answers: tuple[int, ...], code: str
    ) -> None:
        assert attending().refuses(domain.RecordMeasure(instrument, answers), code=code).status == 422


class TestSafety:
    def test_item_nine_raises_one_alert_due_by_the_end_of_the_local_day(self) -> None:
        story = attending()
        story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)
        story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 2)

        (alert,) = story.said(SafetyAlertRaised)
        assert (alert.kind, alert.severity) == ("suicide_risk", "moderate")
        assert alert.due_ack_at == local(date(2026, 1, 14), "00:00")
        assert story.last(MeasureRecorded).flags == ("item_9",)

    def test_item_nine_takes_a_step_down_off_the_table_and_resolving_brings_a_new_one(self) -> None:
        story = recommended()
        first = story.state.step_down
        story.phq9(1, 1, 1, 1, 0, 1, 1, 0, 1)

        withdrawn = story.last(RecommendationDeclined)
        assert (withdrawn.by, withdrawn.reason) == ("system", "criteria_no_longer_met")
        story.refuses(story.approval(first), "open", "no_open_alert")

        alert_id = story.last(SafetyAlertRaised).alert_id
        story.settle(alert_id)
        assert story.state.step_down not in (None, first)

    def test_late_is_judged_by_the_instant_of_the_acknowledgement(self) -> None:
        story = attending()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        alert_id = story.last(SafetyAlertRaised).alert_id
        story.on("2026-01-14", "08:00")
        assert story.state.alerts[0].escalations

        story.do(domain.AcknowledgeAlert(alert_id))
        assert story.last(SafetyAlertAcknowledged).late
        story.refuses(domain.AcknowledgeAlert(alert_id), "open")

    def test_an_alert_taken_in_hand_in_time_does_not_lapse(self) -> None:
        story = attending()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        story.do(domain.AcknowledgeAlert(story.state.alerts[0].id))

        assert not story.last(SafetyAlertAcknowledged).late
        assert not story.on("2026-01-15").state.alerts[0].escalations
        assert story.woke("alert_due:" + story.state.alerts[0].id) == []

    def test_only_clinical_people_handle_alerts(self) -> None:
        story = attending()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        alert_id = story.state.alerts[0].id
        story.refuses(domain.AcknowledgeAlert(alert_id), "clinical_role", role="biller")
        story.refuses(domain.ResolveAlert(alert_id), "clinical_role", "acknowledged", role="biller")
        assert story.refuses(domain.ResolveAlert("nothing")).status == 404


class TestStepDownByMachine:
    def test_the_last_required_goal_brings_the_next_rung_with_its_grounds(self) -> None:
        story = ready()
        story.attest()

        down = story.last(StepDownRecommended)
        assert (down.kind, down.from_weekly_minutes, down.to_weekly_minutes) == (
            "intensity_reduction",
            720,
            540,
        )
        assert (down.to_level, down.generated_by) == (IOP, "rule")
        assert down.expires_at == story.now + timedelta(days=14)
        assert {c.id: (c.value, c.threshold) for c in down.criteria} == {
            "remaining_required": (0, 0),
            "attendance_week_1": (1000, 800),
            "attendance_week_2": (1000, 800),
            "open_safety_alerts": (0, 0),
            "deteriorated_measures": (0, 0),
            "substance_use_reports": (0, 0),
            "days_since_last_step": (21, 14),
        }
        assert all(c.met for c in down.criteria)
        assert story.state.stage == "ATTENDING"
        assert not story.state.stepped_down

    def test_no_rung_below_the_minimum_so_the_level_changes(self) -> None:
        story = recommended(540)

        down = story.last(StepDownRecommended)
        assert (down.kind, down.to_level, down.to_weekly_minutes) == ("level_change", OUTPATIENT, 180)

    @pytest.mark.parametrize(("edition", "below"), [("4", "1.5"), ("locus", "1")])
    def test_the_level_below_is_that_of_the_edition(self, edition: str, below: str) -> None:
        story = Story().admitted(540, level=LevelOfCare(edition=edition, code="2.1"))
        story.agreed(540)
        story.on(ADMITTED_ON).attended()
        story.plan()
        story.week("2026-01-19", 540, 540)
        story.week("2026-01-26", 540, 540)
        story.on("2026-02-03").attest()

        assert story.last(StepDownRecommended).to_level == LevelOfCare(edition=edition, code=below)

    def test_for_adolescents_the_levels_own_minimum_is_the_last_rung(self) -> None:
        story = recommended(480, age=AgeBand.ADOLESCENT)

        down = story.last(StepDownRecommended)
        assert (down.kind, down.to_weekly_minutes) == ("intensity_reduction", 360)

    def test_a_plan_without_a_required_goal_recommends_nothing(self) -> None:
        story = ready()
        story.plan(OPTIONAL)
        story.attest()

        assert story.said(StepDownRecommended) == []

    @pytest.mark.parametrize(("minutes", "recommends"), [(576, True), (575, False)])
    def test_each_of_the_last_two_weeks_must_reach_the_threshold(
        self, minutes: int, recommends: bool
    ) -> None:
        story = attending()
        story.attest()
        story.week("2026-01-19", minutes)
        story.week("2026-01-26", 720)

        assert (story.state.step_down is not None) is recommends

    def test_one_closed_week_is_not_enough_and_a_week_without_a_ratio_is_passed_over(self) -> None:
        story = attending()
        story.attest()
        story.week("2026-01-19", 720)
        story.week("2026-01-26", 0, scheduled=0, short=True)
        assert story.state.step_down is None

        story.week("2026-02-02", 720)
        assert story.state.step_down is not None

    def test_a_week_counted_again_takes_its_ground_away(self) -> None:
        story = recommended()
        story.week("2026-01-26", 540, reopened=1)

        assert story.state.step_down is None
        assert story.last(RecommendationDeclined).reason == "criteria_no_longer_met"

    @pytest.mark.parametrize("program", [ProgramKind.SUD, ProgramKind.CO_OCCURRING])
    def test_use_asks_for_fourteen_clean_days_and_a_wake_ends_them(self, program: ProgramKind) -> None:
        story = recommended(program=program)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "lapse"))
        assert story.state.step_down is None
        assert story.wakes["evaluate"] == local(date(2026, 2, 17), "00:00")

        assert story.on("2026-02-16", "23:59").state.step_down is None
        assert story.on("2026-02-17", "00:00").state.step_down is not None
        clean = {c.id: c for c in story.last(StepDownRecommended).criteria}["days_clean"]
        assert (clean.value, clean.threshold) == (14, 14)

    def test_in_mental_health_programs_use_is_no_criterion(self) -> None:
        story = recommended(program=ProgramKind.MENTAL_HEALTH)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "lapse"))

        assert story.state.step_down is not None

    def test_a_reliably_worse_measure_stands_in_the_way(self) -> None:
        story = recommended()
        story.phq9(2, 2, 2, 2, 2, 2, 2, 3, 0)
        assert story.state.step_down is None

        story.phq9(2, 2, 2, 2, 2, 2, 2, 2, 0)
        assert story.state.step_down is not None

    def test_the_spacing_counts_from_admission(self) -> None:
        story = attending()
        story.attest()
        story.week("2026-01-12", 720)
        story.week("2026-01-05", 720)
        assert story.state.step_down is None

        assert story.on("2026-01-26", "23:59").state.step_down is None
        assert story.on("2026-01-27", "00:00").state.step_down is not None

    def test_it_expires_at_the_instant_its_time_names(self) -> None:
        story = recommended()
        rid, made = story.state.step_down, story.now
        story.wakes.clear()
        story.now = made + timedelta(days=14)
        story.refuses(story.approval(rid), "not_expired")
        story.woke(f"recommendation_expires:{rid}")

        assert story.state.step_down is None
        assert story.last(RecommendationDeclined).reason == "expired"
        assert story.woke(f"recommendation_expires:{rid}") == []

    def test_new_minutes_supersede_it(self) -> None:
        story = recommended()
        first = story.state.step_down
        story.rescheduled(900, 2, "patient_request")

        assert story.last(RecommendationDeclined).reason == "superseded"
        assert story.last(StepDownRecommended).to_weekly_minutes == 720
        assert story.state.step_down != first


class TestStepDownByPeople:
    def test_approved_fewer_minutes_keep_the_level(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.approve(rid, "2026-02-10")

        assert story.last(StepDownApproved).to_weekly_minutes == 540
        assert story.said(LevelOfCareChanged) == []
        assert (story.state.stage, story.state.stepped_down) == ("ATTENDING", True)
        assert f"recommendation_expires:{rid}" not in story.wakes

    def test_hours_first_then_the_level_fourteen_days_after_the_step(self) -> None:
        story = recommended()
        story.approve(story.state.step_down, "2026-02-10")
        story.rescheduled(540, 2)
        story.week("2026-02-02", 720)
        story.week("2026-02-09", 540, 540)
        assert story.state.step_down is None

        story.on("2026-02-24", "00:00")
        assert story.last(StepDownRecommended).kind == "level_change"
        story.approve(story.state.step_down, "2026-03-02")
        changed = story.last(LevelOfCareChanged)
        assert (changed.from_level, changed.to_level, changed.authorization_required) == (
            IOP,
            OUTPATIENT,
            True,
        )
        assert (story.state.weekly_minutes, story.state.level) == (180, OUTPATIENT)

        story.rescheduled(180, 3)
        story.week("2026-03-02", 180, 180, minimum=0)
        story.week("2026-03-09", 180, 180, minimum=0)
        assert story.on("2026-03-20").state.step_down is None

    @pytest.mark.parametrize("role", ["admissions", "scheduler", "biller", "operator"])
    def test_only_a_clinical_person_approves(self, role: str) -> None:
        story = recommended()
        story.refuses(story.approval(story.state.step_down), "clinical_role", role=role)

    def test_no_machine_approves(self) -> None:
        story = recommended()
        with pytest.raises(Refused):
            story.do(story.approval(story.state.step_down), kind=ActorType.SYSTEM)

    def test_the_patient_must_agree(self) -> None:
        story = recommended()
        story.refuses(story.approval(story.state.step_down, agreed=False), "patient_agreed")

    def test_a_step_does_not_begin_in_the_past(self) -> None:
        story = recommended()
        story.refuses(story.approval(story.state.step_down, "2026-02-02"), "effective_on")

    @pytest.mark.parametrize("day", ["2027-02-04", "2600-01-01", "9999-12-31"])
    def test_a_step_does_not_begin_beyond_the_longest_program(self, day: str) -> None:
        story = recommended()
        story.refuses(story.approval(story.state.step_down, day), "effective_on")
        story.approve(story.state.step_down, "2027-02-03")

    def test_however_long_ago_the_last_step_was_it_can_be_told(self) -> None:
        story = recommended()
        moment = Moment(story.now, SYSTEM, "cause", rulebook())
        found = [
            {c.id: c.value for c in step_down_criteria(state, moment)}
            for state in (
                replace(story.state, stepped_on=date(1990, 1, 1), use_reported_on=date(1990, 1, 1)),
                replace(story.state, stepped_on=date(2600, 1, 1), use_reported_on=date(2600, 1, 1)),
            )
        ]
        assert [f["days_since_last_step"] for f in found] == [10_000, -10_000]
        assert [f["days_clean"] for f in found] == [10_000, -10_000]

    def test_what_is_approved_or_declined_is_no_longer_open(self) -> None:
        story = recommended()
        rid = story.state.step_down
        story.approve(rid)
        story.refuses(story.approval(rid), "open", "fewer_minutes")
        story.refuses(domain.DeclineRecommendation(rid, "not_ready"), "open")
        assert story.refuses(story.approval("nothing")).status == 404

    def test_a_clinician_declines_with_a_reason(self) -> None:
        story = recommended()
        rid = story.state.step_down
        decline = domain.DeclineRecommendation(rid, "not_ready")
        story.refuses(decline, "clinical_role", role="scheduler")
        story.do(decline)

        declined = story.last(RecommendationDeclined)
        assert (declined.by, declined.reason) == ("clinician", "not_ready")
        assert story.state.step_down is None

    @pytest.mark.parametrize(
        ("kind", "minutes", "level", "guards"),
        [
            (Kind.INTENSITY_REDUCTION, 360, None, {"band"}),
            (Kind.INTENSITY_REDUCTION, 539, None, {"band"}),
            (Kind.INTENSITY_REDUCTION, 540, None, {"fewer_minutes"}),
            (Kind.LEVEL_CHANGE, 360, None, {"band", "lower_level"}),
            (Kind.LEVEL_CHANGE, 600, OUTPATIENT, {"band", "lower_level"}),
            (Kind.INTENSITY_INCREASE, 720, None, {"kind"}),
        ],
    )
    def test_below_the_minimum_is_another_level_whatever_it_is_called(
        self, kind: Kind, minutes: int, level: LevelOfCare | None, guards: set[str]
    ) -> None:
        story = recommended(540)
        story.refuses(domain.RecommendStep(Direction.DOWN, kind, minutes, level), *guards)

    def test_a_clinicians_own_recommendation_supersedes_and_outlives_the_criteria(self) -> None:
        story = recommended(540)
        first = story.state.step_down
        story.do(domain.RecommendStep(Direction.DOWN, Kind.LEVEL_CHANGE, 360, OUTPATIENT))
        own = story.state.step_down
        assert story.last(RecommendationDeclined).recommendation_id == first
        story.refuses(story.approval(first), "open")

        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "lapse"))
        assert story.state.step_down == own
        story.approve(own)
        assert story.last(LevelOfCareChanged).to_level == OUTPATIENT

    @pytest.mark.parametrize(
        ("kind", "minutes", "level"),
        [
            (Kind.INTENSITY_REDUCTION, 540, None),
            (Kind.LEVEL_CHANGE, 180, OUTPATIENT),
            (Kind.TRANSITION_TAPER, 360, None),
        ],
    )
    def test_with_an_alert_open_nobody_leads_to_less(
        self, kind: Kind, minutes: int, level: LevelOfCare | None
    ) -> None:
        story = recommended()
        step = domain.RecommendStep(Direction.DOWN, kind, minutes, level)
        story.do(step)
        story.phq9(*[0] * 8, 1)
        (alert,) = story.state.alerts
        refused = story.refuses(story.approval(story.state.step_down), "no_open_alert")
        assert refused.facts["failed"][0]["alert_ids"] == [alert.id]
        story.refuses(step, "no_open_alert", role="director")
        story.do(domain.AcknowledgeAlert(alert.id))
        story.refuses(story.approval(story.state.step_down), "no_open_alert")

        story.do(domain.ResolveAlert(alert.id))
        story.approve(story.state.step_down)
        assert story.state.weekly_minutes == minutes


class TestFourthEdition:
    @pytest.mark.parametrize("age", AgeBand)
    def test_below_intensive_outpatient_comes_outpatient_therapy_and_nothing_below_it(
        self, age: AgeBand
    ) -> None:
        intensive, therapy = (LevelOfCare(edition="4", code=code) for code in ("2.1", "1.5"))
        minutes = rulebook().band(IOP, age).min_minutes
        story = Story(age=age).admitted(minutes, level=intensive, authorizations=(authorized("a", therapy),))
        story.agreed(minutes)
        story.attended()
        story.plan()
        story.week("2026-01-19", minutes, minutes)
        story.week("2026-01-26", minutes, minutes)
        story.on("2026-02-03").attest()
        down = story.state.recommendation(Direction.DOWN)
        assert (down.kind, down.to_level, down.to_minutes) == (Kind.LEVEL_CHANGE, therapy, 180)

        story.approve(down.id)
        story.week("2026-02-02", 180, 180, minimum=0)
        story.week("2026-02-09", 180, 180, minimum=0)
        story.on("2026-03-01")
        assert len(story.said(StepDownRecommended)) == 1


class TestStepUp:
    def test_a_relapse_speaks_for_more_and_against_less(self) -> None:
        story = recommended(540)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "relapse"))

        up = story.last(StepUpRecommended)
        assert (up.trigger, up.kind, up.to_weekly_minutes) == ("relapse", "intensity_increase", 720)
        assert story.state.step_down is None
        assert story.state.stage == "ATTENDING"

    def test_a_second_relapse_joins_the_open_recommendation(self) -> None:
        story = attending(540)
        for _ in range(2):
            story.do(domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse"))

        assert len(story.said(StepUpRecommended)) == 1

    def test_a_lapse_alone_does_not(self) -> None:
        story = attending(540)
        story.do(domain.ReportSubstanceUse("self", ADMITTED_ON, "lapse"))

        assert story.said(StepUpRecommended) == []

    @pytest.mark.parametrize(
        ("used_on", "classification", "code"),
        [
            (ADMITTED_ON, "slip", "classification_unknown"),
            (date(2026, 1, 14), "lapse", "used_in_future"),
            (date(1899, 12, 31), "lapse", "used_too_long_ago"),
        ],
    )
    def test_a_report_that_cannot_be_is_refused(self, used_on: date, classification: str, code: str) -> None:
        story = attending()
        story.refuses(domain.ReportSubstanceUse("self", used_on, classification), code=code)

    def test_two_neighbouring_worse_results_and_not_one(self) -> None:
        story = attending(540)
        story.phq9(2, 2, 2, 2, 2, 2, 2, 3, 0)
        story.phq9(2, 2, 2, 2, 2, 2, 2, 2, 0)
        story.phq9(2, 2, 2, 2, 2, 2, 2, 3, 0)
        assert story.said(StepUpRecommended) == []

        story.phq9(2, 2, 2, 2, 2, 2, 3, 3, 0)
        up = story.last(StepUpRecommended)
        assert up.trigger == "deterioration"
        assert [(c.value, c.threshold) for c in up.criteria] == [(6, 5), (5, 5)]

    def test_two_thin_weeks_speak_only_once_somebody_was_reached(self) -> None:
        story = attending(540)
        story.week("2026-01-19", 180, 540)
        story.week("2026-01-26", 0, 540)
        story.do(domain.LogOutreach("voice", reached=False))
        assert story.said(StepUpRecommended) == []

        story.do(domain.LogOutreach("voice", reached=True))
        up = story.last(StepUpRecommended)
        assert up.trigger == "attendance"
        assert {c.id for c in up.criteria} == {"minutes_week_1", "minutes_week_2", "outreach_reached"}

        story.do(domain.DeclineRecommendation(story.state.step_up, "holiday"))
        story.do(domain.LogOutreach("voice", reached=True))
        assert len(story.said(StepUpRecommended)) == 1

    def test_a_contact_before_the_thin_weeks_says_nothing_about_them(self) -> None:
        story = attending(540)
        story.do(domain.LogOutreach("voice", reached=True))
        story.week("2026-01-19", 180, 540)
        story.week("2026-01-26", 0, 540)

        assert story.said(StepUpRecommended) == []

    @pytest.mark.parametrize(("day", "speaks"), [("2026-02-08", True), ("2026-02-09", False)])
    def test_a_contact_long_after_the_thin_weeks_says_nothing_whatever_was_heard_first(
        self, day: str, speaks: bool
    ) -> None:
        weeks = [("2026-01-19", 180), ("2026-01-26", 0), ("2026-02-02", 540)]
        for heard_first in (2, 3):
            story = attending(540)
            for start, minutes in weeks[:heard_first]:
                story.week(start, minutes, 540)
            told = domain.LogOutreach("voice", reached=True, attempted_on=date.fromisoformat(day))
            story.on("2026-02-09", "12:00").do(told)
            for start, minutes in weeks[heard_first:]:
                story.week(start, minutes, 540)

            assert (story.state.step_up is not None) is speaks

    def test_short_weeks_and_weeks_apart_do_not_count(self) -> None:
        story = attending(540)
        story.week("2026-01-19", 180, 540, short=True)
        story.week("2026-01-26", 180, 540)
        story.week("2026-02-02", 540, 540)
        story.week("2026-02-09", 180, 540)
        story.do(domain.LogOutreach("voice", reached=True))

        assert story.said(StepUpRecommended) == []

    def test_approved_more_minutes_end_the_step_down(self) -> None:
        story = recommended()
        story.approve(story.state.step_down)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "relapse"))
        story.approve(story.state.step_up, agreed=False)

        assert story.last(StepUpApproved).to_weekly_minutes == 720
        assert (story.state.weekly_minutes, story.state.stepped_down) == (720, False)

    def test_from_the_lower_level_the_way_up_is_the_home_level(self) -> None:
        story = recommended(540)
        story.approve(story.state.step_down)
        story.do(domain.ReportSubstanceUse("self", date(2026, 2, 2), "relapse"))
        up = story.last(StepUpRecommended)
        assert (up.kind, up.to_level, up.to_weekly_minutes) == ("level_change", IOP, 540)

        story.approve(story.state.step_up)
        assert story.last(LevelOfCareChanged).to_level == IOP
        assert (story.state.level, story.state.weekly_minutes) == (IOP, 540)

    def test_at_the_highest_rung_the_way_up_is_a_transfer_that_ends_in_a_discharge(self) -> None:
        story = attending(720)
        story.do(domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse"))
        up = story.last(StepUpRecommended)
        assert (up.kind, up.to_level, up.to_weekly_minutes) == ("transfer", PHP, 1200)

        story.approve(story.state.step_up)
        assert (story.state.level, story.state.weekly_minutes) == (IOP, 720)
        assert story.said(LevelOfCareChanged) == []

    def test_approving_one_way_closes_the_other(self) -> None:
        story = attending(540)
        story.do(domain.ReportSubstanceUse("self", ADMITTED_ON, "relapse"))
        story.do(domain.RecommendStep(Direction.DOWN, Kind.LEVEL_CHANGE, 180, OUTPATIENT))
        story.approve(story.state.step_up)

        assert story.state.step_down is None
        assert story.last(RecommendationDeclined).reason == "superseded"

    @pytest.mark.parametrize(
        ("kind", "minutes", "level", "guards"),
        [
            (Kind.INTENSITY_INCREASE, 1200, None, {"band"}),
            (Kind.INTENSITY_INCREASE, 540, None, {"more_minutes"}),
            (Kind.LEVEL_CHANGE, 1200, PHP, {"level_back_up"}),
            (Kind.TRANSFER, 720, IOP, {"higher_level"}),
            (Kind.READMIT, 540, None, {"readmit_days"}),
        ],
    )
    def test_a_step_up_is_what_it_says(
        self, kind: Kind, minutes: int, level: LevelOfCare | None, guards: set[str]
    ) -> None:
        attending(540).refuses(domain.RecommendStep(Direction.UP, kind, minutes, level), *guards)

    def test_a_clinician_may_recommend_more(self) -> None:
        story = attending(540)
        story.do(domain.RecommendStep(Direction.UP, Kind.INTENSITY_INCREASE, 900))

        up = story.last(StepUpRecommended)
        assert (up.trigger, up.generated_by) == ("clinician", "clinician")


class TestOutreach:
    def test_attempts_count_from_the_last_attendance(self) -> None:
        story = attending()
        story.on("2026-01-15").do(domain.LogOutreach("sms", reached=False))
        story.on("2026-01-16").do(domain.LogOutreach("voice", reached=True))
        story.on("2026-01-20").attended()
        story.on("2026-01-22").do(domain.LogOutreach("sms", reached=False))

        assert [a.attempts for a in story.said(OutreachAttempted)] == [1, 2, 1]

    def test_who_was_reached_is_tried_anew(self) -> None:
        story = attending()
        for day, reached in (("2026-01-15", False), ("2026-01-16", True), ("2026-01-17", False)):
            story.on(day).do(domain.LogOutreach("voice", reached=reached))

        assert [a.attempts for a in story.said(OutreachAttempted)] == [1, 2, 1]

    def test_an_attempt_may_be_recorded_the_day_after_and_never_ahead(self) -> None:
        story = attending().on("2026-01-20")
        story.do(domain.LogOutreach("voice", reached=False, attempted_on=date(2026, 1, 19)))
        assert story.last(OutreachAttempted).attempted_on == date(2026, 1, 19)

        for day in (date(2026, 1, 21), date(2026, 1, 12)):
            story.refuses(domain.LogOutreach("voice", reached=False, attempted_on=day), "attempted_on")

    def test_two_spellings_are_not_two_channels(self) -> None:
        attending().refuses(domain.LogOutreach("SMS", reached=False), code="channel_unknown")


def test_what_nobody_decides_is_recommended_anew_when_its_time_is_over_and_never_in_the_past() -> None:
    story = recommended()
    first = story.state.recommendation(domain.Direction.DOWN)
    story.up_to(first.expires_at)
    again = story.state.recommendation(domain.Direction.DOWN)
    assert again.id != first.id
    assert again.expires_at == first.expires_at + timedelta(days=14)
    assert all(at > story.now for at in story.wakes.values())
