"""How recommendations and what became of them change an episode."""

from dataclasses import replace

from contracts import progress as said
from services.progress.domain.facts import (
    Direction,
    Kind,
    Recommendation,
)
from services.progress.domain.folds.registry import on
from services.progress.domain.state import Episode

KEPT_RECOMMENDATIONS = 12


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


def _close(state: Episode, recommendation_id: str, why: str) -> Episode:
    return replace(
        state,
        recommendations=tuple(
            replace(r, closed=why) if r.id == recommendation_id else r for r in state.recommendations
        ),
        step_down=None if state.step_down == recommendation_id else state.step_down,
        step_up=None if state.step_up == recommendation_id else state.step_up,
    )


@on(said.RecommendationDeclined)
def _declined(state: Episode, fact: said.RecommendationDeclined) -> Episode:
    return _close(state, fact.recommendation_id, fact.reason)


@on(said.StepDownApproved)
def _down_approved(state: Episode, fact: said.StepDownApproved) -> Episode:
    return replace(
        _close(state, fact.recommendation_id, "approved"),
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_down=True,
        schedule_pending=True,
    )


@on(said.StepUpApproved)
def _up_approved(state: Episode, fact: said.StepUpApproved) -> Episode:
    closed = _close(state, fact.recommendation_id, "approved")
    if fact.kind == Kind.TRANSFER:
        return closed
    if fact.planned_end_on is not None:
        closed = replace(closed, planned_end_on=fact.planned_end_on, aftercare=None)
    return replace(
        closed,
        weekly_minutes=fact.to_weekly_minutes,
        stepped_on=fact.effective_on,
        stepped_down=False,
        schedule_pending=True,
    )


@on(said.LevelOfCareChanged)
def _relevelled(state: Episode, fact: said.LevelOfCareChanged) -> Episode:
    return replace(
        state,
        level_before=fact.from_level,
        level=fact.to_level,
        level_since=fact.effective_on,
        stepped_on=fact.effective_on,
    )
