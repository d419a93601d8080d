"""More treatment, recommended by the machine where one of its triggers is found.

What was recommended stays until somebody decides or its time is over; only something graver takes its place,
so that it does not matter what was heard of first. Nothing that a person has decided on speaks a second time.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from contracts.decisions import Moment
from contracts.progress import MeasureRecorded
from contracts.vocabulary import Criterion, Risk
from services.progress.domain.facts import Direction, Stage, Week
from services.progress.domain.recommend.ladder import Rung, rung_up
from services.progress.domain.recommend.table import ROUTINE, URGENT, recommend_up
from services.progress.domain.scales import scale_of
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, days_between, then, withdrawn

DETOX_GATE = "detox_gate"
"""The flag of an instrument whose total asks for withdrawal management first."""
SUICIDE_RISK = "suicide_risk"
GRAVITY = {
    "attendance": 0,
    "deterioration": 1,
    "at_risk": 1,
    "clinician": 2,
    "relapse": 2,
    "withdrawal": 3,
    "safety": 4,
}
URGENT_TRIGGERS = ("safety", "withdrawal")
RESTING_TRIGGERS = ("deterioration", "attendance")
"""What a clinician's no silences for some days; a relapse or a danger is news each time."""


def step_up_for(state: Episode, trigger: str, criteria: Sequence[Criterion], moment: Moment) -> Facts:
    """Recommend more treatment; what is on the table stays, unless this is more urgent (K9)."""
    if state.rests_on(state.day(moment.at)) or not (state.attending or may_readmit(state, moment)):
        return []
    urgency = URGENT if trigger in URGENT_TRIGGERS else ROUTINE
    standing, rung = state.recommendation(Direction.UP), rung_up(state, moment.rules)
    outdone = standing is not None and GRAVITY[standing.trigger] < GRAVITY[trigger]
    if rung is None or (standing is not None and not outdone):
        return []
    if _decided(state, trigger, criteria) or _resting(state, trigger, moment):
        return []
    told: Facts = [withdrawn(state, standing.id, "superseded")] if standing else []
    return [*told, *recommend_up(state, rung, trigger, criteria, "rule", moment, urgency)]


def review_step_up(state: Episode, moment: Moment) -> Facts:
    """What the machine proposes is a step from where the person is now: it changes with that."""
    standing, rung = state.recommendation(Direction.UP), rung_up(state, moment.rules)
    if standing is None or standing.generated_by != "rule" or rung is None:
        return []
    proposed = Rung(standing.kind, standing.to_level, standing.to_minutes)
    if (proposed, standing.from_minutes) == (rung, state.weekly_minutes):
        return []
    again = recommend_up(
        state, rung, standing.trigger, standing.criteria, "rule", moment, standing.urgency or ROUTINE
    )
    return [withdrawn(state, standing.id, "superseded"), *again]


def _decided(state: Episode, trigger: str, criteria: Sequence[Criterion]) -> bool:
    """Whether a person has decided on the very same facts."""
    found = frozenset(id for c in criteria for id in c.evidence)
    return bool(found) and any(
        r.decided and (r.direction, r.trigger, r.evidence) == (Direction.UP, trigger, found)
        for r in state.recommendations
    )


def _resting(state: Episode, trigger: str, moment: Moment) -> bool:
    no = state.declined.get(Direction.UP)
    if no is None or trigger not in RESTING_TRIGGERS:
        return False
    return days_between(no.on, state.day(moment.at)) < moment.rules.progress.decline_rest_days


def may_readmit(state: Episode, moment: Moment) -> bool:
    """A relapse this soon after treatment leads back into the same episode (T28)."""
    if state.stage not in (Stage.AFTERCARE, Stage.ALUMNI) or state.aftercare is None:
        return False
    return (
        days_between(state.aftercare.started_on, state.day(moment.at)) <= moment.rules.progress.readmit_days
    )


def review_relapse(state: Episode, moment: Moment) -> Facts:
    """A relapse speaks for more treatment."""
    relapse = state.unanswered_relapse
    evidence = (relapse.id,) if relapse else ()
    reported = Criterion(id="relapse_reported", value=1, threshold=1, met=True, evidence=evidence)
    return step_up_for(state, "relapse", (reported,), moment)


