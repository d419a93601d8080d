"""The instruments that are followed in treatment: those with a total, each by its own definition."""

from typing import Any

import pytest

from contracts.progress import MeasureRecorded, SafetyAlertRaised, StepUpRecommended
from contracts.rulebook import rulebook
from contracts.vocabulary import GoalCategory
from services.progress import domain
from services.progress.domain.measures import reliable_change
from services.progress.domain.scales import scale_of
from tests.progress.story import Story, attending


def record(story: Story, instrument: str, *answers: int) -> MeasureRecorded:
    story.do(domain.RecordMeasure(instrument, answers))
    measured: MeasureRecorded = story.last(MeasureRecorded)
    return measured


@pytest.mark.parametrize(
    ("instrument", "answers", "total", "band"),
    [
        ("gad7", (2, 1, 2, 1, 1, 1, 1), 9, "mild"),
        ("audit", (4, 2, 3, 2, 2, 1, 2, 1, 2, 2), 21, "zone_4"),
        ("dast10", (0,) * 10, 1, "low"),
        ("ciwa_ar", (2, 2, 1, 1, 1, 0, 0, 0, 1, 0), 8, "mild"),
        ("cows", (2, 2, 1, 2, 2, 1, 2, 1, 1, 1, 0), 15, "moderate"),
        ("pcl5", (2,) * 20, 40, "not_banded"),
    ],
)
def test_every_instrument_with_a_total_is_recorded_by_its_own_definition(
    instrument: str, answers: tuple[int, ...], total: int, band: str
) -> None:
    measured = record(attending(), instrument, *answers)

    assert (measured.instrument, measured.version) == (instrument, "1")
    assert (measured.total, measured.band) == (total, band)


def test_a_refusal_names_the_items_and_repeats_no_answer() -> None:
    command = domain.RecordMeasure("phq9", (1, 77, 1, 1, 1, 1, 1, -77, 1))

    refused = attending().refuses(command, code="answer_out_of_range")
    assert "item 2 " in refused.message
    assert "item 8 " in refused.message
    assert "77" not in refused.message


def test_a_change_of_the_pcl_5_is_reliable_from_fifteen_points_on() -> None:
    story = Story().admitted()
    story.agreed()
    record(story, "pcl5", *(2,) * 20)
    story.attended()

    changes = [record(story, "pcl5", *(3,) * n, *(2,) * (20 - n)).reliable_change for n in (14, 15)]
    assert changes == ["none", "deteriorated"]
    assert story.said(StepUpRecommended) == []
    record(story, "pcl5", *(3,) * 16, *(2,) * 4)
    assert story.last(StepUpRecommended).trigger == "deterioration"


def test_a_network_may_want_a_larger_change() -> None:
    changes = {"pcl5": {"change": {"reliable": 18}}}
    scale = scale_of("pcl5", rulebook().model_copy(update={"instruments": changes}))

    assert scale is not None
    assert [reliable_change(change, scale) for change in (17, 18, -18)] == [
        "none",
        "deteriorated",
        "improved",
    ]


@pytest.mark.parametrize(("total", "response"), [(7, False), (6, True), (0, True), (13, False)])
def test_a_response_is_a_drop_by_half_or_more(total: int, response: bool) -> None:
    story = Story().admitted(phq9=12)
    story.agreed()
    story.attended()

    answers = [min(3, max(0, total - 3 * n)) for n in range(9)]
    assert record(story, "phq9", *answers).response is response


def test_an_instrument_without_a_change_rule_shows_the_change_and_calls_it_nothing() -> None:
    story = Story().admitted()
    story.agreed()
    record(story, "ciwa_ar", *(5,) * 9, 0)
    story.attended()

    measured = record(story, "ciwa_ar", *(0,) * 10)
    assert (measured.change, measured.reliable_change) == (-45, "none")
    assert (measured.response, measured.remission) == (None, None)


def test_only_item_9_raises_an_alert_whatever_other_flags_say() -> None:
    story = attending()
    measured = record(story, "phq9", *(3,) * 8, 0)

    assert measured.flags == ("review",)
    assert story.said(SafetyAlertRaised) == []


@pytest.mark.parametrize(
    ("instrument", "target", "fits"),
    [("pcl5", 80, True), ("pcl5", 81, False), ("cows", 48, True), ("cows", 49, False), ("bam", 1, False)],
)
def test_a_goal_lies_in_the_range_of_its_instrument(instrument: str, target: int, fits: Any) -> None:
    goal = domain.WantedGoal(GoalCategory.OTHER, "instrument", "le", target, 7, instrument=instrument)
    plan = domain.ApprovePlan((goal,), signed_by_patient=True, signed_by_clinician=True)
    story = attending()

    if fits:
        assert story.do(plan)
    else:
        assert story.refuses(plan, code="goal_not_measurable").status == 422
