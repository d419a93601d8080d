"""Those who see people: consents, screening, safety alerts, detox and the judgement of the level of care."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any

from deploy.local.simulator import answers
from deploy.local.simulator.answers import given
from deploy.local.simulator.api import Reply
from deploy.local.simulator.desk import Desk
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

CLINICIAN = "clinician"
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
PROGRAMS = {
    "sud": ["iop-adult", "adult_sud_day", "adult_sud_evening", "matrix_16w"],
    "co_occurring": ["iop-adult"],
    "mental_health": ["iop-adult", "mh_12w"],
}
SUICIDE_SCREEN_DAYS = 7
ASSESSMENT_DAYS = 28
CONTACT_DAYS = 14
REPORTS_TO_COURT_DAYS = 365


class Assessor:
    """Sees people from their first appointment to a level of care."""

    def __init__(self, desk: Desk, then: Callable[[Member], Awaitable[None]]) -> None:
        self._desk = desk
        self._then = then
        """What follows an assessment."""
        self.late: list[tuple[Member, str]] = []
        """Alerts that somebody takes in hand only after they escalated."""

    async def appointment(self, member: Member) -> None:
        """The person comes: consents, then the whole screening."""
        await self._desk.call(member, reached=True, channel="visit")
        await self._consents(member)
        await self.screen(member)
        await self._after_screening(member)

    async def _consents(self, member: Member) -> None:
        person, desk = member.person, self._desk
        await desk.do(member, "consents", {"kind": "treatment", "signers": ["patient"]})
        if person.way.signs_tpo:
            payer = {"id": f"payer-{person.plan_kind}", "kind": "payer"}
            tpo = {
                "kind": "part2_tpo",
                "signers": ["patient"],
                "disclosers": [person.site_id],
                "recipients": [payer, {"id": "treating-providers", "kind": "class"}],
                "purposes": ["TREAT", "HPAYMT", "HOPERAT"],
                "info_categories": ["all-treatment-records"],
                "expires_event": "end_of_treatment",
            }
            await desk.do(member, "consents", tpo)
        if person.source == "court":
            until = desk.today + timedelta(days=REPORTS_TO_COURT_DAYS)
            report = {
                "kind": "part2_disclosure",
                "signers": ["patient"],
                "disclosers": [person.site_id],
                "recipients": [{"id": "referring-court", "kind": "court"}],
                "purposes": ["other"],
                "info_categories": ["attendance", "discharge"],
                "expires_at": f"{until.isoformat()}T00:00:00Z",
            }
            await desk.do(member, "consents", report)
        if person.way.revokes != "none":
            desk.later("revoke", member, parameters().consents.revoked_after_days)

    async def revoke(self, member: Member) -> None:
        """A consent is taken back, if it still stands."""
        for consent in (await self._desk.read(member)).get("consents") or ():
            if consent["kind"] == member.person.way.revokes:
                await self._desk.do(member, f"consents/{consent['id']}/revocation", {})

    async def screen(self, member: Member) -> Reply:
        """One whole screening, and somebody who looks at what it raises."""
        person, desk = member.person, self._desk
        rng = desk.scene.luck(member, f"screen/{desk.today}")
        suicide = "low" if member.calm else person.way.suicide
        withdrawal = person.way.detox_days > 0 and not member.detoxed
        housed = rng.random() < 0.9
        body: dict[str, Any] = {
            "instruments": [
                given("phq9", answers.phq9(rng, person.phq9[0])),
                given("gad7", answers.gad7(rng, person.gad7[0])),
                given("cssrs", answers.SUICIDE[suicide]),
                *_substance(rng, person.substance, withdrawal=withdrawal),
            ],
            "home_safe": person.way.higher != "unsafe_home" and housed,
            "alternative_housing": person.way.higher != "unsafe_home" and not housed,
            "needs_24h_supervision": person.way.higher == "supervision",
            "opioid_history": person.substance == "opioid",
        }
        if person.substance not in parameters().detox.substances:
            body["withdrawal_risk"] = "none"
        reply = await desk.do(member, "screening", body)
        if reply.done:
            member.screened_on = desk.today
            if any("safety_alert" in str(said.get("type")) for said in reply.body.get("said", ())):
                await self._take_in_hand(member)
        return reply

    async def _take_in_hand(self, member: Member, *, settled: bool = False) -> None:
        """Acknowledge what is open, and close what needs no more than a plan."""
        for alert in (await self._desk.read(member)).get("alerts") or ():
            high_risk = alert["severity"] == "high" and alert["kind"] == "suicide_risk"
            if not alert.get("acknowledged_at"):
                if high_risk and member.person.way.late and not member.was_late:
                    member.was_late = True
                    self.late.append((member, str(alert["id"])))
                    continue
                await self._acknowledge(member, str(alert["id"]))
            if settled or not high_risk:
                plan = {"plan_ref": f"safety-plan-{member.key}"}
                await self._desk.do(member, f"alerts/{alert['id']}/resolution", plan, role=CLINICIAN)

    async def answer_late(self) -> None:
        """Take in hand what has escalated."""
        late, self.late = self.late, []
        for member, alert in late:
            await self._acknowledge(member, alert)

    async def _acknowledge(self, member: Member, alert: str) -> None:
        await self._desk.do(member, f"alerts/{alert}/acknowledgement", {}, role=CLINICIAN)

    async def _after_screening(self, member: Member) -> None:
        way = member.person.way
        if way.suicide == "high" and not member.calm:
            self._desk.later("safety", member, 1)
        elif way.detox_days > 0 and not member.detoxed:
            await self._send_to_detox(member)
        elif way.higher in ("supervision", "unsafe_home"):
            await self._desk.decline(member, "needs_higher_level", "3.1", "3.7")
        elif await self._judge(member):
            await self._then(member)

    async def safety(self, member: Member) -> None:
        """The day after a high risk: a new screening, and the ordinary way goes on or ends."""
        member.calm = member.person.way.settles
        await self.screen(member)
        await self._take_in_hand(member, settled=True)
        if member.calm:
            await self._after_screening(member)
        else:
            await self._desk.decline(member, "needs_higher_level", "3.7", "4")

    async def _send_to_detox(self, member: Member) -> None:
        desk, person = self._desk, member.person
        back = desk.today + timedelta(days=person.way.detox_days)
        body = {
            "setting": "detox_facility",
            "trigger": "cows" if person.substance == "opioid" else "ciwa",
            "expected_return_on": back.isoformat(),
            "facility_id": "county-detox",
        }
        if (await desk.do(member, "detox", body)).done:
            desk.note("detox_return", member, back)

    async def detox_return(self, member: Member) -> None:
        """Cleared and back, where nothing measured before counts; or gone early, and called."""
        desk = self._desk
        if not member.person.way.detox_returns:
            await desk.do(member, "detox-return", {"outcome": "left_early", "medically_cleared": False})
            desk.later("call", member, 3)
            desk.later("give_up", member, CONTACT_DAYS)
            return
        body = {"outcome": "completed", "medically_cleared": True, "cleared_by": "physician-county-detox"}
        await desk.do(member, "detox-return", body)
        member.detoxed = True
        await self.screen(member)
        await self._after_screening(member)

    async def _judge(self, member: Member) -> bool:
        """Record the assessor's judgement beside what the facts speak for; whether it was taken."""
        desk, person = self._desk, member.person
        higher = person.way.higher == "level"
        rng = desk.scene.luck(member, "assess")
        level = "2.5" if higher else "2.1"
        body = {
            "dimensions": [{"dimension": n, "rating": str(rng.randint(1, 2) + higher)} for n in range(1, 7)],
            "recommended_level": level,
            "assessor_credential": "LADC",
            "diagnoses": [{"code": CODES[person.substance], "rank": 1}],
            "availability": [{"dow": dow, "block": block} for dow, block in person.availability],
            "stage_of_change": rng.choice(["contemplation", "preparation", "action"]),
            "support_network": rng.choice(["strong", "partial", "weak"]),
            "programs_presented": PROGRAMS[person.program_kind],
            "patient_choice": "iop-adult",
            "choice_reason": rng.choice(["schedule", "location", "recommended"]),
        }
        suggested = (await desk.read(member, "/level-suggestion")).get("level")
        if suggested and _rank(suggested["code"]) > _rank(level):
            body["differs_reason"] = rng.choice(["support_at_home", "patient_preference", "tried_before"])
        if not (await desk.do(member, "assessment", body)).done:
            return False
        member.assessed_on = desk.today
        return True

    async def keep_fresh(self, member: Member) -> None:
        """Make anew what grew too old for a place."""
        today = self._desk.today
        if member.screened_on is None or (today - member.screened_on).days >= SUICIDE_SCREEN_DAYS:
            await self.screen(member)
        if member.assessed_on is None or (today - member.assessed_on).days >= ASSESSMENT_DAYS:
            await self._judge(member)


def _substance(rng: Random, substance: str, *, withdrawal: bool) -> list[dict[str, Any]]:
    """What is asked of somebody about a substance, and what staff rates."""
    if not substance:
        return []
    b = parameters().bam
    use, risk, protective = (round(spread.draw(rng)) for spread in (b.use, b.risk, b.protective))
    asked = [given("bam", answers.bam(rng, use, risk, protective), version="likert")]
    if substance == "alcohol":
        least = rng.randint(20, 32) if withdrawal else rng.randint(12, 28)
        asked.append(given("audit", answers.audit(rng, least, least + 3)))
    else:
        asked.append(given("dast10", answers.dast10(rng, rng.randint(6, 10))))
    if substance == "opioid":
        least = rng.randint(13, 26) if withdrawal else rng.randint(0, 3)
        asked.append(given("cows", answers.cows(rng, least, least + 5)))
    elif substance in parameters().detox.substances:
        least = rng.randint(10, 22) if withdrawal else rng.randint(0, 5)
        asked.append(given("ciwa_ar", answers.ciwa_ar(rng, least, least + 3)))
    return asked


def _rank(level: str) -> tuple[int, ...]:
    return tuple(int(part) for part in level.split("."))
