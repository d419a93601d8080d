"""The demo as anybody starts it: everything that an admissions desk meets occurs, and it adds up."""

import asyncio
from typing import Any

import pytest

from deploy.local.processes import Stack
from deploy.local.reconcile import examine
from deploy.local.simulator.life import BEGINS_AT, Lived, Script, live
from deploy.local.simulator.report import Story, read_story

pytestmark = [pytest.mark.slow, pytest.mark.long]


async def _live(stack: Stack) -> tuple[Lived, Story, dict[str, int]]:
    script = Script()
    lived = await live(stack, script)
    return lived, await read_story(stack, script), (await examine(stack)).counts()


@pytest.fixture(scope="module")
def demo() -> Any:
    with Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()}) as stack:
        return asyncio.run(_live(stack))


@pytest.fixture(scope="module")
def outcomes(demo: Any) -> dict[str, Any]:
    found: dict[str, Any] = demo[1].outcomes
    return found


def test_it_adds_up_and_nothing_is_lost(demo: Any) -> None:
    assert demo[1].wrong == []
    assert not any(demo[2].values()), demo[2]


def test_staff_ask_for_little_that_is_not_allowed(demo: Any) -> None:
    assert sum(demo[0].refusals.values()) <= 3, demo[0].refused_steps


def test_ways_end_for_many_reasons(outcomes: dict[str, Any]) -> None:
    assert {"unreachable", "patient_declined", "needs_higher_level", "no_coverage"} <= set(
        outcomes["declined"]
    )
    assert {"out_of_scope", "duplicate"} & set(outcomes["declined"])


def test_some_are_admitted_and_leave_in_more_ways_than_one(outcomes: dict[str, Any]) -> None:
    assert outcomes["attended"] >= 10
    assert len(outcomes["discharged"]) >= 3
    assert sum(outcomes["in_care"].values()) >= 1


def test_shares_lie_where_the_model_expects_them(demo: Any) -> None:
    shares = {share.name: share for share in demo[1].shares}
    assert shares["admitted"].n >= 15
    assert shares["ended"].n >= 12
    for share in shares.values():
        assert abs(share.percent - share.expected) <= 3 * share.spread, share


def test_a_waiting_list_forms_and_offers_are_taken_and_missed(outcomes: dict[str, Any]) -> None:
    offers = outcomes["offers"]
    assert outcomes["waitlisted"] >= 3
    assert offers["accepted"] >= 1
    assert offers["declined"] + offers["expired"] >= 1
    assert outcomes["waited_for_payer"] >= 1


def test_detox_comes_first_for_some(outcomes: dict[str, Any]) -> None:
    assert outcomes["sent_to_detox"] >= 2


def test_safety_alerts_are_taken_in_hand_and_a_few_too_late(outcomes: dict[str, Any]) -> None:
    alerts = outcomes["alerts"]
    assert alerts["raised"] >= alerts["acknowledged"] > alerts["escalated"] >= alerts["late"] >= 1


def test_somebody_is_linked_runs_low_and_takes_a_consent_back(outcomes: dict[str, Any]) -> None:
    assert outcomes["linked"] >= 1
    assert outcomes["authorizations_low"] >= 1
    assert outcomes["consents_revoked"] >= 1


def test_clinicians_use_all_of_progress(demo: Any) -> None:
    events = demo[1].events
    wanted = (
        "treatment_plan_drafted treatment_plan_approved treatment_plan_reviewed measures_due measures_missed "
        "homework_assigned homework_returned recovery_activity_logged episode_held episode_resumed "
        "relapse_responded step_down_approved step_up_approved recommendation_declined team_asked "
        "community_referral_made referral_loop_closed review_task_closed aftercare_planned check_in_completed"
    )
    missing = [name for name in wanted.split() if not events.get(f"progress.{name}.v1")]
    assert missing == []
