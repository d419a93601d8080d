"""Liveness, readiness, metrics, the clock of rehearsals, and what is parked."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import generate_latest
from pydantic import AwareDatetime

from contracts.decisions import Refused
from contracts.subjects import lane_of
from contracts.vocabulary import ShortText, Token
from services.chassis import clock, db, parking
from services.chassis.bus import BusDown, BusError
from services.chassis.clock import ManualClock
from services.chassis.http import Answer, Body, Call, answer, runtime_of
from services.chassis.runtime import Runtime
from services.chassis.telemetry import LANE_LAG, OUTBOX_AGE, OUTBOX_UNSENT, PARKED, REGISTRY

LOOK_SECONDS = 2
"""Longest time of a look at what the service needs, for whoever asks every few seconds."""
routes = APIRouter()

_STANDING = """SELECT
  (SELECT min(at) FROM wakes) AS next_wake_at,
  (SELECT count(*) FROM wakes WHERE at <= $1) AS due,
  waiting.unsent, waiting.age,
  (SELECT count(*) FROM parked WHERE dropped_at IS NULL) AS parked,
  (SELECT coalesce(jsonb_object_agg(lane, stream_seq), '{}') FROM lane_heads) AS heads,
  (SELECT coalesce(jsonb_object_agg(lane, seq), '{}') FROM positions) AS positions
  FROM (SELECT count(*) AS unsent, extract(epoch FROM now() - min(recorded_at)) AS age
        FROM outbox WHERE sent_at IS NULL) AS waiting"""


@routes.get("/livez", include_in_schema=False)
async def livez() -> dict[str, str]:
    """The process turns; says nothing of what it depends on, so that an outage restarts nobody."""
    return {"status": "ok"}


@routes.get("/readyz", include_in_schema=False)
async def readyz(request: Request) -> JSONResponse:
    """Everything the service needs is there."""
    problems = await troubles(runtime_of(request), request.app.state.components)
    runtime = runtime_of(request)
    names = [each.name for each in runtime.unsafe]
    return JSONResponse(
        {"status": "ready" if not problems else "not ready", "problems": problems, "unsafe": names},
        503 if problems else 200,
    )


async def troubles(runtime: Runtime, components: dict[str, list[tuple[str, str]]]) -> list[str]:
    """What keeps the service from being ready, one sentence each."""
    found = []
    if runtime.draining:
        found.append("The process is shutting down.")
    try:
        async with runtime.reading(LOOK_SECONDS) as connection:
            waiting = await db.pending(connection, components)
            if waiting:
                found.append(f"The schema waits for {len(waiting)} migrations; run the migrator.")
    except db.TRANSIENT:
        found.append("Postgres does not answer.")
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await runtime.bus.stream()
    except (BusDown, BusError, TimeoutError):
        found.append("NATS or the stream EVENTS does not answer.")
    found += [f"{each.sentence} {each.cure}" for each in runtime.unsafe]
    found += sorted({f"{trouble.sentence} {trouble.cure}" for trouble in runtime.troubles.values()})
    if runtime.bus.violations:
        found.append("The bus refused something this service tried; its permissions do not fit its table.")
    if not found and not (runtime.open and runtime.serving):
        found.append("The process is coming up.")
    return found


async def standing(runtime: Runtime, seconds: float | None = None) -> dict[str, Any]:
    """Where this service stands: what is due, unsent, parked, and how far each lane has come."""
    async with runtime.reading(seconds) as connection:
        row = await connection.fetchrow(_STANDING, runtime.clock.now())
    assert row is not None
    return {
        "now": runtime.clock.now().isoformat(),
        "next_wake_at": row["next_wake_at"].isoformat() if row["next_wake_at"] else None,
        "due": row["due"],
        "unsent": row["unsent"],
        "oldest_unsent_seconds": float(row["age"] or 0),
        "parked": row["parked"],
        "heads": json.loads(row["heads"]),
        "positions": json.loads(row["positions"]),
        "busy": 0,
    }


@routes.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus text; the gauges are read at the moment of asking."""
    runtime = runtime_of(request)
    try:
        now = await standing(runtime, LOOK_SECONDS)
        OUTBOX_AGE.set(now["oldest_unsent_seconds"])
        OUTBOX_UNSENT.set(now["unsent"])
        PARKED.set(now["parked"])
        state = (await runtime.bus.api("STREAM.INFO.EVENTS"))["state"]
        for lane, position in now["positions"].items():
            LANE_LAG.labels(lane).set(
                max(0, min(state["last_seq"], now["heads"].get(lane, position)) - position)
            )
    except (*db.TRANSIENT, BusDown, BusError):
        pass
    return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4")


