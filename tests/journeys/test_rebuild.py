"""The bus can burn: with all its disks gone, the outboxes fill it again and nobody does anything twice."""

import asyncio
import shutil

import pytest

from deploy.local.processes import Stack
from deploy.local.rebuild import rebuild
from deploy.local.reconcile import examine
from deploy.local.secrets import SERVICES
from deploy.local.simulator.life import BEGINS_AT, Script, live
from deploy.local.story import connect
from deploy.local.timekeeper import Timekeeper


async def journals(stack: Stack) -> dict[str, int]:
    db = await connect(stack)
    try:
        return {name: await db.fetchval(f"SELECT count(*) FROM {name}.journal") for name in SERVICES}
    finally:
        await db.close()


@pytest.mark.slow
async def test_a_burnt_bus_is_filled_again_from_the_outboxes() -> None:
    stack = Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()})
    async with stack:
        await live(stack, Script(sites=1, patients=6, weeks=1, seed=3, warm_up_weeks=3))
        before = await journals(stack)
        stack.kill("nats")
        shutil.rmtree(stack.data / "nats" / "store")
        await asyncio.to_thread(stack.restart, "nats")

        result = await rebuild(stack)
        urls = {name: stack.url(name) for name in SERVICES}
        async with Timekeeper(urls, stack.token("operator")) as keeper:
            await keeper.quiet()
        after = await journals(stack)
        findings = await examine(stack)

    assert result["missing"] > 50
    assert after == before
    assert set(findings.counts().values()) == {0}, findings.details
