"""The toy: its events, its rules and its table."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter

from contracts.decisions import Moment, Refused, Unwake, Wake, Woke
from contracts.event import SiteEvent
from contracts.vocabulary import Count, ShortText, Token
from services.chassis.http import Answer, Body, Call
from services.chassis.service import Aggregate, Service, gather, on
from services.chassis.unit import Unit


class Ticked(SiteEvent):
    """A counter went up."""

    AGGREGATE = "counter_id"

    counter_id: Token
    count: Count
    note: ShortText | None = None


class Rang(SiteEvent):
    """A counter was woken."""

    AGGREGATE = "counter_id"

    counter_id: Token
    what: Token


class Echoed(SiteEvent):
    """A mirror says back what it heard."""

    AGGREGATE = "counter_id"

    counter_id: Token
    count: Count


@dataclass(frozen=True, slots=True)
class Counter:
    id: str
    network_id: str
    site_id: str
    count: int = 0
    rang: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mirror:
    id: str
    network_id: str
    site_id: str
    heard: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    network_id: str
    site_id: str
    id: str
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    network_id: str
    site_id: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AskToBeWoken:
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class CancelWake:
    what: str


@dataclass(frozen=True, slots=True)
class TickTwo:
    other: str


def evolve_counter(state: Counter | None, fact: Any) -> Counter:
    match fact:
        case Ticked():
            state = state or Counter(fact.counter_id, fact.network_id, fact.site_id)
            return replace(state, count=fact.count)
        case Rang():
            assert state is not None
            return replace(state, rang=(*state.rang, fact.what))
    raise TypeError(type(fact).__name__)


def evolve_mirror(state: Mirror | None, fact: Heard | Echoed) -> Mirror:
    if isinstance(fact, Echoed):
        assert state is not None
        return state
    state = state or Mirror(fact.id, fact.network_id, fact.site_id)
    return replace(state, heard=(*state.heard, fact.count))


def tick(state: Counter | None, command: Tick, moment: Moment) -> list[Any]:
    count = (state.count if state else 0) + 1
    if count > 1000:
        raise Refused("full", "The counter is full.", count=count)
    return [
        Ticked(
            network_id=command.network_id,
            site_id=command.site_id,
            counter_id=state.id if state else command_target(moment),
            count=count,
            note=command.note,
        )
    ]


def command_target(moment: Moment) -> str:
    return moment.actor.id


def ask(state: Counter, command: AskToBeWoken, moment: Moment) -> list[Any]:
    return [Wake(command.at, command.what)]


def cancel(state: Counter, command: CancelWake, moment: Moment) -> list[Any]:
    return [Unwake(command.what)]


def ring(state: Counter, woke: Woke, moment: Moment) -> list[Any]:
    if woke.what == "alarm:bad":
        raise RuntimeError("secret: this must not be stored")
    again = [Wake(woke.at + timedelta(hours=1), "alarm:second")] if woke.what == "alarm:first" else []
    rang = Rang(
        network_id=state.network_id,
        site_id=state.site_id,
        counter_id=state.id,
        what=woke.what.replace(":", "_"),
    )
    return [rang, *again]


BROKEN: set[int] = set()


def mirror(state: Mirror | None, heard: Ticked, moment: Moment) -> list[Any]:
    if heard.note == "poison" and "poison" in POISON:
        raise RuntimeError("secret: this must not be stored")
    facts: list[Any] = [Heard(heard.network_id, heard.site_id, heard.counter_id, heard.count)]
    if heard.note == "echo":
        at = {"network_id": heard.network_id, "site_id": heard.site_id}
        facts.append(Echoed(**at, counter_id=heard.counter_id, count=heard.count))
    return facts


POISON: set[str] = {"poison"}

COUNTERS = Aggregate("counters", Counter, evolve_counter)
MIRRORS = Aggregate("mirrors", Mirror, evolve_mirror, (Heard,))


async def tick_two(unit: Unit, key: str, command: TickTwo, moment: Moment) -> None:
    states = await unit.load_many(COUNTERS, (key, command.other))
    for id, state in states.items():
        unit.record(COUNTERS, id, tick(state, Tick(state.network_id, state.site_id), moment))


routes = APIRouter()


class TickBody(Body):
    site_id: Token
    note: str | None = None


@routes.post("/v1/counters/{counter_id}/tick", status_code=201)
async def post_tick(counter_id: Token, body: TickBody, call: Call) -> Answer:
    call.require_site(body.site_id)
    return await call.take(Tick(call.who.network_id, body.site_id, body.note), on=counter_id)


toy = Service(
    name="toy",
    purpose="Counts.",
    package="tests.chassis.toy_service",
    aggregates=(COUNTERS, MIRRORS),
    takes={
        Tick: on(COUNTERS, tick, creates=True),
        AskToBeWoken: on(COUNTERS, ask),
        CancelWake: on(COUNTERS, cancel),
        TickTwo: gather(tick_two),
    },
    hears={Ticked: on(MIRRORS, mirror, creates=True)},
    wakes={"alarm": on(COUNTERS, ring)},
    says=(Ticked, Rang, Echoed),
    language={event.type(): event for event in (Ticked, Rang, Echoed)},
    routes=routes,
    story="counter_id",
)
