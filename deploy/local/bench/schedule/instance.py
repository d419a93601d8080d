"""A generated week: the problem, the facts behind it, and the plan that was hidden in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from services.scheduling.domain.planning.problem import Plan, Problem

NO_SITE = ""


class Window(NamedTuple):
    """A stretch of a weekday, in minutes of the wall clock."""

    dow: int
    start: int
    end: int


@dataclass(frozen=True)
class Facts:
    """What decides who could take what, apart from the `may` of the problem."""

    free: Mapping[str, frozenset[Window]]
    """When a person has time; windows of one day neither touch nor overlap."""
    clinician: Mapping[str, str]
    """Whose patient a person is."""
    admits: Mapping[str, frozenset[str]]
    """Who may take a restricted item; an item that is missing here is open to all."""
    site: Mapping[str, str] = field(default_factory=dict)
    """Where a person or an item belongs, in a network."""
    accepts_video: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Instance:
    """One week to be planned; people stand in the order in which they arrived."""

    problem: Problem
    planted: Plan
    """A legal week for everybody, unless a scenario took something away."""
    facts: Facts
    before: Plan = field(default_factory=dict)
    """The published weeks before some of their items were lost or exchanged."""
