"""The examples of the documentation run as written, with the rights of an integrator."""

import asyncio
import os
import sys
from pathlib import Path

import nats
import pytest

from contracts.catalogue import all_events
from contracts.event import Envelope
from contracts.subjects import STREAM, subject_of
from deploy.local.processes import Stack
from deploy.nats import topology
from tests.chassis.conftest import START

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FROZEN = Path(__file__).parents[2] / "contracts" / "examples"


async def say_one(stack: Stack) -> str:
    kind = all_events()["intake.patient_assessed.v1"]
    event = kind.model_validate_json((FROZEN / f"{kind.type()}.json").read_bytes())
    envelope = Envelope("e1", event, START, START, 1, event.aggregate_id, "c1")
    client = await nats.connect(**stack.nats_kwargs("operator"))
    try:
        await topology.declare(client)
        await client.jetstream().publish(
            subject_of(event), envelope.body(), stream=STREAM, headers=envelope.headers()
        )
    finally:
        await client.close()
    return f"{kind.type()} {event.aggregate_id}"


@pytest.mark.parametrize("example", sorted(p.name for p in EXAMPLES.glob("subscribe_*.py")))
async def test_an_example_prints_what_was_said(servers: Stack, example: str) -> None:
    line = await say_one(servers)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / example),
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "HANDRAIL_NATS_SERVERS": servers.nats_url(),
            "HANDRAIL_NATS_USER": "integrator",
            "HANDRAIL_NATS_PASSWORD": servers.passwords["nats"]["integrator"],
        },
    )
    assert process.stdout is not None
    printed = []
    try:
        async with asyncio.timeout(30):
            while line not in printed:
                printed.append((await process.stdout.readline()).decode().strip())
    finally:
        process.kill()
        await process.wait()

    assert line in printed
