"""A running service: its table, its connections and its clock, handed to whoever works for it."""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.decisions import Moment
from contracts.vocabulary import Actor, ActorType
from services.chassis import db
from services.chassis.bus import Bus
from services.chassis.clock import Clock, Signal
from services.chassis.db import Connection, Pool
from services.chassis.service import Service
from services.chassis.settings import Settings


@dataclass(slots=True)
class Runtime:
    service: Service
    settings: Settings
    clock: Clock
    pool: Pool
    bus: Bus
    outbox_grew: Signal = field(default_factory=Signal)
    time_passed: Signal = field(default_factory=Signal)
    """Fires when the clock was advanced or somebody asked to be woken."""
    draining: bool = False
    connection_class: type[Connection] = Connection
    """Every connection is of this class, so that rehearsals can break each of its awaits."""

    async def connect(self) -> Connection:
        """A connection beside the pool, for who holds locks on it."""
        return await db.connect(self.settings, self.service.name, self.connection_class)

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
