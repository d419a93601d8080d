"""An episode told step by step: hear an event, do something, let time pass; then look at what was said."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Event
from contracts.intake import AuthorizedTerm, CoverageTerm, InstrumentResult, PatientAdmitted
from contracts.rulebook import rulebook
from contracts.scheduling import (
    AttendanceCorrected,
    SessionAttended,
    SessionMissed,
    TreatmentWeekClosed,
    WeeklyScheduleAgreed,
    WeeklyScheduleChanged,
)
from contracts.vocabulary import (
    Actor,
    ActorType,
    AgeBand,
    GoalCategory,
    GroupKind,
    LevelOfCare,
    MissKind,
    Modality,
    PlanKind,
    ProgramKind,
    ServiceKind,
)
from services.progress import domain
from services.progress.app import service

TZ = "America/New_York"
IOP, OUTPATIENT, PHP = LevelOfCare(code="2.1"), LevelOfCare(code="1"), LevelOfCare(code="2.5")
ADMITTED_ON = date(2026, 1, 13)
SYSTEM = Actor(type=ActorType.SYSTEM, id="handrail", role="system")
_STATE: TypeAdapter[domain.Episode] = TypeAdapter(domain.Episode)
_E = TypeVar("_E")

SOBER = domain.WantedGoal(GoalCategory.SOBRIETY, "boolean", "ge", 1, 0, required_for_step_down=True)
PHQ_DOWN = domain.WantedGoal(
    GoalCategory.MENTAL_HEALTH, "instrument", "<=", 9, 7, instrument="phq9", required_for_step_down=True
)
OPTIONAL = domain.WantedGoal(GoalCategory.RELAPSE_PREVENTION, "attest", "ge", 1, 0)


def authorized(id: str, level: LevelOfCare) -> AuthorizedTerm:
    """What the payer says yes to, for longer than any story here lasts."""
    return AuthorizedTerm(
        authorization_id=id, level=level, valid_from=ADMITTED_ON, valid_to=ADMITTED_ON + timedelta(days=400)
    )


class Story:
    """Runs decisions through the service's own table, and holds what must hold after each of them."""

    def __init__(self, *, program: ProgramKind = ProgramKind.SUD, age: AgeBand = AgeBand.ADULT) -> None:
        self.program, self.age = program, age
        self.now = local(ADMITTED_ON, "08:15")
        self.state: Any = None
        self.journal: list[Any] = []
        self.wakes: dict[str, datetime] = {}
        self._causes = count(1)

    def common(self, actor: Actor = SYSTEM) -> dict[str, Any]:
        return {
            "network_id": "north",
            "site_id": "albany",
            "episode_id": "ep-1",
            "patient_id": "pt-1",
            "part2": True,
            "actor": actor,
        }

    def hear(self, event: Event) -> list[Any]:
        return self._absorb(service.hears[type(event)], event, SYSTEM)

    def do(self, command: Any, role: str = "clinician", *, kind: ActorType = ActorType.USER) -> list[Any]:
        return self._absorb(service.takes[type(command)], command, Actor(type=kind, id="ann", role=role))

    def on(self, day: date | str, at: str = "12:00") -> "Story":
        """Let time pass until then; every wake that comes due is heard in its order."""
        day = date.fromisoformat(day) if isinstance(day, str) else day
        return self.up_to(local(day, at))

    def up_to(self, until: datetime) -> "Story":
        """The same, up to an instant."""
        while due := [(at, what) for what, at in self.wakes.items() if at <= until]:
            instant, what = min(due)
            del self.wakes[what]
            self.now = max(self.now, instant)
            self._absorb(service.wakes[what.partition(":")[0]], Woke(instant, what), SYSTEM)
        self.now = max(self.now, until)
        return self

    def woke(self, what: str) -> list[Any]:
        """A wake that comes at a time of its own, such as a stale one."""
        return self._absorb(service.wakes[what.partition(":")[0]], Woke(self.now, what), SYSTEM)

    def refuses(
        self, command: Any, *guards: str, role: str = "clinician", code: str | None = None
    ) -> Refused:
        before, said = self.state, len(self.journal)
        with pytest.raises(Refused) as caught:
            self.do(command, role)
        assert self.state is before
        assert len(self.journal) == said
        if guards:
            assert {f["guard"] for f in caught.value.facts["failed"]} == set(guards)
        assert code in (None, caught.value.code)
        return caught.value

    def said(self, kind: type[_E]) -> list[_E]:
        return [f for f in self.journal if isinstance(f, kind)]

    def last(self, kind: type[_E]) -> _E:
        return self.said(kind)[-1]

    def _absorb(self, reaction: Any, message: Any, actor: Actor) -> list[Any]:
        moment = self.moment(actor)
        assert self.state is not None or reaction.creates
        facts = reaction.decide(self.state, message, moment)
        if not isinstance(message, Event):
            # So that what was heard and what was said are enough to have the episode back.
            assert all(isinstance(fact, Event | Wake | Unwake) for fact in facts)
        for fact in facts:
            if isinstance(fact, Wake):
                self.wakes[fact.what] = fact.at
            elif isinstance(fact, Unwake):
                self.wakes.pop(fact.what, None)
            else:
                self.state = domain.evolve(self.state, fact)
                self.journal.append(fact)
        self.check(facts)
        return list(facts)

    def moment(self, actor: Actor = SYSTEM) -> Moment:
        """Now, for a decision that is made outside the table."""
        return Moment(self.now, actor, f"cause-{next(self._causes)}", rulebook())

    def check(self, facts: Sequence[Any]) -> None:
        """What holds whatever happens."""
        state = self.state
        for fact in facts:
            if isinstance(fact, Event):
                assert type(fact) in service.says
                assert fact.aggregate_id == state.id
                assert type(fact).model_validate_json(fact.model_dump_json()) == fact
        assert _STATE.validate_json(_STATE.dump_json(state)) == state
        for way in domain.Direction:
            assert sum(r.direction is way and not r.closed for r in state.recommendations) <= 1
        for pursuit in state.goals:
            assert 0 <= pursuit.percent <= 100
            assert pursuit.met_on is None or pursuit.percent == 100 or pursuit.goal.measure.kind != "boolean"
        assert sum(a.kind == "suicide_risk" for a in state.alerts) <= 1
        band = rulebook().band(state.level, state.age_band)
        assert state.weekly_minutes >= band.min_minutes or state.tapering
        assert state.weekly_minutes <= band.max_minutes
        if state.weekly_minutes < band.min_minutes:
            assert (state.taper.until_on - state.taper.since).days < rulebook().taper.max_days
            assert state.taper_over or self.now <= local(state.taper.until_on + timedelta(days=1), "00:00")
        down = state.recommendation(domain.Direction.DOWN)
        if down is not None and down.generated_by == "rule":
            assert not state.alerts
            assert state.stage == "ATTENDING"
            assert any(p.goal.required_for_step_down for p in state.goals)
        if state.stage == "STEP_UP_PENDING":
            assert state.review_trigger
        if state.over:
            unseen = {f"alert_due:{a.id}" for a in state.alerts if not a.acknowledged and not state.died}
            assert self.wakes.keys() <= unseen
            assert state.step_down is state.step_up is state.extension is None

    # What the other services say.

    def admitted(self, minutes: int = 720, phq9: int | None = 12, **changes: Any) -> "Story":
        baseline = () if phq9 is None else (InstrumentResult(instrument="phq9", version="1", total=phq9),)
        fields: dict[str, Any] = {
            "program_id": "day",
            "admitted_on": ADMITTED_ON,
            "tz": TZ,
            "level": IOP,
            "program_kind": self.program,
            "age_band": self.age,
            "planned_end_on": ADMITTED_ON + timedelta(days=90),
            "prescribed_weekly_minutes": minutes,
            "days_per_week": 4,
            "seat_hold_id": "hold-1",
            "plan_kind": PlanKind.COMMERCIAL,
            "authorization_id": "auth-1",
            "primary_clinician_id": "ann",
            "baseline": baseline,
            "coverage": CoverageTerm(
                coverage_id="cover-1",
                payer_id="blue",
                plan_kind=PlanKind.COMMERCIAL,
                auth_required=True,
            ),
            "authorizations": (authorized("auth-1", IOP), authorized("auth-2", OUTPATIENT)),
        }
        self.hear(PatientAdmitted(**self.common(), **{**fields, **changes}))
        return self

    def agreed(self, minutes: int = 720, version: int = 1) -> list[Any]:
        return self.hear(
            WeeklyScheduleAgreed(
                **self.common(),
                schedule_id="sch-1",
                version=version,
                effective_from=ADMITTED_ON,
                tz=TZ,
                slots=(),
                planned_weekly_minutes=minutes,
                days_per_week=4,
                max_gap_days=3,
                agreed_at=self.now,
            )
        )

    def rescheduled(self, minutes: int, version: int, reason: str = "step_down") -> list[Any]:
        return self.hear(
            WeeklyScheduleChanged(
                **self.common(),
                schedule_id="sch-1",
                version=version,
                previous_version=version - 1,
                reason=reason,
                effective_from=self.state.day(self.now),
                tz=TZ,
                slots=(),
                planned_weekly_minutes=minutes,
                days_per_week=3,
            )
        )

    def attended(
        self,
        on: date | str | None = None,
        session: str | None = None,
        minutes: int = 180,
        kind: GroupKind | None = None,
    ) -> list[Any]:
        day = self.state.day(self.now) if on is None else _date(on)
        start = local(day, "09:00")
        return self.hear(
            SessionAttended(
                **self.common(),
                session_id=session or f"s-{day}",
                group_id="g-1",
                service_kind=ServiceKind.GROUP,
                start_at=start,
                end_at=start + timedelta(hours=3),
                tz=TZ,
                local_date=day,
                modality=Modality.IN_PERSON,
                present_minutes=minutes,
                break_minutes=0,
                creditable_minutes=minutes,
                late_minutes=180 - minutes,
                left_early_minutes=0,
                group_size_present=8,
                group_kind=kind,
                level=IOP,
            )
        )

    def missed(self, on: date | str, consecutive: int) -> list[Any]:
        return self.hear(
            SessionMissed(
                **self.common(),
                session_id=f"s-{on}",
                kind=MissKind.NO_SHOW,
                local_date=_date(on),
                tz=TZ,
                scheduled_minutes=180,
                consecutive_missed=consecutive,
            )
        )

    def corrected(
        self, on: date | str, *, attended: bool, minutes: int, kind: GroupKind | None = None
    ) -> list[Any]:
        return self.hear(
            AttendanceCorrected(
                **self.common(),
                supersedes_event_id="ev-1",
                session_id=f"s-{on}",
                attended=attended,
                creditable_minutes=minutes,
                late_minutes=180 - minutes,
                local_date=_date(on),
                tz=TZ,
                reason="came_late",
                group_kind=kind,
            )
        )

    def week(
        self,
        start: date | str,
        minutes: int,
        scheduled: int = 720,
        *,
        minimum: int = 540,
        short: bool = False,
        reopened: int = 0,
    ) -> list[Any]:
        """A closed week, heard when it closes: Monday 00:00 at the site."""
        start = _date(start)
        self.on(max(start + timedelta(days=7), self.now.astimezone(ZoneInfo(TZ)).date()), "00:00")
        return self.hear(
            TreatmentWeekClosed(
                **self.common(),
                week_start=start,
                tz=TZ,
                level=self.state.level,
                scheduled_minutes=scheduled,
                creditable_minutes=minutes,
                days_attended=3,
                sessions_attended=3,
                sessions_missed=1,
                level_min_minutes=minimum,
                level_max_minutes=1199,
                below_level_minimum=minutes < minimum,
                short_week=short,
                attendance_ratio_permille=min(1000, 1000 * minutes // scheduled) if scheduled else None,
                reopened_count=reopened,
            )
        )

    # What people do.

    def plan(self, *goals: domain.WantedGoal) -> list[Any]:
        return self.do(
            domain.ApprovePlan(goals or (SOBER,), signed_by_patient=True, signed_by_clinician=True)
        )

    def draft(self, *goals: domain.WantedGoal, **more: Any) -> list[Any]:
        return self.do(domain.DraftPlan(goals or (SOBER,), **more))

    def review(self, *goals: domain.WantedGoal, **more: Any) -> list[Any]:
        command = domain.ReviewPlan(
            goals or (SOBER,), signed_by_patient=True, signed_by_clinician=True, **more
        )
        return self.do(command)

    def goal(self, number: int = 0) -> str:
        return str(self.state.goals[number].goal.goal_id)

    def attest(self, number: int = 0) -> list[Any]:
        return self.do(domain.AttestGoal(self.goal(number)))

    def settle(self, alert_id: str) -> list[Any]:
        """Take an alert in hand unless somebody did, and close it."""
        if any(a.id == alert_id and not a.acknowledged for a in self.state.alerts):
            self.do(domain.AcknowledgeAlert(alert_id))
        return self.do(domain.ResolveAlert(alert_id))

    def phq9(self, *answers: int, **more: Any) -> list[Any]:
        return self.do(domain.RecordMeasure("phq9", answers, **more))

    def phq9_total(self, total: int, **more: Any) -> list[Any]:
        """Answers that come to a total, none of them to item 9."""
        return self.phq9(*(min(3, max(0, total - 3 * n)) for n in range(8)), 0, **more)

    def cssrs(self, *answers: int | None, **more: Any) -> list[Any]:
        return self.do(domain.RecordMeasure("cssrs", answers, **more))

    def bam(self, use: int, **more: Any) -> list[Any]:
        """A form on which nothing but the first item about use is above zero."""
        answers = (0, 0, 0, use, *(0,) * 13)
        return self.do(domain.RecordMeasure("bam", answers, version="likert", **more))

    def meeting(self, on: date | str | None = None) -> list[Any]:
        day = _date(on) if on else None
        return self.do(domain.LogActivity("meeting_12step", day, minutes=60))

    def recommend(self, way: Any, kind: Any, minutes: int, level: Any = None, until: Any = None) -> list[Any]:
        until_on = _date(until) if until else None
        return self.do(domain.RecommendStep(way, kind, minutes, level, until_on))

    def used(self, classification: str = "relapse", *, on: date | None = None, **more: Any) -> str:
        """Use becomes known today; the id of the report."""
        self.do(domain.ReportSubstanceUse("self", on or self.state.day(self.now), classification, **more))
        return str(self.state.use_reports[-1].id)

    def respond(self, *actions: str, **more: Any) -> list[Any]:
        return self.do(domain.RespondToRelapse(actions, **more))

    def take_up(self) -> list[Any]:
        """Take the step up on the table in hand."""
        return self.do(domain.OpenReview(self.state.step_up))

    def approve(self, rid: str | None, on: date | str | None = None, **changes: Any) -> list[Any]:
        return self.do(self.approval(rid, on, **changes))

    def approval(self, rid: str | None, on: date | str | None = None, *, agreed: bool | None = True) -> Any:
        assert rid is not None
        return domain.ApproveRecommendation(
            rid, _date(on) if on else self.state.day(self.now), patient_agreed=agreed
        )


def local(day: date, at: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), ZoneInfo(TZ)).astimezone(ZoneInfo("UTC"))


