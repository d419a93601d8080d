"""People decide: approving, declining and proposing a step down or up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import LevelOfCareChanged, RecommendationDeclined, StepDownApproved, StepUpApproved
from contracts.vocabulary import Criterion, LevelOfCare
from services.progress.domain.facts import Direction, Kind, Recommendation, Stage
from services.progress.domain.recommend import (
    Rung,
    may_readmit,
    recommend_down,
    recommend_up,
    review_step_down,
    step_down_criteria,
)
from services.progress.domain.state import Episode
from services.progress.domain.telling import (
    Facts,
    about,
    at_stage,
    band_of,
    clinical,
    moved,
    running,
    then,
    withdrawn,
)


@dataclass(frozen=True, slots=True)
class ApproveRecommendation:
    """Say yes to a recommendation as it stands."""

    recommendation_id: str
    effective_on: date
    patient_agreed: bool


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


def approve_recommendation(state: Episode, command: ApproveRecommendation, moment: Moment) -> Facts:
    """Turn an open recommendation into a step, when a clinician approves (T21, T22, T24, T28)."""
    running(state)
    standing = _standing(state, command.recommendation_id)
    down = standing.direction is Direction.DOWN
    today = state.day(moment.at)
    latest = today + timedelta(days=moment.rules.program.max_days)
    guards = [
        clinical(moment),
        Guard("open", standing.closed is None, f"the recommendation is no longer open: {standing.closed}"),
        Guard("not_expired", moment.at < standing.expires_at, "the recommendation has expired"),
        Guard("effective_on", command.effective_on >= today, "a step cannot begin in the past"),
        Guard(
            "effective_on",
            command.effective_on <= latest,
            f"a step cannot begin after {latest}",
            {"latest": str(latest)},
        ),
        *step_guards(state, _rung(standing), standing.direction, moment),
    ]
    if down or standing.kind is Kind.READMIT:
        guards.append(Guard("patient_agreed", command.patient_agreed, "the patient has not agreed"))
    require("step_down_refused" if down else "step_up_refused", "The step cannot be approved", guards)
    other = state.recommendation(Direction.UP if down else Direction.DOWN)
    told = [withdrawn(state, other.id, "superseded")] if other else []
    return then(state, moment, [*told, *_approved(state, standing, command, moment)], review_step_down)


def decline_recommendation(state: Episode, command: DeclineRecommendation, moment: Moment) -> Facts:
    """A clinician says no."""
    running(state)
    standing = _standing(state, command.recommendation_id)
    require(
        "recommendation_not_declined",
        "The recommendation cannot be declined",
        [
            clinical(moment),
            Guard(
                "open", standing.closed is None, f"the recommendation is no longer open: {standing.closed}"
            ),
        ],
    )
    return [
        RecommendationDeclined(
            **about(state, moment.actor), recommendation_id=standing.id, by="clinician", reason=command.reason
        )
    ]


def recommend_step(state: Episode, command: RecommendStep, moment: Moment) -> Facts:
    """A clinician proposes other minutes or another level than the machine did."""
    running(state)
    rung = Rung(command.kind, command.to_level or state.level, command.to_weekly_minutes)
    require(
        "recommendation_refused",
        "This step cannot be recommended",
        [clinical(moment), *step_guards(state, rung, command.direction, moment)],
    )
    standing = state.recommendation(command.direction)
    told = [withdrawn(state, standing.id, "superseded")] if standing else []
    if command.direction is Direction.DOWN:
        criteria = step_down_criteria(state, moment)
        return [*told, *recommend_down(state, rung, criteria, "clinician", moment)]
    judged = Criterion(id="clinical_judgement", value=1, threshold=1, met=True)
    return [*told, *recommend_up(state, rung, "clinician", (judged,), "clinician", moment)]


def step_guards(state: Episode, rung: Rung, direction: Direction, moment: Moment) -> Sequence[Guard]:
    """What a step may be: inside its level's minutes, the right way, and of the kind it says."""
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
    attending = at_stage(state, Stage.ATTENDING)
    match direction, rung.kind:
        case Direction.DOWN, Kind.INTENSITY_REDUCTION:
            shape = Guard(
                "fewer_minutes", same_level and fewer, "fewer minutes at the same level were meant", facts
            )
        case Direction.DOWN, Kind.LEVEL_CHANGE:
            lower = _height(rung.level) < _height(state.level)
            shape = Guard("lower_level", lower and fewer, "a lower level with fewer minutes was meant", facts)
        case Direction.UP, Kind.INTENSITY_INCREASE:
            shape = Guard(
                "more_minutes", same_level and more, "more minutes at the same level were meant", facts
            )
        case Direction.UP, Kind.LEVEL_CHANGE:
            back = _height(state.level) < _height(rung.level) <= _height(state.home_level)
            shape = Guard("level_back_up", back, "a level above this one, up to the first, was meant", facts)
        case Direction.UP, Kind.TRANSFER:
            above = _height(rung.level) > _height(state.home_level)
            shape = Guard("higher_level", above, "a level that this program does not have was meant", facts)
        case Direction.UP, Kind.READMIT:
            # The day of the report counts, so what was recommended in time may be approved later (GB22).
            told = state.recommendation(Direction.UP)
            waiting = state.stage is Stage.AFTERCARE and told is not None and told.kind is Kind.READMIT
            in_time = waiting or may_readmit(state, moment)
            return (Guard("readmit_days", in_time, "only soon after aftercare began; refer anew"), band_guard)
        case _:
            shape = Guard("kind", False, f"a {direction} cannot be of kind {rung.kind}", facts)
    return (attending, shape, band_guard)


