"""People decide: approving, declining and proposing a step down or up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, require
from contracts.progress import LevelOfCareChanged, RecommendationDeclined, StepDownApproved, StepUpApproved
from contracts.vocabulary import Criterion, LevelOfCare
from services.progress.domain.facts import Direction, Kind, Recommendation, Stage
from services.progress.domain.payers import authorized, covering
from services.progress.domain.readmission import readmission_guards
from services.progress.domain.recommend import (
    Rung,
    height,
    may_readmit,
    recommend_down,
    recommend_up,
    step_down_criteria,
)
from services.progress.domain.recommend.table import ROUTINE
from services.progress.domain.review import not_held, not_resting, standing, still_open
from services.progress.domain.state import TAPER_OVER, Episode
from services.progress.domain.taper import last_day, taper_guards
from services.progress.domain.tasks import settle_tasks
from services.progress.domain.telling import (
    Facts,
    about,
    at_stage,
    band_of,
    clinical,
    moved,
    running,
    withdrawn,
)


@dataclass(frozen=True, slots=True)
class ApproveRecommendation:
    """Say yes to a recommendation as it stands."""

    recommendation_id: str
    effective_on: date
    patient_agreed: bool | None = None
    """As it was recorded before, unless it is said now."""
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class DeclineRecommendation:
    """Say no to a recommendation."""

    recommendation_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecommendStep:
    """A clinician's own recommendation; it supersedes the open one of its direction (K11)."""

    direction: Direction
    kind: Kind
    to_weekly_minutes: int
    to_level: LevelOfCare | None = None
    until_on: date | None = None
    """Last day of a transition taper; without one it takes all the days it may."""


def approve_recommendation(state: Episode, command: ApproveRecommendation, moment: Moment) -> Facts:
    """Turn an open recommendation into a step, when a clinician approves (T21, T22, T24, T28)."""
    running(state)
    known = standing(state, command.recommendation_id)
    down = known.direction is Direction.DOWN
    today = state.day(moment.at)
    latest = today + timedelta(days=moment.rules.program.max_days)
    rung = Rung(known.kind, known.to_level, known.to_minutes, known.until_on)
    guards = [
        clinical(moment),
        *still_open(known, moment),
        Guard("effective_on", command.effective_on >= today, "a step cannot begin in the past"),
        Guard(
            "effective_on",
            command.effective_on <= latest,
            f"a step cannot begin after {latest}",
            {"latest": str(latest)},
        ),
        *step_guards(state, rung, known.direction, moment, min(command.effective_on, latest)),
        *([] if down else [relapse_answered(state)]),
    ]
    agreed = known.agreed if command.patient_agreed is None else command.patient_agreed
    if down or known.kind is Kind.READMIT:
        guards.append(Guard("patient_agreed", bool(agreed), "the patient has not agreed"))
    if known.kind is Kind.LEVEL_CHANGE:
        guards.append(authorized(state, known.to_level, command.effective_on))
    if known.kind is Kind.READMIT:
        guards += readmission_guards(state, known.to_level, command.effective_on, moment)
    require("step_down_refused" if down else "step_up_refused", "The step cannot be approved", guards)
    other = state.recommendation(Direction.UP if down else Direction.DOWN)
    told = [withdrawn(state, other.id, "superseded")] if other else []
    return [*told, *_approved(state, known, command, bool(agreed), moment)]


def decline_recommendation(state: Episode, command: DeclineRecommendation, moment: Moment) -> Facts:
    """A clinician says no; for a step up that was taken in hand it is the answer (T24)."""
    running(state)
    known = standing(state, command.recommendation_id)
    down = known.direction is Direction.DOWN
    require(
        "recommendation_not_declined",
        "The recommendation cannot be declined",
        [
            clinical(moment),
            Guard("open", known.closed is None, f"the recommendation is no longer open: {known.closed}"),
            *([] if down else [relapse_answered(state)]),
        ],
    )
    declined = RecommendationDeclined(
        **about(state, moment.actor),
        recommendation_id=known.id,
        by="clinician",
        reason=command.reason,
        declined_on=state.day(moment.at),
    )
    return [declined, *([] if down else _back(state, moment))]


