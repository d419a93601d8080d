"""`handrail up` and `handrail down`."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from deploy.local.network import Network
from deploy.local.output import Document, say, show
from deploy.local.processes import Stack
from deploy.local.trouble import Trouble

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_DRAIN = 90


def up(data: Path, clock: Literal["wall", "manual"], as_json: bool) -> None:
    """Start everything, say so, keep it running until a signal, drain it."""
    stack = Stack(data, clock=clock, say=say)
    stopping = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stopping.is_set():
            say("ending without draining")
            stack.cancel()
            return
        stopping.set()
        if stack.started:
            say(f"{signal.Signals(number).name}: draining; once more to end at once")
        else:
            stack.cancel()

    for number in _SIGNALS:
        signal.signal(number, on_signal)
    began = time.monotonic()
    stack.start()
    try:
        document = description(stack) | {"ready_after_ms": int((time.monotonic() - began) * 1000)}
        show(document, as_json, lines)
        stack.supervise(stopping)
    finally:
        stack.stop()
    say("stopped")


def down(data: Path) -> dict[str, Any]:
    """Ask the process that holds the network to drain it; returns when it has."""
    network = Network(data)
    if not network.is_up():
        return {"data": str(network.data), "stopped": False}
    network.load()
    pid = network.run.get("pid")
    if not pid:
        raise Trouble("The network is just starting or stopping.", "Try again in a moment.", code="busy")
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise Trouble(
            f"The network belongs to another user (process {pid}).", "Stop it as that user.", code="not_yours"
        ) from None
    except ProcessLookupError:
        pass
    deadline = time.monotonic() + _LONGEST_DRAIN
    while network.is_up():
        if time.monotonic() > deadline:
            raise Trouble(
                f"Process {pid} has not drained within {_LONGEST_DRAIN} s.",
                f"See {network.data / 'logs'}, or end it yourself: kill {pid}",
                code="not_drained",
            )
        time.sleep(0.1)
    return {"data": str(network.data), "stopped": True}


def down_lines(document: Document) -> list[str]:
    """What became of it, for people."""
    word = "stopped" if document["stopped"] else "not running"
    return [f"{word}: {document['data']}"]


def description(network: Network) -> dict[str, Any]:
    """Where everything is; no secret in it."""
    return {
        "data": str(network.data),
        "clock": network.clock,
        "pid": network.run.get("pid"),
        "services": {name: network.url(name) for name in network.services},
        "nats": network.nats_url(),
        "postgres": {"host": "127.0.0.1", "port": network.ports["postgres"], "database": "handrail"},
        "logs": str(network.data / "logs"),
    }


def lines(document: Document) -> list[str]:
    """What a person needs to go on."""
    data = Path(document["data"])
    with contextlib.suppress(ValueError):
        data = data.relative_to(Path.cwd())
    option = "" if str(data) == ".handrail" else f" --data {data}"
    return [
        f"Ready after {document['ready_after_ms'] / 1000:.1f} s, {document['clock']} clock.",
        *(f"  {name:<10}  {url}" for name, url in document["services"].items()),
        f"  {'nats':<10}  {document['nats']}",
        f"  {'postgres':<10}  127.0.0.1:{document['postgres']['port']}, database handrail",
        f"  {'logs':<10}  {document['logs']}",
        f"Next: handrail status{option}, or handrail refer{option} FILE... Ctrl-C stops it all.",
    ]
