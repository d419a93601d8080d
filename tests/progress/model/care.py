"""An episode as progress decides about it, and what of it the model speaks of too."""

from datetime import datetime
from itertools import count
from typing import Any

from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import Envelope, Event
from contracts.rulebook import rulebook
from contracts.subjects import subject_of
from contracts.vocabulary import Actor, ActorType
from services.chassis.clock import derived_id
from services.chassis.replay import Carried
from services.progress import domain
from services.progress.app import service
from tests.progress.model.heard import SYSTEM
from tests.progress.model.person import CERTIFIED_DAYS, TAPER_DAYS, Person, after

ITSELF = Actor(type=ActorType.SYSTEM, id="progress", role="system")
ACTORS = {
    role: Actor(type=ActorType.USER, id="ann", role=role)
    for role in ("clinician", "director", "admissions", "scheduler", "biller")
}
MODELLED = {
    "AftercarePlanned",
    "AlumniEnrolled",
    "CheckInCompleted",
    "CommunityReferralDue",
    "CommunityReferralMade",
    "DischargeCorrected",
    "EpisodeHeld",
    "EpisodeResumed",
    "PatientDied",
    "PatientReassessed",
    "RecertificationDue",
    "RecertificationRecorded",
    "ReferralLoopClosed",
    "CheckInDue",
    "CheckInMissed",
    "EpisodeStateChanged",
    "ExtensionApproved",
    "ExtensionDenied",
    "ExtensionRequested",
    "GoalMet",
    "GoalReopened",
    "LevelOfCareChanged",
    "MeasureRecorded",
    "OutreachAttempted",
    "PatientDischarged",
    "RecommendationDeclined",
    "RecommendationReviewOpened",
    "RelapseResponded",
    "SafetyAlertAcknowledged",
    "SafetyAlertEscalated",
    "SafetyAlertRaised",
    "SafetyAlertResolved",
    "ScreeningDue",
    "StepDownApproved",
    "StepDownRecommended",
    "StepUpApproved",
    "StepUpRecommended",
    "SubstanceUseReported",
    "SubstanceUseWithdrawn",
    "TreatmentPlanApproved",
}
WAYS = {"down": domain.Direction.DOWN, "up": domain.Direction.UP}


