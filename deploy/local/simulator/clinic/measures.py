"""Measures that are asked for every week, what they raise, and those at the end."""

from random import Random
from typing import Any

from deploy.local.simulator import answers
from deploy.local.simulator.api import Reply
from deploy.local.simulator.clinic.chart import Chart, View
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

MORE_DAYS_FOR_THE_REMINDED = 2
ITEM_9 = 8
"""The place of the question about thoughts of death in the PHQ-9."""


class Measures:
    """Fills in what is due, and looks at what cannot wait."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def weekday(self, member: Member) -> bool:
        """Whether somebody's measures are due today: once a week, on a day of their own."""
        return self._chart.today.isoweekday() == 1 + member.person.number % 5

    def reminded(self, member: Member) -> bool:
        """Whether somebody who missed them was reminded by now."""
        due = 1 + member.person.number % 5
        days = (self._chart.today.isoweekday() - due) % 7
        return member.owes_measures and days >= MORE_DAYS_FOR_THE_REMINDED

    async def fill_in(self, member: Member, *, reminder: bool = False) -> None:
        """Everything that is due this week, or nothing of it."""
        chances = parameters()
        rng = self._chart.luck(member, "reminded" if reminder else "measure")
        missed = chances.reminder.answered if reminder else 1 - chances.phq9.missing
        member.owes_measures = not reminder and rng.random() >= missed
        if member.owes_measures or (reminder and rng.random() >= missed):
            return
        await self._all(member, rng)

    async def _all(self, member: Member, rng: Random) -> None:
        person, stay = member.person, member.stay(self._chart.today)
        week = min(stay // 7, len(person.phq9) - 1)
        phq9 = answers.phq9(rng, person.phq9[week])
        reply = await self._record(member, "phq9", phq9)
        await self._record(member, "gad7", answers.gad7(rng, person.gad7[week]))
        if person.substance:
            await self._record(member, "bam", self._bam(member, rng, stay))
        raised = any("safety_alert" in str(said.get("type")) for said in reply.body.get("said", ()))
        if raised and phq9[ITEM_9]:
            calm = rng.random() < parameters().safety.settles
            await self._record(member, "cssrs", answers.SUICIDE["none" if calm else "low"])
        if raised:
            await self.look_at_alerts(member, await self._chart.read(member))

    def _bam(self, member: Member, rng: Random, stay: int) -> answers.Answers:
        """Use shows only after days on which there was some; risk falls and protection grows."""
        b, weeks = parameters().bam, stay / 7
        start = self._chart.scene.luck(member, "bam")
        risk = b.risk.draw(start) - weeks / 4 + rng.gauss(0, 1)
        protective = b.protective.draw(start) + weeks / 5 + rng.gauss(0, 1)
        used = sum(stay - 7 < use.day <= stay and use.reported for use in member.person.uses)
        bounded = (min(24, max(0, round(value))) for value in (risk, protective))
        return list(answers.bam(rng, used, *bounded))

    async def _record(self, member: Member, instrument: str, filled: answers.Answers | list[int]) -> Reply:
        body: dict[str, Any] = {"instrument": instrument, "answers": list(filled)}
        if instrument == "bam":
            body["version"] = "likert"
        return await self._chart.do(member, "measures", body, again=instrument)

    async def at_the_end(self, member: Member) -> None:
        """What was measured at the start is measured once more."""
        person, rng = member.person, self._chart.luck(member, "exit")
        week = min(member.stay(self._chart.today) // 7, len(person.phq9) - 1)
        await self._record(member, "phq9", answers.phq9(rng, person.phq9[week]))
        await self._record(member, "gad7", answers.gad7(rng, person.gad7[week]))

    async def screen(self, member: Member) -> None:
        """Somebody who is back after days away, or whom nobody asked yet, is asked about suicide."""
        await self._record(member, "cssrs", answers.SUICIDE["none"])

    async def look_at_alerts(self, member: Member, view: View) -> None:
        """Take in hand what is new; close what was in hand."""
        for alert in view.get("alerts") or ():
            what = "resolve" if alert.get("acknowledged") else "acknowledge"
            await self._chart.do(member, f"safety-alerts/{alert['id']}/{what}")
