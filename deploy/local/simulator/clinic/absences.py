"""Absences that are agreed on: treatment rests, and goes on once the person was looked at anew."""

from datetime import timedelta

from contracts.rulebook import rulebook
from deploy.local.simulator.clinic.chart import Chart
from deploy.local.simulator.parameters import parameters
from deploy.local.simulator.scene import Member

ASSESSOR = "LADC"


class Absences:
    """Lets treatment rest and go on."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    async def begin(self, member: Member, stay: int) -> bool:
        """Whether somebody goes away today."""
        figures, away = parameters().absence, member.person.habits.away
        if member.jailed_on is not None and stay >= member.jailed_on:
            member.jailed_on = None
            return await self.rest(member, "incarceration", figures.incarcerated_days)
        if away is None or member.was_away or stay < away.day:
            return False
        member.was_away = True
        if member.person.course.days < stay + away.days + 7:
            return False
        return await self.rest(member, away.reason, away.days)

    async def rest(self, member: Member, reason: str, days: int) -> bool:
        """Agree on a hold."""
        until = self._chart.today + timedelta(days=days)
        body = {"reason": reason, "expected_return_on": until.isoformat()}
        if not (await self._chart.do(member, "hold", body)).done:
            return False
        late = self._chart.luck(member, "late-return").random() < parameters().absence.late_return
        member.held_until = until + timedelta(days=parameters().absence.late_return_days if late else 0)
        return True

    async def end(self, member: Member, since: int) -> None:
        """Back: after a while the person is screened anew, after a long one assessed anew, and goes on."""
        rules = rulebook().holds
        if since > rules.rescreen_after_days:
            await self.look_anew(member, "assessment" if since > rules.reassess_after_days else "screening")
        if (await self._chart.do(member, "resume")).done:
            member.held_until = None

    async def look_anew(self, member: Member, depth: str) -> bool:
        """A screening or an assessment by somebody who may."""
        level = {"edition": "3", "code": "2.1"}
        body = {"depth": depth, "recommended_level": level, "assessor_credential": ASSESSOR}
        return (await self._chart.do(member, "reassessments", body)).done
