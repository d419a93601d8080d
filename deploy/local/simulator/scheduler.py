"""Schedulers and directors: who leads what, which days are closed, and a better week for the site."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member, Scene, Site
from deploy.local.trouble import Trouble

ROLE = "scheduler"
ROOMS = {"large": 200, "small": 12}
LEADERS = {
    "early": ("08:00", "16:00"),
    "late": ("10:00", "22:00"),
    "continuing": ("08:00", "22:00"),
    "floating": ("08:00", "22:00"),
}


class Scheduler:
    """Keeps the calendars of the sites."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.plans = 0
        self.moves = 0

    async def open(self, site: Site) -> None:
        """Rooms and the people who lead groups in them."""
        for room, capacity in ROOMS.items():
            body: dict[str, Any] = {"room_id": room, "capacity": capacity}
            await self._must(f"/v1/sites/{site.id}/rooms", body, f"{site.id}/room/{room}")
        for who, (start, end) in LEADERS.items():
            hours = [{"dow": d, "start_local": start, "end_local": end} for d in range(1, 6)]
            body = {"clinician_id": f"{site.id}-{who}", "site_id": site.id, "hours": hours}
            body |= {"credential": "LCSW", "caseload_max": 200}
            await self._must("/v1/clinicians", body, f"{site.id}/clinician/{who}")

    async def close_holidays(self, site: Site, first: date, last: date) -> None:
        """The federal holidays of the story, from the list that scheduling gives."""
        for year in range(first.year, last.year + 1):
            path = f"/v1/sites/{site.id}/holidays"
            reply = await self._scene.api.get("scheduling", path, ROLE, year=str(year))
            for holiday in reply.body.get("items", []) if reply.done else []:
                on = date.fromisoformat(holiday["observed_on"])
                if first < on < last:
                    body = {"from_on": str(on), "to_on": str(on), "cause": "holiday"}
                    await self._must(f"/v1/sites/{site.id}/closures", body, f"{site.id}/closed/{on}")

    async def _must(self, path: str, body: dict[str, Any], step: str) -> None:
        reply = await self._scene.api.do("scheduling", path, body, ROLE, step=step)
        if not reply.done:
            raise Trouble(
                f"Scheduling declines to open {step} ({reply.code}).",
                str(reply.body.get("detail", "")),
                code="open",
            )

    async def work(self, today: date) -> None:
        """On Mondays the site is planned anew; now and then somebody who leads groups takes days off."""
        for site in self._scene.sites:
            await self._hear_moves(site, today)
            if today.weekday() == 0:
                # Where fewer than two people sit there is nobody to place better.
                if self._sitting(site) > 1:
                    await self._plan(site, today)
                await self._days_off(site, today)

    def _sitting(self, site: Site) -> int:
        return sum(
            m.person.site_id == site.id and m.admitted_on is not None and not m.left and not m.aftercare_since
            for m in self._scene.members.values()
        )

    async def _plan(self, site: Site, today: date) -> None:
        path = f"/v1/sites/{site.id}/week-plans"
        reply = await self._scene.api.do("scheduling", path, {}, ROLE, step=f"{site.id}/plan/{today}")
        self.plans += bool(reply.done and reply.body.get("shifts"))

    async def _days_off(self, site: Site, today: date) -> None:
        off = parameters().staff
        rng = self._scene.chance(f"{site.id}/off/{today}")
        if rng.random() >= off.absence:
            return
        who = rng.choice(("early", "late"))
        start = datetime.combine(today + timedelta(days=1), datetime.min.time(), ZoneInfo(site.tz))
        body = {
            "from_at": start.isoformat(),
            "to_at": (start + timedelta(days=off.absence_days)).isoformat(),
        }
        path = f"/v1/clinicians/{site.id}-{who}/absences"
        await self._scene.api.do("scheduling", path, body, ROLE, step=f"{site.id}/off/{who}/{today}")

    async def _hear_moves(self, site: Site, today: date) -> None:
        """Ask everybody whom an open plan moves."""
        reply = await self._scene.api.get("scheduling", "/v1/week-plans", ROLE, site_id=site.id)
        for plan in reply.body.get("items", []) if reply.done else []:
            if plan["stage"] != "proposed":
                continue
            moved = [m for s in plan["shifts"] if (m := self._scene.members.get(s["episode_id"]))]
            for member in sorted(moved, key=lambda each: each.key):
                if not await self._answer(plan["plan_id"], member, today):
                    break

    async def _answer(self, plan: str, member: Member, today: date) -> bool:
        agrees = self._scene.luck(member, f"move/{today}").random() < parameters().staff.agrees_to_move
        body = {"agreed_by_patient": agrees, "agreed_by_clinician": True}
        path = f"/v1/week-plans/{plan}/moves/{member.episode_id}"
        step = f"{member.key}/move/{today}"
        reply = await self._scene.api.do("scheduling", path, body, "clinician", step=step, expected=True)
        self.moves += agrees and reply.done
        return agrees and reply.done
