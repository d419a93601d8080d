"""Whole lives, drawn by weight: what the model on paper says of every step is what progress does.

HANDRAIL_SEQUENCES says how many lives; without it as many as fit into some seconds.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.progress.model.coverage import REACHED, REFUSED
from tests.progress.model.interleaved import orders_agree
from tests.progress.model.tell import tell, told_again
from tests.progress.streamed import retold

SEQUENCES = int(os.environ.get("HANDRAIL_SEQUENCES", "0"))
LIVES, DAYS, WORKERS = 200, 60, 2
OFTEN = 3
"""How often each way must be taken in ten thousand lives."""


def live(first: int, lives: int) -> Counter[str]:
    """Live some lives; what they reached and what refused them, counted."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + lives):
        life, _ = told_again(seed)
        seen.update(life.p.reached | {f"no:{refusal}" for refusal in life.refusals})
        found = retold(life.care.stream, life.now)
        assert found.row.state == life.care.state, f"seed {seed}: the stream gives another episode"
        assert found.row.version == life.care.version, f"seed {seed}"
    return seen


def spread(work: Callable[[int, int], Counter[str]], lives: int) -> Counter[str]:
    """Some lives here, many side by side."""
    if lives <= LIVES:
        return work(0, lives)
    share = -(-lives // (WORKERS * 4))
    seen: Counter[str] = Counter()
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(work, n * share, share) for n in range(WORKERS * 4)]:
            seen.update(done.result())
    return seen


# The limit of an ordinary test ends ten thousand lives half way, and with them what they found.
@pytest.mark.timeout(600 + SEQUENCES // 2)
def test_every_step_of_every_life_is_what_the_rules_on_paper_say() -> None:
    """Also replayed: the events alone give every episode again."""
    seen = spread(live, SEQUENCES or LIVES)
    needed = OFTEN if SEQUENCES >= 10_000 else 0
    rare = {way: seen[way] for way in (*REACHED, *(f"no:{r}" for r in REFUSED)) if seen[way] < needed}
    assert rare == {}, "the walk goes these ways too seldom"


@pytest.mark.timeout(600 + SEQUENCES // 2)
def test_whatever_order_services_are_heard_in_the_same_is_recommended() -> None:
    spread(orders_agree, SEQUENCES // 4 or DAYS)


def test_a_life_told_twice_is_the_same_life() -> None:
    one, other = tell(7), tell(7)

    assert one[1] == other[1]
    assert one[0].care.state == other[0].care.state
