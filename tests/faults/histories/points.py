"""The doors of the product with a script at each: connections, pool and bus that break on cue."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
from nats.aio.msg import Msg

from services.chassis.bus import Bus, BusDown
from services.chassis.db import Connection
from services.chassis.runtime import Runtime
from tests.faults.histories.script import Fault

if TYPE_CHECKING:
    from tests.faults.histories.process import Process

_FUNCTION = re.compile(r"pg_(?:try_)?advisory_\w+|pg_notify")
_TABLE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|FROM)\s+(?:ONLY\s+)?(\w+)", re.IGNORECASE)


def name_of(query: str) -> str:
    """A short name for a statement: its verb and what it is about."""
    words = query.split(maxsplit=1)
    verb = words[0].rstrip(";").lower()
    if "advisory_unlock_all" in query:
        return "reset"
    if function := _FUNCTION.search(query):
        return function.group()
    table = _TABLE.search(query)
    if verb in ("select", "insert", "update", "delete") and table:
        return f"{verb} {table.group(1).lower()}"
    return "rollback to" if verb == "rollback" and "TO" in query else verb


async def through(
    process: "Process",
    operation: str,
    work: Callable[[], Awaitable[Any]],
    sever: Callable[[Fault], Awaitable[None]],
    error: Callable[[], Exception],
) -> Any:
    """Do an operation as the script has it."""
    process.must_live()
    fault = process.script.next(operation)
    if fault is None:
        return await work()
    match fault.kind:
        case "crash":
            await _get_as_far(fault, work)
            process.crash(fault.pause)
            raise asyncio.CancelledError
        case "lost":
            await _get_as_far(fault, work)
            await sever(fault)
            raise error()
        case "repeat":
            first = await work()
            again = await work()
            return again if fault.sever else first
        case "hang":
            return await _hang(process, fault, work, sever)
    raise AssertionError(fault.kind)


async def _get_as_far(fault: Fault, work: Callable[[], Awaitable[Any]]) -> None:
    """Nowhere, somewhere or to the end; what it ends with is not seen by anybody."""
    if fault.moment == "before":
        return
    task = asyncio.ensure_future(work())
    task.add_done_callback(lambda t: t.cancelled() or t.exception())
    await asyncio.wait({task}, timeout=fault.seconds if fault.moment == "during" else None)


async def _hang(
    process: "Process",
    fault: Fault,
    work: Callable[[], Awaitable[Any]],
    sever: Callable[[Fault], Awaitable[None]],
) -> Any:
    answer = await work() if fault.moment == "after" else None
    if fault.sever:
        await sever(fault)
    await asyncio.sleep(fault.seconds)
    process.must_live()
    return answer if fault.moment == "after" else await work()


def _gone() -> Exception:
    error: Exception = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    return error


class BreakableConnection(Connection):  # type: ignore[misc]
    """A connection of one process whose every statement is on the script."""

    process: ClassVar["Process"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.process.connections.add(self)
        if self.process.dead:
            asyncio.get_running_loop().call_soon(self.terminate)

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        plain = super().execute
        return await self._do(query, lambda: plain(query, *args, **options))

    async def executemany(self, query: str, *args: Any, **options: Any) -> Any:
        plain = super().executemany
        return await self._do(query, lambda: plain(query, *args, **options))

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        plain = super().fetch
        return await self._do(query, lambda: plain(query, *args, **options))

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        plain = super().fetchrow
        return await self._do(query, lambda: plain(query, *args, **options))

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        plain = super().fetchval
        return await self._do(query, lambda: plain(query, *args, **options))

    async def _do(self, query: str, work: Callable[[], Awaitable[Any]]) -> Any:
        return await through(self.process, name_of(query), work, self._sever, _gone)

    async def _sever(self, fault: Fault) -> None:
        """Break the line to a lost session; end a hanging one at the server, as if its lease had run out."""
        if fault.kind == "hang":
            await self.process.world.end_backend(self.get_server_pid())
        else:
            self.abort()
            await asyncio.sleep(0)

    def abort(self) -> None:
        """Drop the line without a word."""
        self._transport.abort()


class BreakablePool:
    """The pool of one process; getting a connection out of it is on the script too."""

    def __init__(self, process: "Process", pool: Any) -> None:
        self._process = process
        self._pool = pool

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        held: list[Any] = []

        async def work() -> Any:
            held.append(await self._pool.acquire())
            return held[0]

        async def nothing(fault: Fault) -> None:
            """Nobody has used the connection yet."""

        try:
            yield await through(self._process, "acquire", work, nothing, _gone)
        finally:
            for connection in held:
                await self._pool.release(connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


class BreakableRuntime(Runtime):
    """A runtime whose own connections are made on the script."""

    async def connect(self) -> Connection:
        process: Process = self.connection_class.process
        made: list[Connection] = []

        async def work() -> Connection:
            made.append(await super(BreakableRuntime, self).connect())
            return made[0]

        async def sever(fault: Fault) -> None:
            for connection in made:
                if fault.kind == "lost" or fault.moment == "after":
                    connection.terminate()

        connection: Connection = await through(process, "connect", work, sever, _gone)
        return connection


class BreakableBus(Bus):
    """The bus connection of one process, with every word on the script."""

    process: "Process"
    _hears_from = 0

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        operation = f"bus publish {_about(subject, headers)}"
        await self._do(operation, lambda: super(BreakableBus, self).publish(subject, payload, headers, reply))

    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, seconds: float = 5
    ) -> dict[str, Any]:
        operation = f"bus request {_about(subject, headers)}"
        answer: dict[str, Any] = await self._do(
            operation, lambda: super(BreakableBus, self).request(subject, payload, headers, seconds)
        )
        return answer

    async def listen(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Any:
        async def deliver(msg: Msg) -> None:
            # What a broken line swallows is always its end: nothing behind a lost message arrives on it.
            if self._lines() >= self._hears_from:
                with contextlib.suppress(BusDown):
                    await self._do("bus deliver", lambda: callback(msg))

        inner = await self._do("bus listen", lambda: super(BreakableBus, self).listen(subject, deliver))
        return _Subscription(self, inner)

    async def _do(self, operation: str, work: Callable[[], Awaitable[Any]]) -> Any:
        return await through(self.process, operation, work, self._sever, lambda: BusDown("TimeoutError"))

    async def _sever(self, fault: Fault) -> None:
        if fault.operation == "bus deliver" and fault.kind == "lost":
            self._hears_from = self._lines() + 1
            self.cut()
        elif fault.sever:
            self.cut()

    def _lines(self) -> int:
        """How many connections this client has had after its first."""
        return int(self._client.stats["reconnects"]) if self._client is not None else 0

    def cut(self) -> None:
        """Drop the line; the client connects again by itself."""
        writer = getattr(self._client and self._client._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    def abandon(self) -> None:
        """End the client as if its process were gone: no word to the server, nothing goes on here."""
        client = self._client or self.broker._connection
        if client is None:
            return
        self._client = client
        client._status = client.CLOSED
        tasks = [client._reading_task, client._ping_interval_task, client._flusher_task]
        tasks += [client._reconnection_task, *(s._wait_for_msgs_task for s in client._subs.values())]
        for task in tasks:
            if task is not None:
                task.cancel()
        self.cut()


class _Subscription:
    """A subscription whose end is on the script."""

    def __init__(self, bus: BreakableBus, inner: Any) -> None:
        self._bus = bus
        self._inner = inner

    async def unsubscribe(self) -> None:
        await self._bus._do("bus unsubscribe", self._inner.unsubscribe)


def _about(subject: str, headers: dict[str, str] | None) -> str:
    """What a message to the bus is: a call of its API, or part of a batch of events."""
    parts = subject.split(".")
    if subject.startswith("$JS.API."):
        return ".".join(p for p in parts[2:5] if p.isupper() and p != "EVENTS")
    if headers and "Nats-Batch-Id" in headers:
        return "commit" if "Nats-Batch-Commit" in headers else "batch"
    return "event"
