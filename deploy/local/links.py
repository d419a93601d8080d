"""TCP links between the processes of a stack, which a rehearsal can cut, hang and slow down.

links = Links({"intake>postgres": (15001, 15002)})  # from, to
links.start()
links["intake>postgres"].cut()
"""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import uvloop

from deploy.local.ports import HOST

_MOST_HELD = 256 * 1024


def names(services: Iterable[str], nodes: Iterable[str]) -> list[str]:
    """The name of each link of a stack, `from>to`."""
    nodes = tuple(nodes)
    return [
        *(f"{service}>{server}" for service in services for server in ("postgres", *nodes)),
        *(f"{one}>{other}" for one in nodes for other in nodes if one != other),
    ]


def ways(
    services: Iterable[str], nodes: Sequence[str], ports: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """The port at which each link of a stack listens, and the one to which it leads."""

    def target(name: str) -> int:
        one, other = name.split(">")
        # Among themselves, nodes have a port of their own.
        return ports[f"{other}_cluster" if one in nodes else other]

    return {name: (ports[name], target(name)) for name in names(services, nodes)}


class Link:
    """One way from a process to another: a port that passes on what it receives.

    Every change holds for open connections at once and is done when the call returns; it may be called
    from any thread. Between two nodes either may open the connection, so what parts them is both links.
    """

    def __init__(self, name: str, port: int, target: int, work: "_Loop") -> None:
        self.name = name
        self.port = port
        self.target = target
        self.state = "open"
        self.delay = 0.0
        self._work = work
        self._server: asyncio.Server | None = None
        self.pairs: set[_Pair] = set()
        self._changing = asyncio.Lock()

    def cut(self) -> None:
        """Close what is open and refuse what is new."""
        self._work.do(self._change("cut"))

    def hang(self) -> None:
        """Accept, but pass nothing on in either direction until healed: nobody is told."""
        self._work.do(self._change("hung"))

    def slow(self, seconds: float) -> None:
        """Pass everything on, each piece so much later."""
        self._work.do(self._change("open", seconds))

    def heal(self) -> None:
        """Pass everything on again, first what was held back."""
        self._work.do(self._change("open"))

    @property
    def connections(self) -> int:
        return len(self.pairs)

    async def _change(self, state: str, delay: float = 0.0) -> None:
        async with self._changing:
            self.state, self.delay = state, delay
            if state == "cut":
                await self.shut()
                return
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(self._accept, HOST, self.port)
            for pair in tuple(self.pairs):
                pair.changed()

    async def shut(self) -> None:
        """Close the port and all connections; to be run in the loop of the links."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for pair in tuple(self.pairs):
            pair.abort()

    def _accept(self) -> asyncio.Protocol:
        pair = _Pair(self)
        self.pairs.add(pair)
        return pair.near


class Links(Mapping[str, Link]):
    """All links of a stack by name, carried by one thread."""

    def __init__(self, ways: Mapping[str, tuple[int, int]]) -> None:
        self._work = _Loop()
        self._links = {name: Link(name, port, to, self._work) for name, (port, to) in ways.items()}

    def __getitem__(self, name: str) -> Link:
        return self._links[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def of(self, *processes: str) -> list[Link]:
        """The links that begin or end at a process; with two, those between them, both ways."""
        wanted = set(processes)
        many = min(len(wanted), 2)
        return [link for name, link in self._links.items() if len(wanted & set(name.split(">"))) >= many]

    def heal(self) -> None:
        """Heal every link."""
        for link in self._links.values():
            link.heal()

    def start(self) -> None:
        """Open every link; returns when they listen."""
        if self._links:
            self._work.start()
            self.heal()

    def stop(self) -> None:
        """Close everything. Harmless to repeat."""
        for link in self._links.values():
            self._work.do(link.shut())
        self._work.stop()


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="handrail-links", daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Run in the loop, to its end; nothing once it has stopped."""
        if self._loop is None:
            work.close()
            return
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def stop(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(10)
        loop.close()


class _Pair:
    """A connection that came in (near) and the one it was passed on to (far)."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.near = _End(self)
        self.far = _End(self)
        self.near.other, self.far.other = self.far, self.near
        self.aborted = False
        self._connecting: asyncio.Task[None] | None = None

    @property
    def hung(self) -> bool:
        return self.link.state == "hung"

    def opened(self, end: "_End") -> None:
        if end is self.near:
            self.changed()
        else:
            self.near.flow()
            self.far.flow()

    def changed(self) -> None:
        """Act on another state of the link."""
        if self.aborted:
            return
        if self._connecting is None and not self.hung:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        self.near.flow()
        self.far.flow()

    def abort(self) -> None:
        """End both at once, whatever is still under way."""
        self.aborted = True
        if self._connecting is not None:
            self._connecting.cancel()
        for end in (self.near, self.far):
            end.abort()
        self.link.pairs.discard(self)

    def lost(self) -> None:
        """One of the two has ended."""
        connecting = self._connecting is not None and not self._connecting.done()
        if not connecting and self.near.ended and self.far.ended:
            self.link.pairs.discard(self)

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.far, HOST, self.link.target)
        except OSError:
            self.abort()


class _End(asyncio.Protocol):
    """One of the two connections; what it is to send waits in a queue as long as the link says."""

    other: "_End"

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes | None]] = deque()
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None
        self._congested = False
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._pair.aborted:
            self._transport.abort()
            return
        # Not now: uvloop begins to read when this returns, even if it was told to pause.
        asyncio.get_running_loop().call_soon(self._pair.opened, self)

    def data_received(self, data: bytes) -> None:
        self.other.send(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self.other.send(None)
        self._pair.lost()

    @property
    def ended(self) -> bool:
        return self._transport is None

    def pause_writing(self) -> None:
        self._congested = True
        self.other.flow()

    def resume_writing(self) -> None:
        self._congested = False
        self.other.flow()

    def send(self, data: bytes | None) -> None:
        """Send after the delay of the link, in order; None is the end."""
        due = time.monotonic() + self._pair.link.delay
        self._waiting.append((due, data))
        self._held += len(data or b"")
        self.flow()
        self.other.flow()

    def flow(self) -> None:
        """Send what is due, and read exactly as long as the other end can take it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is None or self._pair.hung:
            self._read(wanted=False)
            return
        now, loop = time.monotonic(), asyncio.get_running_loop()
        while self._waiting and self._transport is not None:
            due, data = self._waiting[0]
            if due > now and self._pair.link.delay > 0:
                self._timer = loop.call_later(due - now, self._due)
                break
            self._waiting.popleft()
            self._pass_on(data)
        self._read(wanted=self.other.takes())

    def takes(self) -> bool:
        """Whether there is room for more."""
        return self._transport is not None and not self._congested and self._held < _MOST_HELD

    def abort(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()

    def _due(self) -> None:
        self._timer = None
        self.flow()
        self.other.flow()

    def _pass_on(self, data: bytes | None) -> None:
        if self._transport is None:
            return
        if data is None:
            self._transport.close()
            return
        self._held -= len(data)
        self._transport.write(data)

    def _read(self, wanted: bool) -> None:
        if self._transport is None or self._transport.is_closing() or wanted == self._reading:
            return
        self._reading = wanted
        with contextlib.suppress(RuntimeError):
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()
