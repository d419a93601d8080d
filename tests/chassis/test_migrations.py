"""Migrations: once each, whole or not at all, never silently different."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.processes import Stack
from services.chassis import db
from services.chassis.db import MigrationError
from tests.chassis.conftest import admin

_numbers = itertools.count(1)

SLOW = ("0001_pre_first.sql", "CREATE TABLE first (id int); SELECT pg_sleep(0.3);")
SECOND = ("0002_pre_second.sql", "CREATE TABLE second (id int);")
HALF = ("0002_pre_second.sql", "CREATE TABLE second (id int); SELECT nobody_wrote_this();")


@pytest.fixture
async def place(servers: Stack) -> AsyncIterator[str]:
    """A database with an empty schema."""
    name = f"migrated_{next(_numbers)}"
    async with admin(servers) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    async with admin(servers, name) as connection:
        await connection.execute("CREATE SCHEMA toy")
    yield name
    async with admin(servers) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def migrate(servers: Stack, place: str, *files: tuple[str, str]) -> list[str]:
    async with admin(servers, place) as connection:
        await connection.execute("SET search_path = toy")
        return await db.migrate(connection, "toy", {"toy": list(files)})


async def tables(servers: Stack, place: str) -> set[str]:
    async with admin(servers, place) as connection:
        rows: list[Any] = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'toy'")
    return {row["tablename"] for row in rows} - {"schema_migrations"}


async def test_of_three_migrators_at_once_one_applies_each_file(servers: Stack, place: str) -> None:
    applied = await asyncio.gather(*(migrate(servers, place, SLOW, SECOND) for _ in range(3)))

    assert sorted(applied) == [[], [], ["toy/0001_pre_first.sql", "toy/0002_pre_second.sql"]]
    assert await tables(servers, place) == {"first", "second"}


async def test_a_file_that_fails_leaves_nothing_and_can_be_mended(servers: Stack, place: str) -> None:
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(servers, place, SLOW, HALF)
    left = await tables(servers, place)

    applied = await migrate(servers, place, SLOW, SECOND)

    assert left == {"first"}
    assert applied == ["toy/0002_pre_second.sql"]


async def test_a_migrator_that_failed_stands_in_nobody_s_way(servers: Stack, place: str) -> None:
    async with admin(servers, place) as failed:
        await failed.execute("SET search_path = toy")
        with pytest.raises(asyncpg.UndefinedFunctionError):
            await db.migrate(failed, "toy", {"toy": [HALF]})

        async with asyncio.timeout(5):
            assert await migrate(servers, place, SECOND) == ["toy/0002_pre_second.sql"]


async def test_a_file_that_changed_after_it_ran_is_refused(servers: Stack, place: str) -> None:
    await migrate(servers, place, SECOND)

    with pytest.raises(MigrationError, match="has changed since it was applied"):
        await migrate(servers, place, (SECOND[0], "CREATE TABLE second (id bigint);"))
    assert await tables(servers, place) == {"second"}


async def test_what_the_code_needs_and_the_schema_lacks_is_pending(servers: Stack, place: str) -> None:
    await migrate(servers, place, SECOND)

    async with admin(servers, place) as connection:
        await connection.execute("SET search_path = toy")
        pending = await db.pending(connection, {"toy": [SECOND, ("0003_post_third.sql", "SELECT 1;")]})
    assert pending == ["toy/0003_post_third.sql"]


@pytest.mark.parametrize("name", ["1_pre_x.sql", "0001_x.sql", "0001_pre_X.sql", "0001_soon_x.sql"])
def test_a_badly_named_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = f"named_{abs(hash(name))}"
    folder = tmp_path / package / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / name).write_text("SELECT 1;")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(MigrationError, match="is not named"):
        db.migrations_of(package)
