"""What everybody in the clinic shares: the day, one command on one episode, and what waits for the end."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from functools import partial
from random import Random
from typing import Any

from deploy.local.simulator.api import Reply
from deploy.local.simulator.scene import Member, Scene

ROLE = "clinician"
View = Mapping[str, Any]


class Chart:
    """The clinic's tools."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.today = date.min
        self._ends: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    async def do(
        self,
        member: Member,
        what: str,
        body: Mapping[str, Any] | None = None,
        *,
        role: str = ROLE,
        again: str = "",
        expected: bool = False,
    ) -> Reply:
        """One step on an episode; `again` tells two of a kind on one day apart."""
        path = f"/v1/episodes/{member.episode_id}/{what}"
        step = f"{member.key}/{what}/{self.today}{again and '/'}{again}"
        return await self.scene.api.do("progress", path, body or {}, role, step=step, expected=expected)

    async def read(self, member: Member) -> View:
        """The whole episode; empty where it cannot be read."""
        reply = await self.scene.api.get("progress", f"/v1/episodes/{member.episode_id}", ROLE)
        return reply.body if reply.done else {}

    def luck(self, member: Member, purpose: str, day: date | None = None) -> Random:
        """The generator of one person for one purpose on one day."""
        return self.scene.luck(member, f"{purpose}/{day or self.today}")

    def at_last(self, member: Member, end: Callable[[Member], Awaitable[object]]) -> None:
        """Note an end for when everybody was looked after: each frees seats for those who wait."""
        self._ends.append((member.key, partial(end, member)))

    async def let_go(self) -> None:
        """End what is to end, one after the other, in the same order whatever came first."""
        ends, self._ends = sorted(self._ends, key=lambda each: each[0]), []
        for _, end in ends:
            await end()
            await self.scene.settle()


def day_of(value: object) -> date | None:
    """A day as the services write one."""
    return date.fromisoformat(str(value)[:10]) if value else None
