"""Recommendations: what the patient and the team think of each, and what the clinician decides."""

from datetime import timedelta
from random import Random
from typing import Any

from deploy.local.simulator.clinic.absences import Absences
from deploy.local.simulator.clinic.chart import ROLE, Chart, View
from deploy.local.simulator.groups import Groups
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.payers import Payers
from deploy.local.simulator.scene import Member, next_workday

UP, DOWN = "step_up", "step_down"
CONTINUING, INTENSIVE, BEYOND = "1", "2.1", "2.5"
BEYOND_MINUTES = 1200
TAPER_MINUTES, TAPER_DAYS = 360, 10
LEVEL_CHANGES = ("level_change", "readmit")


class Steps:
    """Works through what is open, one after the other: approvals move seats."""

    def __init__(self, chart: Chart, groups: Groups, payers: Payers, absences: Absences) -> None:
        self._chart = chart
        self._groups = groups
        self._payers = payers
        self._absences = absences

    async def decide_all(self) -> None:
        """Everything that waits for a clinician."""
        scene = self._chart.scene
        found = await scene.api.read_all("progress", "/v1/recommendations", ROLE)
        known = [(scene.members.get(str(each["episode_id"])), each) for each in found]
        mine = [(member, each) for member, each in known if member is not None and member.held_until is None]
        for member, recommendation in sorted(mine, key=lambda pair: (pair[0].key, pair[1]["direction"])):
            await (self._up if recommendation["direction"] == UP else self._down)(member, recommendation)
            await scene.settle()

    async def _tell(self, recommendation_id: str, what: str, body: dict[str, Any], **more: Any) -> bool:
        """One command on a recommendation; whether it was taken."""
        path, role = f"/v1/recommendations/{recommendation_id}/{what}", more.pop("role", ROLE)
        reply = await self._chart.scene.api.do("progress", path, body, role, **more)
        return reply.done

    async def _down(self, member: Member, recommendation: View) -> None:
        figures, rng = parameters().decision, self._chart.luck(member, "recommendation/down")
        rid, step = str(recommendation["recommendation_id"]), self._step(member, recommendation)
        agreed = rng.random() < figures.patient_agrees
        await self._tell(rid, "agreement", {"agreed": agreed}, step=f"{step}/agreement")
        await self._ask_team(rid, rng, step)
        if not agreed or rng.random() < figures.not_yet:
            why = "not_ready" if agreed else "patient_prefers_current_dose"
            await self._tell(rid, "decline", {"reason": why}, step=step)
            return
        if recommendation["kind"] == "level_change":
            if not member.tapered and rng.random() < figures.tapers and await self._taper(member, step):
                return
            await self._room_to_continue(member)
            await self._payers.authorize(member, CONTINUING)
            await self._chart.scene.settle()
        if await self._approve(rid, step) and recommendation["kind"] == "level_change":
            member.level = CONTINUING

    async def _approve(self, rid: str, step: str, *, agreed: bool | None = None) -> bool:
        body: dict[str, Any] = {"effective_on": next_workday(self._chart.today).isoformat()}
        if agreed is not None:
            body["patient_agreed"] = agreed
        return await self._tell(rid, "approve", body, step=step)

    async def _ask_team(self, rid: str, rng: Random, step: str) -> None:
        if rng.random() >= parameters().decision.team_asked:
            return
        if await self._tell(rid, "team", {"roles": ["director"]}, step=f"{step}/team"):
            opinion = {"opinion": "for" if rng.random() < parameters().decision.patient_agrees else "unsure"}
            await self._tell(rid, "opinions", opinion, step=f"{step}/opinion", role="director")

    async def _taper(self, member: Member, step: str) -> bool:
        """Some days of fewer sessions before the level ends: the clinician's own proposal, once."""
        member.tapered = True
        until = self._chart.today + timedelta(days=TAPER_DAYS)
        body = {
            "direction": DOWN,
            "kind": "transition_taper",
            "to_weekly_minutes": TAPER_MINUTES,
            "until_on": until.isoformat(),
        }
        reply = await self._chart.do(member, "recommendations", body, expected=True)
        if not reply.done:
            return False
        for made in (await self._chart.read(member)).get("recommendations") or ():
            if made["kind"] == "transition_taper" and not made.get("closed"):
                return await self._approve(str(made["id"]), f"{step}/taper", agreed=True)
        return False

    async def _room_to_continue(self, member: Member) -> None:
        """A site opens its shorter groups when the first person needs them."""
        site = self._chart.scene.site(member.person.site_id)
        for block in sorted({block for _, block in member.person.availability}):
            await self._groups.open_continuing(site, block)

    async def _up(self, member: Member, recommendation: View) -> None:
        figures, rng = parameters().decision, self._chart.luck(member, "recommendation/up")
        rid, step = str(recommendation["recommendation_id"]), self._step(member, recommendation)
        answer, member.answer = member.answer, ""
        kind, agreed = recommendation["kind"], rng.random() < figures.patient_agrees
        if kind == "readmit":
            await self._come_back(member, rid, step, agreed=rng.random() < figures.patient_returns)
        elif kind == "transfer" or answer not in ("", "step_up"):
            why = "answered_otherwise" if answer else "manageable_here"
            await self._tell(rid, "decline", {"reason": why}, step=step)
        else:
            if rng.random() < figures.reviewed:
                await self._tell(rid, "review", {}, step=f"{step}/review")
            await self._ask_team(rid, rng, step)
            if not agreed:
                await self._tell(rid, "decline", {"reason": "patient_declined"}, step=step)
                return
            if kind in LEVEL_CHANGES:
                await self._payers.authorize(member, INTENSIVE)
                await self._chart.scene.settle()
            if await self._approve(rid, step) and kind in LEVEL_CHANGES:
                member.level = INTENSIVE

    async def _come_back(self, member: Member, rid: str, step: str, *, agreed: bool) -> None:
        """From aftercare into treatment: looked at anew, paid for, and for some weeks at the least."""
        if not agreed:
            await self._tell(rid, "decline", {"reason": "patient_declined"}, step=step)
            return
        await self._absences.look_anew(member, "assessment")
        await self._payers.authorize(member, INTENSIVE)
        await self._payers.recertify(member)
        await self._chart.scene.settle()
        if await self._approve(rid, step, agreed=True):
            member.level, member.finishing, member.aftercare_since = INTENSIVE, False, None
            member.again_until = self._chart.today + timedelta(days=parameters().after.again_days)

    async def hand_up(self, member: Member, brief: View) -> None:
        """To a program beyond this one: taken in hand, and a place found, before somebody goes."""
        basis = "emergency"
        if brief["state"] == "ATTENDING":
            level = {"edition": brief["level"]["edition"], "code": BEYOND}
            body = {
                "direction": UP,
                "kind": "transfer",
                "to_weekly_minutes": BEYOND_MINUTES,
                "to_level": level,
            }
            if (await self._chart.do(member, "recommendations", body, expected=True)).done:
                view = await self._chart.read(member)
                made = [
                    r
                    for r in view.get("recommendations") or ()
                    if r["kind"] == "transfer" and not r["closed"]
                ]
                step = f"{member.key}/transfer/{self._chart.today}"
                if made and await self._tell(str(made[-1]["id"]), "review", {}, step=step):
                    basis = "consent"
        body = {"reason": "transferred_higher_level", "receiving_program": "receiving-program"}
        body |= {"receiving_accepted": True, "handoff_basis": basis}
        await self._chart.do(member, "discharge", body, role="director")

    def _step(self, member: Member, recommendation: View) -> str:
        return f"{member.key}/recommendation/{self._chart.today}/{recommendation['direction']}"
