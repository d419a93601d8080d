"""Servers that break on cue: connections that die at a statement, a bus that holds back or swallows words."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
from nats.aio.msg import Msg

from services.chassis import db
from services.chassis.bus import Bus, BusDown
from services.chassis.db import Connection
from services.chassis.runtime import Runtime
from tests.chassis.conftest import Lab


@dataclass
class Break:
    """At statements that begin like this, so many times, the session ends or Postgres refuses."""

    at: str
    after: bool = False
    """Whether the statement has its effect before the session ends."""
    times: int = 1
    refusal: type[Exception] | None = None
    struck: int = 0

    async def __call__(self, connection: Any, work: Callable[[], Awaitable[Any]]) -> None:
        self.struck += 1
        if self.after:
            await work()
        if self.refusal is not None:
            raise self.refusal
        connection._transport.abort()
        raise asyncpg.ConnectionDoesNotExistError


def breaking_at(point: Break) -> type[Connection]:
    """A class of connections that all have this point to break at."""

    async def through(connection: Any, query: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if query.startswith(point.at) and point.struck < point.times:
            await point(connection, work)
        return await work()

    class Breakable(Connection):  # type: ignore[misc]
        async def execute(self, query: str, *args: Any, **options: Any) -> Any:
            plain = super().execute
            return await through(self, query, lambda: plain(query, *args, **options))

        async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
            plain = super().fetch
            return await through(self, query, lambda: plain(query, *args, **options))

    return Breakable


async def break_at(lab: Lab, point: Break) -> None:
    """From now on the lab's connections break at this point."""
    await lab.runtime.pool.close()
    lab.runtime.connection_class = breaking_at(point)
    lab.runtime.pool = await db.open_pool(lab.settings, "toy", lab.runtime.connection_class)


@dataclass
class Gate:
    """The bus of one relay; its events wait at the gate, or are swallowed there."""

    bus: Bus
    swallow: int = 0
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bus, name)

    async def publish(self, subject: str, *args: Any, **options: Any) -> None:
        if subject.startswith("handrail."):
            await self._pass()
        await self.bus.publish(subject, *args, **options)

    async def request(self, subject: str, *args: Any, **options: Any) -> Any:
        if subject.startswith("handrail."):
            await self._pass()
        return await self.bus.request(subject, *args, **options)

    async def _pass(self) -> None:
        self.reached.set()
        if self.swallow:
            self.swallow -= 1
            raise BusDown("TimeoutError")
        await self.opened.wait()


@dataclass
class Deaf:
    """The bus of one reader, on which the delivery of this number gets lost once."""

    bus: Bus
    number: int
    lost: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bus, name)

    async def listen(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Any:
        heard = 0

        async def deliver(msg: Msg) -> None:
            nonlocal heard
            heard += msg.subject != subject
            if heard == self.number and msg.subject != subject and not self.lost:
                self.lost += 1
            else:
                await callback(msg)

        return await self.bus.listen(subject, deliver)


def on_bus(lab: Lab, bus: Gate | Deaf) -> Runtime:
    """The lab's service with another bus."""
    other: Any = bus
    return replace(lab.runtime, bus=other)
