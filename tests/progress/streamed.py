"""A story whose events lie in a stream, as the relay of every service put them there."""

from collections import deque
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from contracts.decisions import Moment, Refused, Unwake, Wake
from contracts.event import Envelope, Event
from contracts.rulebook import rulebook
from contracts.subjects import subject_of
from contracts.vocabulary import Actor, ActorType
from services.chassis.clock import derived_id
from services.chassis.replay import Carried, Replayed, read_stream, replayed
from services.chassis.service import Decide, Service
from services.progress import domain
from services.progress.app import service
from tests.progress.story import Story

ITSELF = Actor(type=ActorType.SYSTEM, id="progress", role="system")


class Streamed(Story):
    """What is heard lies in the stream at once; between `lag` and `catch_up` nobody reads it."""

    def __init__(self, table: Service = service, **options: Any) -> None:
        super().__init__(**options)
        self.table = table
        self.stream: list[Carried] = []
        self.kept: list[tuple[int, str, datetime]] = []
        self.behind: deque[tuple[Event, datetime, str]] = deque()
        self.lagging = False
        self._said = 0
        self._told = count(1)

    def hear(self, event: Event) -> list[Any]:
        number = next(self._told)
        id = derived_id(self.now, "test", number)
        self._carry(Envelope(id, event, self.now, self.now, number, event.aggregate_id, "test"))
        self.behind.append((event, self.now, id))
        return [] if self.lagging else self.catch_up()

    def catch_up(self) -> list[Any]:
        """Read what lies in the stream, each event at the instant in it."""
        self.lagging, facts = False, list[Any]()
        while self.behind:
            event, at, id = self.behind.popleft()
            facts = self._take(self.table.hears[type(event)], event, Moment(at, ITSELF, id, rulebook()))
        return facts

    def _absorb(self, reaction: Any, message: Any, actor: Actor) -> list[Any]:
        return self._take(
            reaction, message, Moment(self.now, actor, f"cause-{next(self._causes)}", rulebook())
        )

    def _take(self, reaction: Any, message: Any, moment: Moment) -> list[Any]:
        facts = list(reaction.decide(self.state, message, moment))
        for fact in facts:
            if isinstance(fact, Wake):
                self.wakes[fact.what] = fact.at
            elif isinstance(fact, Unwake):
                self.wakes.pop(fact.what, None)
            else:
                self.state = domain.evolve(self.state, fact)
                self.journal.append(fact)
                self.kept.append((len(self.journal), moment.cause, moment.at))
                if isinstance(fact, Event):
                    self._say(fact, moment)
        if self.state is not None:
            self.check(facts)
        return facts

    def _say(self, fact: Event, moment: Moment) -> None:
        self._said += 1
        version = len(self.journal)
        id = derived_id(moment.at, "progress", "episodes", self.state.id, version, moment.cause)
        self._carry(
            Envelope(
                id,
                fact,
                moment.at,
                self.now,
                self._said,
                self.state.id,
                moment.cause,
                aggregate_version=version,
            )
        )

    def _carry(self, envelope: Envelope) -> None:
        seq = len(self.stream) + 1
        self.stream.append(Carried(seq, subject_of(envelope.event), envelope.headers(), envelope.body()))


def retold(stream: list[Carried], now: datetime, table: Service = service) -> Replayed:
    (found,) = replayed(table, read_stream(table, stream, now), now)
    return found


def deciding(kind: type[Event], decide: Decide) -> Service:
    """Progress as code of another day: one event that it hears is judged differently."""
    hears = {**service.hears, kind: replace(service.hears[kind], decide=decide)}
    return replace(service, hears=hears)


def refused_or_done(act: Any) -> bool:
    """Whether something could be done."""
    try:
        act()
    except Refused:
        return False
    return True
