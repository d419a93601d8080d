"""Admissions staff: from the first call to a seat in a group, one step of the desk diary at a time."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from deploy.local.simulator.api import Reply, side_by_side
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.people import Person, items
from deploy.local.simulator.scene import Member, Scene, next_workday

ROLE = "admissions"
CODES = {
    "alcohol": "F1020",
    "opioid": "F1120",
    "stimulant": "F1520",
    "cannabis": "F1220",
    "cocaine": "F1420",
    "sedative": "F1320",
    "other": "F1920",
    "": "F331",
}
SUICIDE_SCREEN_DAYS = 7
ASSESSMENT_DAYS = 28
CONTACT_DAYS = 14
LONGEST_WAIT_FOR_START = 21
TRIES = 3
OPEN = ("REFERRED", "SCREENED", "ASSESSED", "DETOX_REFERRED", "WAITLISTED")


class FrontDesk:
    """Takes referrals, screens, assesses, verifies coverage, asks for seats and admits."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._diary: defaultdict[date, list[tuple[str, Member]]] = defaultdict(list)
        self._waiting: dict[str, Member] = {}
        self.today = date.min

    def expect(self, person: Person, day: date) -> None:
        """Somebody will call on a day."""
        self._note("refer", Member(person), day)

    async def take_bundle(self, name: str, bundle: bytes, person: Person) -> str | None:
        """Hand a real bundle in; the decline code, or None when a referral was opened."""
        step = f"{person.key}/bundle/{name}"
        reply = await self._scene.api.send_bundle(person.site_id, bundle, step=step)
        if not reply.done:
            return reply.code
        member = Member(person, str(reply.body.get("referral_id") or reply.body["id"]))
        self._scene.members[member.episode_id] = member
        await self._welcome(member)
        return None

    async def work(self, today: date) -> None:
        """Everything the desk does on one working day."""
        self.today = today
        due = [
            entry for day in sorted(d for d in self._diary if d <= today) for entry in self._diary.pop(day)
        ]
        steps: dict[str, Callable[[Member], Awaitable[None]]] = {
            "refer": self._refer,
            "refer_again": self._refer_again,
            "appointment": self._appointment,
            "detox_return": self._detox_return,
            "authorize": self._authorize,
            "give_up": lambda member: self._decline(member, "unreachable"),
            "decline": self._decline_as_fated,
        }
        first = [(step, member) for step, member in due if step in steps]
        await side_by_side([partial(steps[step], member) for step, member in first])
        await self._scene.settle()
        for step, member in due:
            if step == "ask_seat":
                await self._ask_seat(member)
            elif step == "admit":
                await self._admit(member)
        await self._mind_waitlist()

    def _note(self, step: str, member: Member, day: date) -> None:
        while day.weekday() > 4:
            day += timedelta(days=1)
        self._diary[day].append((step, member))

    def _later(self, step: str, member: Member, days: int) -> None:
        self._note(step, member, self.today + timedelta(days=max(days, 1)))

    async def _do(self, member: Member, what: str, body: dict[str, Any], *, expected: bool = False) -> Reply:
        path = f"/v1/referrals/{member.episode_id}/{what}"
        step = f"{member.key}/{what}/{self.today}/{member.tries}/{member.offers}"
        return await self._scene.api.do("intake", path, body, ROLE, step=step, expected=expected)

    async def _refer(self, member: Member) -> None:
        reply = await self._post_referral(member, "first")
        if not reply.done:
            return
        member.episode_id = str(reply.body.get("referral_id") or reply.body["id"])
        self._scene.members[member.episode_id] = member
        await self._welcome(member)

    async def _refer_again(self, member: Member) -> None:
        await self._post_referral(member, "again")
        self._later("decline", member, 2)

    async def _post_referral(self, member: Member, step: str) -> Reply:
        person = member.person
        body = {
            "site_id": person.site_id,
            "source": person.source,
            "urgency": person.urgency,
            "requested_program_kind": person.program_kind,
            "person": {
                "given": person.given,
                "family": person.family,
                "birth_date": person.birth_date.isoformat(),
                "sex": person.sex,
                "phone": f"+1 202 555 {person.number:04d}",
                "language": "en",
                "identifiers": [{"system": "urn:handrail:simulated", "value": person.key}],
            },
            "plan_kind": person.plan_kind,
        }
        return await self._scene.api.do(
            "intake", "/v1/referrals", body, ROLE, step=f"{person.key}/refer/{step}"
        )

    async def _welcome(self, member: Member) -> None:
        await self._do(member, "consents", {"kind": "contact_preferences", "channels": ["sms", "voice"]})
        match member.person.fate:
            case "no_show":
                self._later("give_up", member, CONTACT_DAYS)
            case "out_of_scope":
                self._later("decline", member, 1)
            case "duplicate":
                self._later("refer_again", member, 1)
            case _:
                self._later("appointment", member, member.person.days_to_assessment)

    async def _appointment(self, member: Member) -> None:
        await self._do(member, "consents", {"kind": "treatment", "channels": []})
        person = member.person
        needs_detox = person.detox_days > 0
        await self._screen(member, withdrawal=needs_detox)
        if not needs_detox:
            await self._assess(member)
            return
        back = self.today + timedelta(days=person.detox_days)
        trigger = "cows" if person.substance == "opioid" else "ciwa"
        body = {"setting": "detox_facility", "trigger": trigger, "expected_return_on": back.isoformat()}
        if (await self._do(member, "detox", body)).done:
            self._note("detox_return", member, back)

    async def _detox_return(self, member: Member) -> None:
        if not member.person.detox_returns:
            await self._do(member, "detox-return", {"outcome": "left_early", "medically_cleared": False})
            self._later("give_up", member, CONTACT_DAYS)
            return
        await self._do(member, "detox-return", {"outcome": "completed", "medically_cleared": True})
        member.tries += 1
        await self._screen(member, withdrawal=False)
        await self._assess(member)

    async def _screen(self, member: Member, *, withdrawal: bool) -> Reply:
        person = member.person
        rng = self._scene.luck(member, f"screen/{self.today}")
        body: dict[str, Any] = {
            "phq9": phq9_answers(rng, person.phq9[0]),
            "gad7": items(rng, person.gad7[0], 7),
            "suicide_risk": "none" if person.phq9[0] < 20 else "low",
            "home_safe": True,
            "needs_24h_supervision": False,
            "withdrawal_risk": "high" if withdrawal else "low",
        }
        if person.program_kind != "mental_health":
            scale = "cows" if person.substance == "opioid" else "ciwa"
            body[scale] = rng.randint(15, 28) if withdrawal else rng.randint(0, 6)
        reply = await self._do(member, "screening", body)
        if reply.done:
            member.screened_on = self.today
        return reply

    async def _judge(self, member: Member) -> bool:
        """Record the assessor's judgement; whether it was taken."""
        person = member.person
        higher = person.fate == "needs_higher_level"
        rng = self._scene.luck(member, "assess")
        body = {
            "dimensions": [{"dimension": n, "rating": str(rng.randint(1, 2) + higher)} for n in range(1, 7)],
            "recommended_level": "2.5" if higher else "2.1",
            "assessor_credential": "LADC",
            "diagnoses": [{"code": CODES[person.substance], "rank": 1}],
            "availability": [{"dow": dow, "block": block} for dow, block in person.availability],
            "stage_of_change": rng.choice(["contemplation", "preparation", "action"]),
            "support_network": rng.choice(["strong", "partial", "weak"]),
        }
        if not (await self._do(member, "assessment", body)).done:
            return False
        member.assessed_on = self.today
        return True

    async def _assess(self, member: Member) -> None:
        if not await self._judge(member):
            return
        match member.person.fate:
            case "needs_higher_level":
                await self._decline(member, "needs_higher_level", ["2.5", "3.5"])
            case "no_coverage":
                await self._cover(member, "inactive")
                await self._decline(member, "no_coverage", ["1"])
            case "unreachable":
                self._later("give_up", member, CONTACT_DAYS)
            case "patient_declined" | "other":
                self._later("decline", member, 2)
            case _:
                await self._cover(member, "active")

    async def _cover(self, member: Member, status: str) -> None:
        plan = member.person.plan_kind
        needs = plan in ("commercial", "medicaid")
        body = {"payer_id": f"payer-{plan}", "plan_kind": plan, "status": status, "auth_required": needs}
        await self._do(member, "coverage", body)
        if status != "active":
            return
        wait = min(member.person.days_to_admission, LONGEST_WAIT_FOR_START)
        if not needs:
            self._later("ask_seat", member, wait)
        elif member.person.authorization_denied and member.tries < TRIES:
            await self._record_authorization(member, "denied")
            self._later("authorize", member, 5)
        else:
            await self._record_authorization(member, "approved")
            self._later("ask_seat", member, wait)

    async def _authorize(self, member: Member) -> None:
        member.tries += 1
        await self._record_authorization(member, "approved")
        self._later("ask_seat", member, 1)

    async def _record_authorization(self, member: Member, status: str) -> Reply:
        figures = parameters().authorization
        days = figures.commercial_days if member.person.plan_kind == "commercial" else figures.medicaid_days
        last = self.today + timedelta(days=days + LONGEST_WAIT_FOR_START)
        body = {
            "status": status,
            "level": "2.1",
            "unit_kind": "day",
            "units_approved": days if status == "approved" else 0,
            "valid_from": self.today.isoformat(),
            "valid_to": last.isoformat(),
        }
        return await self._do(member, "authorization", body)

    async def _ask_seat(self, member: Member) -> None:
        await self._keep_fresh(member)
        body = {
            "earliest_start": next_workday(self.today).isoformat(),
            "weekly_minutes": member.person.weekly_minutes,
            "days_per_week": member.person.days_per_week,
        }
        reply = await self._do(member, "seat-request", body)
        await self._scene.settle()
        if not reply.done:
            await self._try_again("ask_seat", member)
            return
        view = await self._view(member)
        if view.get("stage") == "WAITLISTED":
            self._waiting[member.episode_id] = member
        elif view.get("stage") == "ASSESSED":
            await self._admit(member)

    async def _keep_fresh(self, member: Member) -> None:
        if member.screened_on is None or (self.today - member.screened_on).days >= SUICIDE_SCREEN_DAYS:
            await self._screen(member, withdrawal=False)
        if member.assessed_on is None or (self.today - member.assessed_on).days >= ASSESSMENT_DAYS:
            await self._judge(member)

    async def _try_again(self, step: str, member: Member) -> None:
        member.tries += 1
        if member.tries <= 2 * TRIES:
            self._later(step, member, 1)
        else:
            await self._decline(member, "other")

    async def _mend(self, member: Member, failed: frozenset[str]) -> None:
        """Put right what kept a person from being admitted, and try again tomorrow."""
        if "authorization_approved" in failed:
            await self._record_authorization(member, "approved")
        await self._try_again("ask_seat" if "seat_held" in failed else "admit", member)

    async def _admit(self, member: Member) -> None:
        person = member.person
        body: dict[str, Any] = {
            "program_id": "iop-adult",
            "primary_clinician_id": f"clinician-{person.site_id}",
            "program_kind": person.program_kind,
        }
        if person.plan_kind == "medicare":
            body["certified_by"] = f"physician-{person.site_id}"
        reply = await self._do(member, "admission", body)
        await self._scene.settle()
        if not reply.done:
            await self._mend(member, reply.failed_guards)
            return
        member.admitted_on = self.today
        self._waiting.pop(member.episode_id, None)
        await self._scene.api.do(
            "scheduling",
            f"/v1/episodes/{member.episode_id}/schedule",
            {
                "agreed_by_patient": True,
                "agreed_by_clinician": True,
                "effective_from": next_workday(self.today).isoformat(),
            },
            "scheduler",
            step=f"{member.key}/schedule",
        )
        await self._scene.settle()

    async def _mind_waitlist(self) -> None:
        """Call those to whom a place is offered, and forget those who no longer wait."""
        if not self._waiting:
            return
        for member in sorted(self._waiting.values(), key=lambda each: each.key):
            view = await self._view(member)
            if view.get("stage") != "WAITLISTED":
                self._waiting.pop(member.episode_id, None)
                if view.get("stage") == "ASSESSED":
                    await self._admit(member)
                continue
            if (view.get("entry") or {}).get("offer"):
                await self._answer_offer(member)

    async def _answer_offer(self, member: Member) -> None:
        accepts = self._scene.luck(member, f"offer/{member.offers}").random() < parameters().waitlist.accept
        if accepts:
            await self._keep_fresh(member)
        reply = await self._do(member, "offer", {"accept": accepts})
        member.offers += 1
        await self._scene.settle()
        if reply.done and accepts:
            await self._admit(member)

    async def _view(self, member: Member) -> dict[str, Any]:
        reply = await self._scene.api.get("intake", f"/v1/referrals/{member.episode_id}", ROLE)
        return dict(reply.body) if reply.done else {}

    async def _decline_as_fated(self, member: Member) -> None:
        fate = member.person.fate
        await self._decline(member, "patient_declined" if fate == "duplicate" else fate)

    async def _decline(self, member: Member, reason: str, alternatives: list[str] | None = None) -> None:
        await self._do(member, "decline", {"reason": reason, "alternatives": alternatives or ["1"]})


def phq9_answers(rng: Any, total: int) -> list[int]:
    """PHQ-9 answers with the ninth touched only where the figures say so."""
    figures = parameters().phq9
    positive = total >= figures.item9_from_total and rng.random() < figures.item9_positive
    last = max(total - 24, 1 if positive else 0)
    return items(rng, total, 9, last=last)
