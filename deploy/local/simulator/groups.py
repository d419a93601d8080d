"""The weekly groups of the sites, with as many seats as a site of its size needs."""

import math
from collections import Counter

from deploy.local.simulator.api import Reply
from deploy.local.simulator.parameters import Parameters, parameters
from deploy.local.simulator.scene import Scene, Site
from deploy.local.trouble import Trouble

ROLE = "scheduler"
BLOCKS = ("morning", "evening")
WORKDAYS = (1, 2, 3, 4, 5)
CONTINUING_DAYS = (2, 4)
"""Twice ninety minutes, and never on the Mondays of the holidays."""
CONTINUING_SEATS = 12
LEADS = {"09:00": "early", "18:00": "late", "10:00": "continuing", "17:00": "continuing"}
"""By the start of a group, who leads it."""
STAND_IN = "floating"
HELD_IN = {"09:00": "large", "18:00": "large", "10:00": "small", "17:00": "small"}
INTENSIVE = {
    "morning": ("early_recovery_skills", "09:00", "12:00"),
    "evening": ("relapse_prevention", "18:00", "21:00"),
}
CONTINUING = {"morning": ("10:00", "11:30"), "evening": ("17:00", "18:30")}


class Groups:
    """Opens groups; each once."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._open: set[str] = set()
        self._asked: Counter[str] = Counter()

    async def open_intensive(self, site: Site, seats: dict[str, int]) -> None:
        """The groups of the intensive level, with so many seats in each half of the day."""
        for block, capacity in seats.items():
            kind, start, end = INTENSIVE[block]
            id, group = f"{site.id}-{block}", {"kind": kind, "levels": ["2.1"], "capacity": capacity}
            reply = await self._open_one(site, id, start, end, {**group, "dow": WORKDAYS})
            if not reply.done:
                raise Trouble(
                    f"Scheduling declines to open {id} ({reply.code}).",
                    str(reply.body.get("detail", "")),
                    code="open",
                )

    async def open_continuing(self, site: Site, block: str) -> None:
        """The shorter group for those who step down, from the first of them on for whom it can be led."""
        start, end = CONTINUING[block]
        id, group = f"{site.id}-continuing-{block}", {"kind": "process", "levels": ["1"]}
        if id not in self._open:
            seats = {"capacity": CONTINUING_SEATS, "dow": CONTINUING_DAYS}
            await self._open_one(site, id, start, end, {**group, **seats})

    async def _open_one(self, site: Site, id: str, start: str, end: str, group: dict[str, object]) -> Reply:
        """Whoever leads it may stand in elsewhere on one of its days: then somebody else leads it."""
        where = {"site_id": site.id, "group_id": id, "room_id": HELD_IN[start]}
        for leader in (LEADS[start], STAND_IN):
            who = {"start_local": start, "end_local": end, "facilitator_id": f"{site.id}-{leader}"}
            self._asked[id] += 1
            step = f"{id}/{self._asked[id]}"
            body = {**group, **where, **who}
            reply = await self._scene.api.do("scheduling", "/v1/groups", body, ROLE, step=step, expected=True)
            if reply.done:
                self._open.add(id)
                await self._scene.settle()
                break
        return reply


def seats_of(requests: int, days: int) -> dict[str, int]:
    """Seats on every weekday of each half, for a site at which so many people ask within so many days.

    The fewer people, the larger the part of the margin: a small site has little to balance with.
    """
    figures = parameters()
    census = requests * figures.arrivals.admitted_per_request * figures.arrivals.mean_stay_days / days
    taken = census * _days_a_week(figures) / len(WORKDAYS)
    return {
        block: math.ceil(expected + figures.capacity.margin * math.sqrt(expected))
        for block in BLOCKS
        if (expected := taken * _share(block, figures))
    }


def _days_a_week(figures: Parameters) -> float:
    shares = figures.week.days
    return sum(int(days) * share for days, share in shares.items()) / sum(shares.values())


def _share(block: str, figures: Parameters) -> float:
    """Those who can come in this half only, and half of those who can in both."""
    free = figures.week.free
    return (free[block] + free["both"] / 2) / sum(free.values())
