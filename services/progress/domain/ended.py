"""What is said of an episode that ended, and said again once what it rests on turns out otherwise."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from contracts.decisions import Moment
from contracts.progress import DischargeCorrected, ExitMeasure
from services.progress.domain.goals import weigh_goals
from services.progress.domain.kept import Ended
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, Step, about, days_between, midnight, then


def figures(state: Episode, discharged_on: date) -> dict[str, Any]:
    """Everything about an end that follows from what is known of the episode."""
    return {
        "last_service_on": state.last_attended_on,
        "first_service_on": state.first_attended_on,
        "los_days": length_of_stay(state, discharged_on),
        "goals_total": len(state.goals),
        "goals_met": sum(p.met_on is not None for p in state.goals),
        "exit_measures": tuple(
            ExitMeasure(instrument=name, baseline=state.baselines.get(name), last=results[-1].total)
            for name, results in sorted(state.results.items())
            if results
        ),
    }


def length_of_stay(state: Episode, discharged_on: date) -> int:
    """Days from admission to the last service, at least one (K6)."""
    last = state.last_attended_on or state.admitted_on
    return max(1, days_between(state.admitted_on, min(discharged_on, last)))


def counts_still(state: Episode, day: date) -> bool:
    """Whether what happened on a day belongs to the episode, although it may be over by now."""
    return not state.over or (state.discharged_on is not None and day <= state.discharged_on)


def known_since(state: Episode, told: Sequence[Any], because: str, moment: Moment) -> Facts:
    """What became known after the end: goals are weighed as of the end, and the discharge is said again."""
    assert state.discharged_on is not None
    last_instant = midnight(state.discharged_on + timedelta(days=1), state.tz) - timedelta(seconds=1)
    as_of_the_end = replace(moment, at=min(moment.at, last_instant))
    return then(state, as_of_the_end, told, weigh_goals, said_again(because))


def said_again(because: str, **otherwise: Any) -> Step:
    """Correct what was said of the end, if it is otherwise now."""

    def correct(state: Episode, moment: Moment) -> Facts:
        said = state.ended
        if said is None:
            return []
        today = otherwise.get("discharged_on", said.discharged_on)
        now = replace(said, **figures(state, today), **otherwise)
        return [] if now == said else [_corrected(state, said, now, because, moment)]

    return correct


def _corrected(state: Episode, said: Ended, now: Ended, because: str, moment: Moment) -> DischargeCorrected:
    before, after = asdict(said), asdict(now)
    after.pop("corrections")
    return DischargeCorrected(
        **about(state, moment.actor),
        admitted_on=state.admitted_on,
        correction=said.corrections + 1,
        because=because,
        changed=tuple(sorted(name for name, value in after.items() if value != before[name])),
        **{name: getattr(now, name) for name in after},
    )
