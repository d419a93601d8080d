"""The service `flood`: a command says many events at once, and a mirror of the same id hears each of them."""

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from contracts.decisions import Moment
from contracts.event import SiteEvent
from contracts.vocabulary import Count, Token
from services.chassis.http import Answer, Body, Call
from services.chassis.service import Aggregate, Service, on

MOST = 300
"""Events that one command says at most, all in one transaction."""


class Added(SiteEvent):
    """A flood has grown by one."""

    AGGREGATE = "flood_id"

    flood_id: Token
    number: Count


class Tallied(SiteEvent):
    """A mirror has heard one more: the how manieth it is, and the number that it carried."""

    AGGREGATE = "flood_id"

    flood_id: Token
    count: Count
    number: Count


@dataclass(frozen=True, slots=True)
class Flood:
    id: str
    network_id: str
    site_id: str
    poured: int = 0


@dataclass(frozen=True, slots=True)
class Mirror:
    """How many events were heard, and a digest of their numbers in the order in which they came."""

    id: str
    network_id: str
    site_id: str
    count: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Pour:
    """Say so many events."""

    network_id: str
    site_id: str
    flood_id: str
    count: int


def digest_after(digest: str, number: int) -> str:
    """The digest of an order that goes on with this number."""
    return hashlib.sha256(f"{digest}/{number}".encode()).hexdigest()[:16]


def evolve_flood(state: Flood | None, fact: Added) -> Flood:
    """The flood after a fact."""
    state = state or Flood(fact.flood_id, fact.network_id, fact.site_id)
    return replace(state, poured=fact.number)


def evolve_mirror(state: Mirror | None, fact: Tallied) -> Mirror:
    """The mirror after a fact."""
    state = state or Mirror(fact.flood_id, fact.network_id, fact.site_id)
    return replace(state, count=fact.count, digest=digest_after(state.digest, fact.number))


def pour(state: Flood | None, command: Pour, _: Moment) -> list[Added]:
    """So many events, numbered on from the last."""
    first = (state.poured if state else 0) + 1
    return [
        Added(
            network_id=command.network_id,
            site_id=command.site_id,
            flood_id=command.flood_id,
            number=first + n,
        )
        for n in range(command.count)
    ]


def mirror(state: Mirror | None, added: Added, _: Moment) -> list[Tallied]:
    """One event heard, one said."""
    return [
        Tallied(
            network_id=added.network_id,
            site_id=added.site_id,
            flood_id=added.flood_id,
            count=(state.count if state else 0) + 1,
            number=added.number,
        )
    ]


FLOODS = Aggregate("floods", Flood, evolve_flood)
MIRRORS = Aggregate("mirrors", Mirror, evolve_mirror)

routes = APIRouter(prefix="/v1")


class PourBody(Body):
    """How many events to say."""

    count: Annotated[int, Field(ge=1, le=MOST)]


@routes.post("/floods/{flood_id}", status_code=201)
async def say_many(call: Call, flood_id: Token, body: PourBody) -> Answer:
    """Say so many events about one flood."""
    command = Pour(call.who.network_id, call.who.sites[0], flood_id, body.count)
    return await call.take(command, on=flood_id)


service = Service(
    name="flood",
    purpose="Says and hears as fast as it can, to be broken.",
    package="deploy.local.faults.flood",
    aggregates=(FLOODS, MIRRORS),
    takes={Pour: on(FLOODS, pour, creates=True)},
    hears={Added: on(MIRRORS, mirror, creates=True)},
    wakes={},
    says=(Added, Tallied),
    language={Added.type(): Added, Tallied.type(): Tallied},
    routes=routes,
)
