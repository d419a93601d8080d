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

import pytest
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


def lives_in(running: HttpHouse) -> type[Lives]:
    class HttpLives(Lives):
        """The real service; every sequence is a person of their own."""

        house = running
        # What changes nothing is not waited for: said before an admission it might be heard after it.
        may_end = ("ADMITTED", "DISCHARGED")
        # The clock is one for all who live there: ten thousand sequences must not make a century.
        passes = tuple(timedelta(minutes=m) for m in (0, 0, 1, 15))

    return HttpLives


def live_over_http(sequences: int) -> None:
    """What one worker does: a house, and sequences that live there one after the other."""
    with intake_alone() as running:
        run_state_machine_as_test(lives_in(running), settings=lived(sequences, steps=10))


def alarmed_let_go_and_referred_again(one: Lives, *, overdue: bool) -> None:
    """A life that chance finds once in thousands."""
    one.somebody_is_referred(urgency="routine", start="alarmed")
    if overdue:
        one.time_passes(which=3)
    one.any_command(name="decline", which=0)
    one.the_same_person_is_referred_again()
    one.the_same_person_is_referred_again()
    one.a_command_sent_wrong(how="missing", junk=None, name="admission", place=0)
    assert one.life.alerts == {"suicide_risk": "high"}
    one.teardown()


@pytest.mark.parametrize("overdue", [False, True])
def test_an_alert_goes_along_by_the_rules_alone(overdue: bool) -> None:
    alarmed_let_go_and_referred_again(PureLives(), overdue=overdue)


def test_an_alert_goes_along_over_http() -> None:
    with intake_alone() as running:
        machine = lives_in(running)
        for overdue in (False, True) * 5:
            alarmed_let_go_and_referred_again(machine(), overdue=overdue)


@pytest.mark.parametrize(
    ("start", "change", "which"),
    [("assessed", "coverage", 2), ("waiting", "screening", 3), ("waiting", "", 0)],
)
def test_a_seat_is_offered_unless_something_came_between(start: str, change: str, which: int) -> None:
    one = PureLives()
    one.somebody_is_referred(urgency="routine", start=start)
    step = "seat-request" if start == "assessed" else "seat-request/out-of-turn"
    one.any_command(name=step, which=0)
    if change:
        one.any_command(name=change, which=which)
    one.seats_are_held(hours=1)
    assert one.life.may_be_offered() is (not change)
    one.teardown()


def test_whatever_comes_the_rules_alone_stay_legal() -> None:
    run_state_machine_as_test(PureLives, settings=lived(SEQUENCES or 400))


# The limit of an ordinary test ends ten thousand lives half way, and with them what they found.
@pytest.mark.timeout(600 + SEQUENCES // 4)
def test_whatever_comes_over_http_the_service_stays_legal() -> None:
    if not SEQUENCES:
        live_over_http(40)
        return
    share = -(-SEQUENCES // WORKERS)
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(live_over_http, share) for _ in range(WORKERS)]:
            done.result()
