"""After the program: calls every two weeks, the alumni, those who come back, and one who dies."""

from datetime import timedelta
from typing import Any

from deploy.local.simulator.clinic.chart import Chart, View, day_of
from deploy.local.simulator.clinic.leaving import Leaving
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

CHECK_IN_DAYS = 14
AFTERCARE_DAYS = 90
LOST_CALLS = 3


class Following:
    """Makes the calls that are due, and brings aftercare to its end."""

    def __init__(self, chart: Chart, leaving: Leaving) -> None:
        self._chart = chart
        self._leaving = leaving

    async def call(self, member: Member) -> None:
        """One day of somebody's aftercare."""
        today, since = self._chart.today, member.aftercare_since or self._chart.today
        days = (today - since).days
        if member.dies_on is not None and today >= member.dies_on:
            died = {"died_on": member.dies_on.isoformat()}
            await self._chart.do(member, "death", died)
            return
        if days % CHECK_IN_DAYS and days < AFTERCARE_DAYS:
            return
        after, view = parameters().after, await self._chart.read(member)
        plan: View = view.get("aftercare") or {}
        if plan.get("due_on"):
            await self._check_in(member)
        until = day_of(plan.get("until_on"))
        if until is not None and today >= until:
            if self._chart.scene.luck(member, "alumni").random() < after.alumni:
                await self._chart.do(member, "alumni", {"consented": True})
            else:
                self._leaving.discharge(member, "completed_goals")
        elif int(plan.get("missed") or 0) >= LOST_CALLS:
            self._leaving.discharge(member, "completed_goals")

    async def _check_in(self, member: Member) -> None:
        after, rng = parameters().after, self._chart.luck(member, "check-in")
        reached = rng.random() < after.check_in_reached
        body: dict[str, Any] = {"reached": reached}
        if reached:
            luck = rng.random()
            risky = "relapse" if luck < after.relapse else "at_risk"
            body["status_summary"] = risky if luck < after.relapse + after.at_risk else "stable"
            body["contact_mode"] = rng.choice(["phone", "phone", "video", "text"])
        await self._chart.do(member, "check-ins", body)

    def will_die(self, member: Member) -> None:
        """The rare case: three weeks after the program."""
        since = member.aftercare_since or self._chart.today
        member.dies_on = since + timedelta(days=3 * 7)
