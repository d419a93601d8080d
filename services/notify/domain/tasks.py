"""What staff must do about what they hear: each event with its task, and the words of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.decisions import Moment
from contracts.event import PatientEvent
from contracts.intake import AuthorizationRunningLow
from contracts.progress import (
    CheckInDue,
    CommunityReferralDue,
    ExtensionRequested,
    MeasuresMissed,
    PlanDue,
    PlanReviewDue,
    RecertificationDue,
    ReviewTaskRaised,
    ScreeningDue,
    StepDownRecommended,
    StepUpRecommended,
    SubstanceUseReported,
    TeamAsked,
)
from contracts.scheduling import BoosterProposed, MoveProposed, ScheduleInfeasible, WeekAtRisk
from services.notify.domain.hours import say_day, say_instant, say_week
from services.notify.domain.person import Fact, Person
from services.notify.domain.queueing import tell_staff

Words = Mapping[str, str]
EVERY_DAY_COUNTS = " Any missed day of this calendar breaks the minimum."


@dataclass(frozen=True, slots=True)
class Task:
    """Which sentence an event becomes, what it is known by, and what fills its gaps.

    Where `template` gives none, nobody has anything to do. A task without a key is one for every event.
    """

    template: str | Callable[[Any], str]
    words: Callable[[Any, Person], Words]
    key: Callable[[Any], str] | None = None

    def template_of(self, event: PatientEvent) -> str:
        return self.template if isinstance(self.template, str) else self.template(event)


def raise_task(person: Person, event: PatientEvent, moment: Moment) -> list[Fact]:
    """Somebody on the staff has something to do."""
    task = TASKS[type(event)]
    template_id = task.template_of(event)
    if not template_id:
        return []
    key = task.key(event) if task.key else moment.cause
    return tell_staff(person, moment, template_id, f"{template_id}:{key}", dict(task.words(event, person)))


def _at_risk(event: WeekAtRisk, _person: Person) -> Words:
    coming = event.credited_minutes + event.booked_minutes
    return {
        "date": say_day(event.week_start),
        "coming": str(event.reachable_minutes if event.lost else coming),
        "minutes": str(event.level_min_minutes),
        "options": str(len(event.options)),
        "floor": EVERY_DAY_COUNTS if event.slack_minutes == 0 else "",
    }


def _units(event: AuthorizationRunningLow, _person: Person) -> Words:
    return {
        "units": str(event.units_left),
        "kind": event.unit_kind,
        "days": str(event.days_left),
        "date": say_day(event.last_covered_on),
    }


TASKS: Mapping[type[PatientEvent], Task] = {
    AuthorizationRunningLow: Task(
        lambda e: "authorization_ended" if e.ended else "authorization_low",
        _units,
        lambda e: f"{e.authorization_id}:{e.last_covered_on}",
    ),
    ScheduleInfeasible: Task(
        "week_infeasible",
        lambda e, _: {"minutes": str(e.wanted_weekly_minutes), "cause": e.cause.replace("_", " ")},
    ),
    WeekAtRisk: Task(lambda e: "week_lost" if e.lost else "week_at_risk", _at_risk),
    MoveProposed: Task(
        "move_proposed",
        lambda e, p: {"week": say_week(e.to_slots), "until": say_instant(e.expires_at, p.tz)},
        lambda e: e.move_id,
    ),
    BoosterProposed: Task(
        "booster_proposed",
        lambda e, _: {"date": say_day(e.on), "options": str(len(e.options))},
        lambda e: e.risk_date_id,
    ),
    PlanDue: Task(
        lambda e: "plan_overdue" if e.overdue else "plan_due",
        lambda e, _: {"number": str(e.sessions_attended)},
    ),
    PlanReviewDue: Task(
        lambda e: "plan_review_overdue" if e.overdue else "plan_review_due",
        lambda e, _: {"date": say_day(e.due_on)},
    ),
    # An answer that speaks of death has raised an alert, and whoever takes that in hand screens.
    ScreeningDue: Task(lambda e: "screening_due" if e.because == "absence" else "", lambda *_: {}),
    MeasuresMissed: Task("measures_missed", lambda e, _: {"date": say_day(e.due_on)}),
    SubstanceUseReported: Task(
        lambda e: "" if e.confirmed else "use_unconfirmed", lambda *_: {}, lambda e: e.report_id
    ),
    StepDownRecommended: Task(
        "review_step_down",
        lambda e, p: {"until": say_instant(e.expires_at, p.tz)},
        lambda e: e.recommendation_id,
    ),
    StepUpRecommended: Task(
        "review_step_up",
        lambda e, p: {"until": say_instant(e.expires_at, p.tz), "trigger": e.trigger.replace("_", " ")},
        lambda e: e.recommendation_id,
    ),
    TeamAsked: Task("team_asked", lambda *_: {}, lambda e: e.recommendation_id),
    # Whoever comes of age is told of by intake, before the admission as well as after it.
    ReviewTaskRaised: Task(
        lambda e: "" if e.about == "of_age" else "review_task",
        lambda e, _: {"about": e.about.replace("_", " "), "date": say_day(e.due_on)},
        lambda e: e.task_id,
    ),
    ExtensionRequested: Task(
        "review_extension", lambda e, _: {"date": say_day(e.to_planned_end_on)}, lambda e: e.request_id
    ),
    RecertificationDue: Task(
        lambda e: "certification_lapsed" if e.lapsed else "certification_due",
        lambda e, _: {"date": say_day(e.due_on)},
    ),
    CheckInDue: Task(
        "check_in_due",
        lambda e, _: {"number": str(e.check_in), "date": say_day(e.due_on)},
        lambda e: f"{e.check_in}:{e.due_on}",
    ),
    CommunityReferralDue: Task(
        "community_referral_due",
        lambda e, _: {"kind": e.kind.replace("_", " ")},
        lambda e: e.community_referral_id,
    ),
}
