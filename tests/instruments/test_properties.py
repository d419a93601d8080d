"""What must hold for every instrument and all answers that it allows."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import instruments
from contracts.instruments import BadAnswers, Instrument, Scored, adjusted, find
from contracts.instruments.scoring import score_by

ALL = [find(name, version) for name in instruments.names() for version in instruments.versions(name)]
IDS = [f"{one.name}.{one.version}" for one in ALL]
each = pytest.mark.parametrize("instrument", ALL, ids=IDS)
SEXES = st.sampled_from(["male", "female", "other", None])
ORDER = {0: 0, 2: 1, 1: 2}
"""Item 6 of the suicide screen: never, longer ago, recent."""


@st.composite
def complete(draw: st.DrawFn, instrument: Instrument) -> list[Any]:
    """An answer to every item that may be asked, and a no to those that are not."""
    answers = {item.key: draw(st.sampled_from(item.values)) for item in instrument.items}
    for gap in instrument.gaps:
        if gap.why and all(answers[key] in values for key, values in gap.when.items()):
            answers |= dict.fromkeys(gap.optional, 0)
    return list(answers.values())


@st.composite
def legal(draw: st.DrawFn, instrument: Instrument) -> list[Any]:
    """Legal answers, with every hole that the instrument allows."""
    answers = dict(zip([item.key for item in instrument.items], draw(complete(instrument)), strict=True))
    holes = {item.key for item in instrument.items if not item.scored}
    if (instrument.limits is None and not instrument.levels) or instrument.decimals:
        holes |= {item.key for item in instrument.items}
    for key in holes:
        if draw(st.booleans()):
            answers[key] = None
    for gap in instrument.gaps:
        if all(answers[key] in values for key, values in gap.when.items()):
            for key in gap.optional:
                if draw(st.booleans()):
                    answers[key] = None
    assume(any(answers[item.key] is not None for item in instrument.items if item.scored))
    return list(answers.values())


def height(instrument: Instrument, scored: Scored) -> int:
    """How high the band lies."""
    levels = [level.band for level in reversed(instrument.levels)]
    names = levels or [band.name for band in instrument.bands]
    return names.index(scored.band) if scored.band in names else 0


@each
@given(data=st.data())
def test_every_legal_answer_is_scored_and_lies_in_the_range(
    instrument: Instrument, data: st.DataObject
) -> None:
    scored = score_by(instrument, data.draw(legal(instrument)), sex=data.draw(SEXES))
    if instrument.limits is None:
        assert scored.total is None
    elif scored.total is None:
        assert instrument.decimals
    else:
        low, high = instrument.limits
        assert low <= scored.total <= high
    if instrument.bands or instrument.levels:
        assert scored.band in {x.name for x in instrument.bands} | {x.band for x in instrument.levels}
    assert set(scored.flags) <= instrument.meanings().keys()
    assert all(type(number) is int for number in scored.subscales.values())


@each
@given(data=st.data())
def test_a_worse_answer_never_makes_a_better_result(instrument: Instrument, data: st.DataObject) -> None:
    answers, sex = data.draw(complete(instrument)), data.draw(SEXES)
    place = data.draw(st.integers(0, len(answers) - 1))
    item = instrument.items[place]
    order = sorted(item.values, key=lambda value: ORDER[value] if item.words else item.points(value))
    higher = order[order.index(answers[place]) + 1 :]
    assume(higher)
    worse = [*answers[:place], data.draw(st.sampled_from(higher)), *answers[place + 1 :]]
    assume(not (instrument.name == "cssrs" and item.key in {"3", "4", "5"} and not answers[1]))
    before, after = (score_by(instrument, one, sex=sex) for one in (answers, worse))
    assert (before.total or 0) <= (after.total or 0)
    assert height(instrument, before) <= height(instrument, after)
    assert all(number <= after.subscales[name] for name, number in before.subscales.items())
    if item.scored and not item.reversed and instrument.limits and not instrument.decimals:
        assert (after.total or 0) - (before.total or 0) == worse[place] - answers[place]


@given(answers=st.lists(st.integers(0, 1), min_size=10, max_size=10))
def test_item_3_of_the_dast_10_counts_on_no(answers: list[int]) -> None:
    said_no, said_yes = ([*answers[:2], third, *answers[3:]] for third in (0, 1))
    totals = [instruments.score("dast10", one).total or 0 for one in (said_no, said_yes)]
    assert totals[0] == totals[1] + 1


@each
def test_every_total_lies_in_exactly_one_band(instrument: Instrument) -> None:
    if not instrument.bands or instrument.limits is None:
        return
    for total in range(instrument.limits[0], instrument.limits[1] + 1):
        assert sum(band.low <= total <= band.high for band in instrument.bands) == 1


@each
@given(data=st.data())
def test_a_refusal_names_every_wrong_item_and_repeats_no_answer(
    instrument: Instrument, data: st.DataObject
) -> None:
    answers = data.draw(complete(instrument))
    wrong = data.draw(st.sets(st.integers(0, len(answers) - 1), min_size=1))
    for place in wrong:
        answers[place] = data.draw(st.sampled_from([777_001, -777_001, "777_001", 777.001]))
    with pytest.raises(BadAnswers) as refused:
        score_by(instrument, answers)
    named = [problem.item for problem in refused.value.problems]
    assert named == [item.key for place, item in enumerate(instrument.items) if place in wrong]
    assert "777" not in str(refused.value) + repr(refused.value)


@each
@given(data=st.data())
def test_a_wrong_count_is_one_problem_with_both_numbers(instrument: Instrument, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 60).filter(lambda n: n not in {9, 10, 17, 23, len(instrument.items)}))
    with pytest.raises(BadAnswers) as refused:
        score_by(instrument, [0] * count)
    (problem,) = refused.value.problems
    assert problem.why.startswith(f"{count} answers were given and ")


@pytest.mark.parametrize("name", [one.name for one in ALL if one.bands])
@given(data=st.data())
def test_bands_of_a_network_are_taken_only_without_gap_and_overlap(name: str, data: st.DataObject) -> None:
    instrument = find(name)
    assert instrument.limits is not None
    low, high = instrument.limits
    cuts = sorted(data.draw(st.sets(st.integers(low + 1, high), min_size=1, max_size=4)))
    starts = [low, *cuts]
    bands = [
        {"name": f"band_{n}", "low": a, "high": b - 1}
        for n, (a, b) in enumerate(pairwise([*starts, high + 1]), 1)
    ]
    if instrument.sex_cut is None:
        taken = adjusted(instrument, {"bands": bands})
        assert [band.low for band in taken.bands] == starts
    place = data.draw(st.integers(1, len(bands) - 1))
    bands[place]["low"] = cuts[place - 1] + data.draw(st.sampled_from([-1, 1]))
    with pytest.raises(ValueError, match=r"gap|reach|part"):
        adjusted(instrument, {"bands": bands})
