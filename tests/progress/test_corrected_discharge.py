"""What becomes known after the end: the discharge is said again where it was wrong, and only there."""

from datetime import date
from typing import Any

import pytest

from contracts.progress import (
    CheckInDue,
    DischargeCorrected,
    ExitMeasure,
    GoalReopened,
    MeasureRecorded,
    PatientDischarged,
    ReviewTaskRaised,
    SafetyAlertRaised,
    StepUpRecommended,
    SubstanceUseReported,
)
from contracts.vocabulary import DischargeReason, GoalCategory, GroupKind
from services.progress import domain
from services.progress.domain.outcomes import Left, outcomes
from tests.progress.story import ADMITTED_ON, SOBER, Story, attending, in_aftercare, local

SESSIONS = domain.WantedGoal(
    GoalCategory.COPING_SKILLS, "count", ">=", 3, 0, instrument=None, required_for_step_down=True
)
LEFT_ON = date(2026, 2, 3)


def left(*goals: domain.WantedGoal, story: Story | None = None) -> Story:
    """Somebody who came three times and moved away on the third of February."""
    story = story or attending()
    story.do(domain.ReviewPlan(goals or (SESSIONS,), signed_by_patient=True, signed_by_clinician=True))
    for day in ("2026-01-20", "2026-01-27"):
        story.on(day).attended()
    story.on(LEFT_ON).do(domain.DischargePatient(DischargeReason.MOVED))
    story.on("2026-02-05")
    return story


def said(story: Story) -> Any:
    return story.last(DischargeCorrected)


def test_a_session_that_was_none_is_taken_out_of_stay_and_goals() -> None:
    story = left()
    first = story.last(PatientDischarged)
    assert (first.last_service_on, first.los_days, first.goals_met) == (date(2026, 1, 27), 14, 1)

    story.corrected("2026-01-27", attended=False, minutes=0)

    again = said(story)
    assert (again.last_service_on, again.los_days, again.goals_met) == (date(2026, 1, 20), 7, 0)
    assert (again.correction, again.because) == (1, "attendance_corrected")
    assert again.changed == ("goals_met", "last_service_on", "los_days")
    for field in ("reason", "teds_reason", "discharged_on", "admitted_on", "level_at_discharge"):
        assert getattr(again, field) == getattr(first, field)
    assert story.last(GoalReopened).remaining_required == 1
    assert story.state.stage == "DISCHARGED"
    assert [*story.said(ReviewTaskRaised), *story.said(StepUpRecommended)] == []


def test_each_correction_counts_and_the_same_word_twice_is_one() -> None:
    story = left()
    story.corrected("2026-01-27", attended=False, minutes=0)
    assert story.corrected("2026-01-27", attended=False, minutes=0) == []
    story.corrected("2026-01-27", attended=True, minutes=120)

    assert [e.correction for e in story.said(DischargeCorrected)] == [1, 2]
    assert said(story).goals_met == story.last(PatientDischarged).goals_met
    assert said(story).last_service_on == date(2026, 1, 27)


def test_a_roll_call_that_came_after_the_discharge_counts() -> None:
    story = left()
    story.attended(LEFT_ON)

    assert said(story).because == "attendance_recorded"
    assert (said(story).last_service_on, said(story).los_days) == (LEFT_ON, 21)
    assert story.attended("2026-02-04") == []
    assert story.corrected("2026-02-04", attended=True, minutes=180) == []


def test_what_changes_no_figure_is_kept_and_not_said() -> None:
    story = left()
    story.corrected("2026-01-20", attended=True, minutes=90, kind=GroupKind.PROCESS)

    assert {s.minutes for s in story.state.sittings} == {180, 90}
    assert story.said(DischargeCorrected) == []


def test_the_week_that_closes_after_the_discharge_counts_and_weighs_nothing() -> None:
    story = left()
    story.week("2026-02-02", 180, short=True)

    assert [w.week_start for w in story.state.weeks] == [date(2026, 2, 2)]
    assert story.week("2026-02-09", 0) == []
    assert story.said(DischargeCorrected) == []


def test_a_week_counted_again_is_weighed_as_of_the_end() -> None:
    attends = domain.WantedGoal(GoalCategory.OTHER, "attendance", ">=", 800, 7)
    story = attending()
    story.week("2026-01-12", 720)
    left(attends, story=story)
    assert story.last(PatientDischarged).goals_met == 1

    story.on("2026-03-30").week("2026-01-12", 180, reopened=1)

    assert (said(story).because, said(story).goals_met) == ("week_recounted", 0)


