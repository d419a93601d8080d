"""The catalogue fits the code, and a few of its mistakes are caught; `make mistakes` plants them all."""

import re
from pathlib import Path

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


def test_every_mistake_stands_in_the_table_of_the_docs_with_the_net_that_caught_it() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reliability.md").read_text()

    for mistake in MISTAKES:
        net = mistake.test.split("::")[1]
        assert re.search(rf"^\| {re.escape(mistake.name)} \|.*{re.escape(net)}", page, re.MULTILINE), mistake


def test_a_change_that_does_not_fit_exactly_once_is_refused() -> None:
    for old in ("no such text", "await"):
        with pytest.raises(DoesNotFit, match="not once"), planted([Change("relay.py", old, "")]):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_planted_mistake_is_caught(name: str) -> None:
    mistake = next(m for m in MISTAKES if m.name == name)

    assert all(row.found for row in look_for(mistake, limit=240))
