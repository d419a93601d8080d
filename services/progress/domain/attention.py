"""What somebody must decide or do for a person today."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

from contracts.rulebook import Rulebook
from contracts.vocabulary import Risk
from services.progress.domain.certification import LAPSED, due_on
from services.progress.domain.facts import Direction, Stage
from services.progress.domain.folds.plans import LATE
from services.progress.domain.state import Episode
from services.progress.domain.tasks import OF_AGE
from services.progress.domain.telling import midnight


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to decide or to do, and by when or since when."""

    kind: str
    why: str
    due_at: datetime | None = None
    since: datetime | None = None
    about: str | None = None
    """Id of what it is about, where that is something beside the episode."""

    @property
    def at(self) -> datetime | None:
        return self.due_at or self.since


Needs: TypeAlias = Iterator[Need]


def needs(state: Episode, now: datetime, rules: Rulebook) -> tuple[Need, ...]:
    """Everything that needs a decision or an action, the most urgent first."""
    rules = rules if state.over else state.rules_on(state.day(now), rules)
    found = [need for look in _LOOKS for need in look(state, now, rules)]
    return tuple(sorted(found, key=urgency))


def urgency(need: Need) -> tuple[int, float]:
    """What comes first: by kind, then by time; what names no time comes after what does."""
    return URGENCY.index(need.kind), need.at.timestamp() if need.at else float(2**40)


def _alerts(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    for alert in state.alerts:
        high = alert.severity is Risk.HIGH
        if alert.acknowledged:
            yield Need("alert_open", "A safety alert is in hand and not closed.", about=alert.id)
        else:
            kind = "alert_high" if high else "alert"
            yield Need(kind, "Nobody has taken a safety alert in hand.", alert.due_ack_at, about=alert.id)


def _screening(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    if state.screening is not None and not state.over:
        why = _SCREEN.get(state.screening.because, "A suicide risk screen is due.")
        yield Need("screening", why, since=_day(state, state.screening.due_on))


_SCREEN = {
    "item_9": "An answer speaks of death: ask about suicide.",
    "absence": "The person is back after days away: ask about suicide.",
}


def _recommendations(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    for way, why in _WAYS.items():
        if (standing := state.recommendation(way)) is not None:
            yield Need(way.value, why, standing.expires_at, about=standing.id)


_WAYS = {
    Direction.UP: "More treatment is recommended: approve it or decline it.",
    Direction.DOWN: "Less treatment is recommended: approve it or decline it.",
}


def _use(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    relapse = state.unanswered_relapse
    if state.over:
        return
    if relapse is not None:
        yield Need("relapse", "Nobody has said what is done about a relapse.", since=_day(state, relapse.on))
    for report in state.use_reports:
        if not report.confirmed and report.stands:
            why = "An instrument speaks of use: ask the person, and say what it was, or that it was none."
            yield Need("use_unconfirmed", why, since=_day(state, report.on), about=report.id)


def _tasks(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    resting = state.hold.id if state.hold else None
    for task in state.tasks:
        # A hold whose day has passed is a need of its own.
        if task.outcome is None and not state.over and task.subject_id != resting:
            again = f"Something decided must be looked at again: {task.about.replace('_', ' ')}."
            why = _OF_AGE if task.about == OF_AGE else again
            yield Need("review_task", why, _day(state, task.due_on), about=task.id)


_OF_AGE = "The person is of age: ask for their own consent to what a guardian signed."


def _stuck(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    if state.schedule_stuck is not None and state.schedule_pending and not state.over:
        since = _day(state, state.stepped_on)
        yield Need("schedule_stuck", "No legal week was found for the approved step.", since=since)


def _outreach(state: Episode, now: datetime, rules: Rulebook) -> Needs:
    missed, limit = state.consecutive_missed, rules.attendance.outreach_after_missed
    tried_today = any(c.on == state.day(now) for c in state.contacts)
    if state.treated and not state.held_on(state.day(now)) and missed >= limit and not tried_today:
        last = state.last_attended_on or state.admitted_on
        yield Need("outreach", f"{missed} sessions in a row were missed.", since=_day(state, last))


def _extension(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    if state.extension is not None:
        due_at = _day(state, state.planned_end_on)
        yield Need(
            "extension", "More days are asked for: grant or deny them.", due_at, about=state.extension.id
        )


def _plan(state: Episode, now: datetime, _rules: Rulebook) -> Needs:
    if not state.treated:
        return
    if not state.plan_version and state.plan_asked:
        why = "The plan is late: sign it." if state.plan_asked == LATE else "The plan is due: sign it."
        yield Need("plan", why, since=state.attended_from)
    if state.draft is not None:
        why = "A drafted plan waits for signatures."
        yield Need("plan_draft", why, since=_day(state, state.draft.drafted_on), about=state.draft.plan_id)
    review_on, today = state.next_review_due_on, state.day(now)
    if review_on is not None and review_on <= today and not state.held_on(today):
        yield Need("plan_review", "The plan must be reviewed.", _day(state, review_on), about=state.plan_id)


def _measures(state: Episode, now: datetime, _rules: Rulebook) -> Needs:
    asked = state.request
    if state.attending and asked is not None and asked.due_on < state.day(now):
        why = f"Not filled in yet: {', '.join(asked.instruments)}."
        yield Need("measures", why, _day(state, asked.expires_on))


def _hold(state: Episode, now: datetime, _rules: Rulebook) -> Needs:
    if state.hold is not None and state.hold.until < state.day(now):
        why = "The day of the expected return has passed: resume treatment, or say what is instead."
        yield Need("hold_over", why, since=_day(state, state.hold.until), about=state.hold.id)


def _certification(state: Episode, _now: datetime, rules: Rulebook) -> Needs:
    due, told = due_on(state, rules) if state.treated else None, state.certification_told
    if due is not None and told is not None and told[0] == due:
        late = told[1] == LAPSED
        why = "The certification has lapsed." if late else "A physician must certify treatment again."
        yield Need("certification", why, _day(state, due))


def _outward(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    for made in state.outward:
        if made.asked and made.outcome is None and not state.over:
            why = f"Nobody has said what became of a referral: {made.kind.replace('_', ' ')}."
            yield Need("community_referral", why, _day(state, made.follow_up_on), about=made.id)


def _check_in(state: Episode, _now: datetime, _rules: Rulebook) -> Needs:
    if state.stage is Stage.AFTERCARE and state.aftercare is not None and state.aftercare.due_on is not None:
        yield Need("check_in", "A check-in call is due.", _day(state, state.aftercare.due_on))


def _day(state: Episode, day: date) -> datetime:
    return midnight(day, state.tz)


URGENCY = (
    "alert_high",
    "alert",
    "alert_open",
    "step_up",
    "relapse",
    "screening",
    "schedule_stuck",
    "outreach",
    "hold_over",
    "extension",
    "certification",
    "check_in",
    "use_unconfirmed",
    "review_task",
    "step_down",
    "plan",
    "plan_review",
    "plan_draft",
    "measures",
    "community_referral",
)
"""Every kind of need, the most urgent first."""

_LOOKS: tuple[Callable[[Episode, datetime, Rulebook], Needs], ...] = (
    _alerts,
    _screening,
    _recommendations,
    _use,
    _tasks,
    _stuck,
    _outreach,
    _hold,
    _extension,
    _certification,
    _check_in,
    _plan,
    _measures,
    _outward,
)
