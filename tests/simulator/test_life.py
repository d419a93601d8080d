"""A short life of a small network, against real services: it comes to rest, and every book agrees."""

import asyncio
from typing import Any

import pytest

from deploy.local.processes import Stack
from deploy.local.reconcile import examine
from deploy.local.simulator.life import BEGINS_AT, Lived, Script, live
from deploy.local.simulator.report import Story, read_story

pytestmark = pytest.mark.slow
SCRIPT = Script(sites=2, patients=14, weeks=4, seed=11, warm_up_weeks=1)


async def _live(stack: Stack) -> tuple[Lived, Story, dict[str, int]]:
    lived = await live(stack, SCRIPT)
    return lived, await read_story(stack, SCRIPT), (await examine(stack)).counts()


@pytest.fixture(scope="module")
def life() -> Any:
    with Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()}) as stack:
        return asyncio.run(_live(stack))


def test_nothing_is_lost_doubled_out_of_order_or_parked(life: Any) -> None:
    assert life[2] == {"lost": 0, "doubled": 0, "out_of_order": 0, "parked": 0}


def test_everybody_who_was_to_call_was_referred(life: Any) -> None:
    outcomes = life[1].outcomes
    assert outcomes["referred"] == SCRIPT.patients + outcomes["declined"].get("duplicate", 0)


def test_everybody_is_accounted_for_once(life: Any) -> None:
    assert life[1].wrong == []


def test_people_are_admitted_and_come(life: Any) -> None:
    outcomes = life[1].outcomes
    assert 0 < outcomes["attended"] <= outcomes["admitted"] <= outcomes["referred"]


def test_what_is_counted_agrees_with_the_events(life: Any) -> None:
    story = life[1]
    assert story.events["intake.patient_admitted.v1"] == story.outcomes["admitted"]
    assert sum(story.outcomes["declined"].values()) == story.events["intake.referral_declined.v1"]


def test_staff_ask_for_little_that_is_not_allowed(life: Any) -> None:
    assert sum(life[0].refusals.values()) <= 2, life[0].refused_steps