class ClockBody(Body):
    now: AwareDatetime


@routes.get("/v1/clock", tags=["operations"])
async def show_clock(call: Call) -> dict[str, Any]:
    """What time it is here, what is due, and how far this service has come."""
    call.require_role("operator")
    return await standing(call.runtime)


@routes.post("/v1/clock", tags=["operations"])
async def advance_clock(body: ClockBody, call: Call) -> dict[str, Any]:
    """Advance the manual clock of a rehearsal; never backwards."""
    call.require_role("operator")
    time = call.runtime.clock
    if not isinstance(time, ManualClock):
        raise Refused(
            "wall_clock", "This service runs on the wall clock.", hint="Start it with HANDRAIL_CLOCK=manual."
        )
    if body.now.year > 2200:
        raise Refused("invalid", "That is too far ahead.", status=422)
    async with call.runtime.writing() as connection:
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute(
            "INSERT INTO clock (now) VALUES ($1) ON CONFLICT (one) "
            "DO UPDATE SET now = greatest(clock.now, EXCLUDED.now)",
            body.now,
        )
    time.advance(body.now)
    call.runtime.time_passed.fire()
    return {"now": time.now().astimezone(UTC).isoformat()}


async def resume_clock(runtime: Runtime) -> None:
    """A manual clock goes on from where it stood."""
    if isinstance(runtime.clock, ManualClock):
        async with runtime.reading() as connection:
            now: datetime | None = await connection.fetchval("SELECT now FROM clock")
        if now is not None:
            runtime.clock.advance(now)


@routes.get("/v1/parked", tags=["operations"])
async def list_parked(call: Call, dropped: bool = False) -> dict[str, Any]:
    """What is parked, or with `dropped` what was given up and why; oldest first, without content."""
    call.require_role("operator")
    async with call.reading() as connection:
        rows = await connection.fetch(
            "SELECT id, aggregate_id, kind, name, message_id, lane, reason, detail, trace, "
            "parked_at::text, dropped_at::text, dropped_reason "
            "FROM parked WHERE (dropped_at IS NOT NULL) = $1 ORDER BY id LIMIT 500",
            dropped,
        )
    return {"items": [{k: v for k, v in dict(r).items() if v is not None} for r in rows]}


@routes.post("/v1/parked/{aggregate_id}/retry", tags=["operations"], status_code=202)
async def retry_parked(aggregate_id: Token, call: Call) -> Answer:
    """Ask for another try of everything parked for an aggregate, in order, under its lane's lease."""
    call.require_role("operator")
    async with call.runtime.writing() as connection:
        await parking.ask_again(connection, {aggregate_id: lane_of(aggregate_id)}, call.now)
    call.runtime.time_passed.fire()
    return answer(aggregate_id)


class DropBody(Body):
    reason: ShortText


@routes.post("/v1/parked/{aggregate_id}/drop", tags=["operations"], status_code=202)
async def drop_parked(aggregate_id: Token, body: DropBody, call: Call) -> Answer:
    """Give up the oldest parked message of an aggregate; the reason is kept with it."""
    call.require_role("operator")
    async with call.runtime.writing() as connection:
        dropped = await connection.fetchval(
            "UPDATE parked SET dropped_at = $2, dropped_reason = $3 WHERE id = "
            "(SELECT min(id) FROM parked WHERE aggregate_id = $1 AND dropped_at IS NULL) RETURNING id",
            aggregate_id,
            clock.wall_now(),
            body.reason,
        )
    if dropped is None:
        raise call.not_found()
    return answer(aggregate_id, dropped=dropped)
