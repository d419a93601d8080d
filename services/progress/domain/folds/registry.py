"""Which fold belongs to which fact."""

from collections.abc import Callable
from typing import Any, TypeVar

from services.progress.domain.state import Episode

_Fact = TypeVar("_Fact")
FOLDS: dict[type, Callable[[Episode, Any], Episode]] = {}


def on(
    kind: type[_Fact],
) -> Callable[[Callable[[Episode, _Fact], Episode]], Callable[[Episode, _Fact], Episode]]:
    """Make a function the fold of a fact."""

    def register(fold: Callable[[Episode, _Fact], Episode]) -> Callable[[Episode, _Fact], Episode]:
        FOLDS[kind] = fold
        return fold

    return register
