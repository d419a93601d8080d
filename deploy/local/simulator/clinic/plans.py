"""Plans: drafted after the admission, signed by the second session, reviewed every month, and their goals."""

from datetime import timedelta
from typing import Any

from deploy.local.simulator.clinic.chart import Chart, View, day_of
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.people import Person
from deploy.local.simulator.scene import Member

DRAFTED, SIGNED = "drafted", "signed"
REVIEW_AHEAD = timedelta(days=3)
WEAK_PHQ9 = 10


class Plans:
    """Writes plans with people and keeps them up."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    async def see_to(self, member: Member, *, attends: bool, stay: int) -> None:
        """Draft what is missing; let everybody sign who has not."""
        if not member.planned:
            reply = await self._chart.do(member, "plan/draft", plan_of(member.person))
            if reply.done:
                member.planned = DRAFTED
                await self._sign(member, "clinician")
                if member.person.plan_kind == "medicare":
                    await self._sign(member, "physician")
        late = member.person.habits.signs_late and stay < parameters().plans.signs_late_days
        if member.planned == DRAFTED and attends and not late:
            member.planned = SIGNED if await self._sign(member, "patient") else DRAFTED

    async def _sign(self, member: Member, role: str) -> bool:
        return (await self._chart.do(member, "plan/signatures", {"role": role}, again=role)).done

    async def review(self, member: Member, view: View) -> None:
        """The plan is looked at again some days before a review is due."""
        due = day_of(view.get("next_review_due_on"))
        if member.planned != SIGNED or due is None or self._chart.today < due - REVIEW_AHEAD:
            return
        signed = {"signed_by_patient": True, "signed_by_clinician": True}
        signed["signed_by_physician"] = member.person.plan_kind == "medicare"
        await self._chart.do(member, "plan/review", {**plan_of(member.person), **signed})

    async def attest(self, member: Member, view: View) -> None:
        """The goals that no number can settle are reached."""
        for goal in view.get("goals") or ():
            if goal["measure"]["kind"] == "boolean" and not goal.get("met_on"):
                await self._chart.do(member, f"goals/{goal['goal_id']}/attest")
        member.goal_attested = True


def plan_of(person: Person) -> dict[str, Any]:
    """What somebody works towards, and by what means."""
    mental = person.program_kind == "mental_health"
    weak = person.phq9[0] >= WEAK_PHQ9 and person.program_kind != "sud"
    goals: list[dict[str, Any]] = [
        {
            "category": "coping_skills" if mental else "sobriety",
            "measure": {"kind": "boolean", "comparator": ">=", "target": 1, "window_days": 30},
            "required_for_step_down": True,
        },
        {
            "category": "mental_health",
            "measure": {
                "kind": "instrument",
                "instrument": "phq9",
                "comparator": "<=",
                "target": max(4, person.phq9[0] - 4),
                "window_days": 21,
            },
            "required_for_step_down": weak,
        },
        {
            "category": "relapse_prevention",
            "measure": {"kind": "attendance", "comparator": ">=", "target": 800, "window_days": 14},
            "required_for_step_down": False,
        },
    ]
    interventions = [
        {
            "modality": "dbt" if mental else "matrix",
            "service_kind": "group",
            "times_per_week": person.days_per_week,
            "goals": [1, 3],
        },
        {"modality": "cbt", "service_kind": "group", "times_per_week": 1, "goals": [2]},
    ]
    return {"goals": goals, "interventions": interventions}
