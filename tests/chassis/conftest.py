"""The toy service on real servers: a fresh database from a template and a fresh stream for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import nats
import pytest
from pydantic import SecretStr

from contracts.subjects import STREAM
from contracts.vocabulary import Actor, ActorType
from deploy.local import tokens
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN, ISSUER
from deploy.nats import topology
from services.chassis import commands, db, health, run
from services.chassis.auth import Who
from services.chassis.bus import Bus
from services.chassis.clock import ManualClock
from services.chassis.lanes import Reader
from services.chassis.relay import Relay
from services.chassis.runtime import Runtime
from services.chassis.settings import Settings
from tests.chassis.toy_service.toy import COUNTERS, toy

_numbers = itertools.count(1)
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def who(id: str = "c1", network: str = "net", sites: tuple[str, ...] = ("s1",)) -> Who:
    return Who(Actor(type=ActorType.USER, id=id, role="operator"), network, sites)


@dataclass
class Lab:
    """One toy service on a database and a stream of its own."""

    stack: Stack
    settings: Settings
    runtime: Runtime
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def take(self, command: Any, on: str, key: str | None = None, **caller: Any) -> dict[str, Any]:
        digest = commands.digest_of(repr(command), on)
        request = commands.Request(key, digest)
        return await commands.take(self.runtime, who(on, **caller), command, on, request=request)

    def start(self, *, relay: bool = True, readers: int = 1) -> None:
        if relay:
            self.tasks.append(asyncio.create_task(Relay(self.runtime).run()))
        for number in range(readers):
            self.tasks.append(asyncio.create_task(Reader(self.runtime, number).run()))

    async def halt(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        async with self.runtime.pool.acquire() as connection:
            return list(await connection.fetch(sql, *args))

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(0.01)

    async def quiet(self, seconds: float = 15) -> None:
        """Until nothing is unsent, unread or due."""

        async def is_quiet() -> bool:
            now = await health.standing(self.runtime)
            read = all(now["positions"].get(lane, 0) >= head for lane, head in now["heads"].items())
            return bool(now["unsent"] == 0 and now["due"] == 0 and read)

        await self.until(is_quiet, seconds)

    def advance(self, to: datetime) -> None:
        assert isinstance(self.runtime.clock, ManualClock)
        self.runtime.clock.advance(to)
        self.runtime.time_passed.fire()


@asynccontextmanager
async def admin(stack: Stack, database: str = "postgres") -> AsyncIterator[Any]:
    connection = await asyncpg.connect(**{**stack.pg_dsn_kwargs(ADMIN), "database": database})
    try:
        yield connection
    finally:
        await connection.close()


async def make_template(stack: Stack) -> str:
    async with admin(stack) as connection:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'toy_template'"):
            await connection.execute("CREATE DATABASE toy_template")
            async with admin(stack, "toy_template") as fresh:
                await fresh.execute("CREATE SCHEMA toy; SET search_path = toy")
                await db.migrate(fresh, "toy", run.components(toy))
    return "toy_template"


async def fresh_stream(stack: Stack) -> None:
    client = await nats.connect(**stack.nats_kwargs("operator"))
    try:
        with suppress(nats.js.errors.NotFoundError):
            await client.jetstream().delete_stream(STREAM)
        await topology.declare(client)
    finally:
        await client.close()


def toy_settings(stack: Stack, database: str) -> Settings:
    return Settings(
        pg_host="127.0.0.1",
        pg_port=stack.ports["postgres"],
        pg_database=database,
        pg_user=ADMIN,
        pg_password=SecretStr(stack.passwords["postgres"][ADMIN]),
        nats_servers=stack.nats_url(),
        nats_user="operator",
        nats_password=SecretStr(stack.passwords["nats"]["operator"]),
        clock="manual",
        token_key_file=stack.key_file,
        token_issuer=ISSUER,
    )


@pytest.fixture
async def lab(servers: Stack) -> AsyncIterator[Lab]:
    """The toy with its bus connected and nothing running yet."""
    database = f"toy_{next(_numbers)}"
    template = await make_template(servers)
    async with admin(servers) as connection:
        await connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}")
    await fresh_stream(servers)
    settings = toy_settings(servers, database)
    bus = Bus(settings, "operator")
    runtime = Runtime(toy, settings, ManualClock(START), await db.open_pool(settings, "toy"), bus)
    await bus.keep_connecting()
    lab = Lab(servers, settings, runtime)
    try:
        yield lab
    finally:
        await lab.halt()
        await bus.close()
        await runtime.pool.close()
        async with admin(servers) as connection:
            await connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
async def edge(lab: Lab) -> AsyncIterator[httpx.AsyncClient]:
    """The toy's HTTP edge, with a token for network `net` and site `s1`."""
    app = run.build(toy, lab.settings)
    app.state.runtime = lab.runtime
    token = tokens.mint(lab.stack.key_file, role="operator", network="net", sites=["s1"], subject="c1")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://toy", headers={"authorization": f"Bearer {token}"}
    ) as client:
        yield client


__all__ = ["COUNTERS", "START", "Lab", "who"]
