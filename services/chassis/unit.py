"""One transaction's view of the aggregates: loaded with their row locks, folded, saved in one go."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from contracts.decisions import Moment, Unwake, Wake
from contracts.event import MAX_EVENT_BYTES, Envelope, Event
from contracts.subjects import lane_of, subject_of
from services.chassis import clock, codec
from services.chassis.db import Connection
from services.chassis.service import Aggregate, Fact, Service

Key = tuple[str, str]


class Conflict(Exception):
    """Somebody else made the same new row first; try again."""


class TooLarge(Exception):
    """An event would be larger than the bus takes."""


@dataclass(slots=True)
class Row:
    """An aggregate's row as it will be saved."""

    state: Any
    version: int = 0
    said: int = 0
    stored_version: int = 0


@dataclass(frozen=True, slots=True)
class Cause:
    """What is being handled: where its facts come from."""

    moment: Moment
    correlation_id: str
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """A public event, encoded once, as its row in the outbox."""

    id: str
    type: str
    story: str
    body: str
    row: tuple[Any, ...]


@dataclass(slots=True)
class Unit:
    """The work of one transaction. Handlers load and record through it and cannot publish."""

    service: Service
    db: Connection
    recorded_at: datetime
    rows: dict[Key, Row] = field(default_factory=dict)
    dirty: dict[Key, Aggregate] = field(default_factory=dict)
    journal: list[tuple[Any, ...]] = field(default_factory=list)
    outbox: list[Said] = field(default_factory=list)
    wakes: dict[tuple[str, str, str], tuple[datetime | None, Cause]] = field(default_factory=dict)
    cause: Cause | None = None
    _before: tuple[int, int] = (0, 0)
    _touched: dict[Key, tuple[Row, bool]] = field(default_factory=dict)
    _asked: dict[tuple[str, str, str], tuple[datetime | None, Cause] | None] = field(default_factory=dict)

    @property
    def outside(self) -> Any:
        return self.service.outside

    def begin(self, cause: Cause) -> None:
        """Start on one message; `undo` takes back everything recorded since."""
        self.cause = cause
        self._before = (len(self.journal), len(self.outbox))
        self._touched = {}
        self._asked = {}

    def undo(self) -> None:
        """Take back what was recorded since `begin`."""
        journal, outbox = self._before
        del self.journal[journal:]
        del self.outbox[outbox:]
        for key, (row, dirty) in self._touched.items():
            self.rows[key] = row
            if not dirty:
                self.dirty.pop(key, None)
        for wake, before in self._asked.items():
            if before is None:
                del self.wakes[wake]
            else:
                self.wakes[wake] = before

    async def load(self, aggregate: Aggregate, id: str) -> Any:
        """The state with its row lock, or None."""
        return (await self.load_many(aggregate, (id,))).get(id)

    async def load_many(self, aggregate: Aggregate, ids: Iterable[str]) -> dict[str, Any]:
        """The states that exist, each with its row lock, locked in the order of their ids."""
        wanted = sorted(set(ids))
        missing = [i for i in wanted if (aggregate.table, i) not in self.rows]
        if missing:
            found = await self.db.fetch(
                f"SELECT id, version, said, state FROM {aggregate.table} "
                "WHERE id = ANY($1) ORDER BY id FOR UPDATE",
                missing,
            )
            for r in found:
                state = codec.load(aggregate.state, r["state"])
                self.rows[aggregate.table, r["id"]] = Row(state, r["version"], r["said"], r["version"])
            for i in missing:
                self.rows.setdefault((aggregate.table, i), Row(None))
        return {i: s for i in wanted if (s := self.rows[aggregate.table, i].state) is not None}

    def record(self, aggregate: Aggregate, id: str, facts: Sequence[Fact]) -> Any:
        """Fold facts into an aggregate and remember what must be kept and said; returns the state."""
        assert self.cause is not None
        key = (aggregate.table, id)
        row = self.rows.get(key)
        if row is None:
            raise LookupError(f"{aggregate.table} was not loaded before facts were recorded on it")
        if key not in self._touched:
            self._touched[key] = (replace(row), key in self.dirty)
        for fact in facts:
            self._remember(aggregate, key, row, fact)
        return row.state

    def _remember(self, aggregate: Aggregate, key: Key, row: Row, fact: Fact) -> None:
        cause = self.cause
        assert cause is not None
        if isinstance(fact, Wake):
            self._ask(key, fact.what, fact.at, cause)
            return
        if isinstance(fact, Unwake):
            self._ask(key, fact.what, None, cause)
            return
        row.state = aggregate.evolve(row.state, fact)
        row.version += 1
        self.dirty[key] = aggregate
        if isinstance(fact, Event):
            said = self._say(key, row, fact, cause)
            name, data = said.type, said.body
        else:
            name, data = type(fact).__name__, codec.dump(fact)
        moment = cause.moment
        self.journal.append(
            (aggregate.table, key[1], row.version, name, data, moment.cause, moment.at, self.recorded_at)
        )

    def _ask(self, key: Key, what: str, at: datetime | None, cause: Cause) -> None:
        wake = (*key, what)
        self._asked.setdefault(wake, self.wakes.get(wake))
        self.wakes[wake] = (at, cause)

    def _say(self, key: Key, row: Row, event: Event, cause: Cause) -> Said:
        if type(event) not in self.service.says:
            raise TypeError(f"{self.service.name} does not say {event.type()}")
        if event.aggregate_id != key[1]:
            raise ValueError(f"{event.type()} is about another aggregate than the one it was recorded on")
        row.said += 1
        at = cause.moment.at
        envelope = Envelope(
            # The same fact said again after a restored backup is the same event.
            id=clock.derived_id(at, self.service.name, *key, row.version, cause.moment.cause),
            event=event,
            at=at,
            recorded_at=self.recorded_at,
            sequence=row.said,
            correlation_id=str(getattr(event, "episode_id", cause.correlation_id)),
            causation_id=cause.moment.cause,
            traceparent=cause.traceparent,
            aggregate_version=row.version,
        )
        said = _encoded(envelope)
        self.outbox.append(said)
        return said

    async def last_said(self, story: str, kinds: Collection[type[Event]], **fields: str) -> str | None:
        """The id of the newest event of these kinds in a story whose fields hold these values."""
        types = [kind.type() for kind in kinds]
        for said in reversed(self.outbox):
            if said.story == story and said.type in types and fields.items() <= json.loads(said.body).items():
                return said.id
        found: str | None = await self.db.fetchval(_LAST_SAID, story, types, json.dumps(fields))
        return found

    async def save(self) -> None:
        """Write everything recorded: states, journal, outbox, wakes. Raises Conflict on a lost race."""
        by_table: dict[str, list[Key]] = {}
        for key in self.dirty:
            by_table.setdefault(key[0], []).append(key)
        for table, keys in sorted(by_table.items()):
            await self._save_states(table, sorted(keys))
        if self.journal:
            await self.db.execute(_JOURNAL, *map(list, zip(*self.journal, strict=True)))
        if self.outbox:
            await self.db.execute(_OUTBOX, *map(list, zip(*(said.row for said in self.outbox), strict=True)))
        await self._save_wakes()

    async def _save_states(self, table: str, keys: list[Key]) -> None:
        rows = [self.rows[k] for k in keys]
        saved = await self.db.fetch(
            f"""INSERT INTO {table} AS t (id, network_id, site_id, version, said, state)
                SELECT u.id, u.network_id, u.site_id, u.version, u.said, u.state::jsonb
                FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                    $7::bigint[])
                  AS u(id, network_id, site_id, version, said, state, stored)
                ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version, said = EXCLUDED.said,
                  state = EXCLUDED.state, network_id = EXCLUDED.network_id, site_id = EXCLUDED.site_id
                WHERE t.version = ($7::bigint[])[array_position($1::text[], t.id)]
                RETURNING t.id""",
            [k[1] for k in keys],
            [r.state.network_id for r in rows],
            [r.state.site_id for r in rows],
            [r.version for r in rows],
            [r.said for r in rows],
            [codec.dump(r.state) for r in rows],
            [r.stored_version for r in rows],
        )
        if len(saved) != len(keys):
            raise Conflict(table)
        for r in rows:
            r.stored_version = r.version

    async def _save_wakes(self) -> None:
        gone = [k for k, (at, _) in self.wakes.items() if at is None]
        if gone:
            await self.db.execute(
                """DELETE FROM wakes USING unnest($1::text[], $2::text[], $3::text[]) AS u(a, i, w)
                   WHERE aggregate = u.a AND aggregate_id = u.i AND what = u.w""",
                *map(list, zip(*gone, strict=True)),
            )
        asked = [
            (a, i, w, lane_of(i), at, c.moment.cause, c.correlation_id, c.traceparent)
            for (a, i, w), (at, c) in self.wakes.items()
            if at is not None
        ]
        if asked:
            await self.db.execute(_WAKES, *map(list, zip(*asked, strict=True)))


