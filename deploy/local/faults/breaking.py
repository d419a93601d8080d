"""How each fault is made and taken back on a running stack. Everything blocks; call it from a thread."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.disks import Disk, cut_power
from deploy.local.faults.schedule import Fault
from deploy.local.links import Link
from deploy.local.nats_server import http_status
from deploy.local.processes import Stack

_FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
_FLIPS = 20


class Breaker:
    """Breaks one thing at a time and mends it again; counts what it did."""

    def __init__(self, stack: Stack, disks: Mapping[str, Disk]) -> None:
        self.stack = stack
        self.disks = disks
        self.done: Counter[str] = Counter()
        self.flipped: set[str] = set()
        self._ways: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "stop": self._stop,
            "roll": self._roll,
            "partition": self._partition,
            "power": self._power,
            "disk-full": self._fill,
            "bit-flip": self._flip,
            "skew": self._skew,
            "slow": self._slow,
        }

    def inflict(self, fault: Fault) -> None:
        """Break, wait, take back."""
        self._ways[fault.kind](fault)
        self.done[fault.kind] += 1

    def mend_all(self) -> None:
        """Take back whatever may still be broken; returns when every process is ready."""
        self.stack.links.heal()
        for disk in self.disks.values():
            disk.free()
        self.stack.extra.clear()
        servers = ("postgres", *self.stack.nats_names)
        for name in (*servers, *self.stack.serving):
            self.stack.resume(name)
            if not self.stack.alive(name):
                self.stack.restart(name, wait=False)
        self._restart_without_jetstream()
        self.stack.wait_ready(*servers)
        self.stack.wait_ready(*self.stack.serving)

    def _kill(self, fault: Fault) -> None:
        self.stack.kill(fault.target)
        time.sleep(fault.seconds)
        self._start(fault.target)

    def _stop(self, fault: Fault) -> None:
        self.stack.pause(fault.target)
        time.sleep(fault.seconds)
        self.stack.resume(fault.target)

    def _roll(self, fault: Fault) -> None:
        """A drain and a start, as every deployment does it."""
        self.stack.restart(fault.target)

    def _partition(self, fault: Fault) -> None:
        """Cut off, or what is worse: connected to somebody who no longer answers."""
        links = self.stack.links
        parted = [links[fault.target]] if ">" in fault.target else self._around(fault.target)
        for link in parted:
            if fault.strength < 0.5:
                link.cut()
            else:
                link.hang()
        time.sleep(fault.seconds)
        for link in parted:
            link.heal()

    def _around(self, node: str) -> list[Link]:
        """Every link to the node's peers; half the time clients still reach it."""
        return [
            link for link in self.stack.links.of(node) if link.name.split(">")[0] in self.stack.nats_names
        ]

    def _slow(self, fault: Fault) -> None:
        link = self.stack.links[fault.target]
        link.slow(fault.strength)
        time.sleep(fault.seconds)
        link.heal()

    def _power(self, fault: Fault) -> None:
        """Whatever had not reached the device is gone."""
        names = tuple(self.disks) if fault.target == "all" else (fault.target,)
        cut_power(self.stack, {name: self.disks[name] for name in names})
        time.sleep(fault.seconds)
        for name in names:
            self._start(name)

    def _fill(self, fault: Fault) -> None:
        disk = self.disks[fault.target]
        disk.fill()
        time.sleep(fault.seconds)
        # Whoever ended meanwhile is started again by the supervisor.
        disk.free()
        self._restart_without_jetstream()

    def _restart_without_jetstream(self) -> None:
        """As a liveness probe does it: a server whose disk was full has switched JetStream off for good."""
        for name in self.stack.nats_names:
            status = http_status(self.stack.nats_monitor(name), "/healthz?js-enabled-only=true")
            if self.stack.alive(name) and status not in {0, 200}:
                self.stack.restart(name, wait=False)

    def _flip(self, fault: Fault) -> None:
        """Bits of an old block of one node turn while it is down."""
        self.stack.kill(fault.target)
        blocks = sorted(self.stack.nats_store(fault.target).rglob("EVENTS/msgs/*.blk"))
        lots = random.Random(f"{fault.at}/{fault.strength}")
        if blocks:
            self.flipped.add(fault.target)
            _flip_bits(blocks[0], lots)
        self._start(fault.target)

    def _skew(self, fault: Fault) -> None:
        """The process is restarted with a wrong clock, and later with the right one."""
        self.stack.extra[fault.target] = {
            "LD_PRELOAD": str(_FAKETIME[-1]),
            "FAKETIME": f"{fault.strength:+.1f}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.stack.restart(fault.target)
        time.sleep(fault.seconds)
        del self.stack.extra[fault.target]
        self.stack.restart(fault.target)

    def _start(self, name: str) -> None:
        """Services come up by themselves; a server is waited for, as its supervisor would."""
        self.stack.restart(name, wait=name in {"postgres", "nats"})


def no_faketime() -> str:
    """Why clocks cannot be skewed here; empty where they can."""
    return "" if _FAKETIME else "libfaketime is not installed (Debian: faketime)"


def _flip_bits(file: Path, lots: random.Random) -> None:
    size = file.stat().st_size
    with file.open("r+b") as block:
        for _ in range(_FLIPS if size else 0):
            place = lots.randrange(size)
            block.seek(place)
            byte = block.read(1)[0]
            block.seek(place)
            block.write(bytes([byte ^ 1 << lots.randrange(8)]))
