"""The books of a service from the stream alone.

What the service said is taken as it was said. What it kept to itself came from events that it heard, and is
decided again: every own event tells the version that its aggregate had with it, so that the versions which
no event tells are the facts kept from what was heard before it, in the order of the stream.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from contracts.decisions import Moment
from contracts.event import Envelope
from contracts.vocabulary import Actor, ActorType
from services.chassis import parking
from services.chassis.ordinals import Ordinals
from services.chassis.service import Aggregate, Service
from services.chassis.story import belongs
from services.chassis.tail import Head
from services.chassis.unit import Cause, Row, Unit
from services.chassis.work import ForeignNetwork, Message, decide_one, read_event, reason_of


class CannotReplay(Exception):
    """The stream does not give the books of this service; the message says of what and why."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One message as it lies in the stream."""

    seq: int
    subject: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Own:
    """An event of the service itself."""

    seq: int
    envelope: Envelope
    version: int
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class _Story:
    """All that the stream holds of one aggregate: what was said of it, and what was heard."""

    told: deque[Own] = field(default_factory=deque)
    heard: deque[Message] = field(default_factory=deque)


@dataclass(slots=True)
class Replayed:
    """What one aggregate came to; `left` is what its rules could not take, and all behind it."""

    id: str
    unit: Unit
    carried: dict[str, int]
    """Where in the stream each of its own events lies; what it says only now lies nowhere yet."""
    left: tuple[tuple[Message, str, Exception | None], ...] = ()

    @property
    def row(self) -> Row:
        return next(iter(self.unit.rows.values()))


def only_aggregate(service: Service) -> Aggregate:
    """The one aggregate that everything is about; raises CannotReplay where a service is more than that."""
    reactions = [*service.takes.values(), *service.hears.values(), *service.wakes.values()]
    tables = {reaction.aggregate.table for reaction in reactions if reaction.aggregate}
    if any(reaction.gather for reaction in reactions) or len(tables) != 1:
        raise CannotReplay(
            f"{service.name} reacts with more than pure decisions on one aggregate: "
            "what it kept cannot be decided again from what it heard."
        )
    (aggregate,) = [a for a in service.aggregates if a.table in tables]
    if service.wakes and aggregate.waits is None:
        raise CannotReplay(f"{service.name} does not say what its {aggregate.table} wait for.")
    return aggregate


@dataclass(slots=True)
class Stream:
    """What the messages of the stream are to one service."""

    stories: dict[str, _Story] = field(default_factory=dict)
    heard: list[Message] = field(default_factory=list)
    story: list[Message] = field(default_factory=list)
    heads: dict[int, Head] = field(default_factory=dict)
    ordinals: Ordinals = field(default_factory=Ordinals)
    last: int = 0


def read_stream(service: Service, messages: Iterable[Carried], now: datetime) -> Stream:
    """Sort the stream by what it is about; raises CannotReplay where it is not whole or not in its order."""
    stream, seen = Stream(), set[str]()
    for carried in messages:
        m = read_event(service, now, carried.seq, carried.subject, dict(carried.headers), carried.body)
        if m.seq <= stream.last or not stream.ordinals.take(m.lane, m.teller, m.ordinal):
            raise CannotReplay(f"The stream is not whole, or not in its order, at message {m.seq}.")
        stream.last = m.seq
        own = m.teller == service.name
        if own:
            stream.heads[m.lane] = Head(m.seq, m.ordinal)
        if m.id in seen:
            continue
        seen.add(m.id)
        if belongs(service, m):
            stream.story.append(m)
        if own:
            said = own_event(service, carried)
            stream.stories.setdefault(said.envelope.event.aggregate_id, _Story()).told.append(said)
        elif m.reaction or m.trouble:
            key = m.reaction.key(m.message) if m.reaction else m.key
            stream.stories.setdefault(key, _Story()).heard.append(m)
            stream.heard.append(m)
    return stream


def replayed(service: Service, stream: Stream, now: datetime) -> Iterator[Replayed]:
    """Every aggregate as the stream gives it, one after the other; raises CannotReplay."""
    aggregate = only_aggregate(service)
    for id, story in stream.stories.items():
        found = _Telling(service, aggregate, id, story, now).to_the_end()
        if found.row.state is not None or found.left:
            yield found


def own_event(service: Service, message: Carried) -> Own:
    """A message as an event that the service itself said; raises CannotReplay if it cannot be read."""
    headers = {k: v for k, v in message.headers.items() if k == "Nats-Msg-Id" or not _of_transport(k)}
    kind = service.language.get(headers.get("ce-type", ""))
    if kind is None:
        raise CannotReplay(f"Message {message.seq} of the stream is of a type that this code does not know.")
    try:
        envelope = Envelope.read(headers, kind.model_validate_json(message.body))
    except (ValueError, KeyError, ArithmeticError) as error:
        raise CannotReplay(f"Message {message.seq} of the stream cannot be read.") from error
    if envelope.aggregate_version is None:
        raise CannotReplay(
            f"{envelope.type} of {envelope.event.aggregate_id} was said before events told their version."
        )
    return Own(message.seq, envelope, envelope.aggregate_version, headers, message.body.decode())


def _of_transport(header: str) -> bool:
    return header.startswith(("Nats-", "Handrail-"))


