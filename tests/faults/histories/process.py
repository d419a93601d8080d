"""A simulated process of the toy: its own pool, bus, relay and readers, all gone at once when it crashes."""

import asyncio
import contextlib
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from services.chassis import db, health
from services.chassis.clock import ManualClock
from services.chassis.lanes import Reader
from services.chassis.relay import Relay
from services.chassis.runtime import Runtime
from tests.chassis.conftest import START
from tests.chassis.toy_service.toy import toy
from tests.faults.histories.points import (
    BreakableBus,
    BreakableConnection,
    BreakablePool,
    BreakableRuntime,
)
from tests.faults.histories.script import PATH, Script
from tests.faults.histories.world import World


class Process:
    """One life of a process."""

    def __init__(self, world: World, script: Script, readers: int) -> None:
        self.world = world
        self.script = script
        self.readers = readers
        self.dead = False
        self.away = 0.0
        self.gone = asyncio.Event()
        self.connections: set[BreakableConnection] = set()
        self.tasks: dict[asyncio.Task[Any], str] = {}
        self.runtime: Runtime | None = None
        self._pool: Any = None
        self._bus: BreakableBus | None = None

    def must_live(self) -> None:
        """A dead process does nothing more, whatever its code would still like to do."""
        if self.dead:
            raise asyncio.CancelledError

    async def start(self) -> None:
        """As a service starts, without its HTTP edge."""
        settings = self.world.settings
        kind = type("Connection", (BreakableConnection,), {"process": self})
        self._pool = await db.open_pool(settings, toy.name, kind)
        self._bus = BreakableBus(settings, toy.name)
        self._bus.process = self
        runtime = BreakableRuntime(
            toy, settings, ManualClock(START), BreakablePool(self, self._pool), self._bus,
            connection_class=kind,
        )  # fmt: skip
        await health.resume_clock(runtime)
        self.spawn("", "bus", self._bus.stay())
        self.spawn("relay", "relay", Relay(runtime).run())
        for number in range(self.readers):
            self.spawn("read", f"reader {number}", Reader(runtime, number).run())
        self.runtime = runtime

    def spawn(self, path: str, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this process, on one of the paths."""
        context = copy_context()
        context.run(PATH.set, path)
        task = asyncio.create_task(work, context=context)
        self.tasks[task] = name
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        name = self.tasks.pop(task, "")
        error = None if task.cancelled() else task.exception()
        if not self.dead and name != "command":
            self.world.surprises.append(f"the task {name} ended: {error!r}")

    def crash(self, away: float = 0.0) -> None:
        """Gone, as by SIGKILL: no task runs on, no connection says goodbye."""
        if self.dead:
            return
        self.dead, self.away, self.runtime = True, away, None
        for connection in self.connections:
            connection.abort()
        if self._bus is not None:
            self._bus.abandon()
        for task in list(self.tasks):
            task.cancel()
        self.gone.set()

    async def bury(self) -> None:
        """Wait for what is left of it."""
        self.crash()
        while self.tasks:
            # A client that is just connecting may swallow a cancellation.
            await asyncio.wait(self.tasks, timeout=0.2)
            for task in list(self.tasks):
                task.cancel()
            if self._bus is not None:
                self._bus.abandon()
        if self._pool is not None:
            self._pool.terminate()
        for connection in self.connections:
            connection.terminate()


@dataclass
class Slot:
    """A place where a process runs, and another one after it when it has crashed."""

    world: World
    script: Script
    readers: int
    process: Process | None = None
    crashes: int = 0
    closing: bool = False
    _keeper: asyncio.Task[None] | None = field(default=None)

    def open(self, after: float) -> None:
        self._keeper = asyncio.create_task(self._keep(after))

    @property
    def runtime(self) -> Runtime | None:
        """What a caller reaches here; None while nobody is at home."""
        return self.process.runtime if self.process is not None else None

    async def _keep(self, after: float) -> None:
        await asyncio.sleep(after)
        while not self.closing:
            self.process = process = Process(self.world, self.script, self.readers)
            try:
                await process.start()
                await process.gone.wait()
                self.crashes += 1
            except (*db.TRANSIENT, asyncio.CancelledError):
                if self.closing:
                    raise
            finally:
                process.crash(process.away)
                self.process = None
                await process.bury()
            await asyncio.sleep(process.away)

    async def close(self) -> None:
        """Away with it; histories that have come to their end need no farewell."""
        self.closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper


def waits_on(task: asyncio.Task[Any]) -> str:
    """The innermost lines of code that a task waits in."""
    awaited: Any = task.get_coro()
    found: list[str] = []
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None:
            file = frame.f_code.co_filename.rpartition("/")[2]
            found.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name}")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
    return " < ".join(reversed(found[-5:]))
