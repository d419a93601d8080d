"""A network lives on while it is upgraded, rolled back in part and upgraded again: nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local import next_version
from deploy.local.next_version_changes import MIGRATIONS, NEW_EVENT_TYPE
from deploy.local.processes import Stack
from deploy.local.proof import folding, prove
from deploy.local.reconcile import examine
from deploy.local.secrets import OPERATOR, SERVICES
from deploy.local.simulator.life import BEGINS_AT, NETWORK, Script, Tick, live
from deploy.local.timekeeper import Timekeeper
from deploy.local.trouble import Trouble

SEED = 20260106
PATIENCE = 60.0
LIFE = Script(sites=1, patients=40, weeks=60, seed=SEED, warm_up_weeks=6)
"""Longer than any upgrade takes; it ends when the upgrade has."""
FORWARD = ("progress", "intake", "notify", "scheduling")
"""The speaker of the new event first, which is the worst order: everybody else must set it aside."""
BACK = ("notify", "scheduling")


class Enough(Exception):
    """The life has lasted long enough."""


@dataclass
class Upgrade:
    """Brings a living stack to the next version, some of it back, and all of it forward again."""

    stack: Stack
    tree: Path
    away: dict[str, float] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    over: bool = False

    async def run(self) -> None:
        await self._until("living", self._said("scheduling.treatment_week_closed.v1"))
        await asyncio.to_thread(next_version.bring_schema, self.stack, self.tree)
        await asyncio.to_thread(next_version.grant, self.stack, self.tree)
        await self._pass_some_events("schema")
        for name in FORWARD:
            await self._switch(name, self.tree)
            await self._pass_some_events(f"{name} forward")
            if name == "progress":
                await self._until("set aside", self._parked("intake", "unknown_event_type"))
        await self._until("looked back", self._any("SELECT 1 FROM notify.weeks_looked_back"))
        for name in BACK:
            await self._switch(name, None)
            await self._pass_some_events(f"{name} back")
        await self._until("set aside again", self._parked("notify", "unknown_event_type"))
        await asyncio.gather(*(self._switch(name, self.tree) for name in BACK))
        await self._pass_some_events("forward again")
        self.over = True

    def tell(self, _: Tick) -> None:
        """End the life once there is nothing more to see."""
        if self.over:
            raise Enough

    async def _switch(self, name: str, tree: Path | None) -> None:
        seconds = await asyncio.to_thread(next_version.switch, self.stack, name, tree)
        self.away[name] = max(seconds, self.away.get(name, 0))

    async def _pass_some_events(self, stage: str) -> None:
        sql = " + ".join(f"(SELECT count(*) FROM {name}.inbox)" for name in SERVICES)
        before = (await rows(self.stack, f"SELECT {sql} AS n"))[0]["n"]
        await self._until(stage, self._any(f"SELECT 1 WHERE {sql} > $1", before + 15))

    async def _until(self, stage: str, holds: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            why = f"seed {SEED}: never came to {stage!r} after {self.stages}; {await standing(self.stack)}"
            raise AssertionError(why) from None
        self.stages.append(stage)

    def _any(self, sql: str, *values: Any) -> Callable[[], Awaitable[bool]]:
        async def found() -> bool:
            return bool(await rows(self.stack, sql, *values))

        return found

    def _said(self, kind: str) -> Callable[[], Awaitable[bool]]:
        return self._any(f"SELECT 1 FROM {kind.partition('.')[0]}.outbox WHERE type = $1 LIMIT 1", kind)

    def _parked(self, service: str, reason: str) -> Callable[[], Awaitable[bool]]:
        return self._any(f"SELECT 1 FROM {service}.parked WHERE reason = $1 LIMIT 1", reason)


async def rows(stack: Stack, sql: str, *values: Any) -> list[Any]:
    """What a reader beside the services sees."""
    connection = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR))
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


async def standing(stack: Stack) -> str:
    """What is parked, and where every service stands."""
    parked = " UNION ALL ".join(
        f"SELECT '{s}' AS service, kind, name, reason, detail, trace FROM {s}.parked" for s in SERVICES
    )
    found = await rows(stack, f"SELECT *, count(*) FROM ({parked}) p GROUP BY 1, 2, 3, 4, 5, 6")
    clocks = " UNION ALL ".join(
        f"SELECT '{s}' AS service, (SELECT now FROM {s}.clock) AS now, "
        f"(SELECT count(*) FROM {s}.outbox WHERE sent_at IS NULL) AS unsent"
        for s in SERVICES
    )
    return f"parked {[dict(r) for r in found]}, clocks {[dict(r) for r in await rows(stack, clocks)]}"


async def come_to_rest(stack: Stack) -> None:
    urls = {name: stack.url(name) for name in SERVICES}
    async with Timekeeper(urls, stack.token(network=NETWORK)) as keeper:
        await keeper.quiet()


async def count_new(stack: Stack) -> dict[str, int]:
    """What became of the event that only the next version says and hears."""
    sql = """SELECT
      (SELECT count(*) FROM progress.outbox WHERE type = $1) AS said,
      (SELECT count(*) FROM notify.journal WHERE type = 'WeekSeen') AS seen,
      (SELECT count(*) FROM notify.weeks_looked_back) AS looked_back,
      (SELECT count(*) FROM notify.wakes WHERE what LIKE 'look_back:%') AS waiting"""
    return dict((await rows(stack, sql, NEW_EVENT_TYPE))[0])


@pytest.mark.long
async def test_upgrade_rollback_and_upgrade_during_a_life_lose_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = next_version.make(tmp_path / "next")
    monkeypatch.setattr(folding, "_ROOT", tree)
    stack = Stack.temporary(
        clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat(), "HANDRAIL_LOG_LEVEL": "ERROR"}
    )
    async with stack:
        upgrade = Upgrade(stack, tree)
        upgrading = asyncio.create_task(upgrade.run())
        living = asyncio.create_task(live(stack, LIFE, upgrade.tell))
        try:
            await asyncio.wait((living, upgrading), return_when=asyncio.FIRST_COMPLETED)
            assert upgrading.done(), f"seed {SEED}: after {upgrade.stages} the life ended: {living}"
            upgrading.result()
            with pytest.raises(Enough):
                await living
        finally:
            for task in (living, upgrading):
                task.cancel()
            await asyncio.gather(living, upgrading, return_exceptions=True)
        mended = await asyncio.to_thread(next_version.fold_again, stack, tree, "notify")
        await come_to_rest(stack)
        findings = await examine(stack)
        numbers = await count_new(stack)
        proof = await prove(stack)

    assert set(findings.counts().values()) == {0}, f"seed {SEED}: {findings.details}"
    assert proof.clean, f"seed {SEED}: {proof.details}"
    assert numbers["said"] > 0
    assert mended["left"] == 0 < mended["mended"], "older code has written no state of newer code"
    assert numbers["seen"] == numbers["looked_back"] + numbers["waiting"] == numbers["said"], numbers


def test_a_change_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    old = next_version.copy(tmp_path / "old")
    contract = old / "contracts" / "notify.py"
    contract.write_text(contract.read_text().replace("    sent_at: Instant\n", "    left_at: Instant\n"))

    with pytest.raises(Trouble, match=r"contracts/notify\.py holds 'sent_at: Instant' 0 times"):
        next_version.make(tmp_path / "next", old)
    assert {Path(place).parts[1] for place in MIGRATIONS} == {*SERVICES, "chassis"}
