"""PostgreSQL comes back from an older backup: what follows is said again, or nobody serves."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Self

import pytest

from deploy.local import backup
from deploy.local.nats_server import http_get
from deploy.local.processes import Stack
from deploy.local.proof import prove
from deploy.local.reconcile import read_stream
from deploy.local.simulator.api import Api, Reply
from deploy.local.simulator.life import BEGINS_AT, NETWORK
from deploy.local.timekeeper import Timekeeper
from deploy.local.wire import Wire

SITE = "north"
SITE_BODY = {
    "site_id": SITE,
    "tz": "America/New_York",
    "opens_local": "08:00",
    "closes_local": "20:00",
    "part2": True,
}
ROLES = ("scheduler", "admissions", "operator")


class Day:
    """A network of one site with two groups, its clock, and the people who act in it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        urls = {name: stack.url(name) for name in stack.services}
        tokens = {role: stack.token(role=role, network=NETWORK, sites=[SITE]) for role in ROLES}
        self.api = Api(urls, tokens, seed=1)
        self.keeper = Timekeeper(urls, tokens["operator"])

    async def open_site(self) -> None:
        assert (await self.api.do("scheduling", "/v1/sites", SITE_BODY, "scheduler", step="site")).done
        for number in (1, 2):
            assert (await self.open_group(number)).done
        await self.keeper.quiet()

    async def open_group(self, number: int) -> Reply:
        group = {
            "site_id": SITE,
            "group_id": f"g{number}",
            "kind": "process",
            "levels": ["2.1"],
            "capacity": 8,
            "dow": [1, 3, 5],
            "start_local": "09:00",
            "end_local": "12:00",
        }
        return await self.api.do("scheduling", "/v1/groups", group, "scheduler", step=f"group-{number}")

    async def pass_days(self, days: int) -> None:
        await self.keeper.advance(await self.keeper.now() + timedelta(days=days))
        await self.keeper.quiet()

    def problems(self, service: str) -> list[str]:
        _, body = http_get(self.stack.ports[service], "/readyz")
        return list(json.loads(body)["problems"]) if body else []

    async def ask_once(self) -> tuple[int, str]:
        """Status and code of a command that is not repeated until it is taken."""
        token = self.stack.token(role="scheduler", network=NETWORK, sites=[SITE])
        async with Wire({"scheduling": self.stack.url("scheduling")}) as wire:
            reply = await wire.ask(
                "scheduling",
                "POST",
                "/v1/sites",
                headers={"Authorization": f"Bearer {token}"},
                json_body=SITE_BODY,
            )
        return reply.status, reply.document()["code"]

    async def until_ready(self, *services: str) -> None:
        await asyncio.to_thread(self.stack.wait_ready, *services)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.__aexit__()
        await self.keeper.aclose()


@pytest.fixture
async def day() -> AsyncIterator[Day]:
    stack = Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()})
    async with stack, Day(stack) as day:
        await day.open_site()
        yield day


@pytest.mark.long
async def test_what_time_and_the_stream_brought_about_is_said_again_with_the_same_ids(day: Day) -> None:
    taken = await asyncio.to_thread(backup.take, day.stack)
    await day.pass_days(20)
    before = [(said.id, said.sequence) for said in await read_stream(day.stack)]

    await asyncio.to_thread(backup.restore, day.stack, taken, "backup")
    await day.until_ready(*day.stack.services)
    await day.keeper.quiet()

    assert len(before) > 30
    assert [(said.id, said.sequence) for said in await read_stream(day.stack)] == before
    proof = await prove(day.stack)
    assert proof.clean, proof.details
    await day.pass_days(7)
    assert (await prove(day.stack)).clean


@pytest.mark.long
async def test_a_forgotten_command_keeps_the_service_shut_until_the_log_is_restored(day: Day) -> None:
    taken = await asyncio.to_thread(backup.take, day.stack)
    assert (await day.open_group(3)).done
    await day.keeper.quiet()
    before = [said.id for said in await read_stream(day.stack)]
    later = await asyncio.to_thread(backup.take, day.stack)

    await asyncio.to_thread(backup.restore, day.stack, taken, "backup")
    async with asyncio.timeout(30):
        while not any("older backup" in problem for problem in day.problems("scheduling")):
            await asyncio.sleep(0.1)
    assert await day.ask_once() == (503, "not_ready")
    assert [said.id for said in await read_stream(day.stack)] == before

    await asyncio.to_thread(backup.restore, day.stack, later, "backup")
    await day.until_ready(*day.stack.services)
    await day.keeper.quiet()
    assert (await day.open_group(4)).done
    await day.keeper.quiet()
    proof = await prove(day.stack)
    assert proof.clean, proof.details
