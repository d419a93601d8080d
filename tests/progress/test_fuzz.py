"""Lives drawn at random, in zones far west and east: what holds after each step, whatever the step was.

HANDRAIL_SEQUENCES says how many lives.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.decisions import Refused, Woke
from contracts.progress import (
    StepDownApproved,
)
from contracts.rulebook import rulebook
from contracts.scheduling import TreatmentWeekClosed
from contracts.vocabulary import Actor, ActorType, AgeBand, DischargeReason, LevelOfCare, ProgramKind
from services.progress import domain
from services.progress.app import service
from services.progress.domain import Direction, Kind
from services.progress.domain.recommend import Rung
from services.progress.domain.steps import step_guards
from services.progress.domain.waits import awaited
from tests.progress.story import SOBER, SYSTEM, Story, authorized

LIVES, STEPS = int(os.environ.get("HANDRAIL_SEQUENCES", "60")), 60
ZONES = ("Pacific/Pago_Pago", "America/Havana", "America/New_York", "Africa/Cairo", "Pacific/Kiritimati")
ANN = Actor(type=ActorType.USER, id="ann", role="clinician")
MOST_A_DAY = 200
TRAVEL = domain.HoldReason.TRAVEL


class Drawn(Story):
    """A life of somebody somewhere, each step of it drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        super().__init__(program=self.r.choice(list(ProgramKind)), age=self.r.choice(list(AgeBand)))
        zone = self.r.choice(ZONES)
        edition = self.r.choice("34")
        self.iop = LevelOfCare(edition=edition, code="2.1")
        self.below = LevelOfCare(edition=edition, code="1" if edition == "3" else "1.5")
        first = date(2026, self.r.choice((1, 3, 4, 10)), self.r.randint(1, 28))
        self.now = datetime.combine(first, time(9), ZoneInfo(zone)).astimezone(UTC)
        self.admitted(
            self.r.choice((540, 720)),
            tz=zone,
            admitted_on=first,
            level=self.iop,
            planned_end_on=first + timedelta(days=90),
            authorizations=(authorized("a", self.iop), authorized("b", self.below)),
        )
        self.agreed(self.state.weekly_minutes)
        self.came()
        self.plan(SOBER)

    def near(self, *days: int) -> date:
        today: date = self.state.day(self.now)
        return today + timedelta(days=self.r.choice(days))

    def came(self) -> None:
        self.corrected(self.near(0, -1, -3), attended=self.r.random() < 0.9, minutes=180)

    def closed(self) -> None:
        state, monday = self.state, self.near(0) - timedelta(days=self.near(0).weekday() + 7)
        dose, low = state.weekly_minutes, rulebook().band(state.level, state.age_band).min_minutes
        minutes = self.r.choice((dose, dose, max(0, low - 1)))
        week = TreatmentWeekClosed(
            **self.common(),
            week_start=monday,
            tz=state.tz,
            level=state.level,
            scheduled_minutes=dose,
            creditable_minutes=minutes,
            days_attended=3,
            sessions_attended=3,
            sessions_missed=0,
            level_min_minutes=low,
            level_max_minutes=1199,
            below_level_minimum=minutes < low,
            short_week=False,
            attendance_ratio_permille=min(1000, 1000 * minutes // max(1, dose)),
            reopened_count=0,
        )
        self.hear(week)

    def passing(self) -> None:
        """Hours, days, weeks; or to the next wake, or just beside it."""
        due = [at for at in self.wakes.values() if at > self.now]
        hours = timedelta(hours=self.r.choice((1, 24, 24, 72, 168, 340)))
        until = self.r.choice([*due, self.now + hours, self.now + hours])
        self.quiet()
        self.up_to(min(until, self.now + timedelta(days=20)) + timedelta(seconds=self.r.choice((-1, 0, 1))))

    def quiet(self) -> None:
        """Somebody takes the alerts in hand, so that no life is made of escalations only."""
        for alert in self.state.alerts:
            if not alert.acknowledged and self.r.random() < 0.9:
                self.do(domain.AcknowledgeAlert(alert.id))

    def up_to(self, until: datetime) -> Story:
        rung: Counter[date] = Counter()
        while due := [(at, what) for what, at in self.wakes.items() if at <= until]:
            instant, what = min(due)
            del self.wakes[what]
            self.now = max(self.now, instant)
            rung[self.near(0)] += 1
            assert rung[self.near(0)] < MOST_A_DAY, what
            self._absorb(service.wakes[what.partition(":")[0]], Woke(instant, what), SYSTEM)
        self.now = max(self.now, until)
        self.at_rest()
        return self

    def at_rest(self) -> None:
        """What came due is done: waking for it once more changes nothing."""
        for what, at in awaited(self.state, self.moment()).items():
            wake: Any = service.wakes[what.partition(":")[0]]
            if at <= self.now and what not in self.wakes:
                assert wake.decide(self.state, Woke(self.now, what), self.moment()) == [], what

    def check(self, facts: Any) -> None:
        state, needs = self.state, domain.needs(self.state, self.now, rulebook())
        assert not state.alerts or needs[0].kind.startswith("alert")
        assert {a.id for a in state.alerts} <= {need.about for need in needs}
        assert not (state.alerts and any(isinstance(f, StepDownApproved) for f in facts))
        assert not (state.died and self.wakes)
        band = rulebook().band(state.level, state.age_band)
        assert state.tapering or state.weekly_minutes >= band.min_minutes
        named = awaited(state, self.moment())
        ahead = {what: at for what, at in self.wakes.items() if at > self.now}
        assert ahead == {what: at for what, at in named.items() if at > self.now}
        for what, at in ahead.items():
            hourly = what.startswith(("alert_due", "recommendation_expires"))
            assert hourly or state.day(at - timedelta(seconds=1)) < state.day(at), "it rings within a day"
        for way in Direction:
            made = state.recommendation(way)
            if made is not None and made.generated_by == "rule" and not state.held:
                rung = Rung(made.kind, made.to_level, made.to_minutes, made.until_on)
                guards = step_guards(state, rung, way, self.moment(ANN), self.near(0))
                assert [g.id for g in guards if not g.holds] == [], "nobody could approve this"

    def answer(self) -> None:
        """The step on the table, or one of a clinician's own, is approved."""
        state, r = self.state, self.r
        wanted = state.step_up or state.step_down
        if state.unanswered_relapse and r.random() < 0.7:
            self.respond("individual_session")
        elif wanted is None:
            own = (
                (Direction.DOWN, Kind.TRANSITION_TAPER, r.choice((60, 180, 300)), None),
                (Direction.DOWN, Kind.LEVEL_CHANGE, r.choice((0, 180)), self.below),
                (Direction.UP, Kind.LEVEL_CHANGE, 540, self.iop),
                (Direction.UP, Kind.INTENSITY_INCREASE, state.weekly_minutes + 60, None),
            )
            way, kind, minutes, level = r.choice(own)
            self.recommend(way, kind, minutes, level)
            self.approve(self.state.step_up if way is Direction.UP else self.state.step_down)
        elif state.stage == "ATTENDING" and wanted == state.step_up and r.random() < 0.3:
            self.take_up()
        else:
            self.approve(wanted, self.near(0, 0, 1, 7))

    def settled(self) -> None:
        self.quiet()
        for alert in self.state.alerts:
            self.do(domain.ResolveAlert(alert.id))

    def back(self) -> None:
        self.do(domain.Reassess(domain.Depth.ASSESSMENT, self.iop, "LCSW"))
        self.do(domain.ResumeEpisode())

    def ended(self) -> None:
        self.phq9(*[0] * 9)
        self.do(domain.PlanAftercare(self.near(0), (), True, override_reason="moving"))


ACTS: tuple[tuple[float, Callable[[Drawn], Any]], ...] = (
    (8, Drawn.passing),
    (3, Drawn.came),
    (5, Drawn.closed),
    (5, Drawn.answer),
    (2, Drawn.settled),
    (3, lambda s: s.do(domain.HoldEpisode(TRAVEL, s.near(1, 8, 30), s.near(0, 0, 5, 14)))),
    (4, Drawn.back),
    (1, Drawn.ended),
    (0.2, lambda s: s.do(domain.DischargePatient(s.r.choice(list(DischargeReason))))),
    (0.2, lambda s: s.do(domain.RecordDeath())),
    (1, lambda s: s.attest()),
    (1, lambda s: s.phq9_total(s.r.choice((4, 12, 17, 18)))),
    (1, lambda s: s.phq9(*[0] * 8, 1)),
    (0.5, lambda s: s.cssrs(1, 1, 1, 1, 0, 0)),
    (1, lambda s: s.used(s.r.choice(("lapse", "relapse")))),
    (1, lambda s: s.do(domain.DecideExtension(s.r.random() < 0.5, "clinical_need"))),
    (1, lambda s: s.do(domain.LogOutreach("voice", s.r.random() < 0.5))),
    (0.5, lambda s: s.review()),
    (1, lambda s: s.do(domain.RecordCheckIn(True, s.r.choice(("stable", "relapse"))))),
)


@pytest.mark.timeout(600 + LIVES)
def test_whatever_is_drawn_what_must_hold_holds() -> None:
    for seed in range(LIVES):
        drawn = Drawn(seed)
        for _ in range(STEPS):
            (act,) = drawn.r.choices([a for _, a in ACTS], [weight for weight, _ in ACTS])
            with suppress(Refused):
                act(drawn)
