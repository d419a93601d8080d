"""Start, drain and stop a service process."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI

from contracts.decisions import Refused
from services.chassis import commands, db, health, http, telemetry, work
from services.chassis.auth import Gate
from services.chassis.bus import Bus
from services.chassis.clock import Clock, ManualClock, WallClock
from services.chassis.refold import refold
from services.chassis.runtime import Runtime
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.startup import come_up

DRAIN_SECONDS = 4.0
"""Longest wait for what runs to end, and again for the connections to close."""


def components(service: Service) -> dict[str, list[tuple[str, str]]]:
    """The migrations a service needs: those of the chassis, then its own."""
    return {"chassis": db.migrations_of("services.chassis"), service.name: db.migrations_of(service.package)}


def build(service: Service, settings: Settings) -> FastAPI:
    """The whole service as an ASGI application; its lifespan holds the relay and the readers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runtime = await _assemble(service, settings)
        app.state.runtime = runtime
        tasks: list[asyncio.Task[None]] = []

        def start(work: Coroutine[Any, Any, None]) -> None:
            tasks.append(_task(work))

        start(runtime.bus.stay())
        start(come_up(runtime, app.state.components, start))
        try:
            yield
        finally:
            runtime.draining = True
            for task in tasks:
                task.cancel()
            # Whatever waits for a server that does not answer is given up: it is safe to die anywhere.
            await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            closed = asyncio.gather(runtime.bus.close(), runtime.pool.close(), return_exceptions=True)
            await asyncio.wait({closed}, timeout=DRAIN_SECONDS)
            runtime.pool.terminate()

    app = http.Api(
        title=f"Handrail {service.name}",
        description=service.purpose,
        version="1",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.gate = Gate(settings)
    app.state.components = components(service)
    app.include_router(service.routes)
    app.include_router(health.routes)
    http.install(app)
    return app


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Work that must go on as long as the process: if it ever ends, the process drains and goes too."""
    task = asyncio.create_task(work)
    task.add_done_callback(_go_with_it)
    return task


def _go_with_it(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        error = task.exception()
        telemetry.log().error("task_ended", error=type(error).__name__ if error else "")
        os.kill(os.getpid(), signal.SIGTERM)


async def _assemble(service: Service, settings: Settings) -> Runtime:
    clock: Clock = (
        ManualClock(datetime.fromisoformat(settings.clock_start))
        if settings.clock == "manual"
        else WallClock()
    )
    pool = await db.open_pool(settings, service.name)
    runtime = Runtime(service, settings, clock, pool, Bus(settings, service.name), up=False, serving=False)
    _offer_commands(runtime, Gate(settings))
    _declare_says(runtime)
    return runtime


def _offer_commands(runtime: Runtime, gate: Gate) -> None:
    """Take the same commands by request/reply on `handrail-command.<service>.take`."""
    subject = f"handrail-command.{runtime.service.name}.take"

    @runtime.bus.broker.subscriber(subject, queue=runtime.service.name, decoder=_decoded)
    async def take(request: dict[str, Any]) -> dict[str, Any]:
        try:
            authorization = request.get("authorization")
            who = gate.who(authorization if isinstance(authorization, str) else None)
            command, on = commands.from_the_bus(runtime, who, request)
            key = commands.key_of(request.get("idempotency_key"))
            digest = commands.digest_of(subject, on, json.dumps(request.get("data")))
            return await commands.take(runtime, who, command, on, request=commands.Request(key, digest))
        except Refused as refused:
            return {"code": refused.code, "detail": refused.message, "status": refused.status}
        except work.RETRY as error:
            telemetry.log().warning("unavailable", error=type(error).__name__)
            return {
                "code": "unavailable",
                "detail": "The command could not be taken just now.",
                "status": 503,
            }
        except (ValueError, ArithmeticError, asyncpg.DataError) as error:
            telemetry.log().warning("not_storable", error=type(error).__name__)
            return {"code": "invalid", "detail": "The command's fields do not hold.", "status": 422}
        except Exception as error:
            telemetry.log().error("command_failed", error=type(error).__name__)
            return {
                "code": "failed",
                "detail": "The command could not be taken; nothing was changed.",
                "status": 500,
            }


async def _decoded(message: Any, _: Any = None) -> dict[str, Any]:
    """A request, or an empty one in place of what is none: whoever asks waits for an answer."""
    try:
        request = json.loads(message.body)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


def _declare_says(runtime: Runtime) -> None:
    """Make what the service says visible to FastStream; the stream's configuration is not touched."""
    from faststream.nats import JStream

    from contracts.subjects import STREAM, said_subjects

    stream = JStream(STREAM, declare=False)
    for event in runtime.service.says:
        runtime.bus.broker.publisher(said_subjects(event), schema=event, stream=stream, title=event.type())


async def migrate(service: Service, settings: Settings) -> list[str]:
    """Bring the schema of a service forward; returns the files applied."""
    connection = await db.connect(settings, service.name)
    try:
        return await db.migrate(connection, service.name, components(service))
    finally:
        await connection.close()


async def fold_again(service: Service, settings: Settings) -> dict[str, int]:
    """Fold every state again from its journal; how many were mended and how many could not be."""
    connection = await db.connect(settings, service.name)
    try:
        return await refold(connection, service)
    finally:
        await connection.close()


async def serve(service: Service, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let what runs come to its end."""
    config = uvicorn.Config(
        build(service, settings),
        host=settings.service_host,
        port=settings.service_port,
        log_level="critical",  # a traceback would carry values; failures are logged by type
        access_log=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    await server.serve()


def main(service: Service) -> None:
    """`python -m services.<name>.app [serve|migrate|refold]`."""
    settings = Settings()
    telemetry.configure_logs(service.name, settings.log_level)
    telemetry.configure_traces(service.name, settings.otlp_endpoint)
    if sys.argv[1:] == ["migrate"]:
        try:
            asyncio.run(migrate(service, settings))
        except db.MigrationError as error:
            sys.exit(f"handrail: {error}")
        return
    if sys.argv[1:] == ["refold"]:
        sys.stdout.write(json.dumps(asyncio.run(fold_again(service, settings))) + "\n")
        return
    import uvloop

    uvloop.run(serve(service, settings))
