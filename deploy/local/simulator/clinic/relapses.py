"""Use that people tell of, or that an instrument shows, and the one decision on what is done about it."""

from datetime import date, timedelta
from typing import Any

from deploy.local.simulator.clinic.chart import Chart, View
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

ADDED_MINUTES = 180
MOST_GROUP_MINUTES = 900
"""Five days of three hours: there is no group beyond them."""
ANSWERED = ("ATTENDING", "STEP_UP_PENDING")


class Relapses:
    """Hears of use and answers relapses."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    async def hear(self, member: Member, brief: View, stay: int) -> None:
        """What happened since the last working day."""
        since = member.stay(_workday_before(self._chart.today))
        for use in member.person.uses:
            if not use.reported or not since < use.day <= stay:
                continue
            word = "relapse" if use.relapse else "lapse"
            used_on = self._chart.today - timedelta(days=stay - use.day)
            body = {"source": "self", "used_on": used_on.isoformat(), "classification": word}
            reply = await self._chart.do(member, "substance-use", body, again=str(use.day))
            if reply.done and use.relapse and brief["state"] in ANSWERED:
                await self._answer(member, brief, str(reply.body.get("report_id") or ""))

    async def _answer(self, member: Member, brief: View, report: str) -> None:
        action = parameters().relapse_answer.draw(self._chart.luck(member, "relapse-answer"))
        minutes = int(brief["weekly_minutes"])
        if action == "add_sessions" and (member.level == "1" or minutes + ADDED_MINUTES > MOST_GROUP_MINUTES):
            action = "individual_session"
        body: dict[str, Any] = {"actions": [action], "report_id": report}
        if action == "add_sessions":
            body["added_weekly_minutes"] = ADDED_MINUTES
        if action == "detox_referral":
            back = self._chart.today + timedelta(days=round(parameters().detox.days.median))
            body["expected_return_on"] = back.isoformat()
            member.held_until = back
        if (await self._chart.do(member, "relapse-responses", body)).done:
            member.answer = action
        elif action == "detox_referral":
            member.held_until = None

    async def confirm(self, member: Member, view: View) -> None:
        """What an instrument showed is asked about: it was a lapse, or an answer in the wrong row."""
        misread = self._chart.luck(member, "misread").random() < parameters().lapse.misread
        for report in view.get("use_reports") or ():
            if report.get("confirmed") or report.get("superseded") or report.get("withdrawn"):
                continue
            if misread:
                path = f"substance-use/{report['id']}/withdraw"
                await self._chart.do(member, path, {"reason": "misread"})
                continue
            body = {
                "source": "self",
                "used_on": str(report["on"]),
                "classification": "lapse",
                "supersedes_report_id": report["id"],
            }
            await self._chart.do(member, "substance-use", body, again=str(report["id"]))


def _workday_before(today: date) -> date:
    return today - timedelta(days=3 if today.weekday() == 0 else 1)
