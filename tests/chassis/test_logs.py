"""Logs say what happened and where, never what was in it."""

import json
from collections.abc import Iterator

import pytest
import structlog

from contracts.decisions import Refused
from services.chassis import telemetry
from tests.chassis.conftest import START, Lab
from tests.chassis.toy_service.toy import AskToBeWoken, Tick

SECRETS = ("secret", "Winterbottom", "poison")


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    """Leave the logs of the other tests as they were."""
    yield
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


async def test_a_rule_that_fails_is_logged_without_what_it_was_given(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure_logs("toy", "DEBUG")
    lab.start()
    await lab.take(Tick("net", "s1", "poison"), "Winterbottom")
    await lab.take(Tick("net", "s1"), "woken")
    await lab.quiet()
    await lab.take(AskToBeWoken(START, "alarm:bad"), "woken")
    await lab.quiet()

    lines = [line for line in capfd.readouterr().err.splitlines() if '"parked"' in line]

    assert {json.loads(line)["kind"] for line in lines} == {"event", "wake"}
    assert {json.loads(line)["error"] for line in lines} == {"RuntimeError"}
    assert not [word for word in SECRETS for line in lines if word in line]


async def test_nothing_else_is_logged_with_content_either(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure_logs("toy", "DEBUG")
    lab.start()
    await lab.runtime.bus.client.publish(
        "handrail.net.3.other.ticked.v1", b'{"note": "Winterbottom"}', headers={"ce-type": "toy.ticked.v1"}
    )
    for _ in range(3):
        await lab.take(Tick("net", "s1", "poison"), "c1")
    with pytest.raises(Refused):
        await lab.take(Tick("other", "s1", "Winterbottom"), "c1", network="other")

    async def both() -> bool:
        return len(await lab.fetch("SELECT 1 FROM parked WHERE aggregate_id <> 'c1'")) == 1

    await lab.until(both)
    await lab.quiet()

    err = capfd.readouterr().err
    assert err
    assert not [word for word in SECRETS if word in err]
