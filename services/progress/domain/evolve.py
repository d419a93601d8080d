"""The episode after one more fact, or after several."""

from collections.abc import Sequence
from typing import Any

from services.progress.domain.facts import Admitted
from services.progress.domain.folds import FOLDS
from services.progress.domain.folds.episode import begin
from services.progress.domain.state import Episode


def evolve(state: Episode | None, fact: Any) -> Episode:
    """The episode after one more fact."""
    if state is None:
        if isinstance(fact, Admitted):
            return begin(fact)
        raise ValueError(f"an episode begins with an admission, not with {type(fact).__name__}")
    fold = FOLDS.get(type(fact))
    return fold(state, fact) if fold else state


def fold(state: Episode | None, facts: Sequence[Any]) -> Episode:
    """The episode after several facts."""
    for fact in facts:
        state = evolve(state, fact)
    assert state is not None
    return state
