"""Thinking a recommendation over: who takes it in hand, what the team and the patient think of it."""

from dataclasses import dataclass

from contracts.decisions import Guard, Moment, Refused, require
from contracts.progress import (
    PatientAgreementRecorded,
    RecommendationReviewOpened,
    TeamAnswered,
    TeamAsked,
)
from services.progress.domain.facts import Direction, Kind, Recommendation, Stage
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, at_stage, clinical, moved, running

OPINIONS = ("for", "against", "unsure")


@dataclass(frozen=True, slots=True)
class OpenReview:
    """Take a step up in hand."""

    recommendation_id: str


@dataclass(frozen=True, slots=True)
class AskTeam:
    """Ask some of the team what they think."""

    recommendation_id: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GiveOpinion:
    """Say what one thinks of a recommendation."""

    recommendation_id: str
    opinion: str


@dataclass(frozen=True, slots=True)
class RecordAgreement:
    """Say what the patient thinks of a recommendation."""

    recommendation_id: str
    agreed: bool


def open_review(state: Episode, command: OpenReview, moment: Moment) -> Facts:
    """A clinician takes a step up in hand: until the answer nothing leads to less treatment (T23)."""
    running(state)
    known = standing(state, command.recommendation_id)
    up = known.direction is Direction.UP and known.kind is not Kind.READMIT
    require(
        "review_not_opened",
        "The review cannot begin",
        [
            clinical(moment),
            at_stage(state, Stage.ATTENDING),
            not_resting(state, moment),
            *still_open(known, moment),
            Guard("step_up", up, "only a step up during treatment is taken in hand"),
        ],
    )
    opened = RecommendationReviewOpened(
        **about(state, moment.actor), recommendation_id=known.id, reviewer_id=moment.actor.id
    )
    return [opened, moved(state, moment, Stage.STEP_UP_PENDING, "T23")]


def ask_team(state: Episode, command: AskTeam, moment: Moment) -> Facts:
    """Ask for opinions; they are shown beside the recommendation and decide nothing."""
    running(state)
    known = standing(state, command.recommendation_id)
    roles = tuple(dict.fromkeys(command.roles))
    require(
        "team_not_asked",
        "The team cannot be asked",
        [
            clinical(moment),
            *still_open(known, moment),
            Guard("roles", bool(roles), "nobody is named to be asked"),
        ],
    )
    if set(roles) <= set(known.asked):
        return []
    asked = tuple(dict.fromkeys((*known.asked, *roles)))
    return [TeamAsked(**about(state, moment.actor), recommendation_id=known.id, roles=asked)]


def give_opinion(state: Episode, command: GiveOpinion, moment: Moment) -> Facts:
    """One of those who were asked answers; a later answer takes the place of an earlier one."""
    running(state)
    known = standing(state, command.recommendation_id)
    if command.opinion not in OPINIONS:
        raise Refused("opinion_unknown", f"An opinion is one of {', '.join(OPINIONS)}.", status=422)
    asked = moment.actor.role in known.asked
    facts = {"role": moment.actor.role, "asked": list(known.asked)}
    require(
        "opinion_not_taken",
        "The opinion cannot be taken",
        [*still_open(known, moment), Guard("asked", asked, "nobody has asked for it", facts)],
    )
    answer = TeamAnswered(**about(state, moment.actor), recommendation_id=known.id, opinion=command.opinion)
    return [answer]


def record_agreement(state: Episode, command: RecordAgreement, moment: Moment) -> Facts:
    """What the patient says may be recorded before the approval."""
    running(state)
    known = standing(state, command.recommendation_id)
    require(
        "agreement_not_recorded",
        "The patient's answer cannot be recorded",
        [clinical(moment), *still_open(known, moment)],
    )
    if known.agreed is command.agreed:
        return []
    return [
        PatientAgreementRecorded(
            **about(state, moment.actor), recommendation_id=known.id, agreed=command.agreed
        )
    ]


def standing(state: Episode, recommendation_id: str) -> Recommendation:
    """A recommendation of this episode, open or not."""
    for known in state.recommendations:
        if known.id == recommendation_id:
            return known
    raise Refused("recommendation_unknown", "This episode has no such recommendation.", status=404)


def still_open(known: Recommendation, moment: Moment) -> list[Guard]:
    """It is on the table and its time is not over."""
    return [
        Guard("open", known.closed is None, f"the recommendation is no longer open: {known.closed}"),
        Guard(
            "not_expired",
            moment.at < known.expires_at,
            "the recommendation has expired",
            {"expires_at": known.expires_at.isoformat()},
        ),
    ]


def not_held(state: Episode) -> Guard:
    """Nobody decides on less treatment once a hold is agreed, be it for later."""
    return _rests(state, holds=not state.held)


def not_resting(state: Episode, moment: Moment) -> Guard:
    """Nobody decides on more treatment while it rests; until a hold begins it goes on."""
    return _rests(state, holds=not state.rests_on(state.day(moment.at)))


def _rests(state: Episode, *, holds: bool) -> Guard:
    agreed = state.hold
    known = {"held_from": str(agreed.since), "expected_return_on": str(agreed.until)} if agreed else {}
    return Guard("not_held", holds, "treatment rests; it has to be resumed first", known)