class Care:
    """An episode as progress decides about it, through its own table; all that is said lies in a stream."""

    def __init__(self) -> None:
        self.state: Any = None
        self.wakes: dict[str, datetime] = {}
        self.advice: list[str] = []
        self.alarms: list[str] = []
        self.outward: list[str] = []
        self.reports: list[str] = []
        self.discharge: Any = None
        self.stream: list[Carried] = []
        self.version = 0
        self.said = 0
        self._causes = count(1)
        self._rules = rulebook()

    def react(self, reaction: Any, message: Any, moment: Moment) -> list[Any]:
        facts: list[Any] = reaction.decide(self.state, message, moment)
        for fact in facts:
            if isinstance(fact, Wake):
                self.wakes[fact.what] = fact.at
            elif isinstance(fact, Unwake):
                self.wakes.pop(fact.what, None)
            else:
                self.state = domain.evolve(self.state, fact)
                self.version += 1
                if isinstance(fact, Event):
                    self._say(fact, moment)
        self.keeps_its_promises()
        return facts

    def moment(self, at: datetime, actor: Actor) -> Moment:
        return Moment(at, actor, f"cause-{next(self._causes)}", self._rules)

    def _say(self, fact: Event, moment: Moment) -> None:
        self.said += 1
        id = derived_id(moment.at, "progress", "episodes", self.state.id, self.version, moment.cause)
        self._carry(
            Envelope(
                id,
                fact,
                moment.at,
                moment.at,
                self.said,
                self.state.id,
                moment.cause,
                aggregate_version=self.version,
            )
        )
        self._remember(fact)

    def _carry(self, envelope: Envelope) -> None:
        seq = len(self.stream) + 1
        self.stream.append(Carried(seq, subject_of(envelope.event), envelope.headers(), envelope.body()))

    def keeps_its_promises(self) -> None:
        """What holds whatever happens."""
        s = self.state
        for way in WAYS.values():
            assert sum(r.direction is way and not r.closed for r in s.recommendations) <= 1
        band = self._rules.band(s.level, s.age_band)
        tapered = s.taper is not None and (s.taper.until_on - s.taper.since).days < TAPER_DAYS
        assert s.weekly_minutes <= band.max_minutes
        assert s.weekly_minutes >= band.min_minutes or tapered
        down = s.recommendation(WAYS["down"])
        assert not (down and down.generated_by == "rule" and s.alerts), "a step down beside an open alert"
        if s.over:
            assert all(what.startswith("alert_due") and not s.died for what in self.wakes)

    def _remember(self, fact: Any) -> None:
        name = type(fact).__name__
        if name in ("StepDownRecommended", "StepUpRecommended"):
            self.advice.append(fact.recommendation_id)
        elif name == "SafetyAlertRaised":
            self.alarms.append(fact.alert_id)
        elif name == "CommunityReferralMade":
            self.outward.append(fact.community_referral_id)
        elif name == "SubstanceUseReported":
            self.reports.append(fact.report_id)
        elif name in ("PatientDischarged", "DischargeCorrected"):
            self.discharge = fact

    def hear(self, event: Event, at: datetime) -> list[str]:
        number = len(self.stream) + 1
        id = derived_id(at, "test", number)
        self._carry(Envelope(id, event, at, at, number, event.aggregate_id, "test"))
        return told(self.react(service.hears[type(event)], event, Moment(at, ITSELF, id, self._rules)))

    def do(self, command: Any, at: datetime, role: str) -> list[str]:
        facts = self.react(service.takes[type(command)], command, self.moment(at, ACTORS[role]))
        assert all(isinstance(f, Event | Wake | Unwake) for f in facts), "a command left a private fact"
        return told(facts)

    def wake(self, what: str, at: datetime) -> list[str]:
        facts = self.react(service.wakes[what.partition(":")[0]], Woke(at, what), self.moment(at, SYSTEM))
        assert all(isinstance(f, Event | Wake | Unwake) for f in facts), "a wake left a private fact"
        return told(facts)

    # How an episode looks from outside.

    def view(self) -> dict[str, Any]:
        s = self.state
        return {
            "stage": str(s.stage),
            "level": s.level.code,
            "minutes": s.weekly_minutes,
            "extended": s.extended,
            "stepped_down": s.stepped_down,
            "remaining": s.remaining_required,
            "planned_end": s.planned_end_on,
            "held": s.held,
            "extension": s.extension.to_planned_end_on if s.extension else None,
            "certified": s.certified_through,
            "died": s.died,
            "discharge": self._left(),
            "goals": [p.met_on is not None for p in s.goals],
            "alarms": sorted(
                (a.kind, str(a.severity), a.acknowledged, a.escalations, a.due_ack_at) for a in s.alerts
            ),
            "advice": [self._advice(s.recommendation(way)) for way in WAYS.values()],
            "last_service": s.last_attended_on,
            "alumnus": s.alumni_since is not None,
            "screening": s.screening and s.screening.due_on,
        }

    def _left(self) -> Any:
        end = self.discharge
        return end and {
            "reason": str(end.reason),
            "teds": end.teds_reason,
            "los": end.los_days,
            "last_service": end.last_service_on,
            "first_service": end.first_service_on,
            "exit": next(((m.baseline, m.last) for m in end.exit_measures), None),
            "level": end.level_at_discharge.code,
            "goals": (end.goals_total, end.goals_met),
        }

    def _advice(self, r: Any) -> Any:
        if r is None:
            return None
        values = {c.id: c.value for c in r.criteria} if r.direction is WAYS["down"] else {}
        number = self.advice.index(r.id)
        return (number, str(r.kind), r.to_level.code, r.to_minutes, r.trigger, r.expires_at, values)


def look(p: Person) -> dict[str, Any]:
    """The same for the model."""

    def advice(way: str) -> Any:
        a = p.standing(way)
        if a is None:
            return None
        return (p.advice.index(a), a.kind, a.level, a.minutes, a.trigger, a.expires, a.criteria)

    return {
        "stage": p.stage,
        "level": p.level,
        "minutes": p.minutes,
        "extended": p.extended,
        "stepped_down": p.stepped_down,
        "remaining": p.remaining,
        "planned_end": p.planned_end,
        "held": p.held,
        "extension": p.extension.until if p.extension else None,
        "certified": after(p.certified_on, CERTIFIED_DAYS) if p.certified_on else None,
        "died": p.died,
        "discharge": p.discharge,
        "goals": [a.met for a in p.aims],
        "alarms": sorted((a.kind, a.severity, a.acknowledged, a.escalations, a.due) for a in p.open_alarms()),
        "advice": [advice("down"), advice("up")],
        "last_service": p.last_service,
        "alumnus": p.alumnus,
        "screening": p.screening,
    }


def told(facts: list[Any]) -> list[str]:
    """The events among some facts that the model speaks of."""
    names = []
    for fact in facts:
        name = type(fact).__name__
        if name in MODELLED:
            names.append(f"{name}:{fact.transition}" if name == "EpisodeStateChanged" else name)
        elif name == "ReviewTaskRaised" and fact.about != "ground_gone":
            names.append(f"{name}:{fact.about}")
    return sorted(names)


def why(refused: Refused) -> frozenset[str]:
    """The guards that refused, or the code where there is no list of them."""
    failed = refused.facts.get("failed")
    if failed is None:
        return frozenset({refused.code})
    return frozenset(f["guard"] for f in failed)
