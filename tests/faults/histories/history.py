"""One history: two processes, a few counters, callers that insist, faults, peace, and the check."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from contracts.decisions import Refused
from services.chassis import commands, work
from services.chassis.clock import ManualClock
from tests.chassis.conftest import who
from tests.chassis.toy_service.toy import AskToBeWoken, CancelWake, Tick, TickTwo
from tests.faults.histories.check import Expected, quiet, verdict
from tests.faults.histories.process import Slot, waits_on
from tests.faults.histories.script import Fault, Place, Script, draw_faults
from tests.faults.histories.world import World

TICK = Tick("net", "s1")
ECHO = Tick("net", "s1", "echo")
NEVER = timedelta(days=36_500)
SECONDS = 60.0
"""How long a history may take until it counts as stuck."""
PEACE_SECONDS = 30.0
"""How long after the last fault everything may take to come to rest."""

RENEW_EVERY = 20
"""After so many histories a world starts over, because readers begin at the lane that moved least."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command of a caller, with the key that all its repeats carry."""

    key: str
    on: str
    command: Any


@dataclass
class Plan:
    """Everything that a seed decides."""

    seed: int
    counters: list[str]
    readers: tuple[int, int]
    callers: list[list[Order]]
    pauses: list[float]
    late: float
    """How long after the first process the second comes, and takes over half of the lanes."""
    faults: tuple[Fault, ...]
    expected: Expected


@dataclass
class Outcome:
    """What came of one history."""

    seed: int
    seconds: float = 0.0
    faults: tuple[Fault, ...] = ()
    struck: list[Fault] = field(default_factory=list)
    done: Counter[Place] = field(default_factory=Counter)
    crashes: int = 0
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def plan(seed: int, world: World, faults: tuple[Fault, ...] | None = None) -> Plan:
    """The history of a seed, with ids that no other history of this world has."""
    lots = Random(seed)
    prefix = f"h{seed}-{world.histories}"
    counters = [f"{prefix}-{n}" for n in range(lots.randint(3, 5))]
    expected = Expected(dict.fromkeys(counters, 0), {c: [] for c in counters})
    callers: list[list[Order]] = [[] for _ in range(4)]
    for number in range(lots.randint(10, 20)):
        on, caller = lots.choice(counters), lots.choice(callers)
        caller += _orders(f"{prefix}-{number}", on, counters, world.now, lots, expected)
    opening = [Order(f"{prefix}-open-{c}", c, TICK) for c in counters]
    for order in opening:
        expected.ticks[order.on] += 1
    return Plan(
        seed=seed,
        counters=counters,
        readers=lots.choice(((1, 1), (1, 2), (2, 1))),
        callers=[opening, *callers],
        pauses=[lots.choice((0, 0, 0.002, 0.01, 0.04)) for _ in range(40)],
        late=lots.choice((0, 0.1, 0.3)),
        faults=draw_faults(seed) if faults is None else faults,
        expected=expected,
    )


def _orders(
    key: str, on: str, counters: list[str], now: datetime, lots: Random, expected: Expected
) -> list[Order]:
    match lots.choice(("tick", "echo", "echo", "two", "wake", "first", "cancel")):
        case "tick":
            expected.ticks[on] += 1
            return [Order(key, on, TICK)]
        case "echo":
            expected.ticks[on] += 1
            expected.echoes[on] = expected.echoes.get(on, 0) + 1
            return [Order(key, on, ECHO)]
        case "two":
            other = lots.choice([c for c in counters if c != on])
            expected.ticks[on] += 1
            expected.ticks[other] += 1
            return [Order(key, on, TickTwo(other))]
        case "first" if "alarm_first" not in expected.rings[on]:
            expected.rings[on] += ["alarm_first", "alarm_second"]
            return [Order(key, on, AskToBeWoken(now + timedelta(minutes=5), "alarm:first"))]
        case "cancel":
            what = f"alarm:no{key}"
            return [
                Order(f"{key}-ask", on, AskToBeWoken(now + NEVER, what)),
                Order(f"{key}-cancel", on, CancelWake(what)),
            ]
        case _:
            what = f"w{key}"
            expected.rings[on].append(f"alarm_{what}")
            at = now + timedelta(minutes=lots.randint(1, 50))
            return [Order(key, on, AskToBeWoken(at, f"alarm:{what}"))]


