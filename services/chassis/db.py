"""Postgres: connect and migrate."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from services.chassis.settings import Settings

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session that broke while its connection went back to the pool
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    OSError,
    asyncio.TimeoutError,
)
"""What may be gone in a moment: retry, never park."""

_MIGRATION = re.compile(r"^\d{4}_(pre|post)_[a-z0-9_]+\.sql$")
_LOCK = 0x68616E64
MONTHS_AHEAD = 3
"""Outbox partitions made before their month begins; every deployment makes the next ones."""
_MIGRATED = "INSERT INTO schema_migrations VALUES ($1, $2, $3)"


class MigrationError(Exception):
    """The schema cannot be brought forward safely; the message says why and what to do."""


def options(settings: Settings, schema: str) -> dict[str, Any]:
    """Connection options for the schema of one service."""
    return {
        "host": settings.pg_host,
        "port": settings.pg_port,
        "database": settings.pg_database,
        "user": settings.pg_user or schema,
        "password": settings.pg_password.get_secret_value(),
        "server_settings": {
            "search_path": schema,
            "application_name": f"handrail-{schema}",
            "timezone": "UTC",
            "jit": "off",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "60s",
        },
        "timeout": 10,
        "command_timeout": 30,
    }


async def connect(
    settings: Settings, schema: str, connection_class: type[Connection] = Connection
) -> Connection:
    """One connection whose search path is the schema."""
    return await asyncpg.connect(**options(settings, schema), connection_class=connection_class)


async def open_pool(settings: Settings, schema: str, connection_class: type[Connection] = Connection) -> Pool:
    """A pool of connections whose search path is the schema."""
    pool = await asyncpg.create_pool(
        **options(settings, schema),
        min_size=0,  # so that a process comes up, and says why it is not ready, while Postgres is away
        max_size=settings.pg_pool,
        connection_class=connection_class,
    )
    assert pool is not None
    return pool


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[None]:
    """A transaction or savepoint; where time is up or the work is given up, the whole session ends at once.

    To roll back in order would wait, without end, for a server that may never answer.
    """
    opened = connection.transaction()
    await opened.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        connection.terminate()
        raise
    except BaseException:
        await opened.rollback()
        raise
    await opened.commit()


def migrations_of(package: str) -> list[tuple[str, str]]:
    """Name and text of every migration file of a package, in order.

    Raises MigrationError on a file name that does not say its number and whether it is safe
    before the new code (pre) or only after it (post).
    """
    folder = resources.files(package).joinpath("migrations")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".sql"):
            continue
        if not _MIGRATION.match(entry.name):
            raise MigrationError(
                f"{package}: {entry.name} is not named NNNN_pre_words.sql or NNNN_post_words.sql."
            )
        found.append((entry.name, entry.read_text()))
    return found


async def migrate(db: Connection, schema: str, components: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Bring a schema to the state of the given files; several migrators at once wait for each other.

    Each file runs in a transaction of its own together with its record. Returns the files applied.
    Raises MigrationError if a file that ran before has changed since.
    """
    await db.execute("SELECT pg_advisory_lock($1, hashtext($2))", _LOCK, schema)
    try:
        await db.execute(
            """CREATE TABLE IF NOT EXISTS schema_migrations (
                 component text, name text, checksum text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now(),
                 PRIMARY KEY (component, name))"""
        )
        rows = await db.fetch("SELECT component, name, checksum FROM schema_migrations")
        done = {(r["component"], r["name"]): r["checksum"] for r in rows}
        applied = []
        for component, files in components.items():
            for name, text in files:
                checksum = hashlib.sha256(text.encode()).hexdigest()
                if (component, name) in done:
                    if done[component, name] != checksum:
                        raise MigrationError(
                            f"{schema}: {component}/{name} has changed since it was applied. "
                            "Restore the file and put the change into a new one."
                        )
                    continue
                async with db.transaction():
                    await db.execute(text)
                    await db.execute(
                        "INSERT INTO schema_migrations VALUES ($1, $2, $3)", component, name, checksum
                    )
                applied.append(f"{component}/{name}")
        if "chassis" in components:
            await db.execute("SELECT keep_outbox_partitions($1)", MONTHS_AHEAD)
        return applied
    finally:
        await db.execute("SELECT pg_advisory_unlock($1, hashtext($2))", _LOCK, schema)


async def pending(db: Connection, components: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Migrations that the code needs and the schema has not had yet."""
    try:
        rows = await db.fetch("SELECT component, name FROM schema_migrations")
    except asyncpg.UndefinedTableError:
        rows = []
    done = {(r["component"], r["name"]) for r in rows}
    return [f"{c}/{n}" for c, files in components.items() for n, _ in files if (c, n) not in done]
