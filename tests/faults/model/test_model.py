"""The protocol is explored within its bounds; each of its mechanisms is shown to be needed."""

import pytest

from tests.faults.model.explorer import explore
from tests.faults.model.mistakes import MISTAKES, SPARE, USUAL
from tests.faults.model.protocol import MECHANISMS, Protocol

AT_LEAST = {"write": 60_000, "relay": 10_000, "read": 100_000, "wiped": 40_000, "whole": 150_000}


@pytest.mark.slow
@pytest.mark.parametrize("name", USUAL)
def test_the_protocol_keeps_every_promise_in_every_state(name: str) -> None:
    explored = explore(Protocol(USUAL[name]))
    assert not explored.broken, explored
    assert explored.states >= AT_LEAST[name], explored


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_protocol_is_found(name: str) -> None:
    mistake = MISTAKES[name]
    explored = explore(Protocol(mistake.bounds, mistake.without))
    assert explored.broken.startswith(mistake.breaks), explored
    assert explored.trace, explored


@pytest.mark.slow
@pytest.mark.parametrize("name", SPARE)
def test_one_of_two_nets_is_enough(name: str) -> None:
    explored = explore(Protocol(SPARE[name], frozenset({name})))
    assert not explored.broken, explored


def test_every_mechanism_is_left_out_by_some_mistake() -> None:
    assert frozenset().union(*(m.without for m in MISTAKES.values())) == frozenset(MECHANISMS)


def test_a_shortest_trace_is_printed_step_by_step() -> None:
    mistake = MISTAKES["no fence, and the window expires"]
    explored = explore(Protocol(mistake.bounds, mistake.without))
    assert sum("! the dedupe window expires" in step for step in explored.trace) == 1
    assert str(explored).count("\n") == len(explored.trace)
