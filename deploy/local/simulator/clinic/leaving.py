"""How stays end or go on beyond their planned end: outreach, discharge, more days, and the last meeting."""

from functools import partial
from typing import Any

from deploy.local.simulator.clinic.chart import ROLE, Chart, View, day_of
from deploy.local.simulator.clinic.measures import Measures
from deploy.local.simulator.clinic.steps import Steps
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.payers import Payers
from deploy.local.simulator.scene import Member

CHANNELS = ("voice", "sms", "email")
OUTREACH_EVERY_DAYS = 7
QUIET_BEFORE_OUTREACH_DAYS = 4
NEVER_CAME_DAYS = 14
DROPPED_OUT_DAYS = 30
MORE_DAYS = 30
ASK_IN_TIME, ASK_LATE = 80, 86
"""Days of the stay on which a clinician asks for more days, where Handrail has not drafted it."""


class Leaving:
    """Lets people go, each in the words of its cause."""

    def __init__(self, chart: Chart, measures: Measures, steps: Steps, payers: Payers) -> None:
        self._chart = chart
        self._measures = measures
        self._steps = steps
        self._payers = payers

    async def reach_out(self, member: Member, view: View, stay: int) -> None:
        """Call whoever has stayed away; let go when the rules allow it."""
        today, last = self._chart.today, day_of(view.get("last_attended_on"))
        away = (today - last).days if last else stay
        contacts = view.get("contacts") or ()
        tried = [day for c in contacts if (day := day_of(c["on"])) and (not last or day > last)]
        reached = [day_of(c["on"]) for c in contacts if c["reached"]]
        met = max(filter(None, [last, *reached]), default=None)
        vain = [c for c in contacts if not met or (day_of(c["on"]) or today) > met]
        channels = {c["channel"] for c in vain}
        if last is None and stay >= NEVER_CAME_DAYS and len(tried) >= 2:
            self.discharge(member, "never_attended")
        elif last is not None and away >= DROPPED_OUT_DAYS and len(vain) >= 3 and len(channels) >= 2:
            self.discharge(member, "dropped_out_no_contact")
        elif away >= QUIET_BEFORE_OUTREACH_DAYS and (
            not tried or (today - max(tried)).days >= OUTREACH_EVERY_DAYS
        ):
            rng = self._chart.luck(member, "outreach")
            gone = member.left or member.person.taking.quits_on <= stay
            answers = not gone and rng.random() < parameters().after.outreach_reached
            body = {"channel": CHANNELS[len(tried) % len(CHANNELS)], "reached": answers}
            await self._chart.do(member, "outreach", body)

    def leave(self, member: Member, brief: View) -> None:
        """End a stay early."""
        words = member.person.words
        member.left = True
        if words == "transferred_higher_level":
            self._chart.at_last(member, partial(self._steps.hand_up, brief=brief))
        elif words == "deceased":
            died = {"died_on": self._chart.today.isoformat()}
            self._chart.at_last(member, partial(self._chart.do, what="death", body=died))
        else:
            self.discharge(member, words, **self._asked_for(member, words))

    def _asked_for(self, member: Member, words: str) -> dict[str, Any]:
        """What the reason of a discharge asks for."""
        if words == "left_against_advice":
            signed = self._chart.luck(member, "signature").random() < 0.5
            return {"risks_discussed": True, "signed": signed, "aftercare_offered": True}
        if words == "administrative":
            return {"written_notice": True}
        if words.startswith("transferred"):
            return {"receiving_program": "receiving-program", "receiving_accepted": True}
        return {}

    def discharge(self, member: Member, reason: str, **extra: Any) -> None:
        """Note a discharge for the end of the round."""
        self._chart.at_last(member, partial(self._let_go, body={"reason": reason, **extra}))

    async def _let_go(self, member: Member, body: dict[str, Any]) -> None:
        reply = await self._chart.do(member, "discharge", body, role="director")
        member.left = member.left or reply.done

    async def more_days(self, member: Member, view: View, stay: int) -> None:
        """Decide on more days that were asked for; ask for those that are needed, in time or late."""
        course = member.person.course
        wanted = course.extension > 0
        asked = view.get("extension")
        late = self._chart.scene.luck(member, "asks-late").random() < parameters().decision.team_asked
        if asked and not wanted:
            body = {"approve": False, "reason": "goals_within_reach"}
            await self._chart.do(member, "extension", body)
        elif asked:
            until = day_of(asked["to_planned_end_on"])
            if until is not None:
                await self._payers.authorize(member, member.level, until)
            await self._payers.recertify(member)
            await self._chart.scene.settle()
            await self._chart.do(member, "extension", {"approve": True, "reason": "clinical_need"})
        elif wanted and not view.get("extended") and stay >= (ASK_LATE if late else ASK_IN_TIME):
            body = {"reasons": ["clinical_need"], "days": MORE_DAYS, "late": late}
            if late:
                body["late_reason"] = "setback_in_the_last_weeks"
            await self._chart.do(member, "extension/request", body, expected=True)

    async def finish(self, member: Member) -> None:
        """The last meeting, once the last week is closed and everything was measured again."""
        body: dict[str, Any] = {
            "meeting_on": self._chart.today.isoformat(),
            "components": ["phone_checkins", "outpatient_reduced_groups", "alumni"],
            "relapse_prevention_plan": True,
        }
        # Whether the program may end is the product's to say: ask plainly first.
        reply = await self._chart.do(member, "aftercare", body, expected=True)
        if "last_week_closed" in reply.failed_guards:
            return
        if "exit_measures" in reply.failed_guards:
            await self._measures.at_the_end(member)
        if "goals_met" in reply.failed_guards:
            body["override_reason"] = "clinical_judgement"
        if not reply.done:
            reply = await self._chart.do(member, "aftercare", body, again="again")
        if reply.done:
            member.aftercare_since = self._chart.today

    async def close_tasks(self, member: Member, view: View) -> None:
        """What had to be looked at was looked at."""
        for task in view.get("tasks") or ():
            if task.get("outcome") is None and task["about"] != "hold_overdue":
                path = f"review-tasks/{task['id']}/close"
                await self._chart.do(member, path, {"outcome": "reviewed"}, role=ROLE)
