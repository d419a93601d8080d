"""How recommendations and what became of them change an episode."""

from dataclasses import replace
from typing import Any

from contracts import progress as said
from services.progress.domain.facts import (
    Declined,
    Direction,
    Kind,
    Opinion,
    Recommendation,
    Taper,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_RECOMMENDATIONS = 12
KEPT_OPINIONS = 20


def _open(state: Episode, fact: said.StepDownRecommended | said.StepUpRecommended, way: Direction) -> Episode:
    made = Recommendation(
        id=fact.recommendation_id,
        direction=way,
        kind=Kind(fact.kind),
        trigger=fact.trigger if isinstance(fact, said.StepUpRecommended) else fact.generated_by,
        from_level=fact.from_level,
        to_level=fact.to_level,
        from_minutes=fact.from_weekly_minutes,
        to_minutes=fact.to_weekly_minutes,
        criteria=fact.criteria,
        generated_by=fact.generated_by,
        expires_at=fact.expires_at,
        urgency=fact.urgency or "" if isinstance(fact, said.StepUpRecommended) else "",
        until_on=fact.until_on,
        payer_review=fact.payer_review,
    )
    still = tuple(r for r in state.recommendations if not r.closed)
    closed = tuple(r for r in state.recommendations if r.closed)[-KEPT_RECOMMENDATIONS:]
    return replace(state, recommendations=(*closed, *still, made))


@on(said.StepDownRecommended)
def _down_recommended(state: Episode, fact: said.StepDownRecommended) -> Episode:
    return replace(_open(state, fact, Direction.DOWN), step_down=fact.recommendation_id)


@on(said.StepUpRecommended)
def _up_recommended(state: Episode, fact: said.StepUpRecommended) -> Episode:
    newest = (
        state.weeks[-1].week_start if fact.trigger == "attendance" and state.weeks else state.answered_week
    )
    return replace(_open(state, fact, Direction.UP), step_up=fact.recommendation_id, answered_week=newest)


def _put(state: Episode, recommendation_id: str, **changes: Any) -> Episode:
    return replace(
        state,
        recommendations=tuple(
            replace(r, **changes) if r.id == recommendation_id else r for r in state.recommendations
        ),
    )


def _close(state: Episode, recommendation_id: str, why: str, *, decided: bool) -> Episode:
    return replace(
        _put(state, recommendation_id, closed=why, decided=decided),
        step_down=None if state.step_down == recommendation_id else state.step_down,
        step_up=None if state.step_up == recommendation_id else state.step_up,
    )


@on(said.RecommendationDeclined)
def _declined(state: Episode, fact: said.RecommendationDeclined) -> Episode:
    closed = _close(state, fact.recommendation_id, fact.reason, decided=fact.by == "clinician")
    known = next((r for r in closed.recommendations if r.id == fact.recommendation_id), None)
    if known is None or fact.declined_on is None:
        return closed
    no = Declined(fact.declined_on, known.kind, known.to_level, known.to_minutes)
    return replace(closed, declined={**closed.declined, known.direction: no})


@on(said.StepDownApproved)
def _down_approved(state: Episode, fact: said.StepDownApproved) -> Episode:
    closed = _close(state, fact.recommendation_id, "approved", decided=True)
    stepped = replace(
        closed,
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_by=fact.recommendation_id,
        stepped_down=True,
        schedule_pending=True,
    )
    if fact.kind != Kind.TRANSITION_TAPER or fact.until_on is None:
        return _ended_taper(stepped)
    return replace(
        stepped, taper=Taper(fact.recommendation_id, fact.effective_on, fact.until_on), tapered=True
    )


@on(said.StepUpApproved)
def _up_approved(state: Episode, fact: said.StepUpApproved) -> Episode:
    closed = _close(state, fact.recommendation_id, "approved", decided=True)
    if fact.kind == Kind.TRANSFER:
        return closed
    if fact.planned_end_on is not None:
        closed = replace(
            closed,
            planned_end_on=fact.planned_end_on,
            aftercare=None,
            alumni_since=None,
            extended=False,
            readmitted_on=fact.effective_on,
            tapered=False,
            request=None,
        )
    return replace(
        _ended_taper(closed),
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_by=fact.recommendation_id,
        stepped_down=False,
        schedule_pending=True,
    )


@on(said.LevelOfCareChanged)
def _relevelled(state: Episode, fact: said.LevelOfCareChanged) -> Episode:
    return replace(
        _ended_taper(state),
        level_before=fact.from_level,
        level=fact.to_level,
        level_since=fact.effective_on,
        stepped_on=fact.effective_on,
        tapered=False,
    )


def _ended_taper(state: Episode) -> Episode:
    return replace(state, taper=replace(state.taper, ended=True)) if state.taper else state


@on(said.RecommendationReviewOpened)
def _reviewed(state: Episode, fact: said.RecommendationReviewOpened) -> Episode:
    standing = state.recommendation(Direction.UP)
    reviewed = _put(state, fact.recommendation_id, reviewer_id=fact.reviewer_id)
    return replace(reviewed, review_trigger=standing.trigger if standing else None)


@on(said.TeamAsked)
def _asked(state: Episode, fact: said.TeamAsked) -> Episode:
    return _put(state, fact.recommendation_id, asked=fact.roles)


@on(said.TeamAnswered)
def _answered(state: Episode, fact: said.TeamAnswered) -> Episode:
    known = next((r for r in state.recommendations if r.id == fact.recommendation_id), None)
    if known is None:
        return state
    others = [o for o in known.opinions if o.by != fact.actor.id]
    said_now = Opinion(fact.actor.id, fact.actor.role, fact.opinion)
    return _put(state, fact.recommendation_id, opinions=(*others, said_now)[-KEPT_OPINIONS:])


@on(said.PatientAgreementRecorded)
def _agreed(state: Episode, fact: said.PatientAgreementRecorded) -> Episode:
    return _put(state, fact.recommendation_id, agreed=fact.agreed)


@on(said.RelapseResponded)
def _responded(state: Episode, fact: said.RelapseResponded) -> Episode:
    """What is done about use is done about all that was known of before it, too."""
    known = [r.id for r in state.use_reports]
    last = known.index(fact.report_id) if fact.report_id in known else len(known)
    return replace(
        state,
        use_reports=tuple(
            replace(r, responded=True) if number <= last else r for number, r in enumerate(state.use_reports)
        ),
    )
