"""Those who give out places: seats, the waiting list with its offers, and admission."""

from collections.abc import Mapping
from typing import Any

from deploy.local.simulator.assessor import Assessor
from deploy.local.simulator.desk import Desk
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.payers import Payers
from deploy.local.simulator.scene import Member, next_workday

TRIES = 6
WAITING = "WAITLISTED"
TOWARDS_A_SEAT = ("request_seat", "certify", "get_authorization", "renew_assessment", "admit")
ON_OFFER = ("call_about_offer", "new_suicide_screen", "renew_assessment")


class Seats:
    """Works through the queue: each person's next action, those who cannot wait first."""

    def __init__(self, desk: Desk, assessor: Assessor, payers: Payers) -> None:
        self._desk = desk
        self._assessor = assessor
        self._payers = payers

    async def work(self, rows: list[dict[str, Any]]) -> None:
        """One after the other, because they compete for the same seats."""
        for row in rows:
            member = self._desk.scene.members.get(str(row["referral_id"]))
            if member is None or member.stopped:
                continue
            what = row["next_action"]
            if row["stage"] == WAITING:
                await self._mind(member, what)
            elif what["what"] in TOWARDS_A_SEAT and _ready(member, self._desk):
                await self._towards(member, what["what"])

    async def _mind(self, member: Member, action: Mapping[str, Any]) -> None:
        what = action["what"]
        if what in ON_OFFER and action.get("due_at"):
            await self._call_about_offer(member)
        elif what == "renew_assessment" and self._answers(member):
            await self._desk.call(member, reached=True)
            await self._assessor.keep_fresh(member)
        elif what == "wait" and self._waits_long(member):
            member.moved_up = True
            await self._desk.do(member, "priority", {"priority": 2, "reason": "long_wait"})

    def _waits_long(self, member: Member) -> bool:
        if member.waits_since is None or member.moved_up:
            return False
        return (self._desk.today - member.waits_since).days >= parameters().waitlist.moved_up_after_days

    def _answers(self, member: Member) -> bool:
        """Whether the person answers the phone today; after some weeks of waiting nobody does."""
        since = member.waits_since or self._desk.today
        if (self._desk.today - since).days > member.person.way.patience_days:
            return False
        rng = self._desk.scene.luck(member, f"phone/{self._desk.today}")
        return rng.random() < parameters().waitlist.answered

    async def _call_about_offer(self, member: Member) -> None:
        reached = self._answers(member)
        await self._desk.call(member, reached=reached)
        if not reached:
            return
        luck = self._desk.scene.luck(member, f"offer/{member.offers}").random()
        accepts = luck < parameters().waitlist.accept
        member.offers += 1
        if accepts:
            await self._assessor.keep_fresh(member)
        reply = await self._desk.do(member, "offer", {"accept": accepts})
        await self._desk.scene.settle()
        if reply.done and accepts:
            await self._admit(member)

    async def _towards(self, member: Member, what: str) -> None:
        if what == "admit":
            await self._admit(member)
            return
        await self._payers.ready(member)
        await self._assessor.keep_fresh(member)
        body = {
            "earliest_start": next_workday(self._desk.today).isoformat(),
            "weekly_minutes": member.person.weekly_minutes,
            "days_per_week": member.person.days_per_week,
            "program_kind": member.person.program_kind,
        }
        reply = await self._desk.do(member, "seat-request", body)
        await self._desk.scene.settle()
        if not reply.done:
            await self._not_yet(member)
            return
        view = await self._desk.read(member)
        if view.get("stage") == WAITING:
            member.waits_since = self._desk.today
        elif view.get("hold"):
            await self._admit(member)

    async def _not_yet(self, member: Member) -> None:
        """The queue shows it again tomorrow; what never works ends."""
        member.tries += 1
        if member.tries > TRIES:
            await self._desk.decline(member, "other")

    async def _admit(self, member: Member) -> None:
        person, scene = member.person, self._desk.scene
        await self._payers.ready(member)
        body = {
            "program_id": "iop-adult",
            "primary_clinician_id": f"clinician-{person.site_id}",
            "program_kind": person.program_kind,
        }
        reply = await self._desk.do(member, "admission", body)
        await scene.settle()
        if not reply.done:
            await self._not_yet(member)
            return
        member.admitted_on = self._desk.today
        agreed = {
            "agreed_by_patient": True,
            "agreed_by_clinician": True,
            "effective_from": next_workday(self._desk.today).isoformat(),
        }
        path = f"/v1/episodes/{member.episode_id}/schedule"
        await scene.api.do("scheduling", path, agreed, "scheduler", step=f"{member.key}/schedule")
        await scene.settle()


def _ready(member: Member, desk: Desk) -> bool:
    return member.ready_on is not None and member.ready_on <= desk.today
