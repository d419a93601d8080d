"""The daily round: every running episode once, in three passes that cannot get into each other's way."""

from datetime import date
from functools import partial

from deploy.local.simulator.api import side_by_side
from deploy.local.simulator.clinic.absences import Absences
from deploy.local.simulator.clinic.beside import Beside
from deploy.local.simulator.clinic.chart import ROLE, Chart, View, day_of
from deploy.local.simulator.clinic.following import Following
from deploy.local.simulator.clinic.leaving import ASK_IN_TIME, QUIET_BEFORE_OUTREACH_DAYS, Leaving
from deploy.local.simulator.clinic.measures import Measures
from deploy.local.simulator.clinic.plans import Plans
from deploy.local.simulator.clinic.relapses import Relapses
from deploy.local.simulator.clinic.steps import Steps
from deploy.local.simulator.groups import Groups
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.payers import Payers
from deploy.local.simulator.people import COMPLETED
from deploy.local.simulator.scene import Member, Scene

IN_CARE = ("ADMITTED", "SCHEDULED", "ATTENDING", "STEP_UP_PENDING")
ATTENDING = ("ATTENDING", "STEP_UP_PENDING")
JAILED_FROM_DAY = 25


class Clinic:
    """Looks at every running episode once a working day and does what is due."""

    def __init__(self, scene: Scene, groups: Groups, payers: Payers) -> None:
        self._scene = scene
        self._chart = Chart(scene)
        self._plans = Plans(self._chart)
        self._measures = Measures(self._chart)
        self._beside = Beside(self._chart)
        self._absences = Absences(self._chart)
        self._relapses = Relapses(self._chart)
        self._steps = Steps(self._chart, groups, payers, self._absences)
        self._leaving = Leaving(self._chart, self._measures, self._steps, payers)
        self._following = Following(self._chart, self._leaving)
        self._began = self._went_on = 0
        self.states: dict[str, int] = {}

    @property
    def today(self) -> date:
        return self._chart.today

    async def work(self, today: date) -> None:
        """Everything clinicians do on one working day."""
        self._chart.today = today
        views = await self._scene.api.read_all("progress", "/v1/episodes", ROLE)
        known = [(self._scene.members.get(str(view["id"])), view) for view in views]
        mine = sorted(((m, v) for m, v in known if m is not None), key=lambda pair: pair[0].key)
        self.states = {}
        for _, view in known:
            state = str(view["state"])
            self.states[state] = self.states.get(state, 0) + 1
        for member, view in mine:
            self._count(member, str(view["state"]))
        await side_by_side(
            [partial(self._look_after, m, view) for m, view in mine if view["state"] != "DISCHARGED"]
        )
        await self._scene.settle()
        await self._chart.let_go()
        await self._steps.decide_all()

    def _count(self, member: Member, state: str) -> None:
        """Rare cases befall people in the order in which they come, so that small networks see them too."""
        edge = parameters().edge
        if state == "ATTENDING" and not member.attends:
            member.attends = True
            self._began += 1
            if self._began % edge.late_one_of == edge.incarcerated_number:
                member.jailed_on = JAILED_FROM_DAY
        if state == "AFTERCARE" and not member.went_on:
            member.went_on = True
            self._went_on += 1
            if self._went_on % edge.late_one_of == edge.dying_number:
                self._following.will_die(member)

    async def _look_after(self, member: Member, brief: View) -> None:
        if member.admitted_on is None:
            member.admitted_on = day_of(brief.get("admitted_on"))
        state = str(brief["state"])
        if state in IN_CARE:
            await self._care(member, brief)
        elif state == "AFTERCARE":
            await self._following.call(member)
        elif state == "ALUMNI":
            self._leaving.discharge(member, "completed_goals")

    async def _care(self, member: Member, brief: View) -> None:
        course, stay = member.person.course, member.stay(self.today)
        if await self._over(member, brief, stay):
            return
        if member.held_until is not None:
            await self._rest(member)
            return
        attends = brief["state"] in ATTENDING
        if brief.get("screening_due"):
            await self._measures.screen(member)
        gone = course.exit != COMPLETED and stay >= course.days
        if not gone:
            await self._plans.see_to(member, attends=attends, stay=stay)
            if attends:
                await self._take_part(member, brief, stay)
        if not self._away(member) and course.exit == COMPLETED and stay >= self._last_day(member):
            member.finishing = True
            if self.today.weekday() == 0:
                self._chart.at_last(member, self._leaving.finish)
            return
        if self._worth_a_look(member, brief, stay):
            view = await self._chart.read(member)
            await self._measures.look_at_alerts(member, view)
            await self._leaving.reach_out(member, view, stay)
            await self._leaving.more_days(member, view, stay)

    def _away(self, member: Member) -> bool:
        return member.held_until is not None

    def _last_day(self, member: Member) -> float:
        """The day of the stay on which the program is through."""
        if member.again_until is not None:
            return float(member.stay(member.again_until))
        return member.person.course.planned_end + member.person.course.extension

    async def _over(self, member: Member, brief: View, stay: int) -> bool:
        """Whether a stay ends early today."""
        person = member.person
        if (
            person.course.exit == COMPLETED
            or stay < person.course.days
            or person.words == "dropped_out_no_contact"
        ):
            return False
        if person.words == "incarcerated" and not member.left:
            # Nobody is let go at once: the place is kept for as long as the rules allow.
            member.left = True
            await self._absences.rest(member, "incarceration", parameters().absence.gone_days)
        elif person.words != "incarcerated" or member.held_until is None or self.today > member.held_until:
            self._leaving.leave(member, brief)
        return True

    async def _rest(self, member: Member) -> None:
        """Nothing is asked of somebody who is away, until they are back."""
        if member.held_until is not None and self.today >= member.held_until:
            since = await self._held_days(member)
            await self._absences.end(member, since)

    async def _held_days(self, member: Member) -> int:
        hold = (await self._chart.read(member)).get("hold") or {}
        since = day_of(hold.get("since"))
        return (self.today - since).days if since else 0

    async def _take_part(self, member: Member, brief: View, stay: int) -> None:
        await self._relapses.hear(member, brief, stay)
        if member.held_until is not None or await self._absences.begin(member, stay):
            return
        if self._measures.reminded(member):
            await self._measures.fill_in(member, reminder=True)
        if not self._measures.weekday(member):
            return
        await self._measures.fill_in(member)
        await self._beside.hear(member, stay)
        view = await self._chart.read(member)
        await self._relapses.confirm(member, view)
        await self._plans.review(member, view)
        await self._beside.outside(member, view, stay)
        await self._leaving.close_tasks(member, view)
        if view.get("extension"):
            await self._leaving.more_days(member, view, stay)
        if stay >= member.person.goal_met_day and not member.goal_attested:
            await self._plans.attest(member, view)

    def _worth_a_look(self, member: Member, brief: View, stay: int) -> bool:
        """Whether the list of episodes gives reason to open this one."""
        not_started = brief["state"] not in ATTENDING and stay >= QUIET_BEFORE_OUTREACH_DAYS
        stays_away = int(brief.get("consecutive_missed") or 0) >= 2
        needs_days = member.person.course.extension > 0 and not brief.get("extended") and stay >= ASK_IN_TIME
        return bool(brief.get("safety_alert_open")) or needs_days or not_started or stays_away
