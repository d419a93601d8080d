"""Messages applied in one transaction: the inbox, the rules, the states, what is said, the positions."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from contracts.decisions import Moment, Woke
from contracts.event import Envelope, Event
from contracts.subjects import is_token, lane_of
from services.chassis import db as database
from services.chassis import parking
from services.chassis.db import Connection, transaction
from services.chassis.runtime import Runtime
from services.chassis.service import Aggregate, Reaction, Service
from services.chassis.tail import ordinal_in
from services.chassis.telemetry import MESSAGES, log, span
from services.chassis.unit import Cause, Conflict, Unit

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")

_TAKEN = "UPDATE inbox SET received_at = $2 WHERE event_id = $1"

RETRY = (*database.TRANSIENT, Conflict)


@dataclass(frozen=True, slots=True)
class Message:
    """Something a reader must handle: an event off the bus, or a wake whose time has come."""

    kind: str
    id: str
    name: str
    key: str
    """Id of the aggregate it is about."""
    lane: int
    at: datetime
    content: dict[str, Any]
    """What is parked if it cannot be taken, enough to try again."""
    reaction: Reaction | None
    message: Any
    correlation_id: str
    traceparent: str | None
    seq: int = 0
    ordinal: int = 0
    """The how manieth of its teller and lane it is; 0 where it does not say."""
    teller: str = ""
    trouble: str = ""
    """Why it must be parked unread: unknown type or unreadable."""


def read_event(
    service: Service, now: datetime, seq: int, subject: str, headers: dict[str, str], body: bytes
) -> Message:
    """Turn what the bus delivered into a message; what cannot be read is marked, never raised."""
    parts = subject.split(".")
    network, lane, teller = parts[1], int(parts[2]), parts[3]
    ordinal = ordinal_in(headers)
    headers = {clean(k): clean(v) for k, v in headers.items()}
    name = headers.get("ce-type", "")[:200]
    id = headers.get("ce-id", "")
    known = _ID.fullmatch(id) is not None
    key = headers.get("ce-partitionkey", "")
    key = key if is_token(key) else f"seq-{seq}"
    content = {
        "subject": subject,
        "headers": headers,
        "body": clean(body.decode("utf-8", "replace")),
        "seq": seq,
    }
    unread = Message(
        "event", id if known else f"seq-{seq}", name, key, lane, now, content,
        None, None, key, headers.get("traceparent"), seq, ordinal, teller,
    )  # fmt: skip
    kind = service.language.get(name)
    if kind is None:
        return give_up(unread, parking.UNKNOWN_EVENT)
    reaction = service.hears.get(kind)
    if reaction is None:
        return unread
    try:
        envelope = Envelope.read(headers, kind.model_validate_json(body))
    except (ValueError, KeyError, ArithmeticError):
        return give_up(unread, parking.UNREADABLE)
    event = envelope.event
    if not known:
        return give_up(unread, parking.UNREADABLE)
    if lane_of(event.aggregate_id) != lane or network != event.network_id:
        return give_up(unread, "wrong_subject")
    return Message(
        "event", id, name, event.aggregate_id, lane, envelope.at, content, reaction, event,
        envelope.correlation_id, envelope.traceparent, seq, ordinal, teller,
    )  # fmt: skip


def clean(text: str) -> str:
    """Text that Postgres takes: no NUL, no lone surrogate."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def give_up(m: Message, trouble: str) -> Message:
    """The same message, to be parked whatever its rule would say."""
    return replace(m, reaction=None, message=None, trouble=trouble)


def read_wake(runtime: Runtime, row: Any) -> Message:
    """Turn a row of `wakes` into a message."""
    what, at = row["what"], row["at"]
    reaction = runtime.service.wakes.get(what.partition(":")[0])
    content = {"aggregate": row["aggregate"], "what": what, "at": at.isoformat()}
    return Message(
        "wake", f"{row['aggregate_id']}/{what}/{at.isoformat()}", what.partition(":")[0], row["aggregate_id"],
        row["lane"], at, content, reaction, Woke(at, what), row["correlation_id"], row["traceparent"],
        trouble="" if reaction else parking.UNKNOWN_WAKE,
    )  # fmt: skip


async def apply(runtime: Runtime, db: Connection, messages: Sequence[Message]) -> Unit:
    """Handle messages in order inside the caller's transaction and save what comes of it."""
    unit = Unit(runtime.service, db, runtime.clock.now())
    system = runtime.system
    parked = await parking.parked_among(db, {m.key for m in messages})
    await _preload(unit, messages)
    for m in messages:
        if m.trouble or m.key in parked:
            parked.add(m.key)
            await _park(runtime, db, m, m.trouble or parking.BEHIND, None)
        elif m.reaction is not None:
            error = await _handle(unit, m, runtime.moment(m.at, m.id, system))
            if error is not None:
                held = replace(m, key=held_up(m, error))
                parked.add(held.key)
                await _park(runtime, db, held, reason_of(error), error)
    await unit.save()
    return unit


async def _preload(unit: Unit, messages: Sequence[Message]) -> None:
    wanted: dict[str, tuple[Aggregate, set[str]]] = {}
    for m in messages:
        r = m.reaction
        if r is not None and r.aggregate is not None:
            wanted.setdefault(r.aggregate.table, (r.aggregate, set()))[1].add(_key_of(m))
    for _, (aggregate, ids) in sorted(wanted.items()):
        await unit.load_many(aggregate, ids)


