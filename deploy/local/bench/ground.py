"""Where the benchmarks are measured: real servers in a temporary folder, with a schema for the tally."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import SecretStr

from deploy.local.bench.tally import service
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from services.chassis import db, run
from services.chassis.bus import Bus
from services.chassis.clock import WallClock
from services.chassis.runtime import Runtime
from services.chassis.settings import Settings

SCHEMA = service.name


@dataclass(frozen=True, slots=True)
class Ground:
    """A running stack without services, and the tally's runtime on it."""

    stack: Stack
    runtime: Runtime

    async def connect(self, schema: str = SCHEMA) -> db.Connection:
        return await db.connect(self.runtime.settings, schema)


@asynccontextmanager
async def prepared(stack: Stack) -> AsyncIterator[Ground]:
    """The stack with a database of the tally's own, its schema migrated and its bus connected."""
    await _make_database(stack)
    settings = Settings(
        pg_port=stack.ports["postgres"],
        pg_database=SCHEMA,
        pg_user=ADMIN,
        pg_password=SecretStr(stack.passwords["postgres"][ADMIN]),
        nats_servers=stack.nats_url(),
        nats_user="operator",
        nats_password=SecretStr(stack.passwords["nats"]["operator"]),
    )
    bus = Bus(settings, "operator")
    pool = await db.open_pool(settings, SCHEMA)
    try:
        await bus.keep_connecting()
        yield Ground(stack, Runtime(service, settings, WallClock(), pool, bus))
    finally:
        await bus.close()
        await pool.close()


async def _make_database(stack: Stack) -> None:
    admin: dict[str, Any] = stack.pg_dsn_kwargs(ADMIN)
    connection: db.Connection = await asyncpg.connect(**{**admin, "database": "postgres"})
    try:
        await connection.execute(f"CREATE DATABASE {SCHEMA}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(**{**admin, "database": SCHEMA})
    try:
        await connection.execute(f"CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}")
        await db.migrate(connection, SCHEMA, run.components(service))
    finally:
        await connection.close()