class _Telling:
    """One aggregate, told again."""

    def __init__(self, service: Service, aggregate: Aggregate, id: str, story: _Story, now: datetime) -> None:
        self.service, self.aggregate, self.id = service, aggregate, id
        self.told, self.heard = story.told, story.heard
        self.waiting = {message.id for message in story.heard}
        self.taken: set[str] = set()
        self.foreign: list[tuple[Message, str, Exception | None]] = []
        self.unit = Unit(service, db=None, recorded_at=now)  # a database is needed only to save
        self.row = Row(None)
        self.unit.rows[aggregate.table, id] = self.row
        self.changed: Cause | None = None
        self.carried: dict[str, int] = {}
        self.actor = Actor(type=ActorType.SYSTEM, id=service.name, role="system")

    def to_the_end(self) -> Replayed:
        while self.told:
            following = self.told[0]
            cause = following.envelope.causation_id
            if cause in self.taken:
                raise self._wrong(following, "what it heard does not lead to it")
            if following.version == self.row.version + 1 and cause not in self.waiting:
                self._say(self.told.popleft())
            elif self.heard and self.heard[0].seq < following.seq:
                self._pass_over_or_hear(self.heard.popleft())
            else:
                raise self._wrong(following, "what led to it is not in the stream")
        left = self._hear_the_rest()
        self._ask_for_wakes()
        return Replayed(self.id, self.unit, self.carried, left)

    def _say(self, own: Own) -> None:
        envelope = own.envelope
        if envelope.sequence != self.row.said + 1:
            raise self._wrong(own, f"number {self.row.said + 1} of its story is not in the stream")
        self._begin(envelope.at, envelope.causation_id, envelope.correlation_id, envelope.recorded_at)
        try:
            self.unit.record(self.aggregate, self.id, [envelope.event])
        except (TypeError, ValueError, LookupError) as error:
            raise self._wrong(own, "it does not fit what came before") from error
        self._as_it_was_said(len(self.unit.outbox) - 1, own)
        self.changed = self.unit.cause

    def _pass_over_or_hear(self, message: Message) -> None:
        """What the rules cannot take, though later ones were taken, had been dropped."""
        try:
            self._hear(message)
        except CannotReplay:
            raise
        except ForeignNetwork as error:
            self._leave(message, error)
        except Exception:
            self.waiting.discard(message.id)

    def _hear_the_rest(self) -> tuple[tuple[Message, str, Exception | None], ...]:
        """What was heard last; where the rules cannot take one, it is left with all that follows."""
        while self.heard:
            try:
                self._hear(self.heard[0])
            except CannotReplay:
                raise
            except ForeignNetwork as error:
                self._leave(self.heard[0], error)
            except Exception as error:
                first, *rest = self.heard
                return (
                    *self.foreign,
                    (first, first.trouble or reason_of(error), error),
                    *((m, m.trouble or parking.BEHIND, None) for m in rest),
                )
            self.heard.popleft()
        return tuple(self.foreign)

    def _leave(self, message: Message, error: ForeignNetwork) -> None:
        """What another network said holds nobody up."""
        self.waiting.discard(message.id)
        self.foreign.append((message, reason_of(error), error))

    def _hear(self, message: Message) -> None:
        """Decide again, and hold what it says against what was said."""
        if message.reaction is None:
            raise ValueError(message.trouble)
        answers = [o for o in self.told if o.envelope.causation_id == message.id]
        recorded_at = answers[0].envelope.recorded_at if answers else message.at
        self._begin(message.at, message.id, message.correlation_id, recorded_at)
        kept, said = len(self.unit.journal), len(self.unit.outbox)
        try:
            decide_one(self.unit, message.reaction, self.id, message.message)
        except Exception:
            self.unit.undo()
            self.row = self.unit.rows[self.aggregate.table, self.id]
            raise
        self.waiting.discard(message.id)
        self.taken.add(message.id)
        if len(self.unit.journal) > kept:
            self.changed = self.unit.cause
        for number in range(said, len(self.unit.outbox)):
            self._compare(number, message)
        if self.told and self.told[0].version <= self.row.version:
            raise self._wrong(self.told[0], f"{message.name} before it led to more than was recorded")

    def _compare(self, number: int, message: Message) -> None:
        if not self.told:
            return
        now, then = self.unit.outbox[number], self.told.popleft()
        if self.service.language[now.type].model_validate_json(now.body) != then.envelope.event:
            raise self._wrong(then, f"{message.name} leads to {now.type} now, or to another content")
        self._as_it_was_said(number, then)

    def _as_it_was_said(self, number: int, own: Own) -> None:
        said = self.unit.outbox[number]
        if said.id != own.envelope.id:
            raise self._wrong(own, "its id does not follow from this version and cause")
        # As it lies in the stream: with the trace that it had, and the words of the code that said it.
        row = (*said.row[:8], json.dumps(own.headers), own.body, *said.row[10:])
        self.unit.outbox[number] = replace(said, body=own.body, row=row)
        self.carried[own.envelope.id] = own.seq

    def _begin(self, at: datetime, cause: str, correlation_id: str, recorded_at: datetime) -> None:
        moment = Moment(at, self.actor, cause, self.service.rules)
        self.unit.recorded_at = recorded_at
        self.unit.begin(Cause(moment, correlation_id, None))

    def _ask_for_wakes(self) -> None:
        """What the aggregate waits for as it stands, whatever was asked for and answered on the way."""
        cause = self.changed
        self.unit.wakes.clear()
        if self.aggregate.waits is None or self.row.state is None or cause is None:
            return
        waits = self.aggregate.waits(self.row.state, cause.moment.there(self.row.state))
        self.unit.wakes.update({(self.aggregate.table, self.id, w): (at, cause) for w, at in waits.items()})

    def _wrong(self, own: Own, why: str) -> CannotReplay:
        return CannotReplay(
            f"{self.aggregate.table} {self.id} cannot be told again at version {own.version} "
            f"({own.envelope.type}): {why}."
        )
