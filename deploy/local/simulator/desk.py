"""The admissions desk's tools: a diary, and one command at a time on one person's referral."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from deploy.local.simulator.api import Reply
from deploy.local.simulator.scene import Member, Scene

ADMISSIONS = "admissions"


class Desk:
    """What everybody at the desk shares."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.today = date.min
        self._diary: defaultdict[date, list[tuple[str, Member]]] = defaultdict(list)

    def note(self, step: str, member: Member, day: date) -> None:
        """Put a step into the diary; weekends move it to the Monday."""
        while day.weekday() > 4:
            day += timedelta(days=1)
        self._diary[day].append((step, member))

    def later(self, step: str, member: Member, days: int) -> None:
        """Put a step into the diary, some days from now and never today."""
        self.note(step, member, self.today + timedelta(days=max(days, 1)))

    def due(self) -> list[tuple[str, Member]]:
        """What the diary holds up to today, oldest first; it is taken out."""
        days = sorted(day for day in self._diary if day <= self.today)
        return [entry for day in days for entry in self._diary.pop(day)]

    async def do(
        self,
        member: Member,
        what: str,
        body: Mapping[str, Any],
        *,
        role: str = ADMISSIONS,
        on: str | None = None,
    ) -> Reply:
        """One step on a person's referral."""
        member.steps += 1
        path = f"/v1/referrals/{on or member.episode_id}/{what}"
        step = f"{member.key}/{what}/{self.today}/{member.steps}"
        return await self.scene.api.do("intake", path, body, role, step=step)

    async def read(self, member: Member, what: str = "") -> Mapping[str, Any]:
        """The referral as the desk sees it, or something below it; empty where there is nothing."""
        path = f"/v1/referrals/{member.episode_id}{what}"
        reply = await self.scene.api.get("intake", path, ADMISSIONS)
        return reply.body if reply.done else {}

    async def call(self, member: Member, *, reached: bool, channel: str = "phone") -> None:
        """Note an attempt to reach somebody."""
        await self.do(member, "contacts", {"channel": channel, "reached": reached})

    async def decline(self, member: Member, reason: str, *alternatives: str) -> None:
        """End the way before admission."""
        body = {"reason": reason, "alternatives": list(alternatives)}
        member.stopped = (await self.do(member, "decline", body)).done