def _key_of(m: Message) -> str:
    assert m.reaction is not None
    return m.key if m.kind == "wake" else m.reaction.key(m.message)


class UnknownAggregate(Exception):
    """An event about something this service has never heard of."""


class ForeignNetwork(Exception):
    """An event of one network about something that belongs to another."""


def held_up(m: Message, error: Exception) -> str:
    """Whatever waits until a message is taken: its aggregate, unless another network speaks of that."""
    return f"seq-{m.seq}" if isinstance(error, ForeignNetwork) else m.key


async def _handle(unit: Unit, m: Message, moment: Moment) -> Exception | None:
    """Let the rules judge one message; on trouble take back what it did and return the trouble."""
    assert m.reaction is not None
    with span(f"{m.kind} {m.name}", m.traceparent) as traceparent:
        unit.begin(Cause(moment, m.correlation_id, traceparent))
        try:
            if m.reaction.gather is not None:
                async with transaction(unit.db):
                    await m.reaction.gather(unit, _key_of(m), m.message, moment)
            else:
                decide_one(unit, m.reaction, _key_of(m), m.message)
        except Exception as error:
            # Only a handler reaches for what may be gone in a moment: a pure rule that fails always will.
            if m.reaction.gather is not None and isinstance(error, RETRY):
                raise
            unit.undo()
            return error
    MESSAGES.labels(m.kind, m.name, "taken").inc()
    return None


def decide_one(unit: Unit, reaction: Reaction, key: str, message: Any) -> Any:
    """Run a pure decision on a loaded aggregate and fold what it decided; returns the state."""
    assert reaction.aggregate is not None
    assert reaction.decide is not None
    assert unit.cause is not None
    row = unit.rows.get((reaction.aggregate.table, key))
    state = row.state if row else None
    if state is None and not reaction.creates:
        raise UnknownAggregate(reaction.aggregate.table)
    if state is not None and isinstance(message, Event) and state.network_id != message.network_id:
        raise ForeignNetwork(reaction.aggregate.table)
    moment = unit.cause.moment.there(state if state is not None else message)
    return unit.record(reaction.aggregate, key, reaction.decide(state, message, moment))


def reason_of(error: Exception) -> str:
    """Why a message is parked that a rule could not take."""
    match error:
        case UnknownAggregate():
            return "unknown_aggregate"
        case ForeignNetwork():
            return "foreign_network"
    return "rule_failed"


async def _park(runtime: Runtime, db: Connection, m: Message, reason: str, error: Exception | None) -> None:
    MESSAGES.labels(m.kind, m.name if not m.trouble else "unread", "parked").inc()
    log().warning("parked", kind=m.kind, reason=reason, error=type(error).__name__ if error else "")
    await parking.park(
        db,
        aggregate_id=m.key,
        kind=m.kind,
        name=m.name,
        message_id=m.id,
        lane=m.lane,
        content=m.content,
        reason=reason,
        error=error,
        at=runtime.clock.now(),
    )


async def retry_parked(runtime: Runtime, db: Connection, aggregate_id: str) -> int:
    """Try an aggregate's parked messages again, in order, under its lane's lease; returns how many it took.

    Stops at the first that fails again; that one and what follows stay parked.
    """
    rows = await db.fetch(
        "SELECT id, kind, content, lane FROM parked "
        "WHERE aggregate_id = $1 AND dropped_at IS NULL ORDER BY id",
        aggregate_id,
    )
    taken = 0
    for row in rows:
        m = _from_parked(runtime, row, aggregate_id)
        failure = (m.trouble, None) if m.trouble else await _try_again(runtime, db, m)
        if failure is not None:
            await parking.still(db, row["id"], *failure)
            break
        await db.execute("DELETE FROM parked WHERE id = $1", row["id"])
        taken += 1
    return taken


async def _try_again(runtime: Runtime, db: Connection, m: Message) -> tuple[str, Exception | None] | None:
    """Handle and save a parked message; if it fails again, nothing of it stays and the answer says why."""
    if m.reaction is None:
        return None
    unit = Unit(runtime.service, db, runtime.clock.now())
    try:
        async with transaction(db):
            await _preload(unit, [m])
            error = await _handle(unit, m, runtime.moment(m.at, m.id))
            if error is not None:
                return reason_of(error), error
            await unit.save()
            # The inbox says when it was taken, in the transaction of its effect.
            await db.execute(_TAKEN, m.id, unit.recorded_at)
    except RETRY:
        raise
    except Exception as error:
        log().warning("still_cannot_be_saved", error=type(error).__name__)
        return "cannot_be_saved", error
    return None


def _from_parked(runtime: Runtime, row: Any, aggregate_id: str) -> Message:
    content = json.loads(row["content"])
    if row["kind"] == "event":
        found = content["seq"], content["subject"], content["headers"], content["body"].encode()
        return read_event(runtime.service, runtime.clock.now(), *found)
    wake = {
        "aggregate": content["aggregate"],
        "aggregate_id": aggregate_id,
        "what": content["what"],
        "at": datetime.fromisoformat(content["at"]),
        "lane": row["lane"],
        "correlation_id": aggregate_id,
        "traceparent": None,
    }
    return read_wake(runtime, wake)
