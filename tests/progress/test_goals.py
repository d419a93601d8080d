"""Goals: what they count, how old a value may be, when they are met and when they open again."""

from datetime import date, timedelta

import pytest

from contracts.progress import (
    GoalMet,
    GoalProgressed,
    GoalReopened,
    RecoveryActivityLogged,
    StepDownRecommended,
)
from contracts.vocabulary import GoalCategory, GroupKind
from services.progress import domain
from tests.progress.story import ADMITTED_ON, PHQ_DOWN, SOBER, Story, attending, local, ready

OTHER = GoalCategory.OTHER
RELAPSE_PREVENTION = GroupKind.RELAPSE_PREVENTION


def count(what: str | None, target: int, days: int, way: str = ">=") -> domain.WantedGoal:
    return domain.WantedGoal(OTHER, "count", way, target, days, instrument=what, required_for_step_down=True)


def part(name: str, subscale: str, way: str, target: int, days: int = 30) -> domain.WantedGoal:
    return domain.WantedGoal(OTHER, "instrument", way, target, days, instrument=name, subscale=subscale)


MEETINGS = count("meeting_12step", 6, 28)


class TestCounts:
    def test_the_sixth_meeting_meets_the_goal_and_brings_the_step_down(self) -> None:
        story = ready()
        story.attest()
        story.do(domain.DeclineRecommendation(story.state.step_down, "not_ready"))
        story.on("2026-02-12").review(SOBER, MEETINGS)
        assert story.state.remaining_required == 1
        for start in ("2026-02-02", "2026-02-09", "2026-02-16", "2026-02-23"):
            story.week(start, 720)
        days = ("2026-02-18", "2026-02-22", "2026-02-25", "2026-03-01", "2026-03-04")
        for day in days:
            story.on(max(day, str(story.state.day(story.now)))).meeting(day)
        assert story.said(GoalMet)[1:] == []

        story.on("2026-03-07", "20:05").meeting()
        met = story.last(GoalMet)
        assert (met.goal_id, met.met_by, met.remaining_required) == (story.goal(1), "rule", 0)
        assert met.evidence_event_ids == tuple(a.activity_id for a in story.said(RecoveryActivityLogged))
        assert met.met_on == date(2026, 3, 7)
        assert story.last(StepDownRecommended).kind == "intensity_reduction"
        assert sum(s.minutes for s in story.state.sittings) == 180

    @pytest.mark.parametrize(("ago", "counted"), [(27, 2), (28, 1)])
    def test_the_edge_of_the_window(self, ago: int, counted: int) -> None:
        story = attending().on(ADMITTED_ON + timedelta(days=40))
        story.plan(MEETINGS)
        story.meeting(story.state.day(story.now) - timedelta(days=ago))
        story.meeting()

        assert story.state.goals[0].value == counted

    def test_what_leaves_the_window_is_said_at_midnight_of_that_day(self) -> None:
        story = attending()
        story.plan(MEETINGS)
        for day in ("2026-01-20", "2026-01-20", "2026-01-25"):
            story.on(day).meeting()
        out = local(date(2026, 2, 17), "00:00")
        assert story.wakes["goals"] == out

        story.up_to(out - timedelta(seconds=1))
        assert story.state.goals[0].value == 3
        story.up_to(out)
        said = story.last(GoalProgressed)
        assert (said.value, said.percent, said.trend) == (1, 16, "worsening")
        story.on("2026-02-22", "00:00")
        assert story.state.goals[0].value == 0
        assert "goals" not in story.wakes

    def test_a_goal_of_at_most_so_many_is_met_by_time_alone_and_opens_again(self) -> None:
        story = attending().on("2026-01-20")
        story.meeting()
        story.meeting()
        story.plan(count("meeting_12step", 1, 7, "<="))
        assert story.state.goals[0].met_on is None

        story.on("2026-01-27", "00:00")
        assert story.last(GoalMet).met_on == date(2026, 1, 27)
        story.on("2026-01-28")
        story.meeting()
        story.meeting()
        assert story.last(GoalReopened).remaining_required == 1

    def test_a_count_once_reached_stays_reached_while_its_window_moves_on(self) -> None:
        story = attending()
        story.plan(count("meeting_12step", 1, 7))
        story.on("2026-01-15").meeting()
        assert story.state.goals[0].met_on == date(2026, 1, 15)
        assert "goals" not in story.wakes

        story.on("2026-03-01").attended("2026-03-01")
        assert story.last(GoalProgressed).value == 0
        assert story.said(GoalReopened) == []

    def test_a_session_struck_out_takes_back_what_it_had_met(self) -> None:
        story = attending()
        story.attended("2026-01-14")
        story.plan(count("group", 2, 7))
        assert len(story.last(GoalMet).evidence_event_ids) == 2

        story.corrected("2026-01-14", attended=False, minutes=0)
        assert story.last(GoalReopened).goal_id == story.goal()

    def test_sessions_count_by_kind_of_service_and_of_group(self) -> None:
        story = attending()
        story.attended("2026-01-14", kind=RELAPSE_PREVENTION)
        story.attended("2026-01-15", minutes=0, kind=RELAPSE_PREVENTION)
        story.plan(
            count(None, 9, 7),
            count("group", 9, 7),
            count("individual", 9, 7),
            count("relapse_prevention", 9, 7),
        )

        assert [p.value for p in story.state.goals] == [2, 2, 0, 1]

    def test_homework_counts_once_it_came_back_done(self) -> None:
        story = attending()
        story.plan(count("homework", 1, 7))
        story.do(domain.AssignHomework("worksheet", date(2026, 1, 20), story.goal()))
        homework = story.state.homework[0].id
        story.do(domain.ReturnHomework(homework, done=False))
        assert story.state.goals[0].value == 0

        story.do(domain.ReturnHomework(homework, done=True))
        assert story.last(GoalMet).evidence_event_ids == (homework,)

    @pytest.mark.parametrize(("target", "fits"), [(60, True), (61, False), (-1, False)])
    def test_what_is_kept_bounds_what_is_counted(self, target: int, fits: object) -> None:
        story = attending()
        if fits:
            assert story.plan(count("sponsor_contact", target, 28))
        else:
            story.refuses(domain.ApprovePlan((count("sponsor_contact", target, 28),), True, True))


