"""What a discharge tells, and death, from whatever state."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from contracts.decisions import Moment
from contracts.progress import ExitMeasure, PatientDied, PatientDischarged
from contracts.rulebook import rulebook
from contracts.vocabulary import Actor, ActorType, DischargeReason
from services.progress import domain
from tests.progress.story import ADMITTED_ON, Story, attending, in_aftercare

DIED = domain.RecordDeath()
MOVED = domain.DischargePatient(DischargeReason.MOVED)


def alumnus() -> Story:
    story = in_aftercare().on("2026-05-04")
    story.do(domain.EnrolAlumni(consented=True))
    return story


def on_hold() -> Story:
    story = attending()
    story.do(domain.HoldEpisode(domain.HoldReason.MEDICAL, ADMITTED_ON + timedelta(days=9)))
    return story


class TestDeath:
    @pytest.mark.parametrize("way", [Story().admitted, attending, on_hold, in_aftercare, alumnus])
    def test_from_any_state_it_ends_the_episode_at_once(self, way: Callable[[], Story]) -> None:
        story = way()
        story.do(DIED, "admissions")

        end = story.last(PatientDischarged)
        assert (end.reason, end.teds_reason, end.readmission_eligible) == ("deceased", "death", False)
        assert story.journal.index(story.last(PatientDied)) < story.journal.index(end)
        assert (story.state.over, story.state.died, story.wakes) == (True, True, {})

    def test_after_the_end_it_is_said_all_the_same(self) -> None:
        story = attending()
        story.do(MOVED)
        story.on("2026-06-01").do(domain.RecordDeath(date(2026, 5, 30)))

        died = story.last(PatientDied)
        assert (died.died_on, died.reported_on) == (date(2026, 5, 30), date(2026, 6, 1))
        assert [d.reason for d in story.said(PatientDischarged)] == ["moved"]

    def test_it_is_said_once_and_not_of_a_day_to_come(self) -> None:
        story = attending()
        story.refuses(domain.RecordDeath(ADMITTED_ON + timedelta(days=1)), code="died_in_future")
        story.do(DIED)
        story.refuses(DIED, code="death_known")

    def test_a_discharge_as_deceased_is_the_same(self) -> None:
        story = attending().on("2026-01-20")
        story.do(domain.DischargePatient(DischargeReason.DECEASED, died_on=date(2026, 1, 19)))

        assert story.last(PatientDied).died_on == date(2026, 1, 19)
        assert story.last(PatientDischarged).discharged_on == date(2026, 1, 19)

    @pytest.mark.parametrize(
        ("died_on", "ended_on"),
        [("2026-01-18", "2026-01-18"), ("2025-12-24", "2026-01-13"), (None, "2026-01-20")],
    )
    def test_it_ends_on_the_day_of_the_death_though_never_before_the_last_service(
        self, died_on: str | None, ended_on: str
    ) -> None:
        story = attending().on("2026-01-20")
        story.do(domain.RecordDeath(date.fromisoformat(died_on) if died_on else None))

        assert story.last(PatientDischarged).discharged_on == date.fromisoformat(ended_on)


class TestWhatItTells:
    def test_the_first_and_the_last_service_and_what_was_measured(self) -> None:
        story = attending().on("2026-02-02")
        story.phq9(*[1] * 8, 0)
        story.do(domain.RecordMeasure("gad7", (1, 1, 1, 1, 1, 1, 1)))
        story.attended("2026-01-30")
        story.do(MOVED)

        end = story.last(PatientDischarged)
        assert (end.first_service_on, end.last_service_on, end.los_days) == (
            ADMITTED_ON,
            date(2026, 1, 30),
            17,
        )
        assert end.exit_measures == (
            ExitMeasure(instrument="gad7", baseline=None, last=7),
            ExitMeasure(instrument="phq9", baseline=12, last=8),
        )
        assert (end.aftercare_plan_id, end.readmission_eligible, end.detail_code) == (None, True, None)

    def test_the_aftercare_plan_goes_with_the_person(self) -> None:
        story = in_aftercare()
        plan = story.state.aftercare.id
        story.do(MOVED)

        assert story.last(PatientDischarged).aftercare_plan_id == plan

    def test_a_state_has_codes_of_its_own(self) -> None:
        story = attending()
        ann = Actor(type=ActorType.USER, id="ann", role="clinician")
        rules = rulebook().model_copy(update={"detail_codes": {"moved": "64"}})
        moment = Moment(story.now, ann, "cause", rules)
        for command, code in (
            (MOVED, "64"),
            (domain.DischargePatient(DischargeReason.MOVED, detail_code="63"), "63"),
            (domain.DischargePatient(DischargeReason.OTHER), None),
        ):
            (end,) = [
                f
                for f in domain.discharge_patient(story.state, command, moment)
                if isinstance(f, PatientDischarged)
            ]
            assert end.detail_code == code

    def test_nobody_who_never_came_has_a_first_service(self) -> None:
        story = Story().admitted()
        story.do(MOVED)

        assert story.last(PatientDischarged).first_service_on is None


class TestDaysOfService:
    def test_they_stay_exact_over_a_long_stay_and_its_corrections(self) -> None:
        story = attending()
        days = [ADMITTED_ON + timedelta(days=2 * n) for n in range(1, 110)]
        for day in days:
            story.on(day).attended()
        assert story.state.first_attended_on == ADMITTED_ON

        story.corrected(ADMITTED_ON, attended=False, minutes=0)
        assert story.state.first_attended_on == days[0]
        story.corrected(days[-1], attended=False, minutes=0)
        assert story.state.last_attended_on == days[-2]

        story.attended(days[-1], session="late-entry")
        assert story.state.last_attended_on == days[-1]
