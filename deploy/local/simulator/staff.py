"""The staff of a simulated network: they act only through the public HTTP APIs."""

from collections.abc import Mapping
from datetime import date, timedelta

from deploy.local.simulator.clinic import Clinic
from deploy.local.simulator.front_desk import FrontDesk
from deploy.local.simulator.groups import Groups, seats_of
from deploy.local.simulator.people import draw_person, people_of
from deploy.local.simulator.roll_call import RollCall
from deploy.local.simulator.scene import Scene
from deploy.local.simulator.scheduler import Scheduler
from deploy.local.trouble import Trouble

FIRST_BUNDLE = 9000
"""Where the numbers of people behind real bundles begin, far from those drawn."""


class Staff:
    """Front desk, clinic and group leaders of every site."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.front_desk = FrontDesk(scene)
        self.groups = Groups(scene)
        self.clinic = Clinic(scene, self.groups, self.front_desk.payers)
        self.roll_call = RollCall(scene)
        self.scheduler = Scheduler(scene)

    async def open_network(self, requests: dict[str, int], span: int, starts_on: date, ends_on: date) -> None:
        """Open the sites and their groups, for those who will ask within so many days."""
        for site in self._scene.sites:
            await self._must(
                "/v1/sites",
                {
                    "site_id": site.id,
                    "tz": site.tz,
                    "opens_local": "08:00",
                    "closes_local": "22:00",
                    "part2": True,
                },
                f"{site.id}/open",
            )
        await self._scene.settle()
        for site in self._scene.sites:
            await self.scheduler.open(site)
            await self.scheduler.close_holidays(site, starts_on, ends_on)
        await self._scene.settle()
        for site in self._scene.sites:
            await self.groups.open_intensive(site, seats_of(max(requests.values()), span))

    async def _must(self, path: str, body: dict[str, object], step: str) -> None:
        reply = await self._scene.api.do("scheduling", path, body, "scheduler", step=step)
        if not reply.done:
            raise Trouble(
                f"Scheduling declines to open {step} ({reply.code}).",
                str(reply.body.get("detail", "")),
                code="open",
            )

    def expect_people(self, requests: dict[str, int], span: int, starts_on: date) -> None:
        """Put everybody who will call into the desk diary; the last weekend's callers come on the Friday."""
        last_workday = starts_on + timedelta(days=span - 1)
        while last_workday.weekday() > 4:
            last_workday -= timedelta(days=1)
        for site in self._scene.sites:
            for person in people_of(self._scene.seed, site.id, requests[site.id], span, starts_on):
                asked_on = starts_on + timedelta(days=person.arrives)
                self.front_desk.expect(person, min(asked_on, last_workday))

    async def take_bundles(self, bundles: Mapping[str, bytes], starts_on: date) -> dict[str, int]:
        """Hand bundles to intake, sites in turn; how many were taken, linked or declined, by code."""
        outcome: dict[str, int] = {}
        self.front_desk.open(starts_on)
        for n, (name, bundle) in enumerate(bundles.items()):
            site = self._scene.sites[n % len(self._scene.sites)]
            person = draw_person(self._scene.seed, site.id, FIRST_BUNDLE + n, 0, starts_on)
            code = await self.front_desk.take_bundle(name, bundle, person)
            outcome[code] = outcome.get(code, 0) + 1
        return outcome

    async def office_hours(self, today: date) -> None:
        """One working day at the desks."""
        self.front_desk.open(today)
        await self.scheduler.work(today)
        await self.clinic.work(today)
        await self.front_desk.work(today)
