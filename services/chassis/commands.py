"""The write path: a command, one transaction, an answer that a retry gets again."""

import asyncio
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanKind

from contracts.decisions import Refused
from contracts.event import MAX_EVENT_BYTES
from contracts.subjects import is_token
from services.chassis import clock, codec, work
from services.chassis.auth import Who, require_role
from services.chassis.db import Connection
from services.chassis.runtime import Runtime
from services.chassis.telemetry import HANDLED, MESSAGES, span
from services.chassis.unit import Cause, TooLarge, Unit
from services.chassis.work import UnknownAggregate, decide_one

ATTEMPTS = 6
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a command a repeat of an earlier one."""

    key: str | None
    digest: str


def key_of(given: object) -> str | None:
    """The key that a caller gave, if any; raises Refused (422) where it cannot be kept."""
    if given is None or (isinstance(given, str) and _KEY.fullmatch(given)):
        return given
    raise Refused("invalid", "The Idempotency-Key must be 1 to 255 printable characters.", status=422)


def digest_of(*parts: str | bytes) -> str:
    """A fingerprint by which a repeated request is told from another."""
    h = hashlib.sha256()
    for part in parts:
        h.update(part.encode() if isinstance(part, str) else part)
        h.update(b"\x1f")
    return h.hexdigest()


async def take(
    runtime: Runtime,
    who: Who,
    command: Any,
    on: str,
    *,
    request: Request,
    traceparent: str | None = None,
    extra: Callable[[Any], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Take a command for an aggregate and answer; lost races and passing trouble are tried again.

    Raises Refused where the rules decline, and whatever trouble outlasts the attempts.
    """
    roles = runtime.service.takes[type(command)].roles
    if roles:
        require_role(who, roles)
    with runtime.admitted():
        async with asyncio.timeout(runtime.settings.command_seconds):
            return await _take(runtime, who, command, on, request, traceparent, extra)


async def _take(
    runtime: Runtime,
    who: Who,
    command: Any,
    on: str,
    request: Request,
    traceparent: str | None,
    extra: Callable[[Any], dict[str, Any]] | None,
) -> dict[str, Any]:
    command_id = clock.new_id()
    # Without a key of the caller's, our own: another attempt must find what the last one committed.
    request = Request(request.key or command_id, request.digest)
    name = type(command).__name__
    for attempt in range(ATTEMPTS):
        try:
            with (
                span(f"command {name}", traceparent, SpanKind.SERVER) as trace,
                HANDLED.labels("command").time(),
            ):
                async with runtime.transaction() as db:
                    answer, unit = await _once(
                        runtime, db, who, command, on, request, command_id, trace, extra
                    )
            if unit is not None:
                runtime.committed(said=bool(unit.outbox), woke=bool(unit.wakes))
            MESSAGES.labels("command", name, "taken").inc()
            return answer
        except work.RETRY:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.02 * 2**attempt)
        except Refused:
            MESSAGES.labels("command", name, "refused").inc()
            raise
    raise AssertionError("unreachable")


async def _once(
    runtime: Runtime,
    db: Connection,
    who: Who,
    command: Any,
    on: str,
    request: Request,
    command_id: str,
    trace: str,
    extra: Callable[[Any], dict[str, Any]] | None,
) -> tuple[dict[str, Any], Unit | None]:
    caller = f"{who.network_id}/{who.actor.id}"
    known = await _known(db, caller, request)
    if known is not None:
        return known, None
    now = runtime.clock.now()
    unit = Unit(runtime.service, db, now)
    unit.begin(Cause(runtime.moment(now, command_id, who.actor), on, trace))
    state, told = await _decide(runtime, unit, who, command, on)
    await unit.save()
    answer = {"id": on, **told} if told is not None else _answer(unit, on, state, extra)
    await db.execute(
        "INSERT INTO idempotency VALUES ($1, $2, $3, $4, $5, $6)",
        caller, request.key, request.digest, 201, json.dumps(answer), clock.wall_now(),
    )  # fmt: skip
    if unit.outbox:
        await db.execute("SELECT pg_notify('outbox', '')")
    return answer, unit