class TestValuesGrowOld:
    @pytest.mark.parametrize(("days", "current"), [(7, True), (8, False)])
    def test_a_value_is_old_the_day_after_its_window(self, days: int, current: bool) -> None:
        story = attending().on("2026-01-20", "23:30")
        story.plan(PHQ_DOWN)
        story.phq9_total(11)
        story.on(date(2026, 1, 20) + timedelta(days=days), "00:00")

        assert story.state.goals[0].current is current
        assert story.state.goals[0].value == 11

    def test_that_is_said_once_at_that_midnight_and_takes_back_nothing(self) -> None:
        story = attending().on("2026-01-20")
        story.plan(PHQ_DOWN)
        story.phq9_total(9)
        assert story.wakes["goals"] == local(date(2026, 1, 28), "00:00")
        before = len(story.said(GoalProgressed))
        story.on("2026-02-20")

        (said,) = story.said(GoalProgressed)[before:]
        assert (said.value, said.percent, said.current) == (9, 100, False)
        assert story.said(GoalReopened) == []
        assert story.state.goals[0].met_on == date(2026, 1, 20)
        assert "goals" not in story.wakes

    def test_a_new_result_makes_it_current_even_with_the_same_value(self) -> None:
        story = attending().on("2026-01-20")
        story.plan(PHQ_DOWN)
        story.phq9_total(11)
        story.on("2026-02-01").phq9_total(11)

        assert story.last(GoalProgressed).current
        assert story.state.goals[0].current

    @pytest.mark.parametrize(("day", "value"), [("2026-01-21", 9), ("2026-01-22", None)])
    def test_an_old_value_meets_no_goal(self, day: str, value: int | None) -> None:
        story = attending().on("2026-01-14")
        story.phq9_total(9)
        story.on(day).plan(PHQ_DOWN)

        assert story.state.goals[0].value == value
        assert bool(story.said(GoalMet)) is (value is not None)

    def test_without_a_window_no_value_grows_old(self) -> None:
        story = attending()
        goal = domain.WantedGoal(OTHER, "instrument", "<=", 9, 0, instrument="phq9")
        story.plan(goal)
        story.phq9_total(11)

        assert "goals" not in story.wakes
        story.on("2026-03-20")
        assert story.state.goals[0].current


class TestSubscales:
    def test_a_goal_on_a_subscale_follows_the_profile(self) -> None:
        story = attending()
        story.plan(part("bam", "use", "<=", 0))
        story.bam(3)
        assert story.state.goals[0].value == 3
        story.on("2026-01-20").bam(0)

        met = story.last(GoalMet)
        assert met.evidence_event_ids == (story.state.profiles["bam"][-1].measure_id,)

    def test_an_instrument_with_a_total_has_subscales_too(self) -> None:
        story = Story().admitted()
        story.do(domain.RecordMeasure("pcl5", (3,) * 20))
        (cluster, *_) = sorted(story.state.starts["pcl5"].subscales)
        story.agreed()
        story.attended()
        story.plan(part("pcl5", cluster, "<=", 5))
        assert story.state.goals[0].goal.baseline == story.state.starts["pcl5"].subscales[cluster]
        story.do(domain.RecordMeasure("pcl5", (1,) * 20))

        assert story.state.goals[0].met_on == ADMITTED_ON

    @pytest.mark.parametrize(
        ("goal", "fits"),
        [
            (part("bam", "use", "<=", 90), True),
            (part("bam", "use", "<=", 91), False),
            (part("bam", "mood", "<=", 1), False),
            (part("edeq", "global", "<=", 600), True),
            (part("edeq", "global", "<=", 601), False),
            (part("cssrs", "use", "<=", 1), False),
            (part("phq9", "use", "<=", 1), False),
            (part("tea_leaves", "use", "<=", 1), False),
            (domain.WantedGoal(OTHER, "count", ">=", 1, 7, subscale="use"), False),
        ],
    )
    def test_a_subscale_is_one_of_its_instrument_and_the_target_lies_in_it(
        self, goal: domain.WantedGoal, fits: object
    ) -> None:
        story = attending()
        if fits:
            assert story.plan(goal)
        else:
            assert (
                story.refuses(domain.ApprovePlan((goal,), True, True), code="goal_not_measurable").status
                == 422
            )


def test_an_attendance_goal_names_the_weeks_behind_it() -> None:
    story = attending()
    story.plan(domain.WantedGoal(OTHER, "attendance", ">=", 800, 14))
    story.week("2026-01-19", 720)
    story.week("2026-01-26", 720)

    assert story.last(GoalMet).evidence_event_ids == tuple(w.event_id for w in story.state.weeks)


def test_an_instrument_goal_names_the_result_behind_it() -> None:
    story = attending()
    story.plan(PHQ_DOWN)
    story.phq9_total(9)

    assert story.last(GoalMet).evidence_event_ids == (story.state.scores("phq9")[-1].measure_id,)
