"""Item answers as people give them and staff rate them: each drawn to fit how somebody is."""

from collections.abc import Sequence
from random import Random
from typing import Any

from deploy.local.simulator.parameters import parameters

Answers = list[int | None]
CIWA_CAPS = (7, 7, 7, 7, 7, 7, 7, 7, 7, 4)
COWS_STEPS = (
    (0, 1, 2, 4),
    (0, 1, 2, 3, 4),
    (0, 1, 3, 5),
    (0, 1, 2, 5),
    (0, 1, 2, 4),
    (0, 1, 2, 4),
    (0, 1, 2, 3, 5),
    (0, 1, 2, 4),
    (0, 1, 2, 4),
    (0, 1, 2, 4),
    (0, 3, 5),
)
AUDIT_STEPS = (*[(0, 1, 2, 3, 4)] * 8, (0, 2, 4), (0, 2, 4))
DAST_NO_COUNTS = 2
"""The place of the item of the DAST-10 on which a no counts."""
BAM_RISK = (1, 2, 3, 8, 11, 15)
BAM_USE = (4, 5, 6)
BAM_PROTECTIVE = (9, 10, 12, 13, 14, 16)
SUICIDE: dict[str, Answers] = {
    "none": [0, 0, None, None, None, 0],
    "low": [1, 0, None, None, None, 0],
    "moderate": [1, 1, 1, 0, 0, 0],
    "lifetime": [1, 0, None, None, None, 2],
    "high": [1, 1, 1, 1, 0, 0],
}
"""The C-SSRS screener, from no thoughts to thoughts with an intention."""


def items(rng: Random, total: int, count: int, last: int | None = None) -> list[int]:
    """Answers from 0 to 3 that add up to a total, with the last one fixed if asked for."""
    answers = [0] * count
    free = count if last is None else count - 1
    if last is not None:
        answers[-1] = last
    for _ in range(min(total - sum(answers), 3 * free)):
        answers[rng.choice([i for i in range(free) if answers[i] < 3])] += 1
    return answers


def phq9(rng: Random, total: int) -> list[int]:
    """PHQ-9 answers with the ninth touched only where the figures say so."""
    figures = parameters().phq9
    positive = total >= figures.item9_from_total and rng.random() < figures.item9_positive
    last = max(total - 24, 1 if positive else 0)
    return items(rng, total, 9, last=last)


def gad7(rng: Random, total: int) -> list[int]:
    """GAD-7 answers that add up to a total."""
    return items(rng, total, 7)


def climb(rng: Random, steps: Sequence[Sequence[int]], least: int, most: int) -> list[int]:
    """Answers taken one step up at a time, until their sum lies between two numbers."""
    places = [0] * len(steps)
    total = 0
    while total < least:
        able = [
            i
            for i, place in enumerate(places)
            if place + 1 < len(steps[i]) and total + steps[i][place + 1] - steps[i][place] <= most
        ]
        item = rng.choice(able)
        places[item] += 1
        total = sum(values[place] for values, place in zip(steps, places, strict=True))
    return [values[place] for values, place in zip(steps, places, strict=True)]


def ciwa_ar(rng: Random, least: int, most: int) -> list[int]:
    """Alcohol withdrawal, with a total between two numbers."""
    return climb(rng, [range(cap + 1) for cap in CIWA_CAPS], least, most)


def cows(rng: Random, least: int, most: int) -> list[int]:
    """Opioid withdrawal, with a total between two numbers."""
    return climb(rng, COWS_STEPS, least, most)


def audit(rng: Random, least: int, most: int) -> list[int]:
    """Alcohol use of somebody who drinks, with a total between two numbers."""
    return climb(rng, AUDIT_STEPS, least, most)


def dast10(rng: Random, total: int) -> list[int]:
    """Ten answers of yes and no, of which so many count."""
    counting = set(rng.sample(range(10), total))
    return [int((i in counting) != (i == DAST_NO_COUNTS)) for i in range(10)]


def bam(rng: Random, use: int, risk: int, protective: int) -> list[int]:
    """The BAM in its Likert form, with the three subscales at given sums."""
    answers = [0] * 17
    for numbers, total in ((BAM_USE, use), (BAM_RISK, risk), (BAM_PROTECTIVE, protective)):
        for _ in range(min(total, 4 * len(numbers))):
            answers[rng.choice([n - 1 for n in numbers if answers[n - 1] < 4])] += 1
    answers[6] = min(4, answers[5])
    answers[16] = rng.randint(0, 4)
    return answers


def given(instrument: str, answers: Sequence[int | None], **more: Any) -> dict[str, Any]:
    """An instrument as a request carries it."""
    return {"instrument": instrument, "answers": list(answers), **more}
