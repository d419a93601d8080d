"""The staff of a simulated network: they act only through the public HTTP APIs."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

from deploy.local.simulator.clinic import Clinic
from deploy.local.simulator.front_desk import FrontDesk
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.people import draw_person, people_of
from deploy.local.simulator.roll_call import RollCall
from deploy.local.simulator.scene import Scene, Site
from deploy.local.simulator.scheduler import HELD_IN, Scheduler, leader
from deploy.local.trouble import Trouble

SMALLEST_LEVEL_1 = 12
FIRST_BUNDLE = 9000
"""Where the numbers of people behind real bundles begin, far from those drawn."""


class Staff:
    """Front desk, clinic and group leaders of every site."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.front_desk = FrontDesk(scene)
        self.clinic = Clinic(scene)
        self.roll_call = RollCall(scene)
        self.scheduler = Scheduler(scene)

    async def open_network(self, requests_per_site: int, days: int, starts_on: date) -> None:
        """Open the sites and their groups, with few more seats than people expected at a time."""
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
            await self.scheduler.close_holidays(site, starts_on, starts_on + timedelta(days=days))
        await self._scene.settle()
        for site, seats in zip(
            self._scene.sites, seats_of(len(self._scene.sites), requests_per_site, days), strict=True
        ):
            for group in groups_of(site, seats):
                await self._must("/v1/groups", group, str(group["group_id"]))
        await self._scene.settle()

    async def _must(self, path: str, body: dict[str, object], step: str) -> None:
        reply = await self._scene.api.do("scheduling", path, body, "scheduler", step=step)
        if not reply.done:
            raise Trouble(
                f"Scheduling declines to open {step} ({reply.code}).",
                str(reply.body.get("detail", "")),
                code="open",
            )

    def expect_people(self, requests_per_site: dict[str, int], days: int, starts_on: date) -> None:
        """Put everybody who will call into the desk diary; the last weekend's callers come on the Friday."""
        last_workday = starts_on + timedelta(days=days - 3)
        for site in self._scene.sites:
            for person in people_of(self._scene.seed, site.id, requests_per_site[site.id], days, starts_on):
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
        await self.scheduler.work(today)
        await self.clinic.work(today)
        await self.front_desk.work(today)


def seats_of(sites: int, requests: int, days: int) -> list[int]:
    """Seats of each site: a little more than people are expected at a time, rounded over the network."""
    figures, room = parameters().arrivals, parameters().capacity
    census = requests * figures.admitted_per_request * figures.mean_stay_days / days
    upto = [math.ceil(room.factor * census * n) for n in range(sites + 1)]
    return [max(room.fewest, more - less) for less, more in pairwise(upto)]


def groups_of(site: Site, seats: int) -> list[dict[str, object]]:
    """The weekly groups of one site: mornings and evenings, and shorter ones for those who step down."""
    iop: dict[str, object] = {"site_id": site.id, "levels": ["2.1"], "dow": [1, 2, 3, 4, 5]}
    groups: list[dict[str, object]] = [
        {
            **iop,
            "group_id": f"{site.id}-morning",
            "kind": "early_recovery_skills",
            "capacity": math.ceil(seats / 2),
            "start_local": "09:00",
            "end_local": "12:00",
        },
        {
            **iop,
            "group_id": f"{site.id}-evening",
            "kind": "relapse_prevention",
            "capacity": max(1, seats // 2),
            "start_local": "18:00",
            "end_local": "21:00",
        },
        *(
            {
                "site_id": site.id,
                "group_id": f"{site.id}-continuing-{block}",
                "kind": "process",
                "levels": ["1"],
                "capacity": max(SMALLEST_LEVEL_1, seats),
                "dow": [1, 2, 3, 4, 5],
                "start_local": start,
                "end_local": end,
            }
            for block, start, end in (("morning", "10:00", "11:30"), ("evening", "17:00", "18:30"))
        ),
    ]
    return [
        group | {"facilitator_id": leader(site, start), "room_id": HELD_IN[start]}
        for group in groups
        if (start := str(group["start_local"]))
    ]
