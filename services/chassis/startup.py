"""Coming up: nothing is read, said or taken before everything it rests on is there, safe and understood."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from services.chassis import db
from services.chassis.bus import BusDown, BusError
from services.chassis.health import resume_clock
from services.chassis.lanes import Reader
from services.chassis.relay import Relay
from services.chassis.runtime import Runtime
from services.chassis.selfcheck import unsafe
from services.chassis.telemetry import log

Components: TypeAlias = dict[str, list[tuple[str, str]]]
Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]

LOOK_SECONDS = 0.25
WATCH_SECONDS = 1.0
CHECK_SECONDS = 60.0
_AWAY = (*db.TRANSIENT, BusDown, BusError)
_BACKLOG = "SELECT count(*) FROM (SELECT FROM outbox WHERE sent_at IS NULL LIMIT $1) AS waiting"


async def come_up(runtime: Runtime, components: Components, start: Start) -> None:
    """Look until all is sound, then start the relay and the readers, and keep watch.

    Commands are let in once the relay has seen that the stream is no further than the database. Where only
    the bus is away they are let in too, for they need nothing but Postgres; so how much waits to be sent
    is watched from the beginning.
    """
    await _until(_database_stands, runtime, components)
    start(_bound_what_waits(runtime))
    await _until(_all_is_safe, runtime, components)
    start(Relay(runtime).run())
    for number in range(runtime.settings.readers):
        start(Reader(runtime, number).run())
    runtime.serving = True
    await _keep_watch(runtime)


Look: TypeAlias = Callable[[Runtime, Components], Coroutine[Any, Any, bool]]


async def _until(look: Look, runtime: Runtime, components: Components) -> None:
    """Look again until it holds; whoever is away is waited for."""
    while True:
        try:
            if await look(runtime, components):
                return
        except _AWAY as error:
            log().warning("waiting", step=look.__name__.strip("_"), error=type(error).__name__)
        except Exception as error:
            log().error("start_failed", step=look.__name__.strip("_"), error=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def _database_stands(runtime: Runtime, components: Components) -> bool:
    async with runtime.reading() as connection:
        if await db.pending(connection, components):
            return False
    await resume_clock(runtime)
    return True


async def _all_is_safe(runtime: Runtime, _: Components) -> bool:
    try:
        await check(runtime)
    except (BusDown, BusError):
        runtime.up = True
        raise
    return not runtime.unsafe


async def check(runtime: Runtime) -> None:
    """See anew what is unsafe; says so in the log when it changes."""
    connection = await runtime.connect()
    try:
        found = await unsafe(runtime.settings, runtime.service, connection, runtime.bus)
    finally:
        connection.terminate()
    before, runtime.unsafe = {each.name for each in runtime.unsafe}, found
    for each in found:
        if each.name not in before:
            log().error("unsafe", name=each.name, sentence=each.sentence, cure=each.cure)


async def _bound_what_waits(runtime: Runtime) -> None:
    """See again and again whether more waits to be sent than may wait."""
    limit = runtime.settings.outbox_limit
    while True:
        try:
            async with runtime.reading() as connection:
                runtime.backlogged = await connection.fetchval(_BACKLOG, limit) >= limit
        except db.TRANSIENT as error:
            log().debug("watch_waits", error=type(error).__name__)
        except Exception as error:
            log().error("watch_failed", error=type(error).__name__)
        await asyncio.sleep(WATCH_SECONDS)


async def _keep_watch(runtime: Runtime) -> None:
    """Look for what became unsafe since."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            await check(runtime)
        except _AWAY as error:
            log().debug("check_waits", error=type(error).__name__)
        except Exception as error:
            log().error("check_failed", error=type(error).__name__)
