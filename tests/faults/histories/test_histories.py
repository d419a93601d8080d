"""The set of every CI run: histories of fixed seeds, those that once failed, and what they covered."""

import gc

import pytest

from deploy.local.processes import Stack
from tests.faults.histories.run import Regression, run, tell
from tests.faults.histories.script import Fault

CI_SEEDS = range(100)
REGRESSIONS = tuple(
    Regression(
        seed,
        (Fault("read", "bus deliver", nth, "lost", "before", 0, sever=True, pause=0),),
        "what died with the line to the bus was skipped, because the consumer's own count was not compared",
    )
    for seed, nth in ((3, 8), (5, 12), (14, 7), (16, 11), (23, 2))
)
"""Histories that failed once, and why."""


# A crashed process leaves its sockets as they are; what is collected of it later is no leak of the product.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.long
async def test_histories_under_faults_lose_and_double_nothing_and_every_fault_struck_everywhere(
    servers: Stack,
) -> None:
    tally = await run(servers, [*REGRESSIONS, *CI_SEEDS], complete=True)
    gc.collect()

    assert not tally.failures, "\n".join(map(tell, tally.failures))
    assert not tally.unknown, f"operations without an entry in the catalogue: {tally.unknown}"
    assert not tally.missed, f"faults that struck nowhere: {tally.missed}"
