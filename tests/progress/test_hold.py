"""Treatment rests and goes on: holds, what coming back asks for, and the clocks meanwhile (T17-T19)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.decisions import Moment
from contracts.progress import (
    EpisodeHeld,
    EpisodeResumed,
    EpisodeStateChanged,
    ExtensionRequested,
    PatientReassessed,
    RecommendationDeclined,
    ReviewTaskClosed,
    ReviewTaskRaised,
    StepDownRecommended,
)
from contracts.rulebook import rulebook
from contracts.vocabulary import Actor, ActorType, DischargeReason
from services.progress import domain
from services.progress.domain.hold import HoldReason, hold
from tests.progress.story import (
    ADMITTED_ON,
    IOP,
    Story,
    assessed,
    attending,
    local,
    ready,
    recommended,
)

SCREENING = domain.Depth.SCREENING
BACK = domain.ResumeEpisode()


def away(until: str, since: str | None = None, reason: HoldReason = HoldReason.MEDICAL) -> domain.HoldEpisode:
    first = date.fromisoformat(since) if since else None
    return domain.HoldEpisode(reason, date.fromisoformat(until), first)


def resting(days: int = 30, since: date = date(2026, 2, 2)) -> Story:
    """On hold from a day, expected back so many days later."""
    story = attending().on(since)
    story.do(domain.HoldEpisode(HoldReason.MEDICAL, since + timedelta(days=days)))
    return story


def gone(reason: DischargeReason = DischargeReason.DROPPED_OUT_NO_CONTACT) -> domain.DischargePatient:
    return domain.DischargePatient(reason)


def tried(story: Story) -> Story:
    for channel in ("sms", "voice", "email"):
        story.do(domain.LogOutreach(channel, reached=False))
    return story


class TestHold:
    def test_it_says_why_from_when_and_until_when(self) -> None:
        story = attending().on("2026-02-02")
        story.do(away("2026-02-12", reason=HoldReason.TRAVEL))

        held = story.last(EpisodeHeld)
        assert (held.reason, held.held_from, held.expected_return_on) == (
            "travel",
            date(2026, 2, 2),
            date(2026, 2, 12),
        )
        assert held.hold_id == story.state.hold.id
        assert (story.state.held, story.state.stage) == (True, "ATTENDING")

    @pytest.mark.parametrize(("until", "taken"), [("2026-03-04", True), ("2026-03-05", False)])
    def test_thirty_days_at_most(self, until: str, taken: bool) -> None:
        story = attending().on("2026-02-02")
        if taken:
            story.do(away(until))
        else:
            story.refuses(away(until), "expected_return_on")

    @pytest.mark.parametrize("until", ["2026-02-02", "2026-02-01", "9999-12-31"])
    def test_the_return_is_on_a_day_to_come(self, until: str) -> None:
        attending().on("2026-02-02").refuses(away(until), "expected_return_on")

    @pytest.mark.parametrize(
        ("since", "taken"),
        [("2026-02-01", False), ("2026-02-02", True), ("2026-02-16", True), ("2026-02-17", False)],
    )
    def test_it_begins_today_or_up_to_two_weeks_ahead(self, since: str, taken: bool) -> None:
        story = attending().on("2026-02-02")
        if taken:
            story.do(away("2026-02-20", since))
            assert story.last(EpisodeHeld).held_from == date.fromisoformat(since)
        else:
            story.refuses(away("2026-02-20", since), "held_from")

    def test_who_has_not_come_yet_may_be_held_and_who_is_done_may_not(self) -> None:
        new = Story().admitted()
        new.do(away("2026-01-20"))
        assert new.state.held
        done = attending()
        done.do(gone(DischargeReason.MOVED))
        done.refuses(away("2026-02-12"), code="episode_over")

    def test_after_treatment_nothing_rests(self) -> None:
        story = attending()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(date(2026, 1, 19), (), True, override_reason="moving"))

        story.refuses(away("2026-02-01"), "state")

    def test_only_a_clinical_person_decides(self) -> None:
        attending().on("2026-02-02").refuses(away("2026-02-12"), "clinical_role", role="scheduler")
        resting().refuses(BACK, "clinical_role", role="scheduler")

    def test_a_longer_absence_moves_the_return_and_keeps_the_hold(self) -> None:
        story = resting(days=10).on("2026-02-10")
        first = story.state.hold
        story.do(away("2026-03-04", reason=HoldReason.FAMILY))
        assert story.state.hold == replace(first, until=date(2026, 3, 4), reason="family")

        story.refuses(away("2026-03-05"), "expected_return_on")

    def test_another_decision_may_hold_at_once(self) -> None:
        story = attending().on("2026-02-02")
        ann = Actor(type=ActorType.USER, id="ann", role="clinician")
        moment = Moment(story.now, ann, "cause", rulebook())
        (held,) = hold(story.state, HoldReason.DETOX, date(2026, 2, 12), moment)

        assert (held.reason, held.held_from) == ("detox", date(2026, 2, 2))


class TestMeanwhile:
    def test_nothing_is_recommended_downwards_until_treatment_goes_on(self) -> None:
        story = ready()
        story.do(away("2026-02-06"))
        story.attest()
        assert story.said(StepDownRecommended) == []
        assert "evaluate" not in story.wakes

        story.on("2026-02-05").do(BACK)
        assert story.said(StepDownRecommended)

    def test_what_was_recommended_is_taken_back(self) -> None:
        story = recommended()
        story.do(away("2026-02-06"))

        assert story.last(RecommendationDeclined).reason == "on_hold"

    def test_the_payers_clocks_run_on(self) -> None:
        story = resting(days=30, since=date(2026, 3, 20)).on("2026-03-30")

        assert story.said(ExtensionRequested)

    def test_the_program_does_not_end_out_of_a_hold(self) -> None:
        story = resting()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.refuses(domain.PlanAftercare(date(2026, 2, 2), (), True, override_reason="moving"), "not_held")


class TestResume:
    @pytest.mark.parametrize(("days", "asked"), [(7, False), (8, True)])
    def test_after_a_week_the_person_is_screened_anew(self, days: int, asked: bool) -> None:
        story = resting().on(date(2026, 2, 2) + timedelta(days=days))
        if asked:
            story.refuses(BACK, "rescreened")
            assessed(story, SCREENING)
        story.do(BACK)

        resumed = story.last(EpisodeResumed)
        assert (resumed.held_days, resumed.resumed_on) == (days, date(2026, 2, 2) + timedelta(days=days))
        assert not story.state.held

    def test_the_suicide_screener_is_such_a_screening(self) -> None:
        story = resting().on("2026-02-12")
        story.refuses(BACK, "rescreened")
        story.cssrs(0, 0, None, None, None, 0)

        assert story.do(BACK)

    @pytest.mark.parametrize(("days", "asked"), [(30, False), (31, True)])
    def test_after_thirty_days_the_person_is_assessed_anew(self, days: int, asked: bool) -> None:
        story = assessed(resting().on(date(2026, 2, 2) + timedelta(days=days)), SCREENING)
        if asked:
            story.refuses(BACK, "reassessed")
            assessed(story)
        story.do(BACK)

        assert not story.state.held

    def test_an_assessment_is_a_screening_too(self) -> None:
        story = assessed(resting().on("2026-03-20"))
        story.do(BACK)

    def test_what_was_found_before_the_hold_says_nothing(self) -> None:
        story = attending().on("2026-02-01")
        assessed(story)
        story.on("2026-02-02").do(away("2026-02-20"))
        story.on("2026-02-12").refuses(BACK, "rescreened")

    def test_a_hold_agreed_on_ahead_can_be_called_off(self) -> None:
        story = attending().on("2026-02-02")
        story.do(away("2026-02-20", "2026-02-09"))
        story.do(BACK)

        assert story.last(EpisodeResumed).held_days == 0
        assert story.state.days_held(date(2026, 1, 1), date(2026, 12, 31)) == 0

    def test_nobody_resumes_what_does_not_rest(self) -> None:
        attending().refuses(BACK, code="not_on_hold")


class TestOverdue:
    def test_when_the_day_of_the_return_is_over_a_person_must_look(self) -> None:
        story = resting(days=10).on("2026-02-12", "23:59")
        assert story.said(ReviewTaskRaised) == []

        story.on("2026-02-13", "00:00")
        task = story.last(ReviewTaskRaised)
        assert (task.about, task.subject_id, task.due_on) == (
            "hold_overdue",
            story.state.hold.id,
            date(2026, 2, 13),
        )
        assert story.on("2026-03-01").said(ReviewTaskRaised) == [task]

    def test_the_midnight_is_the_sites_when_the_clocks_change(self) -> None:
        story = resting(days=6, since=date(2026, 3, 2))

        assert story.wakes["hold_overdue"] == local(date(2026, 3, 9), "00:00")

    def test_who_is_back_or_later_expected_is_no_task_any_more(self) -> None:
        back = resting(days=5).on("2026-02-08")
        back.do(BACK)
        assert back.last(ReviewTaskClosed).outcome == "resumed"

        longer = resting(days=5).on("2026-02-08")
        longer.do(away("2026-02-14"))
        assert longer.last(ReviewTaskClosed).outcome == "prolonged"
        longer.on("2026-02-15")
        assert [t.due_on for t in longer.said(ReviewTaskRaised)] == [date(2026, 2, 8), date(2026, 2, 15)]

    def test_a_person_decides_and_a_discharge_is_one_answer(self) -> None:
        story = resting(days=5).on("2026-02-08")
        story.do(gone(DischargeReason.HOSPITALIZED_MEDICAL))

        assert story.last(EpisodeStateChanged).transition == "T19"
        assert story.last(ReviewTaskClosed).outcome == "discharged"
        assert not story.state.held


class TestClockOfNoContact:
    def test_while_somebody_is_held_nobody_has_dropped_out(self) -> None:
        story = tried(attending().on("2026-01-20"))
        story.on("2026-02-13").do(away("2026-02-20"))
        story.refuses(gone(), "not_held")
        story.on("2026-02-20").refuses(gone(), "not_held")
        story.on("2026-02-21").do(gone())

    @pytest.mark.parametrize(("day", "refused"), [("2026-02-21", True), ("2026-02-22", False)])
    def test_ten_days_of_hold_are_ten_days_more(self, day: str, refused: bool) -> None:
        """Last attended 2026-01-13; held from 01-20 to 01-30: the thirtieth day that counts is 02-22."""
        story = tried(attending().on("2026-01-20"))
        story.do(away("2026-02-05"))
        assessed(story.on("2026-01-30"), SCREENING).do(BACK)
        story.on(day)
        if refused:
            story.refuses(gone(), "days")
        else:
            story.do(gone())

    def test_who_never_came_back_is_away_from_the_expected_return_on(self) -> None:
        story = tried(attending().on("2026-01-20"))
        story.do(away("2026-01-30"))
        story.on("2026-02-21").refuses(gone(), "days")
        story.on("2026-02-22").do(gone())

        assert story.last(EpisodeStateChanged).transition == "T19"

    def test_who_never_attended_is_held_too(self) -> None:
        story = Story().admitted()
        story.on("2026-01-14").do(away("2026-01-27"))
        for channel in ("sms", "voice"):
            story.do(domain.LogOutreach(channel, reached=False))
        never = gone(DischargeReason.NEVER_ATTENDED)
        story.on("2026-01-27").refuses(never, "not_held", "days")
        story.on("2026-02-08").refuses(never, "days")
        story.on("2026-02-09").do(never)

        assert story.last(EpisodeStateChanged).transition == "T15"


class TestReassessment:
    def test_it_says_how_deep_by_whom_and_what_it_recommends(self) -> None:
        made = assessed(attending().on("2026-02-02")).last(PatientReassessed)

        assert (made.depth, made.recommended_level, made.assessor_credential, made.reassessed_on) == (
            "assessment",
            IOP,
            "LCSW",
            date(2026, 2, 2),
        )

    @pytest.mark.parametrize(
        ("changes", "guard"),
        [
            ({"assessor_credential": "BA"}, "assessor_credential"),
            ({"reassessed_on": date(2026, 2, 3)}, "not_ahead"),
            ({"reassessed_on": ADMITTED_ON - timedelta(days=1)}, "since_admission"),
        ],
    )
    def test_what_it_asks_for(self, changes: dict[str, Any], guard: str) -> None:
        made = domain.Reassess(SCREENING, IOP, "LCSW")
        attending().on("2026-02-02").refuses(replace(made, **changes), guard)

    def test_only_a_clinical_person_records_it(self) -> None:
        attending().refuses(domain.Reassess(SCREENING, IOP, "LCSW"), "clinical_role", role="biller")
