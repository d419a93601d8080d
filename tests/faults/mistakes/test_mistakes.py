"""The catalogue fits the code, and a few of its mistakes are caught; `make mistakes` plants them all."""

import pytest

from tests.faults.mistakes.__main__ import look_for
from tests.faults.mistakes.catalogue import MISTAKES
from tests.faults.mistakes.plant import Change, DoesNotFit, planted
from tests.faults.model.mistakes import MISTAKES as MODELLED

QUICK = ("no inbox", "no fence", "a retry goes on past a failure")


def test_every_mistake_can_be_planted_and_has_its_like_in_the_model() -> None:
    for mistake in MISTAKES:
        with planted(mistake.changes):
            assert mistake.model in ("", *MODELLED)


def test_a_change_that_does_not_fit_exactly_once_is_refused() -> None:
    for old in ("no such text", "await"):
        with pytest.raises(DoesNotFit, match="not once"), planted([Change("relay.py", old, "")]):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_planted_mistake_is_caught(name: str) -> None:
    mistake = next(m for m in MISTAKES if m.name == name)

    assert all(row.found for row in look_for(mistake, limit=240))