def _approved(
    state: Episode, standing: Recommendation, command: ApproveRecommendation, moment: Moment
) -> Facts:
    down = standing.direction is Direction.DOWN
    readmits = standing.kind is Kind.READMIT
    what: dict[str, Any] = {
        **about(state, moment.actor),
        "recommendation_id": standing.id,
        "kind": standing.kind,
        "to_level": standing.to_level,
        "to_weekly_minutes": standing.to_minutes,
        "effective_on": command.effective_on,
        "approver_id": moment.actor.id,
        "patient_agreed": command.patient_agreed,
    }
    end = _new_end(state, command.effective_on, moment) if readmits else None
    told: Facts = [StepDownApproved(**what) if down else StepUpApproved(**what, planned_end_on=end)]
    if standing.kind is not Kind.TRANSFER and standing.to_level != state.level:
        told.append(
            LevelOfCareChanged(
                **about(state, moment.actor),
                loc_segment_id=moment.new_id("loc_segment"),
                from_level=state.level,
                to_level=standing.to_level,
                effective_on=command.effective_on,
                authorization_required=_asks_first(state, command.effective_on),
            )
        )
    if readmits:
        told.append(moved(state, moment, Stage.ATTENDING, "T28"))
    return told


def _asks_first(state: Episode, day: date) -> bool:
    payer = state.payer_on(day)
    return payer is not None and payer.auth_required


def _new_end(state: Episode, effective_on: date, moment: Moment) -> date:
    """The planned end of somebody who is readmitted; never past the program's longest stay."""
    program = moment.rules.program
    longest = state.admitted_on + timedelta(days=program.max_days)
    return max(min(effective_on + timedelta(days=program.default_days), longest), state.planned_end_on)


def _standing(state: Episode, recommendation_id: str) -> Recommendation:
    for known in state.recommendations:
        if known.id == recommendation_id:
            return known
    raise Refused("recommendation_unknown", "This episode has no such recommendation.", status=404)


def _rung(standing: Recommendation) -> Rung:
    return Rung(standing.kind, standing.to_level, standing.to_minutes)


def _height(level: LevelOfCare) -> tuple[int, ...]:
    return tuple(int(part) for part in level.code.split("."))
