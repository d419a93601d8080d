"""Drawn answers are legal, and score what they were drawn for."""

from random import Random

import pytest

from contracts import instruments
from contracts.vocabulary import Risk
from deploy.local.simulator import answers

SEEDS = range(60)


@pytest.mark.parametrize("total", range(28))
def test_answers_add_up_to_the_total(total: int) -> None:
    rng = Random(total)
    assert sum(answers.items(rng, total, 9)) == total
    scored = instruments.score("phq9", answers.phq9(rng, total))
    assert scored.total == total


def test_the_ninth_answer_is_fixed_where_asked_for() -> None:
    assert answers.items(Random(1), 20, 9, last=2)[-1] == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_withdrawal_and_use_lie_where_they_were_drawn(seed: int) -> None:
    rng = Random(seed)
    drawn = {
        "ciwa_ar": (answers.ciwa_ar(rng, 10, 13), 10, 13),
        "cows": (answers.cows(rng, 13, 18), 13, 18),
        "audit": (answers.audit(rng, 32, 35), 32, 35),
        "dast10": (answers.dast10(rng, 7), 7, 7),
        "gad7": (answers.gad7(rng, 12), 12, 12),
    }
    for name, (given, least, most) in drawn.items():
        total = instruments.score(name, given).total
        assert total is not None
        assert least <= total <= most


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bam_has_the_sums_it_was_drawn_with(seed: int) -> None:
    rng = Random(seed)
    use, risk, protective = rng.randint(0, 12), rng.randint(0, 24), rng.randint(0, 24)
    scored = instruments.score("bam", answers.bam(rng, use, risk, protective), version="likert")
    assert scored.subscales == {"use": use, "risk": risk, "protective": protective}


def test_the_suicide_screener_says_what_it_is_named_for() -> None:
    bands = {name: instruments.score("cssrs", given).band for name, given in answers.SUICIDE.items()}
    assert bands.pop("lifetime") == Risk.MODERATE
    assert bands == {name: name for name in bands}