def _answer(unit: Unit, on: str, state: Any, extra: Callable[[Any], dict[str, Any]] | None) -> dict[str, Any]:
    return {
        "id": on,
        "version": max((r.version for (_, i), r in unit.rows.items() if i == on), default=0),
        "said": [{"id": e.id, "type": e.type} for e in unit.outbox],
        **(extra(state) if extra is not None and state is not None else {}),
    }


async def _known(db: Connection, caller: str, request: Request) -> dict[str, Any] | None:
    """The answer an earlier request with this key got; takes the key's lock for this transaction."""
    if not await db.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtext($1), hashtext($2))", caller, request.key
    ):
        raise Refused(
            "in_progress",
            "A request with this Idempotency-Key is still running.",
            hint="Wait a moment and send it again.",
        )
    row = await db.fetchrow(
        "SELECT request_hash, answer FROM idempotency WHERE caller = $1 AND key = $2", caller, request.key
    )
    if row is None:
        return None
    if row["request_hash"] != request.digest:
        raise Refused(
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another request.",
            status=422,
            hint="Use a new key for a new request.",
        )
    answer: dict[str, Any] = json.loads(row["answer"])
    return answer


async def _decide(
    runtime: Runtime, unit: Unit, who: Who, command: Any, on: str
) -> tuple[Any, Mapping[str, Any] | None]:
    reaction = runtime.service.takes[type(command)]
    told = None
    assert unit.cause is not None
    try:
        if reaction.gather is not None:
            told = await reaction.gather(unit, on, command, unit.cause.moment)
            state = next((r.state for (_, i), r in unit.rows.items() if i == on), None)
        else:
            assert reaction.aggregate is not None
            existing = await unit.load(reaction.aggregate, on)
            _same_tenant(who, existing)
            state = decide_one(unit, reaction, on, command)
    except UnknownAggregate as error:
        raise not_found() from error
    except TooLarge as error:
        raise Refused("too_large", "What would be said is larger than the bus takes.", status=413) from error
    for (_, i), row in unit.rows.items():
        if i == on:
            _same_tenant(who, row.state)
    return state, told


def _same_tenant(who: Who, state: Any) -> None:
    """What lies in another network or site does not exist for this caller."""
    if state is not None and (state.network_id != who.network_id or state.site_id not in who.sites):
        raise not_found()


def not_found() -> Refused:
    """What is asked for does not exist for this caller."""
    return Refused("not_found", "There is nothing with this id here.", status=404)


def from_the_bus(runtime: Runtime, who: Who, request: dict[str, Any]) -> tuple[Any, str]:
    """The command of a request by the bus, and what it is about; raises Refused (404 or 422).

    Only commands whose table entry names roles can be given this way, and whoever they are about
    belongs to the caller's network and sites whatever the request says.
    """
    name, on, data = request.get("command"), request.get("on"), request.get("data")
    kinds = {k.__name__: k for k, reaction in runtime.service.takes.items() if reaction.roles}
    if not isinstance(name, str) or name not in kinds:
        raise Refused("unknown_command", "This service takes no such command over the bus.", status=404)
    if not isinstance(on, str) or not is_token(on) or not isinstance(data, dict):
        raise Refused("invalid", "A request has a command, an id in `on` and fields in `data`.", status=422)
    fields = {f.name for f in dataclasses.fields(kinds[name])}
    mine = {"network_id": who.network_id, "sites": list(who.sites)}
    try:
        text = json.dumps({**data, **{k: v for k, v in mine.items() if k in fields}})
        storable = len(text) <= MAX_EVENT_BYTES and "\\u0000" not in text and "\\ud" not in text
        command = codec.load(kinds[name], text if storable else "")
    except (ValueError, RecursionError) as error:
        raise Refused("invalid", "The command's fields do not hold.", status=422) from error
    return command, on
