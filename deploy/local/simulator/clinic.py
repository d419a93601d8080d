"""Clinicians: plans, weekly measures, recommendations, outreach, and how a stay ends."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from deploy.local.simulator import answers
from deploy.local.simulator.api import Reply, side_by_side
from deploy.local.simulator.groups import Groups
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member, Scene, next_workday

ROLE = "clinician"
CHANNELS = ("voice", "sms", "email")
IN_CARE = ("ADMITTED", "SCHEDULED", "ATTENDING", "STEP_UP_PENDING")
OUTREACH_EVERY_DAYS = 7
QUIET_BEFORE_OUTREACH_DAYS = 4
NEVER_CAME_DAYS = 14
DROPPED_OUT_DAYS = 30
EXTENSION_NOTICE_DAYS = 14
CHECK_IN_DAYS = 14
AFTERCARE_DAYS = 90
LOST_CALLS = 3
CONTINUING_LEVEL = "1"
View = Mapping[str, Any]


class Clinic:
    """Looks at every running episode once a working day and does what is due."""

    def __init__(self, scene: Scene, groups: Groups) -> None:
        self._scene = scene
        self._groups = groups
        self.today = date.min
        self.states: dict[str, int] = {}
        self._leaving: list[tuple[str, Callable[[], Awaitable[object]]]] = []

    async def work(self, today: date) -> None:
        """Everything clinicians do on one working day."""
        self.today = today
        views = await self._scene.api.read_all("progress", "/v1/episodes", ROLE)
        self.states = {}
        jobs = []
        for view in views:
            state = str(view["state"])
            self.states[state] = self.states.get(state, 0) + 1
            member = self._scene.members.get(str(view["id"]))
            if member is not None and state != "DISCHARGED":
                jobs.append(partial(self._look_after, member, view))
        await side_by_side(jobs)
        await self._scene.settle()
        await self._let_go()
        await self._decide_recommendations()

    async def _let_go(self) -> None:
        """End what is to end, one after the other: each end frees seats for those who wait."""
        leaving, self._leaving = sorted(self._leaving, key=lambda each: each[0]), []
        for _, end in leaving:
            await end()
            await self._scene.settle()

    async def _do(self, member: Member, what: str, body: dict[str, Any], *, role: str = ROLE) -> Reply:
        path = f"/v1/episodes/{member.episode_id}/{what}"
        return await self._scene.api.do(
            "progress", path, body, role, step=f"{member.key}/{what}/{self.today}"
        )

    async def _look_after(self, member: Member, brief: View) -> None:
        if member.admitted_on is None:
            member.admitted_on = _day(brief.get("admitted_on"))
        state = str(brief["state"])
        if state in IN_CARE:
            await self._care(member, brief)
        elif state == "AFTERCARE":
            await self._follow_up(member)
        elif state == "ALUMNI":
            self._discharge(member, "completed_goals")

    async def _care(self, member: Member, brief: View) -> None:
        course, stay = member.person.course, member.stay(self.today)
        over = course.exit != "completed" and stay >= course.days
        if over and member.person.words not in ("completed_goals", "dropped_out_no_contact"):
            member.left = True
            self._leave(member)
            return
        if not member.plan_signed and stay >= 1:
            await self._sign_plan(member)
        if not over:
            await self._take_part(member, brief, stay)
        if course.exit == "completed" and stay >= course.planned_end + course.extension:
            self._at_last(member, self._plan_aftercare)
            return
        if self._worth_a_look(brief, stay):
            view = await self._read(member)
            for alert in view.get("alerts") or ():
                await self._answer_alert(member, alert)
            if view.get("extension"):
                await self._decide_extension(member)
            await self._reach_out(member, view, stay)

    def _worth_a_look(self, brief: View, stay: int) -> bool:
        """Whether the list of episodes gives reason to open this one."""
        end = _day(brief.get("planned_end_on"))
        near_end = end is not None and self.today >= end - timedelta(days=EXTENSION_NOTICE_DAYS)
        not_started = brief["state"] != "ATTENDING" and stay >= QUIET_BEFORE_OUTREACH_DAYS
        stays_away = int(brief.get("consecutive_missed") or 0) >= 2
        return bool(brief.get("safety_alert_open")) or near_end or not_started or stays_away

    async def _read(self, member: Member) -> View:
        reply = await self._scene.api.get("progress", f"/v1/episodes/{member.episode_id}", ROLE)
        return reply.body if reply.done else {}

    async def _sign_plan(self, member: Member) -> None:
        person = member.person
        weak = person.phq9[0] >= 10 and person.program_kind != "sud"
        goals: list[dict[str, Any]] = [
            {
                "category": "coping_skills" if person.program_kind == "mental_health" else "sobriety",
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
        body = {"goals": goals, "signed_by_patient": True, "signed_by_clinician": True}
        member.plan_signed = (await self._do(member, "plan", body)).done

    async def _take_part(self, member: Member, brief: View, stay: int) -> None:
        person = member.person
        if self.today.isoweekday() == 1 + person.number % 5 and brief["state"] == "ATTENDING":
            await self._measure(member, stay)
        last_look = self._last_workday_stay(member)
        for use in person.uses:
            if use.reported and last_look < use.day <= stay:
                word = "relapse" if use.relapse else "lapse"
                used_on = self.today - timedelta(days=stay - use.day)
                body = {"source": "self", "used_on": used_on.isoformat(), "classification": word}
                await self._do(member, "substance-use", body)
        if stay >= person.goal_met_day and not member.goal_attested:
            for goal in (await self._read(member)).get("goals") or ():
                if goal["measure"]["kind"] == "boolean" and not goal.get("met_on"):
                    await self._do(member, f"goals/{goal['goal_id']}/attest", {})
            member.goal_attested = True

    def _last_workday_stay(self, member: Member) -> int:
        back = 3 if self.today.weekday() == 0 else 1
        return member.stay(self.today - timedelta(days=back))

    async def _measure(self, member: Member, stay: int) -> None:
        person, week = member.person, min(stay // 7, len(member.person.phq9) - 1)
        rng = self._scene.luck(member, f"measure/{self.today}")
        if rng.random() < parameters().phq9.missing:
            return
        phq9 = answers.phq9(rng, person.phq9[week])
        reply = await self._do(member, "measures", {"instrument": "phq9", "answers": phq9})
        if week % 2 == 0:
            path = f"/v1/episodes/{member.episode_id}/measures"
            body = {"instrument": "gad7", "answers": answers.gad7(rng, person.gad7[week])}
            await self._scene.api.do(
                "progress", path, body, ROLE, step=f"{member.key}/measures/gad7/{self.today}"
            )
        if reply.done and any("safety_alert" in str(said.get("type")) for said in reply.body.get("said", ())):
            for alert in (await self._read(member)).get("alerts") or ():
                await self._answer_alert(member, alert)

    async def _answer_alert(self, member: Member, alert: View) -> None:
        alert_id = str(alert["id"])
        if not alert.get("acknowledged"):
            await self._do(member, f"safety-alerts/{alert_id}/acknowledge", {})
            return
        await self._do(member, f"safety-alerts/{alert_id}/resolve", {})

    async def _decide_extension(self, member: Member) -> None:
        approve = member.person.course.extension > 0
        body: dict[str, Any] = {"approve": approve}
        if not approve:
            body["reason"] = "goals_within_reach"
        await self._do(member, "extension", body)

    async def _reach_out(self, member: Member, view: View, stay: int) -> None:
        """Call whoever has stayed away; let go when the rules allow it."""
        last = _day(view.get("last_attended_on"))
        away = (self.today - last).days if last else stay
        tried = [
            day for c in view.get("contacts") or () if (day := _day(c["on"])) and (not last or day > last)
        ]
        channels = {c["channel"] for c in view.get("contacts") or ()}
        if last is None and stay >= NEVER_CAME_DAYS and len(tried) >= 2:
            self._discharge(member, "never_attended")
        elif last is not None and away >= DROPPED_OUT_DAYS and len(tried) >= 3 and len(channels) >= 2:
            self._discharge(member, "dropped_out_no_contact")
        elif away >= QUIET_BEFORE_OUTREACH_DAYS and (
            not tried or (self.today - max(tried)).days >= OUTREACH_EVERY_DAYS
        ):
            rng = self._scene.luck(member, f"outreach/{self.today}")
            gone = member.left or member.person.taking.quits_on <= stay
            reached = not gone and rng.random() < parameters().after.outreach_reached
            await self._do(member, "outreach", {"channel": CHANNELS[len(tried) % 3], "reached": reached})

    def _leave(self, member: Member) -> None:
        """End a stay early in the words of its cause."""
        words = member.person.words
        extra: dict[str, Any] = {}
        if words == "left_against_advice":
            extra = {"risks_discussed": True}
        elif words == "administrative":
            extra = {"written_notice": True}
        elif words.startswith("transferred"):
            extra = {"receiving_program": "receiving-program"}
        self._discharge(member, words, **extra)

    def _discharge(self, member: Member, reason: str, **extra: Any) -> None:
        body = {"reason": reason, **extra}
        self._at_last(member, partial(self._do, what="discharge", body=body, role="director"))

    def _at_last(self, member: Member, end: Callable[[Member], Awaitable[object]]) -> None:
        """Note an end for when everybody was looked after."""
        self._leaving.append((member.key, partial(end, member)))

    async def _plan_aftercare(self, member: Member) -> None:
        body: dict[str, Any] = {
            "meeting_held": True,
            "components": ["phone_checkins", "outpatient_reduced_groups", "alumni"],
            "relapse_prevention_plan": True,
        }
        path = f"/v1/episodes/{member.episode_id}/aftercare"
        step = f"{member.key}/aftercare/{self.today}"
        # Whether every required goal is met is the product's to say: ask plainly first.
        plain = await self._scene.api.do("progress", path, body, ROLE, step=step, expected=True)
        if not plain.done:
            body["override_reason"] = "clinical_judgement"
            plain = await self._scene.api.do("progress", path, body, ROLE, step=f"{step}/override")
        if plain.done:
            member.aftercare_since = self.today

    async def _follow_up(self, member: Member) -> None:
        """Make the calls that are due, and bring aftercare to its end."""
        since = member.aftercare_since or self.today
        days = (self.today - since).days
        if days % CHECK_IN_DAYS and days < AFTERCARE_DAYS:
            return
        after = parameters().after
        plan = (await self._read(member)).get("aftercare") or {}
        if plan.get("due_on"):
            rng = self._scene.luck(member, f"check-in/{self.today}")
            reached = rng.random() < after.check_in_reached
            body: dict[str, Any] = {"reached": reached}
            if reached:
                luck = rng.random()
                risky = "relapse" if luck < after.relapse else "at_risk"
                body["status_summary"] = risky if luck < after.relapse + after.at_risk else "stable"
            await self._do(member, "check-ins", body)
        until = _day(plan.get("until_on"))
        if until is not None and self.today >= until:
            if self._scene.luck(member, "alumni").random() < after.alumni:
                await self._do(member, "alumni", {"consented": True})
            else:
                self._discharge(member, "completed_goals")
        elif int(plan.get("missed") or 0) >= LOST_CALLS:
            self._discharge(member, "completed_goals")

    async def _decide_recommendations(self) -> None:
        """Decide what is open, one after the other: approvals move seats."""
        reply = await self._scene.api.get("progress", "/v1/recommendations", ROLE, limit=200)
        found = reply.body.get("items", []) if reply.done else []
        known = [(self._scene.members.get(str(each["episode_id"])), each) for each in found]
        mine = [(member, each) for member, each in known if member is not None]
        for member, recommendation in sorted(mine, key=lambda pair: (pair[0].key, pair[1]["direction"])):
            await self._decide(member, recommendation)

    async def _decide(self, member: Member, recommendation: View) -> None:
        rid = str(recommendation["recommendation_id"])
        rng = self._scene.luck(member, f"recommendation/{self.today}")
        path = f"/v1/recommendations/{rid}"
        step = f"{member.key}/recommendation/{self.today}/{recommendation.get('direction')}"
        if rng.random() < parameters().after.recommendation_agreed:
            if (recommendation.get("to_level") or {}).get("code") == CONTINUING_LEVEL:
                await self._room_to_continue(member)
            body: dict[str, Any] = {
                "effective_on": next_workday(self.today).isoformat(),
                "patient_agreed": True,
            }
            reply = await self._scene.api.do("progress", f"{path}/approve", body, ROLE, step=step)
        else:
            body = {"reason": "patient_prefers_current_dose"}
            reply = await self._scene.api.do("progress", f"{path}/decline", body, ROLE, step=step)
        if reply.done:
            await self._scene.settle()

    async def _room_to_continue(self, member: Member) -> None:
        """A site opens its shorter groups when the first person needs them."""
        site = self._scene.site(member.person.site_id)
        for block in sorted({block for _, block in member.person.availability}):
            await self._groups.open_continuing(site, block)


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None
