"""A week or two below the minimum of a level that ends: agreed once, and followed by another level (T21)."""

from datetime import date, datetime, timedelta

from contracts.decisions import Guard, Moment, Woke
from contracts.rulebook import Rulebook
from services.progress.domain.recommend import Rung, review_step_down
from services.progress.domain.state import TAPER_OVER, Episode
from services.progress.domain.tasks import raise_task
from services.progress.domain.telling import Facts, after_days, band_of, due_in, then


def taper_guards(state: Episode, rung: Rung, begins: date | None, moment: Moment) -> list[Guard]:
    """The level is kept, below its minimum, once and only for some days."""
    band = band_of(state, moment.rules)
    least = band.min_minutes if band else 0
    longest = moment.rules.taper.max_days
    first = begins or state.day(moment.at)
    latest = last_day(first, longest)
    if begins is None:
        latest += timedelta(days=moment.rules.progress.recommendation_ttl_days)
    facts = {
        "from_minutes": state.weekly_minutes,
        "to_minutes": rung.minutes,
        "level": rung.level.code,
        "min_minutes": least,
        "max_days": longest,
        "until_on": str(rung.until_on) if rung.until_on else None,
        "cite": moment.rules.taper.cite,
    }
    return [
        Guard("same_level", rung.level == state.level, "a taper keeps the level", facts),
        Guard(
            "below_minimum",
            0 < rung.minutes < min(least, state.weekly_minutes),
            "a taper means fewer minutes than now, below the level's minimum and more than none",
            facts,
        ),
        Guard("once", not state.tapered, "this level of care has had its taper", facts),
        Guard(
            "taper_days",
            rung.until_on is None or first <= rung.until_on <= latest,
            f"a taper lasts at most {longest} days",
            facts,
        ),
    ]


def last_day(first: date, days: int) -> date:
    """The last of so many days."""
    return first + timedelta(days=days - 1)


def end_taper(state: Episode, _message: Woke, moment: Moment) -> Facts:
    """The days are over: somebody is told, and the next level is proposed if nothing speaks against it."""
    taper = state.taper
    if taper is None or not waits(state, moment.rules) or moment.at < _over_at(state, taper.until_on):
        return []
    told = raise_task(state, moment, TAPER_OVER, taper.recommendation_id, due_in(state, moment))
    return then(state, moment, told, review_step_down)


def waits(state: Episode, _rules: Rulebook) -> dict[str, datetime]:
    """The end of the last day of a taper."""
    if state.taper is None or state.taper.ended or state.taper_over or not state.attending:
        return {}
    return {"taper_over": _over_at(state, state.taper.until_on)}


def _over_at(state: Episode, until_on: date) -> datetime:
    return after_days(until_on, 1, state.tz)
