"""Alumni after the end of the episode: a record of contact and nothing more (T30)."""

from datetime import date

import pytest

from contracts.progress import AlumniEnrolled, CheckInCompleted, EpisodeStateChanged, StepUpRecommended
from contracts.vocabulary import DischargeReason
from services.progress import domain
from tests.progress.story import Story, attending, in_aftercare

STABLE = domain.RecordCheckIn(reached=True, status_summary="stable")
YES = domain.EnrolAlumni(consented=True)


def through(*, in_touch: bool = False) -> Story:
    """Aftercare is over, and so is the episode."""
    story = in_aftercare()
    story.on(story.state.aftercare.until_on)
    story.do(domain.DischargePatient(DischargeReason.COMPLETED_GOALS, stay_in_touch=in_touch))
    return story


def test_aftercare_ends_with_the_episode_and_the_person_stays_in_touch_in_one_act() -> None:
    story = through(in_touch=True)

    assert story.last(EpisodeStateChanged).transition == "T30"
    assert story.last(AlumniEnrolled).enrolled_on == story.state.discharged_on
    assert (story.state.stage, story.state.in_touch, story.wakes) == ("DISCHARGED", True, {})


def test_who_was_an_alumnus_stays_one() -> None:
    story = in_aftercare()
    story.on(story.state.aftercare.until_on).do(YES)
    story.do(domain.DischargePatient(DischargeReason.COMPLETED_GOALS))

    assert story.state.in_touch
    assert len(story.said(AlumniEnrolled)) == 1


def test_somebody_may_be_enrolled_after_the_end_and_once() -> None:
    story = through()
    story.refuses(domain.EnrolAlumni(consented=False), "consent")
    story.do(YES)

    assert story.state.in_touch
    story.refuses(YES, "not_enrolled")


@pytest.mark.parametrize("status", ["stable", "at_risk", "relapse"])
def test_a_call_is_kept_and_leads_back_by_a_referral_only(status: str) -> None:
    story = through(in_touch=True)
    story.on("2026-09-01").do(domain.RecordCheckIn(reached=True, status_summary=status))

    call = story.last(CheckInCompleted)
    assert (call.status_summary, call.due_on) == (status, date(2026, 9, 1))
    assert story.said(StepUpRecommended) == []
    assert story.state.stage == "DISCHARGED"
    story.refuses(domain.RecordCheckIn(reached=False), code="no_check_in_due")


def test_without_consent_nobody_is_called() -> None:
    through().refuses(STABLE, code="episode_over")


def test_the_dead_are_called_by_nobody() -> None:
    story = through(in_touch=True)
    story.on("2026-08-02").do(domain.RecordDeath(date(2026, 8, 1)), role="admissions")

    assert not story.state.in_touch
    story.refuses(STABLE, code="episode_over")
    without = through()
    without.do(domain.RecordDeath(None))
    without.refuses(YES, "alive")


def test_who_had_no_aftercare_has_nothing_to_stay_in_touch_after() -> None:
    story = attending()
    moving = domain.DischargePatient(DischargeReason.MOVED, stay_in_touch=True)
    story.refuses(moving, "aftercare")
    story.do(domain.DischargePatient(DischargeReason.MOVED))
    story.refuses(YES, "aftercare")
