"""A fault run: a load on the real stack, two hands that break things, and the proof at the end."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from deploy.local import disks
from deploy.local.audit_cli import audit_network
from deploy.local.faults.breaking import Breaker, no_faketime
from deploy.local.faults.flood.load import FloodLoad
from deploy.local.faults.life import LifeLoad
from deploy.local.faults.schedule import HANDS, KINDS, Cast, Fault, schedule
from deploy.local.processes import Stack
from deploy.local.proof import Proof
from deploy.local.trouble import Trouble

LOADS = ("life", "flood")


class Load(Protocol):
    """What goes on while things break."""

    groups: int
    disk_mib: int
    processes: tuple[str, ...]

    def stack(self, **options: Any) -> Stack: ...
    async def work(self, stack: Stack) -> None: ...
    async def rest(self, stack: Stack) -> None: ...
    async def prove(self, stack: Stack) -> Proof: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run."""

    seed: int = 1
    minutes: float = 1.0
    kinds: tuple[str, ...] = KINDS
    nodes: Literal[1, 3] = 1
    sites: int = 3
    """More sites of a life say more."""
    load: Literal["life", "flood"] = "life"

    def check(self) -> None:
        """Raises Trouble on what cannot be run."""
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise Trouble(
                f"There is no fault {unknown[0]!r}.",
                f"Known: {', '.join(KINDS)}.",
                code="invalid",
                exit_code=2,
            )
        if not 0.05 <= self.minutes <= 24 * 60:
            raise Trouble("--minutes must lie between 0.05 and 1440.", code="invalid", exit_code=2)
        if not 1 <= self.sites <= 200:
            raise Trouble("--sites must lie between 1 and 200.", code="invalid", exit_code=2)
        if self.nodes not in (1, 3):
            raise Trouble("--nodes is 1 or 3.", code="invalid", exit_code=2)
        if self.load not in LOADS:
            raise Trouble(f"--load is one of: {', '.join(LOADS)}.", code="invalid", exit_code=2)

    def start(self) -> Load:
        """The load that is wanted, fresh."""
        if self.load == "flood":
            return FloodLoad(self.seed)
        return LifeLoad(self.seed, self.minutes, self.sites)


@dataclass(slots=True)
class Result:
    """What was done and what was found."""

    order: Order
    faults: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)
    proof: Proof = field(default_factory=Proof)
    seconds: float = 0.0
    trouble: str = ""
    """Why the network did not come to rest; then nothing could be proved."""
    groups: int = 1

    @property
    def clean(self) -> bool:
        return not self.trouble and self.proof.clean

    def document(self) -> dict[str, Any]:
        found = self.proof
        return {
            "seed": self.order.seed,
            "minutes": self.order.minutes,
            "nodes": self.order.nodes,
            "load": self.order.load,
            "clean": self.clean,
            "faults": sum(self.faults.values()),
            "by_kind": self.faults,
            "left_out": self.left_out,
            "events": found.events,
            "deliveries": found.events * self.groups,
            "heard": found.deliveries,
            "commands": found.commands,
            "asked_again": found.asked_again,
            **found.counts(),
            "details": found.details,
            "mended": self.mended,
            "trouble": self.trouble,
            "seconds": round(self.seconds, 1),
        }


def possible(kinds: Collection[str], nodes: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """The faults that can be made here, and why the others cannot."""
    why: dict[str, Callable[[], str]] = {
        "power": disks.possible,
        "disk-full": disks.possible,
        "skew": no_faketime,
        "bit-flip": lambda: "" if nodes == 3 else "one node has no other copy (--nodes 3)",
    }
    left_out = {kind: reason for kind in kinds if kind in why and (reason := why[kind]())}
    return tuple(kind for kind in KINDS if kind in kinds and kind not in left_out), left_out


def run(order: Order, say: Callable[[str], None] = lambda _: None) -> Result:
    """Run to the end; takes the time of the order and about a minute for the rest."""
    order.check()
    began = time.monotonic()
    kinds, left_out = possible(order.kinds, order.nodes)
    load = order.start()
    result = Result(order, left_out=left_out, groups=load.groups)
    for kind, reason in left_out.items():
        say(f"left out: {kind} ({reason})")
    with ExitStack() as until_done:
        made = until_done.enter_context(_disks(kinds, order.nodes, load.disk_mib))
        stack = load.stack(
            nodes=order.nodes,
            links=bool({"partition", "slow"} & set(kinds)),
            places={name: disk.path for name, disk in made.items()},
            env={"HANDRAIL_LOG_LEVEL": "WARNING"},
            say=say,
        )
        until_done.enter_context(stack)
        breaker = Breaker(stack, made)
        try:
            asyncio.run(_run(stack, load, order, kinds, breaker, result, say))
        except Trouble as trouble:
            result.trouble = trouble.sentence
        result.faults = dict(sorted(breaker.done.items()))
    result.seconds = time.monotonic() - began
    return result


@contextlib.contextmanager
def _disks(kinds: Collection[str], nodes: int, mib: int) -> Iterator[dict[str, disks.Disk]]:
    if not {"power", "disk-full"} & set(kinds):
        yield {}
        return
    names = ("postgres", *(("nats",) if nodes == 1 else tuple(f"nats-{n}" for n in range(1, nodes + 1))))
    with disks.temporary(*names, mib=mib) as made:
        yield made


async def _run(
    stack: Stack,
    load: Load,
    order: Order,
    kinds: Collection[str],
    breaker: Breaker,
    result: Result,
    say: Callable[[str], None],
) -> None:
    seconds = order.minutes * 60
    cast = Cast(stack.serving, stack.nats_names)
    over = threading.Event()
    say(f"seed {order.seed}: breaking {', '.join(kinds)} for {order.minutes:g} min")
    work = asyncio.create_task(load.work(stack))
    supervisor = asyncio.create_task(asyncio.to_thread(stack.supervise, over))
    hands = [
        asyncio.create_task(_break(breaker, schedule(order.seed, seconds, kinds, cast, hand), seconds, say))
        for hand in HANDS
    ]
    try:
        await asyncio.wait({work}, timeout=seconds)
        await asyncio.gather(*hands)
    finally:
        over.set()
        work.cancel()
        ended = await asyncio.gather(work, supervisor, return_exceptions=True)
    if isinstance(ended[0], Exception):
        raise Trouble(f"The load ended early: {ended[0]}", code="load")
    say("mending and coming to rest")
    await asyncio.to_thread(breaker.mend_all)
    await _mend_replicas(stack, breaker, result)
    await load.rest(stack)
    result.proof = await load.prove(stack)


async def _break(breaker: Breaker, faults: list[Fault], seconds: float, say: Callable[[str], None]) -> None:
    """One hand's faults one after the other, none before its time, until the run is over."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for fault in faults:
        await asyncio.sleep(began + fault.at - loop.time())
        if loop.time() - began > seconds:
            return
        say(f"{loop.time() - began:6.1f} s  {fault.kind} {fault.target} {fault.seconds:g}")
        await asyncio.to_thread(breaker.inflict, fault)


async def _mend_replicas(stack: Stack, breaker: Breaker, result: Result) -> None:
    """As the auditor of a cluster does every few minutes, without an operator."""
    if len(stack.nats_names) > 1 and breaker.flipped:
        report = await audit_network(stack, mend=True)
        result.mended = report.deeds
        if not report.ok:
            raise Trouble(f"The replicas were not mended: {'; '.join(report.lines())}", code="replicas")
