"""Those who speak with payers: coverage, authorizations from the first to the last, and certifications."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from deploy.local.simulator.api import side_by_side
from deploy.local.simulator.desk import Desk
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member
from deploy.local.simulator.ways import AUTHORIZED, decision

BILLER = "biller"
LONGEST_WAIT_FOR_START = 21
APPEAL_DAYS = 5
CERTIFICATE_DAYS = 60
REVIEW_DAYS = (0, 3)
"""Mondays and Thursdays."""
FEW_UNITS, FEW_DAYS = 3, 7
CERTIFIED_AHEAD_DAYS = 5
SERVICE_CODES = {"2.1": "H0015", "1": "H0005"}


class Payers:
    """Finds out who pays, and keeps it so."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def cover(self, member: Member) -> None:
        """After the assessment: who pays, and from when on the person could begin."""
        if member.person.way.coverage_pended:
            await self.verify(member, "pended")
            self._desk.later("covered", member, parameters().coverage.pended_days)
        else:
            await self.covered(member)

    async def verify(self, member: Member, status: str) -> None:
        """Record what the payer said about coverage."""
        plan = member.person.plan_kind
        body = {
            "payer_id": f"payer-{plan}",
            "plan_kind": plan,
            "status": status,
            "auth_required": plan in AUTHORIZED,
            "hardship": plan == "sliding_fee",
        }
        await self._desk.do(member, "coverage", body)

    async def covered(self, member: Member) -> None:
        """The coverage is active: ask for the first authorization where the plan wants one."""
        desk, way = self._desk, member.person.way
        await self.verify(member, "active")
        wait = min(way.days_to_admission, LONGEST_WAIT_FOR_START)
        member.begins_on = desk.today + timedelta(days=max(wait, 1))
        if member.person.plan_kind not in AUTHORIZED:
            member.ready_on = member.begins_on
        elif way.decision_days >= parameters().authorization.pended_from_days:
            await self._record(member, "pended")
            desk.later("decision", member, way.decision_days)
        else:
            await self._decided(member, way.decision)

    async def decision(self, member: Member) -> None:
        """The payer decides on what was pended."""
        on_file = (await self._desk.read(member)).get("authorizations") or [{}]
        await self._decided(member, member.person.way.decision, on_file[-1].get("id"))

    async def _decided(self, member: Member, status: str, on_file: str | None = None) -> None:
        await self._record(member, status, on_file)
        if status == "denied":
            self._desk.later("appeal", member, APPEAL_DAYS)
        else:
            member.ready_on = member.begins_on

    async def appeal(self, member: Member) -> None:
        """A denial is overturned, or ends the way."""
        if member.person.way.appeal_won:
            await self._decided(member, "approved")
        else:
            await self._desk.decline(member, "no_coverage", "1")

    async def _record(self, member: Member, status: str, on_file: str | None = None) -> None:
        """The first authorization, or the first anew where the person waited longer than it held."""
        figures, today = parameters().authorization, self._desk.today
        commercial = member.person.plan_kind == "commercial"
        days = figures.commercial_days if commercial else figures.medicaid_days
        begins = max(member.begins_on or today, today)
        await self._ask(member, status, days, today, begins + timedelta(days=days), on_file)

    async def _ask(
        self, member: Member, status: str, days: int, since: date, until: date, on_file: str | None = None
    ) -> bool:
        units = member.person.days_per_week * math.ceil(days / 7)
        body: dict[str, Any] = {
            "status": status,
            "level": member.level,
            "unit_kind": "day",
            "units_approved": {"approved": units, "partial": math.ceil(units / 2)}.get(status, 0),
            "valid_from": since.isoformat(),
            "valid_to": until.isoformat(),
            "service_codes": [SERVICE_CODES[member.level]],
            "days_per_week": member.person.days_per_week,
        }
        if on_file is not None:
            body["authorization_id"] = on_file
        reply = await self._desk.do(member, "authorization", body, role=BILLER)
        if reply.done and status in ("approved", "partial"):
            member.reviewed_until = until
        return reply.done

    async def authorize(self, member: Member, level: str, until: date | None = None) -> None:
        """See to it that the payer agrees to a level from now on, or to days until a later one."""
        if member.person.plan_kind not in AUTHORIZED:
            return
        figures, today, before = parameters().authorization, self._desk.today, member.level
        commercial = member.person.plan_kind == "commercial"
        days = figures.commercial_days if commercial else figures.medicaid_days
        until = until or today + timedelta(days=days)
        member.level = level
        await self._ask(member, "approved", (until - today).days, today, until)
        member.level = before

    async def recertify(self, member: Member) -> None:
        """A physician certifies again before the certification on file grows too old."""
        today, known = self._desk.today, member.certified_on
        if member.person.plan_kind != "medicare" or known is None:
            return
        if (today - known).days < CERTIFICATE_DAYS - CERTIFIED_AHEAD_DAYS:
            return
        body = self._certificate(member)
        path = f"/v1/episodes/{member.episode_id}/certification"
        step = f"{member.key}/certification/{today}"
        if (await self._desk.scene.api.do("progress", path, body, BILLER, step=step)).done:
            member.certified_on = today

    def _certificate(self, member: Member) -> dict[str, Any]:
        physician = f"physician-{member.person.site_id}"
        today = self._desk.today.isoformat()
        return {"certified_by": physician, "credential": "MD", "certified_on": today}

    async def ready(self, member: Member) -> None:
        """See to it that payment is in order on the day of an admission."""
        today, plan = self._desk.today, member.person.plan_kind
        if plan in AUTHORIZED and (member.reviewed_until is None or member.reviewed_until < today):
            await self._record(member, "approved")
        old = member.certified_on is None or (today - member.certified_on).days >= CERTIFICATE_DAYS
        if plan != "medicare" or not old:
            return
        if (await self._desk.do(member, "certification", self._certificate(member))).done:
            member.certified_on = today

    async def review(self) -> None:
        """Utilization review: ask for more where an authorization nears its end and is drawn upon."""
        if self._desk.today.weekday() not in REVIEW_DAYS:
            return
        admitted = [m for m in self._desk.scene.members.values() if m.admitted_on and not m.aftercare_since]
        await side_by_side([partial(self.recertify, member) for member in admitted if not member.left])
        rows = await self._desk.scene.api.read_all("intake", "/v1/authorizations", BILLER)
        of_each: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            of_each.setdefault(str(row["referral_id"]), []).append(row)
        jobs = []
        for episode, theirs in of_each.items():
            member = self._desk.scene.members.get(episode)
            if member is not None and self._needs_more(member, theirs):
                jobs.append(partial(self._more, member))
        await side_by_side(jobs)

    def _needs_more(self, member: Member, rows: list[Mapping[str, Any]]) -> bool:
        if member.admitted_on is None or member.aftercare_since is not None or member.left:
            return False
        used = sum(int(row["units_used"]) for row in rows)
        came, member.units_seen = used > member.units_seen, used
        units = sum(int(row["units_left"]) for row in rows if row["days_left"])
        days = max((int(row["days_left"]) for row in rows), default=0)
        return came and (units <= FEW_UNITS or days <= FEW_DAYS)

    async def _more(self, member: Member) -> None:
        figures, today = parameters().authorization, self._desk.today
        commercial = member.person.plan_kind == "commercial"
        days = figures.commercial_more_days if commercial else figures.medicaid_more_days
        said = decision(self._desk.scene.luck(member, f"review/{today}"), parameters())
        until = max(member.reviewed_until or today, today) + timedelta(days=days)
        await self._ask(member, said, days, today, until)
