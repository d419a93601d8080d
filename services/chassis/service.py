"""A service is a name, what it hears and what it says: the table that `app.py` fills in."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from contracts.decisions import Moment
from contracts.event import Event
from contracts.rulebook import BadRulebook, Rulebook, rulebook

if TYPE_CHECKING:
    from fastapi import APIRouter

    from services.chassis.unit import Unit

Fact: TypeAlias = Any
"""A public event, a private frozen dataclass, a `Wake` or an `Unwake`."""

Decide: TypeAlias = Callable[[Any, Any, Moment], Sequence[Fact]]
Gather: TypeAlias = Callable[["Unit", str, Any, Moment], Awaitable[Mapping[str, Any] | None]]
"""What it returns is the whole answer to a command, beside the id of what it is about."""
Waits: TypeAlias = Callable[[Any, Moment], Mapping[str, datetime]]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One kind of thing that is decided about as a whole, kept as one row.

    `state` is a frozen dataclass with at least `id`, `network_id` and `site_id`; `table` has the
    columns id, network_id, site_id, version and state (jsonb). `evolve(state | None, fact)` gives
    the next state; `facts` lists the private facts, so that a journal can be read back. The books of a
    service with one aggregate that says what it `waits` for can be filled from the stream alone.
    """

    table: str
    state: type
    evolve: Callable[[Any, Fact], Any]
    facts: tuple[type, ...] = ()
    waits: Waits | None = None
    """What a state waits for, where that can be read off it; the moment is that of its last change."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What to do with one message: a pure decision on one aggregate, or a handler that gathers more."""

    aggregate: Aggregate | None = None
    decide: Decide | None = None
    gather: Gather | None = None
    creates: bool = False
    key: Callable[[Any], str] = str
    roles: frozenset[str] = frozenset()
    """Who may give this command; nobody may give it over the bus if none is named."""


def on(
    aggregate: Aggregate,
    decide: Decide,
    *,
    creates: bool = False,
    key: Callable[[Any], str] | None = None,
    roles: Iterable[str] = (),
) -> Reaction:
    """Decide about one aggregate: `decide(state, message, moment) -> facts`.

    With `creates` the state may be None; without it a message about nothing known is parked
    (events) or answered 404 (commands).
    """
    return Reaction(aggregate, decide, None, creates, key or _about, frozenset(roles))


def gather(
    handler: Gather, *, key: Callable[[Any], str] | None = None, roles: Iterable[str] = ()
) -> Reaction:
    """React through a handler: `await handler(unit, key, message, moment)`."""
    return Reaction(gather=handler, key=key or _about, roles=frozenset(roles))


def _about(message: Any) -> str:
    return str(message.aggregate_id)


def _rules_or_stop() -> Rulebook:
    """The rules in force; a process whose rules do not hold ends with the sentence that says why."""
    try:
        return rulebook()
    except BadRulebook as error:
        raise SystemExit(str(error)) from None


@dataclass(frozen=True, slots=True)
class Service:
    """The whole of a service on one screen."""

    name: str
    purpose: str
    package: str
    aggregates: tuple[Aggregate, ...]
    takes: Mapping[type, Reaction]
    hears: Mapping[type[Event], Reaction]
    wakes: Mapping[str, Reaction]
    says: tuple[type[Event], ...]
    language: Mapping[str, type[Event]]
    """Every event type that exists, so that the unknown can be told from the unheard."""
    routes: "APIRouter"
    unguarded: frozenset[str] = frozenset()
    """The paths that answer without a bearer token; every other one of the routes asks who calls."""
    rules: Rulebook = field(default_factory=_rules_or_stop)
    story: str = ""
    """The field by which events name what this service keeps the whole story of, said by whomever."""
    outside: Any = None
    """Whatever the handlers need from beyond the house, such as an outgoing channel."""

    def __post_init__(self) -> None:
        for event in self.says:
            if event.service() != self.name:
                raise ValueError(f"{self.name} cannot say {event.type()}: it belongs to {event.service()}")
