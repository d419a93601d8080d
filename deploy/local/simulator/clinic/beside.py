"""Beside the sessions: homework, meetings, medication, and help from outside with what came of it."""

from datetime import timedelta

from deploy.local.simulator.clinic.chart import Chart, View
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

MEDICATION = {"opioid": "buprenorphine", "alcohol": "naltrexone"}
MEDICATION_EVERY_WEEKS = 4
OUTSIDE_FROM_DAY = 21
MEETING_MINUTES = 60


class Beside:
    """What people do between two sessions, as they tell it once a week."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    async def hear(self, member: Member, stay: int) -> None:
        """One week's news."""
        habits, figures = member.person.habits, parameters().beside
        rng = self._chart.luck(member, "beside")
        if habits.meets_from <= stay and rng.random() < figures.met_this_week:
            on = self._chart.today - timedelta(days=1)
            if stay >= 1:
                body = {"kind": "meeting_12step", "on": on.isoformat(), "minutes": MEETING_MINUTES}
                await self._chart.do(member, "recovery-activities", body)
        ref = MEDICATION.get(member.person.substance)
        if habits.medicated and ref and (stay // 7) % MEDICATION_EVERY_WEEKS == 0:
            body = {"medication_ref": ref, "adherence": figures.adherence.draw(rng)}
            await self._chart.do(member, "medications", body)
        if member.homework:
            done = rng.random() < figures.homework_done
            await self._chart.do(member, f"homework/{member.homework}/return", {"done": done})
            member.homework = ""
        elif rng.random() < figures.homework:
            due = self._chart.today + timedelta(days=7)
            reply = await self._chart.do(member, "homework", {"kind": "worksheet", "due_on": due.isoformat()})
            member.homework = str(reply.body.get("homework_id") or "") if reply.done else ""

    async def outside(self, member: Member, view: View, stay: int) -> None:
        """Somebody outside is asked for help once, and asked what became of it."""
        habits, figures, today = member.person.habits, parameters().community, self._chart.today
        if not habits.outside:
            return
        if member.outside_since is None and stay >= OUTSIDE_FROM_DAY:
            follow_up = today + timedelta(days=figures.follow_up_days)
            body = {"kind": habits.outside, "follow_up_on": follow_up.isoformat()}
            if (await self._chart.do(member, "community-referrals", body)).done:
                member.outside_since = today
        for made in view.get("outward") or ():
            if made.get("outcome") is None and made["follow_up_on"] <= today.isoformat():
                body = {"outcome": habits.outside_came_to}
                await self._chart.do(member, f"community-referrals/{made['id']}/close", body)
