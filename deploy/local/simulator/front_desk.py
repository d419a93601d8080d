"""The front desk: who calls, who is called back, who is referred twice, and the queue of every day."""

import json
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial
from typing import Any

from deploy.local.simulator.api import Reply, side_by_side
from deploy.local.simulator.assessor import CONTACT_DAYS, Assessor
from deploy.local.simulator.desk import ADMISSIONS, Desk
from deploy.local.simulator.payers import Payers
from deploy.local.simulator.people import Person
from deploy.local.simulator.scene import Member, Scene
from deploy.local.simulator.seats import Seats
from deploy.local.simulator.ways import ADMITTED, NO_SHOW

SECOND_CALL, THIRD_CALL = 4, 9
ADULT_YEARS = 18

Step = Callable[[Member], Awaitable[None]]


class FrontDesk:
    """Takes referrals, calls, claims what is new, and works through the queue with everybody behind it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._desk = Desk(scene)
        self.payers = Payers(self._desk)
        self.assessor = Assessor(self._desk, self._assessed)
        self._seats = Seats(self._desk, self.assessor, self.payers)
        self._steps: dict[str, Step] = {
            "refer_again": self._refer_again,
            "call": self._call,
            "appointment": self.assessor.appointment,
            "safety": self.assessor.safety,
            "detox_return": self.assessor.detox_return,
            "revoke": self.assessor.revoke,
            "covered": self.payers.covered,
            "decision": self.payers.decision,
            "appeal": self.payers.appeal,
            "give_up": self._give_up,
            "decline": self._decline_as_fated,
        }

    def open(self, today: date) -> None:
        """A day begins."""
        self._desk.today = today

    def expect(self, person: Person, day: date) -> None:
        """Somebody will call on a day."""
        self._desk.note("refer", Member(person), day)

    async def take_bundle(self, name: str, bundle: bytes, person: Person) -> str:
        """Hand a real bundle in: `taken`, `linked` to somebody whose way is open, or why it was refused."""
        step = f"{person.key}/bundle/{name}"
        reply = await self._scene.api.send_bundle(person.site_id, bundle, step=step)
        if not reply.done:
            return reply.code
        if reply.body.get("linked"):
            return "linked"
        member = Member(person)
        self._keep(member, reply)
        if _is_minor(bundle, self._desk.today):
            # The simulated programs are for adults.
            self._desk.later("decline", member, 1)
            return "taken"
        await self._welcome(member)
        return "taken"

    async def work(self, today: date) -> None:
        """Everything the desk does on one working day."""
        self.open(today)
        theirs: dict[str, list[tuple[str, Member]]] = {}
        for step, member in self._desk.due():
            if step == "refer":
                # Of two who wait equally long the first to call comes first: the order must not be chance.
                await self._refer(member)
            else:
                theirs.setdefault(member.key, []).append((step, member))
        await side_by_side([partial(self._one_after_the_other, steps) for steps in theirs.values()])
        await self._scene.settle()
        queue = await self._scene.api.read_all("intake", "/v1/queue", ADMISSIONS)
        unclaimed = [str(row["referral_id"]) for row in queue if row["owner"] is None]
        await side_by_side([partial(self._claim, referral) for referral in unclaimed])
        await self._seats.work(queue)
        await self.payers.review()

    async def _one_after_the_other(self, steps: list[tuple[str, Member]]) -> None:
        for step, member in steps:
            if not member.stopped or step == "revoke":
                await self._steps[step](member)

    async def _claim(self, referral: str) -> None:
        path = f"/v1/referrals/{referral}/claim"
        await self._scene.api.do("intake", path, {}, ADMISSIONS, step=f"claim/{referral}")

    def _keep(self, member: Member, reply: Reply) -> None:
        member.episode_id = str(reply.body.get("referral_id") or reply.body["id"])
        self._scene.members[member.episode_id] = member

    async def _refer(self, member: Member) -> None:
        reply = await self._post_referral(member.person, "first")
        if reply.done:
            self._keep(member, reply)
            await self._welcome(member)

    async def _post_referral(self, person: Person, step: str, **other: Any) -> Reply:
        who = {
            "given": person.given,
            "family": person.family,
            "birth_date": person.birth_date.isoformat(),
            "sex": person.sex,
            "phone": f"+1 202 555 {person.number:04d}",
            "language": "en",
            "identifiers": [{"system": "urn:handrail:simulated", "value": person.key}],
        }
        body = {
            "site_id": person.site_id,
            "source": other.pop("source", person.source),
            "urgency": person.urgency,
            "requested_program_kind": person.program_kind,
            "person": who | other,
            "plan_kind": person.plan_kind,
        }
        return await self._scene.api.do(
            "intake", "/v1/referrals", body, ADMISSIONS, step=f"{person.key}/refer/{step}"
        )

    async def _refer_again(self, member: Member) -> None:
        """Somebody else refers the same person: linked, or recognised by the desk where little is known."""
        person, desk = member.person, self._desk
        little: dict[str, Any] = {"phone": None, "identifiers": []} if person.way.again == "unknown" else {}
        reply = await self._post_referral(person, "again", source=person.way.again_source, **little)
        second = str(reply.body.get("referral_id") or "")
        if not reply.done or reply.body.get("linked"):
            return
        found = await self._scene.api.get("intake", f"/v1/referrals/{second}/matches", ADMISSIONS)
        same = [str(each["referral_id"]) for each in found.body.get("items", ())]
        if member.episode_id in same:
            body = {"reason": "duplicate", "duplicate_of": member.episode_id}
        else:
            body = {"reason": "patient_declined"}
        await desk.do(member, "decline", body, on=second)

    async def _welcome(self, member: Member) -> None:
        way = member.person.way
        await self._desk.do(member, "consents", {"kind": "contact_preferences", "channels": ["sms", "voice"]})
        if way.fate == NO_SHOW:
            await self._desk.call(member, reached=False)
            self._desk.later("call", member, SECOND_CALL)
            self._desk.later("call", member, THIRD_CALL)
            self._desk.later("give_up", member, CONTACT_DAYS)
        elif way.fate == "out_of_scope":
            self._desk.later("decline", member, 1)
        else:
            await self._desk.call(member, reached=True)
            self._desk.later("appointment", member, way.days_to_assessment)
        if way.again != "no":
            self._desk.later("refer_again", member, way.again_after)

    async def _call(self, member: Member) -> None:
        """Nobody answers, except those who say that they no longer want to come."""
        says_no = member.person.way.fate == NO_SHOW and member.person.way.says_no
        await self._desk.call(member, reached=says_no)
        if says_no:
            await self._desk.decline(member, "patient_declined")

    async def _give_up(self, member: Member) -> None:
        await self._desk.decline(member, "unreachable")

    async def _assessed(self, member: Member) -> None:
        """What follows an assessment: the payer, or the end of the way."""
        match member.person.way.fate:
            case "needs_higher_level":
                await self._desk.decline(member, "needs_higher_level", "2.5", "3.5")
            case "no_coverage":
                await self.payers.verify(member, "inactive")
                await self._desk.decline(member, "no_coverage", "1")
            case "unreachable":
                self._desk.later("call", member, SECOND_CALL)
                self._desk.later("call", member, THIRD_CALL)
                self._desk.later("give_up", member, CONTACT_DAYS)
            case fate if fate == ADMITTED:
                await self.payers.cover(member)
            case _:
                self._desk.later("decline", member, 2)

    async def _decline_as_fated(self, member: Member) -> None:
        fate = member.person.way.fate
        scope = fate not in ("patient_declined", "other")
        await self._desk.decline(member, "out_of_scope" if scope else fate, *(["1"] if scope else []))


def _is_minor(bundle: bytes, today: date) -> bool:
    people = (entry.get("resource", {}) for entry in json.loads(bundle).get("entry", ()))
    born = next((p["birthDate"] for p in people if p.get("resourceType") == "Patient"), "1900-01-01")
    return str(born) > today.replace(year=today.year - ADULT_YEARS).isoformat()
