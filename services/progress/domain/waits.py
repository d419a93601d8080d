"""What an episode waits for: every instant at which time alone changes something, read off its state."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from contracts.decisions import Moment, Unwake, Wake
from contracts.rulebook import Rulebook
from services.progress.domain import (
    aftercare,
    cadence,
    certification,
    community,
    extension,
    goals,
    hold,
    plan,
    recommend,
    safety,
    taper,
)
from services.progress.domain.evolve import fold
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts

_AREAS: tuple[Callable[[Episode, Rulebook], Mapping[str, datetime]], ...] = (
    safety.waits,
    recommend.waits,
    taper.waits,
    extension.waits,
    hold.waits,
    certification.waits,
    community.waits,
    aftercare.waits,
    plan.waits,
    goals.waits,
    cadence.waits,
)


def waits(state: Episode, rules: Rulebook) -> dict[str, datetime]:
    """What to be woken for, and when; once the episode is over only for an alert that nobody took in hand."""
    areas = (safety.waits,) if state.over else _AREAS
    return {what: at for area in areas for what, at in area(state, rules).items()}


def awaited(state: Episode, moment: Moment) -> dict[str, datetime]:
    """What to be woken for, not before that moment, under the rules of whoever pays then."""
    asked = waits(state, state.rules_on(state.day(moment.at), moment.rules))
    return {what: max(at, moment.at) for what, at in asked.items()}


def waiting(decide: Callable[[Any, Any, Moment], Sequence[Any]]) -> Callable[[Any, Any, Moment], Facts]:
    """A decision under the rules of whoever pays, with the wakes that follow: decisions ask for none."""

    def decided(state: Episode | None, message: Any, moment: Moment) -> Facts:
        if state is not None:
            moment = replace(moment, rules=state.rules_on(state.day(moment.at), moment.rules))
        facts = decide(state, message, moment)
        return [*facts, *_asked(state, facts, moment)] if facts else []

    return decided


def _asked(state: Episode | None, facts: Sequence[Any], moment: Moment) -> Facts:
    """The difference that the facts make; what should have rung before them rings with them."""
    before = waits(state, moment.rules) if state is not None else {}
    after = waits(fold(state, facts), moment.rules)
    gone = [Unwake(what) for what in before if what not in after]
    asked = [Wake(max(at, moment.at), what) for what, at in after.items() if before.get(what) != at]
    return [*gone, *asked]
