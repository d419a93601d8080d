"""A week or two below the level's minimum, and the level that follows."""

from datetime import date, timedelta

import pytest

from contracts.progress import (
    LevelOfCareChanged,
    RecommendationDeclined,
    ReviewTaskClosed,
    ReviewTaskRaised,
    StepDownApproved,
    StepDownRecommended,
    StepUpRecommended,
)
from contracts.vocabulary import AgeBand
from services.progress import domain
from services.progress.domain import Direction, Kind
from tests.progress.story import ADMITTED_ON, OPTIONAL, OUTPATIENT, SOBER, Story, attending, recommended

DOWN, UP = Direction.DOWN, Direction.UP
TAPER = Kind.TRANSITION_TAPER


def tapering(until: str | None = None) -> Story:
    """From 2026-02-03 on at 360 minutes, until 2026-02-16 unless another day is said."""
    story = recommended(540)
    story.recommend(DOWN, TAPER, 360, until=until)
    story.approve(story.state.step_down)
    story.rescheduled(360, 2)
    return story


class TestAgreedOn:
    def test_a_taper_keeps_the_level_and_lasts_two_weeks_at_most(self) -> None:
        story = tapering()

        approved = story.last(StepDownApproved)
        assert (approved.kind, approved.to_level, approved.to_weekly_minutes) == (
            "transition_taper",
            story.state.level,
            360,
        )
        assert (approved.until_on, approved.payer_review) == (date(2026, 2, 16), True)
        assert story.said(LevelOfCareChanged) == []
        assert (story.state.weekly_minutes, story.state.stepped_down) == (360, True)

    def test_it_may_be_shorter(self) -> None:
        story = tapering("2026-02-10")

        assert story.last(StepDownApproved).until_on == date(2026, 2, 10)
        assert story.last(StepDownRecommended).payer_review

    @pytest.mark.parametrize(
        ("minutes", "level", "until", "guards"),
        [
            (540, None, None, {"below_minimum"}),
            (0, None, None, {"below_minimum"}),
            (360, OUTPATIENT, None, {"same_level"}),
            (360, None, "2026-02-02", {"taper_days"}),
            (360, None, "2026-03-03", {"taper_days"}),
        ],
    )
    def test_what_is_none(self, minutes: int, level: object, until: str | None, guards: set[str]) -> None:
        story = recommended(540)
        until_on = date.fromisoformat(until) if until else None
        story.refuses(domain.RecommendStep(DOWN, TAPER, minutes, level, until_on), *guards)  # type: ignore[arg-type]

    def test_it_means_fewer_minutes_than_now(self) -> None:
        story = tapering()
        story.refuses(domain.RecommendStep(DOWN, TAPER, 360), "below_minimum", "once")

    @pytest.mark.parametrize(("first", "fits"), [("2026-02-06", False), ("2026-02-07", True)])
    def test_a_later_beginning_is_held_against_its_last_day(self, first: str, fits: bool) -> None:
        story = recommended(540)
        story.recommend(DOWN, TAPER, 360, until="2026-02-20")
        if not fits:
            story.refuses(story.approval(story.state.step_down, first), "taper_days")
            return
        story.approve(story.state.step_down, first)
        assert story.state.taper.since == date(2026, 2, 7)

    def test_once_in_each_level_of_care(self) -> None:
        story = tapering()
        story.used("relapse")
        story.approve(story.state.step_up)
        assert (story.state.weekly_minutes, story.state.tapering) == (540, False)
        story.refuses(domain.RecommendStep(DOWN, TAPER, 360), "once")

        story.recommend(DOWN, Kind.LEVEL_CHANGE, 180, OUTPATIENT)
        story.approve(story.state.step_down)
        story.recommend(UP, Kind.LEVEL_CHANGE, 540, story.state.home_level)
        story.approve(story.state.step_up)
        story.recommend(DOWN, TAPER, 360)

    def test_adolescents_taper_below_their_own_minimum(self) -> None:
        story = recommended(360, age=AgeBand.ADOLESCENT)
        story.refuses(domain.RecommendStep(DOWN, TAPER, 360), "below_minimum")
        story.recommend(DOWN, TAPER, 240)
        story.approve(story.state.step_down)

        assert story.state.weekly_minutes == 240

    def test_the_machine_never_proposes_one(self) -> None:
        assert recommended(540).last(StepDownRecommended).kind == "level_change"

    def test_below_the_minimum_only_as_a_taper(self) -> None:
        recommended(540).refuses(domain.RecommendStep(DOWN, Kind.INTENSITY_REDUCTION, 360), "band")


