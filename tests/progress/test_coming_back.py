"""Coming back into the same episode after the program: who may, until when, and on what it rests (T28)."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.intake import AuthorizedTerm, CoverageTerm
from contracts.progress import (
    CheckInCompleted,
    EpisodeStateChanged,
    ExtensionRequested,
    MeasuresMissed,
    RecommendationDeclined,
    StepUpApproved,
    StepUpRecommended,
)
from contracts.vocabulary import DischargeReason, PlanKind
from services.progress import domain
from services.progress.domain import Direction, Kind
from services.progress.domain.recommend import step_down_criteria
from tests.progress.story import ADMITTED_ON, IOP, SOBER, Story, assessed, local, recommended

BEGAN_ON = date(2026, 2, 3)
AT_RISK = domain.RecordCheckIn(reached=True, status_summary="at_risk", contact_mode="phone")
RELAPSED = domain.ReportSubstanceUse("self", date(2026, 2, 17), "relapse")


def in_aftercare(**changes: Any) -> Story:
    """Aftercare began on 2026-02-03."""
    story = Story().admitted(**changes)
    story.agreed()
    story.on(ADMITTED_ON, "12:00").attended()
    story.do(domain.ApprovePlan((SOBER,), True, True, signed_by_physician=True))
    story.week("2026-01-12", 180, short=True)
    story.on(BEGAN_ON).phq9(*[0] * 9)
    story.do(domain.PlanAftercare(BEGAN_ON, ("phone_checkins",), True, override_reason="moving"))
    return story


def alumnus() -> Story:
    """An alumnus from the last day of aftercare on."""
    story = in_aftercare().on("2026-05-04")
    story.do(domain.EnrolAlumni(consented=True))
    return story


def told(story: Story) -> Story:
    """The person tells in the first call that they are at risk."""
    story.on("2026-02-17").do(AT_RISK)
    return story


class TestReport:
    def test_who_is_at_risk_may_come_back_before_a_relapse(self) -> None:
        story = told(in_aftercare())

        up = story.last(StepUpRecommended)
        assert (up.kind, up.trigger, up.to_level) == ("readmit", "at_risk", IOP)
        assert story.last(CheckInCompleted).contact_mode == "phone"
        assert story.state.stage == "AFTERCARE"

    def test_a_relapse_is_graver_than_a_risk(self) -> None:
        story = told(in_aftercare())
        story.do(RELAPSED)

        assert story.last(StepUpRecommended).trigger == "relapse"
        assert story.last(RecommendationDeclined).reason == "superseded"

    def test_a_call_is_made_in_a_known_way(self) -> None:
        story = in_aftercare().on("2026-02-17")
        story.refuses(domain.RecordCheckIn(True, "stable", "telepathy"), code="mode_unknown")

    @pytest.mark.parametrize(("day", "recommends"), [("2026-05-04", True), ("2026-05-05", False)])
    def test_an_alumnus_may_come_back_within_ninety_days_of_aftercare(
        self, day: str, recommends: bool
    ) -> None:
        story = alumnus().on(day, "13:00")
        story.do(AT_RISK)

        assert (story.state.step_up is not None) is recommends
        assert story.state.stage == "ALUMNI"

    def test_what_was_told_in_time_speaks_until_it_expires_however_late_that_rings(self) -> None:
        again = domain.RecommendStep(domain.Direction.UP, domain.Kind.READMIT, 540, IOP)
        story = alumnus().on("2026-05-04", "13:00")
        story.do(AT_RISK)
        story.on("2026-05-18", "12:59").do(again)
        assert story.last(StepUpRecommended).trigger == "clinician"

        story = alumnus().on("2026-05-04", "13:00")
        story.do(AT_RISK)
        story.wakes.clear()
        story.on("2026-05-18", "13:00").refuses(again, "readmit_days")

    def test_a_relapse_of_an_alumnus_counts_too(self) -> None:
        story = alumnus()
        story.do(domain.ReportSubstanceUse("family", date(2026, 5, 3), "relapse"))
        assessed(story).approve(story.state.step_up)

        assert story.last(EpisodeStateChanged).from_state == "ALUMNI"
        assert story.state.stage == "ATTENDING"

    def test_an_alumnus_who_was_not_reached_is_no_call(self) -> None:
        alumnus().refuses(domain.RecordCheckIn(reached=False), code="no_check_in_due")

    def test_what_an_alumnus_told_is_a_call_of_that_day(self) -> None:
        story = alumnus()
        story.do(domain.RecordCheckIn(True, "stable", "video"))

        assert story.last(CheckInCompleted).due_on == date(2026, 5, 4)
        assert story.state.step_up is None


class TestReadmission:
    @pytest.mark.parametrize(("effective_on", "refused"), [("2026-03-19", False), ("2026-03-20", True)])
    def test_the_assessment_is_no_older_than_thirty_days(self, effective_on: str, refused: bool) -> None:
        story = told(in_aftercare())
        story.refuses(story.approval(story.state.step_up), "reassessed")
        assessed(story, domain.Depth.SCREENING)
        story.refuses(story.approval(story.state.step_up), "reassessed")
        assessed(story)
        approval = story.approval(story.state.step_up, effective_on)
        if refused:
            story.refuses(approval, "reassessed")
        else:
            story.do(approval)

    def test_the_payer_says_yes_to_the_first_day(self) -> None:
        term = AuthorizedTerm(
            authorization_id="a-1", level=IOP, valid_from=ADMITTED_ON, valid_to=date(2026, 2, 20)
        )
        story = assessed(told(in_aftercare(authorizations=(term,))))
        story.refuses(story.approval(story.state.step_up, "2026-02-21"), "authorization")
        story.approve(story.state.step_up, "2026-02-20")

    def test_medicare_wants_a_current_certification(self) -> None:
        plan = CoverageTerm(
            coverage_id="cover-1", payer_id="cms", plan_kind=PlanKind.MEDICARE, auth_required=False
        )
        story = assessed(told(in_aftercare(coverage=plan)))
        story.refuses(story.approval(story.state.step_up), "certification")
        story.do(domain.RecordCertification("dr-1", "MD", date(2026, 2, 17)))
        story.approve(story.state.step_up)

    def test_the_program_begins_anew_with_an_end_of_its_own(self) -> None:
        story = assessed(told(in_aftercare()))
        story.refuses(story.approval(story.state.step_up, agreed=False), "patient_agreed")
        story.approve(story.state.step_up, "2026-02-23")

        assert story.last(StepUpApproved).planned_end_on == date(2026, 5, 24)
        assert story.last(EpisodeStateChanged).transition == "T28"
        assert story.wakes["planned_end_passed"] == local(date(2026, 5, 25), "00:00")
        assert story.on("2026-05-10").said(ExtensionRequested)

    def test_after_a_long_stay_the_end_still_lies_ahead(self) -> None:
        """The longest stay counts from the readmission; otherwise it would end before it begins."""
        story = in_aftercare()
        long_ago = story.state.admitted_on - timedelta(days=400)
        story.state = type(story.state)(
            **{f: getattr(story.state, f) for f in story.state.__slots__} | {"admitted_on": long_ago}
        )
        assessed(told(story)).approve(story.state.step_up)
        assert story.state.planned_end_on == date(2026, 5, 18)

        story.do(domain.RequestExtension(("relapse",), 30))

    def test_weeks_before_aftercare_say_nothing_about_treatment_after_it(self) -> None:
        story = recommended(540)
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(BEGAN_ON, ("phone_checkins",), True))
        assessed(told(story)).approve(story.state.step_up)
        story.on("2026-03-05")
        assert story.state.step_down is None

        story.week("2026-02-23", 540, 540)
        assert {c.id: c.met for c in step_down_criteria(story.state, story.moment())}[
            "attendance_week_2"
        ] is False
        story.week("2026-03-02", 540, 540)
        assert story.state.step_down

    def test_thin_weeks_before_aftercare_and_after_it_are_not_two_in_a_row(self) -> None:
        story = in_aftercare()
        story.week("2026-01-26", 100)
        assessed(told(story)).approve(story.state.step_up, "2026-02-23")
        story.week("2026-02-23", 100)
        story.do(domain.LogOutreach("voice", reached=True))
        assert [u.trigger for u in story.said(StepUpRecommended)] == ["at_risk"]

        story.week("2026-03-02", 100)
        assert story.last(StepUpRecommended).trigger == "attendance"

    def test_another_stay_may_be_tapered_too_and_what_was_asked_before_was_not_missed(self) -> None:
        story = recommended(540)
        story.recommend(Direction.DOWN, Kind.TRANSITION_TAPER, 360)
        story.approve(story.state.step_down)
        story.recommend(Direction.UP, Kind.INTENSITY_INCREASE, 540)
        story.approve(story.state.step_up)
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(BEGAN_ON, ("phone_checkins",), True))
        assert story.state.request
        missed = story.said(MeasuresMissed)
        assessed(told(story)).approve(story.state.step_up)
        story.up_to(story.now)
        assert story.said(MeasuresMissed) == missed

        assert story.recommend(Direction.DOWN, Kind.TRANSITION_TAPER, 360)

    def test_before_it_ends_again_the_meeting_is_held_again(self) -> None:
        story = assessed(told(in_aftercare()))
        story.approve(story.state.step_up)
        story.on("2026-02-18").refuses(
            domain.PlanAftercare(BEGAN_ON, (), True, override_reason="moving"), "meeting_on", "exit_measures"
        )


def test_who_was_handed_on_after_the_program_needs_no_approval() -> None:
    story = in_aftercare()
    story.do(
        domain.DischargePatient(
            DischargeReason.TRANSFERRED_HIGHER_LEVEL,
            receiving_program="County PHP",
            receiving_accepted=True,
            handoff_basis="consent",
        )
    )

    assert story.last(EpisodeStateChanged).transition == "T30"
