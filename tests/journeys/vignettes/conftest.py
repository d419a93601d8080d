"""One running network for the stories; each story has a network id of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest_asyncio

from deploy.local.processes import Stack
from deploy.local.secrets import SERVICES
from deploy.local.timekeeper import Timekeeper
from tests.journeys.vignettes.clinic import Clinic

OPEN = Callable[..., Awaitable[Clinic]]
RULES = Path(__file__).with_name("rules.toml")
"""What the sites of the stories do differently."""


@asynccontextmanager
async def _opening() -> AsyncIterator[OPEN]:
    stack = Stack.temporary(
        clock="manual",
        env={"HANDRAIL_CLOCK_START": "2025-12-01T00:00:00+00:00", "HANDRAIL_RULEBOOK": str(RULES)},
    )
    async with stack:
        urls = {name: stack.url(name) for name in SERVICES}
        async with (
            Timekeeper(urls, stack.token("operator"), alone=True) as keeper,
            httpx.AsyncClient(timeout=30) as http,
        ):

            async def opened(network: str, at: str, tz: str = "America/New_York") -> Clinic:
                clinic = Clinic(stack, keeper, http, network, tz)
                await clinic.clock(at)
                return clinic

            yield opened


@pytest_asyncio.fixture(scope="module")
async def story() -> AsyncIterator[OPEN]:
    """Opens the network of a story; the stories of a module follow one another in time."""
    async with _opening() as opened:
        yield opened


@pytest_asyncio.fixture
async def own_story() -> AsyncIterator[OPEN]:
    """Opens the network of a story with a time of its own."""
    async with _opening() as opened:
        yield opened