@dataclass
class History:
    """A plan on its way."""

    plan: Plan
    world: World
    outcome: Outcome
    script: Script = field(init=False)
    slots: list[Slot] = field(init=False)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    callers: dict[asyncio.Task[None], str] = field(default_factory=dict)
    stage: str = "opening"

    def __post_init__(self) -> None:
        self.script = Script(self.plan.faults)
        self.slots = [Slot(self.world, self.script, readers) for readers in self.plan.readers]

    async def run(self) -> None:
        """All of it; what is wrong is written into the outcome."""
        started = time.monotonic()
        self.world.histories += 1
        self.world.surprises.clear()
        try:
            async with asyncio.timeout(SECONDS):
                await self._live()
        except TimeoutError:
            self.outcome.problems.append(f"stuck in stage '{self.stage}'")
            self.outcome.problems += self._who_waits()
            self.outcome.problems += await verdict(self.world, self.plan.expected, self.answers)
        finally:
            for task in self.callers:
                task.cancel()
            await asyncio.gather(*(slot.close() for slot in self.slots))
        self.outcome.problems += self.world.surprises
        self.outcome.seconds = time.monotonic() - started
        self.outcome.struck, self.outcome.done = self.script.struck, self.script.done
        self.outcome.crashes = sum(slot.crashes for slot in self.slots)

    async def _live(self) -> None:
        for n, slot in enumerate(self.slots):
            slot.open(self.plan.late * n)
        opening, *others = self.plan.callers
        await asyncio.gather(*(self._call([order], n) for n, order in enumerate(opening)))
        self.stage = "commands"
        half = asyncio.create_task(self._advance_soon())
        await asyncio.gather(*(self._call(orders, n) for n, orders in enumerate(others)), half)
        self.stage = "late wakes"
        while not all(slot.runtime for slot in self.slots):
            await asyncio.sleep(0.02)
        await self._advance(timedelta(hours=2))
        await self._rest(PEACE_SECONDS / 4, "the faults")
        self.script.healed = True
        self.stage = "peace"
        await self._advance(timedelta(hours=1))
        await self._rest(PEACE_SECONDS, "peace")
        self.outcome.problems += await verdict(self.world, self.plan.expected, self.answers)
        self.stage = "repeats"
        await self._repeat_all()

    async def _advance_soon(self) -> None:
        await asyncio.sleep(self.plan.pauses[0] * 3)
        await self._advance(timedelta(minutes=30))

    async def _advance(self, by: timedelta) -> None:
        """As the timekeeper does it: the table first, then everybody who is there."""
        now = await self.world.advance(by)
        for slot in self.slots:
            if (runtime := slot.runtime) is not None:
                assert isinstance(runtime.clock, ManualClock)
                runtime.clock.advance(now)
                runtime.time_passed.fire()

    async def _rest(self, seconds: float, after: str) -> None:
        """Wait until nothing is unsent, unread or due; without it the history goes on to the check."""
        end = time.monotonic() + seconds
        while not await quiet(self.world):
            if time.monotonic() > end:
                if after == "peace":
                    self.outcome.problems.append(f"not quiet {seconds:g} s after the last fault")
                    self.outcome.problems += self._who_waits()
                else:
                    self.outcome.remarks.append("not quiet before the end of the faults")
                return
            await asyncio.sleep(0.03)

    async def _call(self, orders: list[Order], number: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.callers[task] = f"caller {number}"
        for n, order in enumerate(orders):
            await asyncio.sleep(self.plan.pauses[(number * 7 + n) % len(self.plan.pauses)])
            self.answers[order.key] = await self._insist(order, number + n)
        del self.callers[task]

    async def _insist(self, order: Order, first: int) -> dict[str, Any]:
        """Ask one process or the other with the same key until there is an answer.

        An answer may get lost; a caller may repeat what was answered, or ask twice before it is.
        """
        turn = first
        while True:
            slot = self.slots[turn % len(self.slots)]
            turn += 1
            process = slot.process
            if process is None or process.runtime is None:
                await asyncio.sleep(0.01)
                continue
            fault = self.script.next_command()
            times = 2 if fault is not None and fault.kind == "hang" else 1
            asked: list[asyncio.Task[dict[str, Any]]] = [
                process.spawn("write", "command", self._take(process.runtime, order)) for _ in range(times)
            ]
            await asyncio.wait(asked)
            if process.dead or asked[0].cancelled():
                continue
            error = asked[0].exception()
            if error is None:
                answer = asked[0].result()
                if fault is None:
                    return answer
                if fault.kind == "lost":
                    continue
                if fault.kind == "repeat":
                    self._same(order, answer, await self._insist(order, turn))
                elif asked[1].exception() is None:
                    self._same(order, answer, asked[1].result())
                return answer
            if not self._may_try_again(error):
                raise error
            await asyncio.sleep(0.01)

    async def _take(self, runtime: Any, order: Order) -> dict[str, Any]:
        request = commands.Request(order.key, commands.digest_of(repr(order.command), order.on))
        return await commands.take(runtime, who(order.on), order.command, order.on, request=request)

    def _may_try_again(self, error: BaseException) -> bool:
        if isinstance(error, Refused):
            return error.code in ("in_progress", "draining") or error.status in (429, 503)
        if not isinstance(error, work.RETRY):
            self.outcome.remarks.append(f"a caller saw {type(error).__name__}: {error}")
        return isinstance(error, Exception)

    def _same(self, order: Order, first: Any, again: Any) -> None:
        if first != again:
            self.outcome.problems.append(f"{order.key} was answered {first} and then {again}")

    async def _repeat_all(self) -> None:
        """Every command once more with its key: the same answers, and nothing else happens."""
        orders = [order for orders in self.plan.callers for order in orders]
        for n, order in enumerate(orders):
            self._same(order, self.answers[order.key], await self._insist(order, n))
        self.outcome.problems += await verdict(self.world, self.plan.expected, self.answers)

    def _who_waits(self) -> list[str]:
        found = [f"{name} waits in {waits_on(task)}" for task, name in self.callers.items()]
        for n, slot in enumerate(self.slots):
            if slot.process is None:
                found.append(f"process {n} is not there")
                continue
            found += [f"process {n}: {name} waits in {waits_on(t)}" for t, name in slot.process.tasks.items()]
        return found


async def live(world: World, seed: int, faults: tuple[Fault, ...] | None = None) -> Outcome:
    """Run the history of a seed and check it; a world in which it ended badly is replaced."""
    planned = plan(seed, world, faults)
    outcome = Outcome(seed, faults=planned.faults)
    task = asyncio.create_task(History(planned, world, outcome).run())
    await asyncio.wait({task}, timeout=SECONDS + 15)
    if not task.done():
        outcome.problems.append(f"the rehearsal itself waits in {waits_on(task)}")
        outcome.problems += [waits_on(t) for t in asyncio.all_tasks() if "histories" in waits_on(t)]
        task.cancel()
    elif (error := task.exception()) is not None:
        outcome.problems.append(f"{type(error).__name__}: {error}")
    if outcome.problems or world.histories % RENEW_EVERY == 0:
        try:
            async with asyncio.timeout(30):
                await world.renew()
        except TimeoutError:
            outcome.problems.append("the world could not be renewed within 30 s")
    return outcome
