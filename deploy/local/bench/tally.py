"""The service of the benchmarks: it hears `Added`, keeps a tally of each aggregate and says `Tallied`."""

from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter

from contracts.decisions import Moment
from contracts.event import PatientEvent
from contracts.vocabulary import Count, ShortText
from deploy.local.bench.adding import Added
from services.chassis.service import Aggregate, Service, on


class Tallied(PatientEvent):
    """A tally has a new sum."""

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
    state = state or Tally(fact.episode_id, fact.network_id, fact.site_id)
    return replace(state, additions=fact.additions, total=fact.total, note=fact.note)


def add(state: Tally | None, added: Added, _: Moment) -> list[Any]:
    """One event heard, one fact said."""
    return [
        Tallied(
            network_id=added.network_id,
            site_id=added.site_id,
            episode_id=added.episode_id,
            patient_id=added.patient_id,
            part2=added.part2,
            actor=added.actor,
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
    says=(Tallied,),
    language={Added.type(): Added, Tallied.type(): Tallied},
    routes=APIRouter(),
)
