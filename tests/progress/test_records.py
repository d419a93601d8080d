"""Homework, medication, meetings and the curriculum."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.decisions import Moment
from contracts.progress import (
    CurriculumCompleted,
    CurriculumReopened,
    HomeworkAssigned,
    HomeworkReturned,
    MedicationStatusRecorded,
    RecoveryActivityLogged,
)
from contracts.rulebook import rulebook
from contracts.vocabulary import GroupKind
from services.progress import domain
from services.progress.domain.curriculum import reopen, review_curriculum
from services.progress.domain.folds.course import KEPT_FIRST, KEPT_SITTINGS
from tests.progress.story import ADMITTED_ON, SOBER, SYSTEM, Story, attending, ready

MATRIX = {
    GroupKind.EARLY_RECOVERY_SKILLS: 8,
    GroupKind.RELAPSE_PREVENTION: 32,
    GroupKind.FAMILY_EDUCATION: 12,
    GroupKind.SOCIAL_SUPPORT: 36,
}


class TestHomework:
    def test_it_goes_out_and_comes_back(self) -> None:
        story = attending()
        story.do(domain.AssignHomework("worksheet", date(2026, 1, 20), story.goal()))
        assigned = story.last(HomeworkAssigned)
        assert (assigned.kind, assigned.goal_id) == ("worksheet", story.goal())

        story.on("2026-01-16").do(domain.ReturnHomework(assigned.homework_id, done=False))
        story.on("2026-01-18").do(domain.ReturnHomework(assigned.homework_id, done=True))
        assert [(r.done, r.returned_on) for r in story.said(HomeworkReturned)] == [
            (False, date(2026, 1, 16)),
            (True, date(2026, 1, 18)),
        ]
        story.refuses(domain.ReturnHomework(assigned.homework_id, done=True), "open")

    def test_it_is_due_today_or_later_and_serves_a_goal_of_the_plan_or_the_draft(self) -> None:
        story = Story().admitted()
        today = ADMITTED_ON
        story.refuses(domain.AssignHomework("planner", today - timedelta(days=1)), "due")
        story.refuses(domain.AssignHomework("planner", today, "goal-of-another"), "goal")
        story.draft()
        assert story.do(domain.AssignHomework("planner", today, story.state.draft.goals[0].goal_id))
        assert story.refuses(domain.ReturnHomework("nothing", done=True)).status == 404


class TestMedication:
    def test_the_newest_word_about_each_medication_stands(self) -> None:
        story = attending()
        for ref, adherence in (("med-1", "taking"), ("med-2", "partial"), ("med-1", "stopped")):
            story.do(domain.RecordMedication(ref, adherence))

        assert story.last(MedicationStatusRecorded).recorded_on == ADMITTED_ON
        assert {m.ref: m.adherence for m in story.state.medications} == {
            "med-1": "stopped",
            "med-2": "partial",
        }

    def test_a_word_that_is_none_is_refused(self) -> None:
        command = domain.RecordMedication("med-1", "sometimes")

        assert attending().refuses(command, code="adherence_unknown").status == 422


class TestActivities:
    def test_a_meeting_is_kept_with_its_step_and_is_no_treatment(self) -> None:
        story = ready()
        weeks, sittings = story.state.weeks, story.state.sittings
        story.do(domain.LogActivity("meeting_12step", minutes=60, step=3))

        logged = story.last(RecoveryActivityLogged)
        assert (logged.kind, logged.minutes, logged.step) == ("meeting_12step", 60, 3)
        assert (story.state.weeks, story.state.sittings) == (weeks, sittings)

    @pytest.mark.parametrize(
        ("command", "guard"),
        [
            (domain.LogActivity("alumni", ADMITTED_ON - timedelta(days=1)), "in_episode"),
            (domain.LogActivity("alumni", ADMITTED_ON + timedelta(days=1)), "in_episode"),
            (domain.LogActivity("alumni", minutes=1441), "minutes"),
            (domain.LogActivity("alumni", minutes=-1), "minutes"),
            (domain.LogActivity("meeting_12step", step=0), "step"),
            (domain.LogActivity("meeting_12step", step=13), "step"),
        ],
    )
    def test_it_happened_in_the_episode_and_not_ahead(self, command: Any, guard: str) -> None:
        attending().refuses(command, guard)

    def test_the_edges_fit(self) -> None:
        story = attending()
        for command in (
            domain.LogActivity("sponsor_contact", ADMITTED_ON, minutes=0, step=1),
            domain.LogActivity("other", ADMITTED_ON, minutes=1440, step=12),
        ):
            assert story.do(command)

    def test_an_activity_that_is_none_is_refused(self) -> None:
        assert attending().refuses(domain.LogActivity("bingo"), code="activity_unknown").status == 422


class TestCurriculum:
    def test_it_is_complete_once_every_part_had_its_sessions_and_that_is_said_once(self) -> None:
        story = attending()
        story.review(SOBER, curriculum="matrix")
        for kind, sessions in MATRIX.items():
            for number in range(sessions):
                assert story.said(CurriculumCompleted) == []
                story.attended(ADMITTED_ON + timedelta(days=number), f"{kind}-{number}", kind=kind)

        (complete,) = story.said(CurriculumCompleted)
        assert (complete.curriculum, complete.sessions) == ("matrix", 88)
        story.attended(ADMITTED_ON + timedelta(days=40), "more", kind=GroupKind.SOCIAL_SUPPORT)
        assert len(story.said(CurriculumCompleted)) == 1
        assert len(story.state.sittings) == KEPT_FIRST + KEPT_SITTINGS

    def test_corrections_count_back_and_again(self) -> None:
        story = attending()
        kind = GroupKind.EARLY_RECOVERY_SKILLS
        story.attended("2026-01-14", kind=kind)
        story.attended("2026-01-15", kind=kind)
        story.corrected("2026-01-15", attended=True, minutes=120)
        assert story.state.covered == {kind: 2}
        story.corrected("2026-01-15", attended=True, minutes=0)
        assert story.state.covered == {kind: 1}

        story.corrected("2026-01-14", attended=False, minutes=0)
        assert story.state.covered == {kind: 0}

    def test_who_came_late_after_all_has_covered_the_session_too(self) -> None:
        story = attending()
        story.missed("2026-01-14", 1)
        story.corrected("2026-01-14", attended=True, minutes=120, kind=GroupKind.RELAPSE_PREVENTION)

        assert story.state.covered == {"relapse_prevention": 1}

    def test_a_session_without_minutes_covers_nothing(self) -> None:
        story = attending()
        story.attended("2026-01-14", minutes=0, kind=GroupKind.RELAPSE_PREVENTION)

        assert story.state.covered == {}

    def test_what_was_forgotten_is_not_counted_again(self) -> None:
        story = attending()
        kind = GroupKind.RELAPSE_PREVENTION
        began = story.state.attended_from
        days = [ADMITTED_ON + timedelta(days=n) for n in range(1, KEPT_FIRST + KEPT_SITTINGS + 2)]
        for day in days:
            story.on(day).attended(day, kind=kind)
        assert story.state.covered == {kind: len(days)}
        forgotten = days[KEPT_FIRST - 1]
        assert all(s.on != forgotten for s in story.state.sittings)

        story.attended(forgotten, kind=kind)
        assert story.state.covered == {kind: len(days)}
        assert story.state.attended_from == began

    def test_sessions_before_the_plan_count_when_it_names_the_curriculum(self) -> None:
        story = attending()
        self.cover(story)
        assert story.said(CurriculumCompleted) == []

        story.review(SOBER, curriculum="matrix")
        assert story.last(CurriculumCompleted).sessions == 88

    def test_a_part_begins_again_after_a_relapse(self) -> None:
        story = attending()
        kind = GroupKind.EARLY_RECOVERY_SKILLS
        story.review(SOBER, curriculum="matrix")
        self.cover(story)
        again = reopen(story.state, kind, "relapse", self.moment(story))
        assert [type(f) for f in again] == [CurriculumReopened]
        story.state = domain.fold(story.state, again)
        assert kind not in story.state.covered
        assert review_curriculum(story.state, self.moment(story)) == []

        story.corrected(ADMITTED_ON + timedelta(days=1), attended=False, minutes=0)
        story.on("2026-03-20")
        for number in range(7):
            story.attended(session=f"again-{number}", kind=kind)
        assert len(story.said(CurriculumCompleted)) == 1
        story.attended(session="again-8", kind=kind)
        assert len(story.said(CurriculumCompleted)) == 2

    def test_a_correction_of_what_was_before_counts_nothing_toward_the_part_that_began_again(self) -> None:
        story = attending()
        kind = GroupKind.EARLY_RECOVERY_SKILLS
        story.review(SOBER, curriculum="matrix")
        story.attended("2026-01-14", kind=kind)
        story.state = domain.fold(story.state, reopen(story.state, kind, "relapse", self.moment(story)))
        story.corrected("2026-01-14", attended=True, minutes=120)

        assert kind not in story.state.covered

    @pytest.mark.parametrize(("curriculum", "part"), [(None, "relapse_prevention"), ("matrix", "dbt")])
    def test_what_is_not_in_the_curriculum_cannot_begin_again(
        self, curriculum: str | None, part: str
    ) -> None:
        story = attending()
        story.review(SOBER, curriculum=curriculum)

        assert reopen(story.state, part, "relapse", self.moment(story)) == []

    @staticmethod
    def cover(story: Story) -> None:
        for kind, sessions in MATRIX.items():
            for number in range(sessions):
                day = ADMITTED_ON + timedelta(days=number + 1)
                story.attended(
                    day, f"s-{day}" if kind == "early_recovery_skills" else f"{kind}-{number}", kind=kind
                )

    @staticmethod
    def moment(story: Story) -> Moment:
        return Moment(story.now, SYSTEM, "cause", rulebook())
