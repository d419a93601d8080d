"""Less treatment, recommended by the machine while every criterion holds."""

from datetime import datetime

from contracts.decisions import Moment, Woke
from contracts.rulebook import Rulebook
from services.progress.domain.facts import Direction, Stage
from services.progress.domain.recommend.criteria import lasting, ripe_at, step_down_criteria
from services.progress.domain.recommend.ladder import Rung, rung_down
from services.progress.domain.recommend.table import recommend_down
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, after_days, withdrawn


def review_step_down(state: Episode, moment: Moment) -> Facts:
    """Recommend a step down when every criterion holds, withdraw the machine's own when one breaks."""
    standing = state.recommendation(Direction.DOWN)
    if standing is not None and standing.generated_by != "rule":
        return []
    why, criteria = _barred(state), step_down_criteria(state, moment)
    if why or not all(c.met for c in criteria):
        return [withdrawn(state, standing.id, why or "criteria_no_longer_met")] if standing else []
    rung = rung_down(state, moment.rules)
    if standing is not None:
        proposed = Rung(standing.kind, standing.to_level, standing.to_minutes)
        if proposed == rung and standing.from_minutes == state.weekly_minutes:
            return []
    told: Facts = [withdrawn(state, standing.id, "superseded")] if standing else []
    if rung is None or moment.at < _rests_until(state, rung, moment.rules, moment.at):
        return told
    return [*told, *recommend_down(state, rung, criteria, "rule", moment)]


def review_again(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The time that was missing has passed."""
    return review_step_down(state, moment)


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """The ends of what is on the table; and where nothing but time is missing, when it has passed."""
    ends = {f"recommendation_expires:{r.id}": r.expires_at for r in state.recommendations if not r.closed}
    rung = rung_down(state, rules)
    idle = rung is not None and state.step_down is None and not _barred(state)
    if rung is None or not idle or not all(c.met for c in lasting(state, rules)):
        return ends
    ripe = ripe_at(state, rules)
    return {**ends, "evaluate": max(ripe, _rests_until(state, rung, rules, ripe))}


def _barred(state: Episode) -> str | None:
    """Why the machine never speaks for less now, whatever the criteria say."""
    if state.held:
        return "on_hold"
    if state.stage is Stage.STEP_UP_PENDING:
        return "step_up_review"
    if state.stage is not Stage.ATTENDING or (state.tapering and not state.taper_over):
        return "criteria_no_longer_met"
    return None


def _rests_until(state: Episode, rung: Rung, rules: Rulebook, otherwise: datetime) -> datetime:
    """Until when a clinician's no to this very step is left alone; another step may be spoken for at once."""
    no = state.declined.get(Direction.DOWN)
    if no is None or (no.kind, no.to_level, no.to_minutes) != (rung.kind, rung.level, rung.minutes):
        return otherwise
    return after_days(no.on, rules.progress.decline_rest_days, state.tz)
