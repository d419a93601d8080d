"""Breadth-first search through every state a model can reach; the first broken promise is the shortest."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

S = TypeVar("S")


class Model(Protocol[S]):
    """What can happen, and what must hold."""

    def start(self) -> S:
        """Where every run begins."""

    def steps(self, state: S) -> Iterator[tuple[str, S]]:
        """What can happen next without any fault."""

    def faults(self, state: S) -> Iterator[tuple[str, S]]:
        """What can go wrong next."""

    def broken(self, state: S) -> str:
        """The promise that this state breaks, or nothing."""

    def unfinished(self, state: S) -> str:
        """What is missing if nothing more happens, or nothing."""


@dataclass(slots=True)
class Explored:
    """How much was seen, and the shortest way to a broken promise if there is one."""

    states: int
    transitions: int
    seconds: float
    broken: str = ""
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen = f"{self.states:,} states, {self.transitions:,} transitions, {self.seconds:.1f} s"
        if not self.broken:
            return f"{seen}: every promise holds"
        steps = [f"{number:4}  {label}" for number, label in enumerate(self.trace, 1)]
        return "\n".join([f"{seen}: {self.broken}", *steps])


def explore(model: Model[S]) -> Explored:
    """Visit every reachable state once; stop at the first that breaks a promise or is stuck for ever."""
    began = time.monotonic()
    start = model.start()
    states, parents, known = [start], [0], {start: 0}
    onward: list[tuple[int, ...]] = []
    transitions = 0

    def end(broken: str = "", at: int = 0) -> Explored:
        trace = _trace(model, states, parents, at) if broken else []
        return Explored(len(states), transitions, time.monotonic() - began, broken, trace)

    def number_of(state: S, parent: int) -> int:
        number = known.setdefault(state, len(states))
        if number == len(states):
            states.append(state)
            parents.append(parent)
        return number

    for number, state in enumerate(states):  # grows while it is walked
        if broken := model.broken(state):
            return end(broken, number)
        ahead = tuple(number_of(after, number) for _, after in model.steps(state))
        if not ahead and (missing := model.unfinished(state)):
            return end(f"stuck: {missing}", number)
        onward.append(ahead)
        wrong = [number_of(after, number) for _, after in model.faults(state)]
        transitions += len(ahead) + len(wrong)
    trapped = _trapped(onward)
    return end("runs in circles for ever", trapped) if trapped is not None else end()


def _trapped(onward: list[tuple[int, ...]]) -> int | None:
    """The first state from which no end can be reached without faults."""
    reaches = bytearray(not ahead for ahead in onward)
    changed = True
    while changed:
        changed = False
        for number in range(len(onward) - 1, -1, -1):
            if not reaches[number] and any(reaches[after] for after in onward[number]):
                reaches[number] = changed = True
    first = reaches.find(0)
    return None if first < 0 else first


def _trace(model: Model[S], states: list[S], parents: list[int], at: int) -> list[str]:
    labels: list[str] = []
    while at:
        before, after = states[parents[at]], states[at]
        labels += next(
            [label]
            for some in (model.steps(before), model.faults(before))
            for label, state in some
            if state == after
        )
        at = parents[at]
    return labels[::-1]