def _date(day: date | str) -> date:
    return date.fromisoformat(day) if isinstance(day, str) else day


def attending(minutes: int = 720, **changes: Any) -> Story:
    """Admitted, scheduled, once attended, with one required goal that a clinician attests."""
    story = Story(**changes).admitted(minutes)
    story.agreed(minutes)
    story.on(ADMITTED_ON, "12:00").attended()
    story.plan()
    return story


def ready(minutes: int = 720, **changes: Any) -> Story:
    """All criteria of a step-down hold, save the one required goal."""
    story = attending(minutes, **changes)
    story.week("2026-01-19", minutes, minutes)
    story.week("2026-01-26", minutes, minutes)
    return story.on("2026-02-03")


def recommended(minutes: int = 720, **changes: Any) -> Story:
    """A step-down is on the table."""
    story = ready(minutes, **changes)
    story.attest()
    assert story.state.step_down
    return story


def assessed(story: Story, depth: domain.Depth = domain.Depth.ASSESSMENT) -> Story:
    """Somebody who may assess looked at the person anew."""
    story.do(domain.Reassess(depth, IOP, "LCSW"))
    return story


def in_aftercare(story: Story | None = None) -> Story:
    """Somebody whose program was ended by a clinician's word; the last week is closed, the exit measured."""
    story = story or attending()
    story.week("2026-01-12", 180, short=True)
    story.phq9(*[1] * 8, 0)
    today = story.state.day(story.now)
    story.do(domain.PlanAftercare(today, (), True, override_reason="moving"))
    return story
