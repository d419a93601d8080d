"""Any order of commands, answers and hours: the way stays legal, and no refusal changes anything.

HANDRAIL_SEQUENCES says how many sequences live, over HTTP and again by the rules alone; without it
as many as fit into some seconds.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from deploy.local.processes import Stack
from tests.intake.life_houses import OTHER, SITE, HttpHouse, PureHouse, connected
from tests.intake.life_machine import Lives

SEQUENCES = int(os.environ.get("HANDRAIL_SEQUENCES", "0"))
WORKERS = 2


def lived(sequences: int, steps: int = 16) -> settings:
    return settings(
        max_examples=sequences,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


class PureLives(Lives):
    """A house of one's own for each sequence."""

    def __init__(self) -> None:
        super().__init__()
        type(self).house = PureHouse()


@contextmanager
def intake_alone() -> Iterator[HttpHouse]:
    """Intake as a process of its own, with two open sites and a clock that only this house advances."""
    with Stack.temporary(services=("intake",), clock="manual") as running, connected(running) as house:
        house.advance(timedelta())
        for site in (SITE, OTHER):
            opened = {"site_id": site, "tz": "America/New_York", "part2": True}
            house.hear("scheduling.site_opened.v1", opened, changes=None)
            person = {"given": "A", "family": "B", "birth_date": "1988-02-03"}
            first = {"site_id": site, "source": "self", "person": person}
            deadline = time.monotonic() + 20
            while house.send("/v1/referrals", first)[0] != 201:
                assert time.monotonic() < deadline, "the site never opened"
        yield house


def live_over_http(sequences: int) -> None:
    """What one worker does: a house, and sequences that live there one after the other."""
    with intake_alone() as running:

        class HttpLives(Lives):
            """The real service; every sequence is a person of their own."""

            house = running
            # What changes nothing is not waited for: said before an admission it might be heard after it.
            may_end = ("ADMITTED", "DISCHARGED")
            # The clock is one for all who live there: ten thousand sequences must not make a century.
            passes = tuple(timedelta(minutes=m) for m in (0, 0, 1, 15))

        run_state_machine_as_test(HttpLives, settings=lived(sequences, steps=10))


def test_whatever_comes_the_rules_alone_stay_legal() -> None:
    run_state_machine_as_test(PureLives, settings=lived(SEQUENCES or 400))


def test_whatever_comes_over_http_the_service_stays_legal() -> None:
    if not SEQUENCES:
        live_over_http(40)
        return
    share = -(-SEQUENCES // WORKERS)
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(live_over_http, share) for _ in range(WORKERS)]:
            done.result()