def recommend_step(state: Episode, command: RecommendStep, moment: Moment) -> Facts:
    """A clinician proposes other minutes or another level than the machine did."""
    running(state)
    rung = Rung(command.kind, command.to_level or state.level, command.to_weekly_minutes, _until(command))
    require(
        "recommendation_refused",
        "This step cannot be recommended",
        [clinical(moment), *step_guards(state, rung, command.direction, moment)],
    )
    before = state.recommendation(command.direction)
    told = [withdrawn(state, before.id, "superseded")] if before else []
    if command.direction is Direction.DOWN:
        criteria = step_down_criteria(state, moment)
        return [*told, *recommend_down(state, rung, criteria, "clinician", moment)]
    judged = Criterion(id="clinical_judgement", value=1, threshold=1, met=True)
    # What was urgent stays urgent when somebody proposes another answer to it.
    urgency = before.urgency if before and before.urgency else ROUTINE
    return [*told, *recommend_up(state, rung, "clinician", (judged,), "clinician", moment, urgency)]


def _until(command: RecommendStep) -> date | None:
    return command.until_on if command.kind is Kind.TRANSITION_TAPER else None


def relapse_answered(state: Episode) -> Guard:
    """A review that a relapse led to ends only when somebody has said what is done about it (GB7)."""
    standing = state.recommendation(Direction.UP)
    triggers = (state.review_trigger, standing.trigger if standing else None)
    asked = state.stage is Stage.STEP_UP_PENDING and "relapse" in triggers
    relapse = state.unanswered_relapse if asked else None
    return Guard(
        "relapse_responded",
        relapse is None,
        "nobody has said what is done about the relapse",
        {"report_id": relapse.id if relapse else None},
    )


def step_guards(
    state: Episode, rung: Rung, direction: Direction, moment: Moment, begins: date | None = None
) -> Sequence[Guard]:
    """What a step may be: inside its level's minutes, the right way, and of the kind it says.

    Nothing leads to less while a step up is under review (GB4) or a safety alert is open.
    """
    band = band_of(state, moment.rules, rung.level)
    inside = band is not None and band.holds(rung.minutes)
    facts = {
        "from_minutes": state.weekly_minutes,
        "to_minutes": rung.minutes,
        "level": rung.level.code,
        "min_minutes": band.min_minutes if band else None,
        "max_minutes": band.max_minutes if band else None,
    }
    same_level = rung.level == state.level
    fewer, more = rung.minutes < state.weekly_minutes, rung.minutes > state.weekly_minutes
    band_guard = Guard(
        "band", inside, "the minutes are outside the level's band; that is a level change", facts
    )
    treated = (
        (at_stage(state, Stage.ATTENDING), not_held(state), _no_open_alert(state))
        if direction is Direction.DOWN
        else (at_stage(state, Stage.ATTENDING, Stage.STEP_UP_PENDING), not_resting(state, moment))
    )
    match direction, rung.kind:
        case Direction.DOWN, Kind.INTENSITY_REDUCTION:
            shape = Guard(
                "fewer_minutes", same_level and fewer, "fewer minutes at the same level were meant", facts
            )
        case Direction.DOWN, Kind.LEVEL_CHANGE:
            lower = height(rung.level) < height(state.level)
            shape = Guard(
                "lower_level", lower and not more, "a lower level with fewer minutes was meant", facts
            )
        case Direction.DOWN, Kind.TRANSITION_TAPER:
            return (*treated, *taper_guards(state, rung, begins, moment))
        case Direction.UP, Kind.INTENSITY_INCREASE:
            shape = Guard(
                "more_minutes", same_level and more, "more minutes at the same level were meant", facts
            )
        case Direction.UP, Kind.LEVEL_CHANGE:
            back = height(state.level) < height(rung.level) <= height(state.home_level)
            shape = Guard("level_back_up", back, "a level above this one, up to the first, was meant", facts)
        case Direction.UP, Kind.TRANSFER:
            above = height(rung.level) > height(state.home_level)
            shape = Guard("higher_level", above, "a level that this program does not have was meant", facts)
        case Direction.UP, Kind.READMIT:
            # The day of the report counts, so what was recommended in time may be approved later (GB22).
            told = state.recommendation(Direction.UP)
            after = state.stage in (Stage.AFTERCARE, Stage.ALUMNI)
            waiting = after and told is not None and told.kind is Kind.READMIT and moment.at < told.expires_at
            in_time = waiting or may_readmit(state, moment)
            began = str(state.aftercare.started_on) if state.aftercare else None
            known = {"started_on": began, "readmit_days": moment.rules.progress.readmit_days}
            return (
                Guard("readmit_days", in_time, "only soon after aftercare began; refer anew", known),
                band_guard,
            )
        case _:
            shape = Guard("kind", False, f"a {direction} cannot be of kind {rung.kind}", facts)
    return (*treated, shape, band_guard)


