"""The load of everyday: a life of patients and staff as the demo shows it, on all four services."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from deploy.local import stream
from deploy.local.processes import Stack
from deploy.local.proof import Ledger, Proof, prove
from deploy.local.secrets import SERVICES
from deploy.local.simulator.life import BEGINS_AT, NETWORK, Script, live
from deploy.local.simulator.scene import make_sites
from deploy.local.timekeeper import Timekeeper

PATIENCE = 180.0
_PATIENTS_A_WEEK = 3
_LONGEST_WEEKS = 520


@dataclass(slots=True)
class LifeLoad:
    """A life that lasts longer than the run."""

    seed: int
    minutes: float
    sites: int
    groups: int = len(SERVICES)
    """How many services read the stream."""
    disk_mib: int = 768
    processes: tuple[str, ...] = SERVICES
    ledger: Ledger = field(default_factory=Ledger)

    def stack(self, **options: Any) -> Stack:
        """The stack on which this load runs."""
        options["env"] = {"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat(), **options.get("env", {})}
        return Stack.temporary(clock="manual", **options)

    async def work(self, stack: Stack) -> None:
        """Live until cancelled."""
        await live(stack, self._script(), ledger=self.ledger)

    def _script(self) -> Script:
        weeks = min(_LONGEST_WEEKS, max(20, int(self.minutes * 40)))
        return Script(
            sites=self.sites,
            patients=_PATIENTS_A_WEEK * weeks,
            weeks=weeks,
            seed=self.seed,
            warm_up_weeks=0,
        )

    async def rest(self, stack: Stack) -> None:
        """Until every service has read all, nothing is due and all copies of the stream are equal."""
        urls = {name: stack.url(name) for name in SERVICES}
        sites = [site.id for site in make_sites(self.sites)]
        token = stack.token(role="operator", network=NETWORK, sites=sites)
        async with Timekeeper(urls, token, patience=PATIENCE) as keeper:
            await keeper.advance(await keeper.now())
            await keeper.quiet()
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(stream.level, stack):
                await asyncio.sleep(0.5)

    async def prove(self, stack: Stack) -> Proof:
        """What holds and what does not."""
        return await prove(stack, self.ledger)