@pytest.mark.parametrize("ill", [False, True])
def test_a_measure_from_before_the_end_is_an_exit_measure_and_an_alarm_an_alarm(ill: bool) -> None:
    story = left()
    story.phq9(1, 1, 1, 1, 0, 0, 0, 0, int(ill), administered_at=local(LEFT_ON, "09:00"))

    assert said(story).exit_measures == (ExitMeasure(instrument="phq9", baseline=12, last=4 + ill),)
    assert (said(story).because, said(story).changed) == ("measure_recorded", ("exit_measures",))
    assert len(story.said(SafetyAlertRaised)) == ill


def test_for_somebody_who_died_nobody_is_alarmed() -> None:
    story = left()
    story.do(domain.RecordDeath())
    story.phq9(0, 0, 0, 0, 0, 0, 0, 0, 1, administered_at=local(LEFT_ON, "09:00"))

    assert story.last(MeasureRecorded).flags == ("item_9",)
    assert story.said(SafetyAlertRaised) == []


def test_a_measure_from_after_the_end_is_none_of_the_episode() -> None:
    story = left()
    after = domain.RecordMeasure("phq9", (0,) * 9, local(date(2026, 2, 4), "00:00"))

    story.refuses(after, code="episode_over")
    story.refuses(domain.RecordMeasure("phq9", (0,) * 9), code="episode_over")


def test_a_wrong_exit_measure_is_corrected() -> None:
    story = attending()
    story.on("2026-02-02").phq9_total(18)
    left(story=story)
    wrong = story.last(MeasureRecorded).measure_id
    story.phq9_total(8, supersedes=wrong)

    assert said(story).exit_measures == (ExitMeasure(instrument="phq9", baseline=12, last=8),)


def test_of_use_that_an_old_form_shows_nobody_is_asked_any_more() -> None:
    story = attending()
    story.bam(0, administered_at=story.now)
    story.on("2026-01-20").bam(0)
    left(story=story)
    story.bam(2, administered_at=local(LEFT_ON, "09:00"))

    assert story.said(SubstanceUseReported) == []


def test_a_goal_is_weighed_as_of_the_end_whenever_the_word_comes() -> None:
    phq = domain.WantedGoal(GoalCategory.MENTAL_HEALTH, "instrument", "<=", 9, 7, instrument="phq9")
    story = left(SOBER, phq)
    story.on("2026-03-30").phq9_total(5, administered_at=local(LEFT_ON, "09:00"))

    assert (said(story).goals_total, said(story).goals_met) == (2, 1)
    assert next(p for p in story.state.goals if p.met_on).met_on == LEFT_ON


def test_who_turns_out_to_have_attended_is_somebodys_client_in_the_report() -> None:
    story = Story().admitted()
    story.agreed()
    story.on("2026-01-20").do(domain.LogOutreach("voice", reached=False))
    story.on("2026-01-30").do(domain.LogOutreach("sms", reached=False))
    story.do(domain.DischargePatient(DischargeReason.NEVER_ATTENDED))

    story.on("2026-02-01").corrected("2026-01-15", attended=True, minutes=60)

    assert said(story).first_service_on == date(2026, 1, 15)
    assert said(story).reason is DischargeReason.NEVER_ATTENDED
    end = PatientDischarged.model_validate_json(said(story).model_dump_json())
    (found,) = outcomes([Left("albany", "day", end)])
    assert (found.never_attended.count, found.reasons["dropped_out"].count) == (0, 1)


class TestDeath:
    def test_who_had_died_before_left_by_their_death(self) -> None:
        story = left()
        story.do(domain.RecordDeath(date(2026, 1, 29)), role="admissions")

        again = said(story)
        assert (again.reason, again.teds_reason) == (DischargeReason.DECEASED, "death")
        assert (again.because, again.discharged_on) == ("death", date(2026, 1, 29))
        assert not again.readmission_eligible
        assert again.changed == ("discharged_on", "readmission_eligible", "reason", "teds_reason")
        assert story.state.discharged_on == date(2026, 1, 29)

    def test_who_died_later_or_nobody_knows_when_had_left_before(self) -> None:
        for died_on in (LEFT_ON, date(2026, 2, 4), None):
            story = left()
            story.do(domain.RecordDeath(died_on))
            assert story.said(DischargeCorrected) == []

    def test_nobody_dies_before_they_were_last_there(self) -> None:
        story = left()
        story.do(domain.RecordDeath(date(2026, 1, 20)))

        assert said(story).discharged_on == date(2026, 1, 27)


def test_out_of_aftercare_too() -> None:
    story = in_aftercare()
    until = story.state.aftercare.until_on
    story.on(until)
    assert story.said(CheckInDue)
    story.do(domain.DischargePatient(DischargeReason.COMPLETED_GOALS))
    story.corrected(ADMITTED_ON, attended=False, minutes=0)

    assert (said(story).last_service_on, said(story).los_days) == (None, 1)