def _no_open_alert(state: Episode) -> Guard:
    alerts = [a.id for a in state.alerts]
    return Guard(
        "no_open_alert", not alerts, "a safety alert is open; it is closed first", {"alert_ids": alerts}
    )


def _approved(
    state: Episode, known: Recommendation, command: ApproveRecommendation, agreed: bool, moment: Moment
) -> Facts:
    first, down = command.effective_on, known.direction is Direction.DOWN
    readmits = known.kind is Kind.READMIT
    covered = covering(state, known.to_level, first)
    what: dict[str, Any] = {
        **about(state, moment.actor),
        "recommendation_id": known.id,
        "kind": known.kind,
        "to_level": known.to_level,
        "to_weekly_minutes": known.to_minutes,
        "effective_on": first,
        "approver_id": moment.actor.id,
        "patient_agreed": agreed,
        "approver_credential": command.credential,
        "authorization_id": covered.id if covered else None,
    }
    told: Facts = []
    if known.kind is Kind.TRANSITION_TAPER:
        until_on = known.until_on or last_day(first, moment.rules.taper.max_days)
        told.append(StepDownApproved(**what, until_on=until_on, payer_review=True))
    elif down:
        told.append(StepDownApproved(**what))
    else:
        end = _new_end(first, moment) if readmits else None
        told.append(StepUpApproved(**what, planned_end_on=end))
    if known.kind is not Kind.TRANSFER:
        told += settle_tasks(state, known.kind, TAPER_OVER)
    if known.kind is not Kind.TRANSFER and known.to_level != state.level:
        told.append(
            LevelOfCareChanged(
                **about(state, moment.actor),
                loc_segment_id=moment.new_id("loc_segment"),
                from_level=state.level,
                to_level=known.to_level,
                effective_on=first,
                authorization_required=_asks_first(state, first),
            )
        )
    if readmits:
        told.append(moved(state, moment, Stage.ATTENDING, "T28"))
    # Who is to be transferred waits for the place that takes them: the discharge ends the review (T25).
    return told if down or known.kind is Kind.TRANSFER else [*told, *_back(state, moment)]


def _back(state: Episode, moment: Moment) -> Facts:
    pending = state.stage is Stage.STEP_UP_PENDING
    return [moved(state, moment, Stage.ATTENDING, "T24")] if pending else []


def _asks_first(state: Episode, day: date) -> bool:
    payer = state.payer_on(day)
    return payer is not None and payer.auth_required


def _new_end(effective_on: date, moment: Moment) -> date:
    """The planned end of somebody who is readmitted: the program begins anew."""
    program = moment.rules.program
    return effective_on + timedelta(days=min(program.default_days, program.max_days))
