"""What lies on the table: putting a recommendation there, and taking it off."""

from collections.abc import Sequence
from datetime import timedelta

from contracts.decisions import Moment, Woke
from contracts.progress import StepDownRecommended, StepUpRecommended
from contracts.vocabulary import Criterion
from services.progress.domain.facts import Direction, Kind, Stage
from services.progress.domain.recommend.ladder import Rung
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about, moved, withdrawn

ROUTINE, URGENT = "routine", "urgent"


def recommend_down(
    state: Episode, rung: Rung, criteria: Sequence[Criterion], generated_by: str, moment: Moment
) -> Facts:
    """Put a step down on the table, with its end."""
    return [
        StepDownRecommended(
            **about(state, moment.actor),
            recommendation_id=moment.new_id(f"step_down/{rung.kind}/{rung.minutes}"),
            kind=rung.kind,
            from_level=state.level,
            to_level=rung.level,
            from_weekly_minutes=state.weekly_minutes,
            to_weekly_minutes=rung.minutes,
            criteria=tuple(criteria),
            generated_by=generated_by,
            expires_at=moment.at + timedelta(days=moment.rules.progress.recommendation_ttl_days),
            until_on=rung.until_on,
            payer_review=rung.kind is Kind.TRANSITION_TAPER,
        )
    ]


def recommend_up(
    state: Episode,
    rung: Rung,
    trigger: str,
    criteria: Sequence[Criterion],
    generated_by: str,
    moment: Moment,
    urgency: str = ROUTINE,
) -> Facts:
    """Put a step up on the table, with its end."""
    return [
        StepUpRecommended(
            **about(state, moment.actor),
            recommendation_id=moment.new_id(f"step_up/{rung.kind}/{rung.minutes}"),
            kind=rung.kind,
            trigger=trigger,
            from_level=state.level,
            to_level=rung.level,
            from_weekly_minutes=state.weekly_minutes,
            to_weekly_minutes=rung.minutes,
            criteria=tuple(criteria),
            generated_by=generated_by,
            expires_at=moment.at + timedelta(days=moment.rules.progress.recommendation_ttl_days),
            urgency=urgency,
        )
    ]


def close_all(state: Episode, reason: str) -> Facts:
    """Take everything off the table."""
    standing = [r for way in Direction if (r := state.recommendation(way)) is not None]
    return [withdrawn(state, r.id, reason) for r in standing]


def expire_recommendation(state: Episode, message: Woke, moment: Moment) -> Facts:
    """At the instant its time names, a recommendation is over, and with it the review of it."""
    recommendation_id = message.what.partition(":")[2]
    if state.over or recommendation_id not in (state.step_down, state.step_up):
        return []
    expired = withdrawn(state, recommendation_id, "expired")
    if recommendation_id == state.step_up and state.stage is Stage.STEP_UP_PENDING:
        return [expired, moved(state, moment, Stage.ATTENDING, "T24")]
    return [expired]