class TestOver:
    def test_while_it_lasts_the_machine_says_nothing(self) -> None:
        story = tapering().on("2026-02-16", "23:59")

        assert story.state.step_down is None
        assert story.said(ReviewTaskRaised) == []

    def test_when_it_is_over_somebody_is_told_and_the_next_level_is_on_the_table(self) -> None:
        story = tapering().on("2026-02-17", "00:00")

        task = story.last(ReviewTaskRaised)
        assert (task.about, task.subject_id, task.due_on) == (
            "taper_over",
            story.state.taper.recommendation_id,
            date(2026, 2, 24),
        )
        down = story.last(StepDownRecommended)
        assert (down.kind, down.to_level, down.generated_by) == ("level_change", OUTPATIENT, "rule")
        assert {c.id: (c.value, c.threshold) for c in down.criteria}["taper_days"] == (14, 14)

        story.approve(story.state.step_down)
        assert (story.state.level, story.state.weekly_minutes) == (OUTPATIENT, 180)
        assert story.last(ReviewTaskClosed).task_id == task.task_id

    def test_goals_and_weeks_are_not_asked_for_again(self) -> None:
        story = tapering()
        story.plan(SOBER, domain.WantedGoal(OPTIONAL.category, "attest", "ge", 1, 0, None, True))
        story.week("2026-02-02", 90, 360)
        assert story.state.remaining_required == 1

        assert story.on("2026-02-17").state.step_down is not None

    def test_use_asks_for_clean_days_first(self) -> None:
        story = tapering().on("2026-02-10")
        story.used("lapse")
        assert story.on("2026-02-23", "23:59").state.step_down is None
        assert [t.about for t in story.state.tasks] == ["taper_over"]

        assert story.on("2026-02-24", "00:00").state.step_down is not None

    def test_an_open_alert_keeps_the_next_level_away(self) -> None:
        story = tapering()
        story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1)
        story.on("2026-02-18")
        assert (story.state.step_down, len(story.said(ReviewTaskRaised))) == (None, 1)

        story.settle(story.state.alerts[0].id)
        assert story.last(StepDownRecommended).kind == "level_change"

    def test_without_a_required_goal_only_a_person_is_told(self) -> None:
        story = tapering()
        story.plan(OPTIONAL)

        assert story.on("2026-02-17").state.step_down is None
        assert len(story.said(ReviewTaskRaised)) == 1

    def test_another_level_before_its_end_leaves_nothing_to_tell(self) -> None:
        story = tapering()
        story.recommend(DOWN, Kind.LEVEL_CHANGE, 180, OUTPATIENT)
        story.approve(story.state.step_down, "2026-02-17")

        assert "taper_over" not in story.wakes
        assert story.on("2026-03-01").said(ReviewTaskRaised) == []

    def test_a_taper_to_the_minutes_of_the_next_level_is_followed_by_it(self) -> None:
        story = recommended(540)
        story.recommend(DOWN, TAPER, 180)
        story.approve(story.state.step_down)
        story.on("2026-02-17").approve(story.state.step_down)

        assert story.last(LevelOfCareChanged).to_level == OUTPATIENT


class TestBesideIt:
    def test_its_weeks_are_not_below_anything(self) -> None:
        story = tapering()
        story.week("2026-02-02", 300, 360)
        story.week("2026-02-09", 300, 360)
        story.do(domain.LogOutreach("voice", reached=True))
        assert story.said(StepUpRecommended) == []

        story.week("2026-02-16", 300, 360)
        story.week("2026-02-23", 300, 360)
        story.week("2026-03-02", 300, 360)
        assert [w.overlaps(date(2026, 2, 3), date(2026, 2, 16)) for w in story.state.weeks[-4:]] == [
            True,
            True,
            False,
            False,
        ]
        story.do(domain.LogOutreach("voice", reached=True))
        assert story.last(StepUpRecommended).trigger == "attendance"

    def test_the_way_back_up_is_the_minimum(self) -> None:
        story = tapering()
        story.used("relapse")

        up = story.last(StepUpRecommended)
        assert (up.kind, up.to_weekly_minutes) == ("intensity_increase", 540)

    def test_what_follows_a_taper_below_the_minutes_of_the_next_level_can_be_approved(self) -> None:
        story = recommended(540)
        story.recommend(DOWN, TAPER, 120)
        story.approve(story.state.step_down)
        story.on("2026-02-17", "00:00")
        down = story.state.recommendation(Direction.DOWN)

        assert (down.kind, down.to_minutes) == (Kind.LEVEL_CHANGE, 120)
        story.approve(down.id)
        assert (story.state.level.code, story.state.weekly_minutes) == ("1", 120)

    def test_a_taper_that_nobody_answers_expires_like_everything_else(self) -> None:
        story = recommended(540)
        story.recommend(DOWN, TAPER, 360)
        made = story.now
        story.up_to(made + timedelta(days=14) - timedelta(seconds=1))
        assert story.state.recommendation(DOWN).kind is TAPER

        story.up_to(made + timedelta(days=14))
        assert story.last(RecommendationDeclined).reason == "expired"
        assert story.state.recommendation(DOWN).generated_by == "rule"


def test_an_admission_alone_is_no_taper() -> None:
    assert attending().woke("taper_over") == []
    assert attending().state.day(attending().now) == ADMITTED_ON