def _encoded(e: Envelope) -> Said:
    """An envelope as its outbox row. Raises TooLarge where the bus would not take it."""
    name, body, aggregate_id = e.type, e.body(), e.event.aggregate_id
    if len(body) > MAX_EVENT_BYTES:
        raise TooLarge(f"{name} would be larger than {MAX_EVENT_BYTES} bytes")
    text = body.decode()
    row = (
        e.id,
        name,
        lane_of(aggregate_id),
        aggregate_id,
        e.sequence,
        e.causation_id,
        e.correlation_id,
        subject_of(e.event),
        json.dumps(e.headers()),
        text,
        e.at,
        e.recorded_at,
    )
    return Said(e.id, name, e.correlation_id, text, row)


_JOURNAL = """INSERT INTO journal (aggregate, aggregate_id, version, type, data, cause, at, recorded_at)
  SELECT a, i, v, t, d::jsonb, c, h, r FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[]) AS u(a, i, v, t, d, c, h, r)"""

_OUTBOX = """INSERT INTO outbox
    (event_id, type, lane, aggregate_id, sequence, cause, correlation_id, subject, headers, body,
     at, recorded_at)
  SELECT e, t, l, a, s, c, k, j, h::jsonb, b, w, r FROM unnest(
    $1::text[], $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::timestamptz[],
    $12::timestamptz[]) WITH ORDINALITY AS u(e, t, l, a, s, c, k, j, h, b, w, r, n) ORDER BY n"""

# The story is read first: in the order of the ids, all of the outbox might be read backwards.
_LAST_SAID = """WITH told AS MATERIALIZED (
    SELECT id, event_id FROM outbox
    WHERE correlation_id = $1 AND type = ANY($2::text[]) AND body::jsonb @> $3::jsonb)
  SELECT event_id FROM told ORDER BY id DESC LIMIT 1"""

_WAKES = """INSERT INTO wakes (aggregate, aggregate_id, what, lane, at, cause, correlation_id, traceparent)
  SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
  ON CONFLICT (aggregate, aggregate_id, what) DO UPDATE SET at = EXCLUDED.at, lane = EXCLUDED.lane,
    cause = EXCLUDED.cause, correlation_id = EXCLUDED.correlation_id, traceparent = EXCLUDED.traceparent"""
