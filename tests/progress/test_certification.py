"""A physician certifies again and again where the payer asks for it, and care is never blocked (K19)."""

from datetime import date, timedelta

import pytest

from contracts.intake import Certification, CoverageTerm, CoverageVerified
from contracts.progress import RecertificationDue, RecertificationRecorded
from contracts.vocabulary import PlanKind
from services.progress import domain
from tests.progress.story import ADMITTED_ON, Story, attending, local

MEDICARE = CoverageTerm(
    coverage_id="cover-1", payer_id="cms", plan_kind=PlanKind.MEDICARE, auth_required=False
)
FIRST_DUE = ADMITTED_ON + timedelta(days=60)
"""2026-03-14."""


def certified(day: date = ADMITTED_ON, plan: CoverageTerm = MEDICARE) -> Story:
    """Treated, and certified on a day."""
    signed = Certification(certified_by="dr-1", certified_on=day, next_due_on=day + timedelta(days=60))
    story = Story().admitted(coverage=plan, certification=signed)
    story.agreed()
    story.attended()
    return story


def covered(story: Story, kind: PlanKind, since: str, status: str = "active") -> None:
    story.hear(
        CoverageVerified(
            **story.common(),
            coverage_id="cover-2",
            payer_id="other",
            plan_kind=kind,
            status=status,
            auth_required=False,
            verified_at=story.now,
            valid_from=date.fromisoformat(since),
        )
    )


def told(story: Story) -> list[tuple[str, int, bool]]:
    return [(str(n.due_on), n.days_left, n.lapsed) for n in story.said(RecertificationDue)]


class TestDue:
    def test_somebody_is_told_two_weeks_one_week_and_one_day_before_and_once_it_lapsed(self) -> None:
        story = certified()
        for day, notices in (
            ("2026-02-27", 0),
            ("2026-02-28", 1),
            ("2026-03-07", 2),
            ("2026-03-13", 3),
            ("2026-03-14", 3),
            ("2026-03-15", 4),
            ("2026-04-01", 4),
        ):
            story.on(day, "00:00")
            assert len(told(story)) == notices, day

        assert told(story) == [
            ("2026-03-14", 14, False),
            ("2026-03-14", 7, False),
            ("2026-03-14", 1, False),
            ("2026-03-14", 0, True),
        ]
        assert story.attended()
        assert story.state.stage == "ATTENDING"

    def test_the_day_begins_at_the_sites_midnight_when_the_clocks_change(self) -> None:
        assert certified(date(2026, 1, 14)).wakes["certification_due"] == local(date(2026, 3, 1), "00:00")
        story = certified(date(2026, 1, 21)).on("2026-03-08")

        assert story.wakes["certification_due"] == local(date(2026, 3, 15), "00:00")

    def test_who_does_not_ask_is_not_told(self) -> None:
        plan = MEDICARE.model_copy(update={"plan_kind": PlanKind.COMMERCIAL})
        story = certified(plan=plan).on("2026-04-01")

        assert told(story) == []
        assert "certification_due" not in story.wakes

    def test_a_stale_or_early_wake_says_nothing(self) -> None:
        assert certified().woke("certification_due") == []

    def test_after_treatment_nobody_is_told(self) -> None:
        story = certified()
        story.week("2026-01-12", 180, short=True)
        story.phq9(*[0] * 9)
        story.do(domain.PlanAftercare(date(2026, 1, 19), (), True, override_reason="moving"))

        assert told(story.on("2026-03-15")) == []


class TestAnotherPayer:
    def test_a_payer_who_asks_from_a_day_on_asks_from_that_day(self) -> None:
        story = attending().on("2026-02-02")
        covered(story, PlanKind.MEDICARE, "2026-02-20")
        assert "certification_due" in story.wakes

        story.on("2026-02-06", "00:00")
        assert told(story) == [("2026-02-20", 14, False)]
        story.on("2026-02-21", "00:00")
        assert told(story)[-1] == ("2026-02-20", 0, True)

    def test_heard_late_it_is_told_at_once_and_once(self) -> None:
        story = attending().on("2026-02-10")
        covered(story, PlanKind.MEDICARE, "2026-02-15")
        story.on("2026-02-10", "12:01")
        assert told(story) == [("2026-02-15", 5, False)]

        covered(story, PlanKind.MEDICARE, "2026-02-15")
        story.on("2026-02-10", "12:02")
        assert len(told(story)) == 1

    def test_a_payer_who_stops_asking_before_it_is_due_ends_it(self) -> None:
        story = certified().on("2026-02-02")
        covered(story, PlanKind.COMMERCIAL, "2026-03-01")

        assert "certification_due" not in story.wakes

    def test_a_certification_that_lasts_beyond_the_change_counts(self) -> None:
        story = attending().on("2026-02-02")
        story.do(domain.RecordCertification("dr-1", "MD", date(2026, 2, 2)))
        covered(story, PlanKind.MEDICARE, "2026-02-20")

        assert story.wakes["certification_due"] == local(date(2026, 4, 3) - timedelta(days=14), "00:00")


class TestRecord:
    def test_the_next_one_is_due_sixty_days_after_it_was_signed(self) -> None:
        story = certified().on("2026-03-01")
        story.do(domain.RecordCertification("dr-2", "DO", date(2026, 2, 27)), "biller")

        recorded = story.last(RecertificationRecorded)
        assert (recorded.certified_by, recorded.credential) == ("dr-2", "DO")
        assert recorded.next_due_on == date(2026, 4, 28)
        assert story.wakes["certification_due"] == local(date(2026, 4, 14), "00:00")

    @pytest.mark.parametrize(
        ("credential", "day", "guard"),
        [
            ("LCSW", date(2026, 3, 1), "certifier_credential"),
            ("MD", date(2026, 3, 2), "not_ahead"),
            ("MD", ADMITTED_ON - timedelta(days=1), "newer"),
        ],
    )
    def test_what_it_asks_for(self, credential: str, day: date, guard: str) -> None:
        story = certified().on("2026-03-01")
        story.refuses(domain.RecordCertification("dr-2", credential, day), guard)