def review_what_came_up(state: Episode, moment: Moment) -> Facts:
    """When treatment goes on, what nobody answered while it rested speaks for more."""
    unanswered = [review_relapse] if state.unanswered_relapse else []
    return then(state, moment, [], review_safety, *unanswered)


def review_safety(state: Episode, moment: Moment) -> Facts:
    """A high risk of suicide speaks for more treatment at once."""
    high = tuple(a.id for a in state.alerts if a.kind == SUICIDE_RISK and a.severity is Risk.HIGH)
    if not high or not state.attending:
        return []
    found = Criterion(id="high_suicide_risk", value=len(high), threshold=1, met=True, evidence=high)
    return step_up_for(state, "safety", (found,), moment)


def review_withdrawal(result: MeasureRecorded) -> Step:
    """A withdrawal score at the gate speaks for more treatment at once."""

    def review(state: Episode, moment: Moment) -> Facts:
        scale = scale_of(result.instrument, moment.rules)
        if DETOX_GATE not in result.flags or scale is None or not state.attending:
            return []
        gate = next((t.at_least for t in scale.triggers if t.flag == DETOX_GATE), None)
        found = Criterion(
            id=f"{result.instrument}_total",
            value=result.total,
            threshold=result.total if gate is None else gate,
            met=True,
            evidence=(result.measure_id,) if result.measure_id else (),
        )
        return step_up_for(state, "withdrawal", (found,), moment)

    return review


def review_deterioration(result: MeasureRecorded) -> Step:
    """The two newest results of one instrument, both reliably worse than the start (K8)."""
    instrument = result.instrument

    def review(state: Episode, moment: Moment) -> Facts:
        scores = state.scores(instrument)[-2:]
        if not state.attending or len(scores) < 2 or not all(r.deteriorated for r in scores):
            return []
        # What was entered late and is neither of the two says nothing new.
        if all(r.measure_id != (result.measure_id or "") for r in scores):
            return []
        scale = scale_of(instrument, moment.rules)
        if scale is None or scale.change.reliable is None:
            return []
        threshold = scale.change.reliable
        criteria = [
            Criterion(
                id=f"{instrument}_change_{number}",
                value=r.change or 0,
                threshold=threshold,
                met=True,
                evidence=(r.measure_id,) if r.measure_id else (),
            )
            for number, r in enumerate(reversed(scores), start=1)
        ]
        return step_up_for(state, "deterioration", criteria, moment)

    return review


def review_attendance(state: Episode, moment: Moment) -> Facts:
    """Two full weeks in a row below the level's minimum speak for more, once the person was reached.

    Weeks and contacts may be heard of in any order: somebody was reached after the first of the weeks began
    and before the week after the second was over.
    """
    if not state.attending:
        return []
    full = [w for w in state.weeks_of_stay if not w.short and not _tapered(state, w)][-3:]
    for first, second in pairwise(full):
        known = state.answered_week is not None and second.week_start <= state.answered_week
        if not known and first.below and second.below and _reached(state, first, second):
            criteria = (_below(1, second), _below(2, first), _REACHED)
            return step_up_for(state, "attendance", criteria, moment)
    return []


_REACHED = Criterion(id="outreach_reached", value=1, threshold=1, met=True)


def _below(number: int, week: Week) -> Criterion:
    return Criterion(
        id=f"minutes_week_{number}",
        value=week.creditable_minutes,
        threshold=week.minimum,
        met=True,
        evidence=(week.event_id,) if week.event_id else (),
    )


def _tapered(state: Episode, week: Week) -> bool:
    """A week below the minimum that was agreed on says nothing."""
    return state.taper is not None and week.overlaps(state.taper.since, state.taper.until_on)


def _reached(state: Episode, first: Week, second: Week) -> bool:
    too_late = second.week_start + timedelta(days=14)
    return any(c.reached and first.week_start <= c.on < too_late for c in state.contacts)
