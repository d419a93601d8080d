"""Every process of the stack is killed again and again while a network lives: nothing is lost or doubled."""

import asyncio
import random
from collections import Counter

import pytest

from deploy.local.processes import Stack
from deploy.local.reconcile import examine
from deploy.local.simulator.life import BEGINS_AT, Script, live

SEED = 20260105
KILLS = 32
VICTIMS = ("intake", "scheduling", "progress", "notify", "nats", "postgres")


class Killer:
    """Kills one process after the other at seeded moments and starts each again, then lets them live."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.lots = random.Random(seed)
        self.killed: Counter[str] = Counter()

    async def run(self) -> None:
        while self.killed.total() < KILLS:
            await asyncio.sleep(self.lots.uniform(0.05, 0.8))
            rounds = [v for v in VICTIMS if self.killed[v] == min(self.killed[w] for w in VICTIMS)]
            victim = self.lots.choice(rounds)
            await asyncio.to_thread(self.stack.kill, victim)
            self.killed[victim] += 1
            await asyncio.sleep(self.lots.uniform(0, 0.3))
            await asyncio.to_thread(self.stack.restart, victim, wait=victim in {"nats", "postgres"})


@pytest.mark.long
async def test_thirty_kills_during_a_life_lose_and_double_nothing() -> None:
    script = Script(sites=2, patients=10, weeks=4, seed=SEED, warm_up_weeks=8)
    stack = Stack.temporary(
        clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat(), "HANDRAIL_LOG_LEVEL": "ERROR"}
    )
    async with stack:
        killer = Killer(stack, SEED)
        killing = asyncio.create_task(killer.run())
        try:
            await live(stack, script)
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        for name in VICTIMS:
            if not stack.alive(name):
                await asyncio.to_thread(stack.restart, name)
        findings = await examine(stack)

    assert killer.killed.total() >= KILLS, f"seed {SEED}: the life ended after {killer.killed}"
    assert set(findings.counts().values()) == {0}, f"seed {SEED}: {findings.details}"
