"""A running service: its table, its connections and its clock, handed to whoever works for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from contracts.decisions import Moment, Refused
from contracts.vocabulary import Actor, ActorType
from services.chassis import db
from services.chassis.bus import Bus
from services.chassis.clock import Clock, Signal
from services.chassis.db import Connection, Pool
from services.chassis.refusals import Unsafe
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.tail import StreamTrouble

RELAY = "relay"


def _not_now(code: str, sentence: str, hint: str) -> Refused:
    return Refused(code, sentence, status=503, hint=hint)


@dataclass(slots=True)
class Runtime:
    """What everybody who works for a service shares."""

    service: Service
    settings: Settings
    clock: Clock
    pool: Pool
    bus: Bus
    outbox_grew: Signal = field(default_factory=Signal)
    time_passed: Signal = field(default_factory=Signal)
    """Fires when the clock was advanced or somebody asked to be woken."""
    troubles: dict[str, StreamTrouble] = field(default_factory=dict)
    """How the stream does not fit the books, by who saw it."""
    unsafe: list[Unsafe] = field(default_factory=list)
    """What was found at the last look that must not be served with."""
    up: bool = True
    """Whether a process that comes up has come so far that commands may be let in."""
    serving: bool = True
    """Whether the relay and the readers run."""
    backlogged: bool = False
    """Whether so much waits in the outbox that no more may be added."""
    taking: int = 0
    draining: bool = False
    connection_class: type[Connection] = Connection
    """Every connection is of this class, so that rehearsals can break each of its awaits."""

    @property
    def open(self) -> bool:
        """Whether commands are let in."""
        return self.up and not self.unsafe and RELAY not in self.troubles

    async def connect(self) -> Connection:
        """A connection beside the pool, for who holds locks on it."""
        return await db.connect(self.settings, self.service.name, self.connection_class)

    @asynccontextmanager
    async def reading(self, seconds: float | None = None) -> AsyncIterator[Connection]:
        """A connection of the pool for no longer than a command may take, or so many seconds."""
        async with asyncio.timeout(seconds or self.settings.command_seconds), self._borrowed() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction of the pool."""
        async with self._borrowed() as connection, db.transaction(connection):
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A transaction that takes no longer than a command may."""
        async with asyncio.timeout(self.settings.command_seconds), self.transaction() as connection:
            yield connection

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        """A connection of the pool, which is cut where its user's time is up.

        To roll back and to give it back in order would take as long as whatever the time went into.
        """
        async with self.pool.acquire() as connection:
            try:
                yield connection
            except asyncio.CancelledError:
                connection.terminate()
                raise

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Room for one more command; raises Refused (503) where there is none, so that nobody waits long."""
        if self.draining:
            raise _not_now("draining", "This process is shutting down.", "Try again; another will answer.")
        if not self.open:
            raise _not_now("not_ready", "This process is not ready to take commands.", "See /readyz for why.")
        if self.backlogged:
            raise _not_now("backlogged", "More waits to be sent than may wait.", "Try again in a while.")
        if self.taking >= self.settings.commands_at_once:
            raise _not_now("overloaded", "More commands are running than may run.", "Try again in a while.")
        self.taking += 1
        try:
            yield
        finally:
            self.taking -= 1

    def moment(self, at: datetime, cause: str, actor: Actor | None = None) -> Moment:
        return Moment(at, actor or self.system, cause, self.service.rules)

    @property
    def system(self) -> Actor:
        return Actor(type=ActorType.SYSTEM, id=self.service.name, role="system")

    def committed(self, *, said: bool, woke: bool) -> None:
        """Tell the relay and the readers that there is something for them."""
        if said:
            self.outbox_grew.fire()
        if woke:
            self.time_passed.fire()
