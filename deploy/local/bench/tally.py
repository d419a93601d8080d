"""The service of the benchmarks: it hears `Added`, keeps a tally of each aggregate and says `Tallied`."""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter

from contracts.decisions import Moment
from contracts.event import SiteEvent
from contracts.vocabulary import Count, ShortText, Token
from services.chassis.service import Aggregate, Service, on


class Added(SiteEvent):
    """Something was added to a tally."""

    AGGREGATE = "tally_id"

    tally_id: Token
    amount: Count
    note: ShortText


class Tallied(SiteEvent):
    """A tally has a new sum."""

    AGGREGATE = "tally_id"

    tally_id: Token
    additions: Count
    total: Count
    note: ShortText


@dataclass(frozen=True, slots=True)
class Tally:
    id: str
    network_id: str
    site_id: str
    additions: int = 0
    total: int = 0
    note: str = ""


def evolve(state: Tally | None, fact: Tallied) -> Tally:
    """The tally after a fact."""
    state = state or Tally(fact.tally_id, fact.network_id, fact.site_id)
    return replace(state, additions=fact.additions, total=fact.total, note=fact.note)


def add(state: Tally | None, added: Added, _: Moment) -> list[Any]:
    """One event heard, one fact said."""
    return [
        Tallied(
            network_id=added.network_id,
            site_id=added.site_id,
            tally_id=added.tally_id,
            additions=(state.additions if state else 0) + 1,
            total=(state.total if state else 0) + added.amount,
            note=added.note,
        )
    ]


TALLIES = Aggregate("tallies", Tally, evolve)

service = Service(
    name="tally",
    purpose="Counts, to be measured.",
    package="deploy.local.bench",
    aggregates=(TALLIES,),
    takes={},
    hears={Added: on(TALLIES, add, creates=True)},
    wakes={},
    says=(Added, Tallied),
    language={Added.type(): Added, Tallied.type(): Tallied},
    routes=APIRouter(),
)
