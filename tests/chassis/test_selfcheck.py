"""Every unsafe setting is made on real servers and is then called by its name.

But for two: no old nats-server is in the house, so its version is put into what a real one says of itself;
and the clock that goes wrong is that of this process.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import nats
import pytest
from pydantic import SecretStr

from contracts.subjects import LANES, STREAM, lane_filter
from deploy.local import ports
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.nats import topology
from services.chassis import db, selfcheck
from services.chassis.bus import Bus, BusDown
from services.chassis.clock import wall_now
from services.chassis.selfcheck import CHECKS, Node, Unsafe, unsafe
from services.chassis.settings import Settings
from tests.chassis.careless import USER, another_nats, careless_postgres, monitors
from tests.chassis.conftest import admin, fresh_stream, make_template
from tests.chassis.toy_service.toy import toy

ROLE = DATABASE = "checked"
GRANTS = f"""GRANT USAGE ON SCHEMA toy TO {ROLE};
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA toy TO {ROLE};
  GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA toy TO {ROLE}"""
SECOND = 1_000_000_000

THE_ROLE = f"ALTER ROLE {ROLE}"
THE_BASE = f"ALTER DATABASE {DATABASE}"
THE_ID = "ALTER TABLE toy.outbox ALTER COLUMN id"
IN_POSTGRES = [
    ("synchronous_commit", f"{THE_ROLE} SET synchronous_commit = off", f"{THE_ROLE} RESET ALL"),
    ("synchronous_commit", f"{THE_BASE} SET synchronous_commit = local", f"{THE_BASE} RESET ALL"),
    ("damage_ignored", f"{THE_ROLE} SET zero_damaged_pages = on", f"{THE_ROLE} RESET ALL"),
    ("damage_ignored", f"{THE_BASE} SET ignore_checksum_failure = on", f"{THE_BASE} RESET ALL"),
    ("isolation", f"{THE_BASE} SET default_transaction_isolation = serializable", f"{THE_BASE} RESET ALL"),
    ("read_only", f"{THE_ROLE} SET default_transaction_read_only = on", f"{THE_ROLE} RESET ALL"),
    ("superuser", f"{THE_ROLE} SUPERUSER", f"{THE_ROLE} NOSUPERUSER"),
    ("bypassrls", f"{THE_ROLE} BYPASSRLS", f"{THE_ROLE} NOBYPASSRLS"),
    ("privileged_role", f"{THE_ROLE} CREATEROLE", f"{THE_ROLE} NOCREATEROLE"),
    ("privileged_role", f"{THE_ROLE} CREATEDB REPLICATION", f"{THE_ROLE} NOCREATEDB NOREPLICATION"),
    ("schema_owner", f"ALTER SCHEMA toy OWNER TO {ROLE}", f"ALTER SCHEMA toy OWNER TO {ADMIN}; {GRANTS}"),
    ("schema_owner", f"GRANT CREATE ON SCHEMA toy TO {ROLE}", f"REVOKE CREATE ON SCHEMA toy FROM {ROLE}"),
    (
        "schema_owner",
        f"ALTER TABLE toy.inbox OWNER TO {ROLE}",
        f"REASSIGN OWNED BY {ROLE} TO {ADMIN};{GRANTS}",
    ),
    ("unlogged_table", "ALTER TABLE toy.inbox SET UNLOGGED", "ALTER TABLE toy.inbox SET LOGGED"),
    ("unlogged_table", "ALTER TABLE toy.outbox_rest SET UNLOGGED", "ALTER TABLE toy.outbox_rest SET LOGGED"),
    ("outbox_sequence", f"{THE_ID} SET CACHE 20", f"{THE_ID} SET CACHE 1"),
    ("outbox_sequence", f"{THE_ID} SET CYCLE", f"{THE_ID} SET NO CYCLE"),
    ("foreign_stream", "INSERT INTO toy.lane_heads VALUES (3, 7, 'elsewhere')", "DELETE FROM toy.lane_heads"),
    ("foreign_stream", "INSERT INTO toy.positions VALUES (3, 7, 'elsewhere')", "DELETE FROM toy.positions"),
]
"""The name, what makes it unsafe, and its cure."""

IN_THE_STREAM: list[tuple[str, dict[str, Any]]] = [
    ("stream_storage", {"storage": "memory"}),
    ("stream_retention", {"retention": "interest"}),
    ("stream_retention", {"retention": "workqueue"}),
    ("stream_discard", {"discard": "old"}),
    ("stream_expiry", {"max_age": 3600 * SECOND}),
    ("stream_expiry", {"max_msgs_per_subject": 5}),
    ("stream_acknowledgements", {"no_ack": True}),
    ("stream_rewritten", {"subject_transform": {"src": "handrail.>", "dest": "elsewhere.>"}}),
    ("stream_rewritten", {"sources": [{"name": "OTHER"}]}),
    ("missing_lane", {"subjects": [lane_filter(lane) for lane in range(LANES - 1)]}),
    ("missing_lane", {"subjects": ["handrail.*.*.another.>"]}),
    ("max_msg_size", {"max_msg_size": 1024}),
    ("duplicate_window", {"duplicate_window": 60 * SECOND}),
    ("atomic_batches", {"allow_atomic": False}),
    ("persist_mode", {"persist_mode": "async", "allow_atomic": False}),
    ("stream_sealed", {"sealed": True}),
]

IN_NATS: list[tuple[str, dict[str, Any]]] = [
    ("sync_interval", {"jetstream": {"sync_interval": "2m"}}),
    ("bus_open", {"authorization": None}),
    ("max_payload", {"max_payload": 32 * 1024}),
]

TOGETHER = {"persist_mode": ("atomic_batches",)}
"""What cannot be made without the other."""

ELSEWHERE = {
    *("fsync", "full_page_writes", "data_checksums", "server_encoding", "standby"),
    *("clock_database", "clock_bus", "monitors", "nats_version", "stream_missing", "stream_replicas"),
}


@dataclass
class Place:
    """The settings of a limited service, and a fresh stream."""

    servers: Stack
    settings: Settings

    async def alter(self, statement: str) -> None:
        async with admin(self.servers, DATABASE) as connection:
            await connection.execute(statement)

    async def found(self, **other: object) -> list[str]:
        return [finding.name for finding in await check(self.settings.model_copy(update=other))]


async def check(settings: Settings) -> list[Unsafe]:
    async with connected(settings) as (connection, bus):
        return await unsafe(settings, toy, connection, bus)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[Any, Bus]]:
    connection = await db.connect(settings, "toy")
    bus = Bus(settings, USER)
    await bus.keep_connecting()
    try:
        yield connection, bus
    finally:
        await bus.close()
        await connection.close()


@asynccontextmanager
async def operator(servers: Stack) -> AsyncIterator[Any]:
    client = await nats.connect(**servers.nats_kwargs("operator"))
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture(scope="module")
async def limited(servers: Stack) -> AsyncIterator[Settings]:
    """A database with the toy's schema, and a role with rights to its rows only."""
    template = await make_template(servers)
    async with admin(servers) as connection:
        await connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {template}")
        await connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'made up'")
    async with admin(servers, DATABASE) as connection:
        await connection.execute(GRANTS)
    yield Settings(
        pg_port=servers.ports["postgres"],
        pg_database=DATABASE,
        pg_user=ROLE,
        pg_password=SecretStr("made up"),
        nats_servers=servers.nats_url(),
        nats_user=USER,
        nats_password=SecretStr(servers.passwords["nats"][USER]),
        nats_monitors=monitors(servers.nats_monitor()),
    )
    async with admin(servers) as connection:
        await connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        await connection.execute(f"DROP ROLE {ROLE}")


@pytest.fixture
async def place(servers: Stack, limited: Settings) -> AsyncIterator[Place]:
    await fresh_stream(servers)
    yield Place(servers, limited)
    await fresh_stream(servers)


async def test_a_limited_service_on_sound_servers_is_safe(place: Place) -> None:
    async with operator(place.servers) as client:
        created = (await topology.look_up(client) or {})["created"]
    await place.alter(f"INSERT INTO toy.lane_heads VALUES (3, 7, '{created}')")
    await place.alter("INSERT INTO toy.positions VALUES (3, 7, 'before the rebuild')")

    found = await place.found()
    await place.alter("DELETE FROM toy.lane_heads; DELETE FROM toy.positions")

    assert found == []


@pytest.mark.parametrize(("name", "mistake", "cure"), IN_POSTGRES)
async def test_an_unsafe_setting_in_postgres_is_named_until_it_is_cured(
    place: Place, name: str, mistake: str, cure: str
) -> None:
    await place.alter(mistake)
    found = await place.found()
    await place.alter(cure)

    assert found == [name]
    assert await place.found() == []


async def test_a_setting_of_the_session_is_seen_too(place: Place) -> None:
    async with connected(place.settings) as (connection, bus):
        await connection.execute("SET synchronous_commit = off")
        (finding,) = await unsafe(place.settings, toy, connection, bus)

    assert finding.sentence == ("PostgreSQL confirms a commit before it is kept: synchronous_commit is off.")
    assert "synchronous_commit = on" in finding.cure


@pytest.fixture
async def latin(servers: Stack) -> AsyncIterator[str]:
    async with admin(servers) as connection:
        await connection.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    yield "latin"
    async with admin(servers) as connection:
        await connection.execute("DROP DATABASE latin WITH (FORCE)")


async def test_a_database_that_cannot_hold_every_text_is_named(place: Place, latin: str) -> None:
    assert await place.found(pg_database=latin) == ["server_encoding"]


async def test_a_postgres_that_is_not_durable_or_only_follows_is_named(place: Place) -> None:
    with careless_postgres() as (postgres, child):
        there = {"pg_port": postgres.port, "pg_database": "postgres", "pg_user": ADMIN}
        primary = await place.found(**there)
        child.stop(10)
        (postgres.cluster / "standby.signal").touch()
        child.spawn()
        child.wait_ready(threading.Event())
        standby = await place.found(**there)

    careless = ["fsync", "full_page_writes", "data_checksums"]
    assert primary == [*careless, "superuser", "bypassrls", "privileged_role"]
    assert standby == [*careless, "standby", "superuser", "bypassrls", "privileged_role"]


@pytest.mark.parametrize(("name", "other"), IN_NATS)
async def test_an_unsafe_nats_server_is_named(
    place: Place, tmp_path: Path, name: str, other: dict[str, Any]
) -> None:
    with another_nats(place.servers, tmp_path, **other) as there:
        login = place.servers.nats_kwargs("operator") | {"servers": [there["nats_servers"]]}
        client = await nats.connect(**login)
        await topology.declare(client)
        await client.close()

        assert await place.found(**there) == [name]


@pytest.mark.parametrize(("name", "other"), IN_THE_STREAM)
async def test_an_unsafe_stream_is_named_and_mended_by_its_cure(
    place: Place, name: str, other: dict[str, Any]
) -> None:
    async with operator(place.servers) as client:
        await replace_stream(client, other)
        findings = await check(place.settings)
        cured = all(f.cure.startswith("`python -m deploy.nats.topology` sets") for f in findings)
        if cured:
            await topology.declare(client)

    assert [f.name for f in findings if f.name not in TOGETHER.get(name, ())] == [name]
    assert (await place.found() == []) == cured


async def replace_stream(client: Any, other: dict[str, Any]) -> None:
    wanted = topology.events_stream() | other
    sealed = wanted.pop("sealed", False)
    await client.jetstream().delete_stream(STREAM)
    await topology._must(client, f"STREAM.CREATE.{STREAM}", wanted)
    if sealed:
        await topology._must(client, f"STREAM.UPDATE.{STREAM}", wanted | {"sealed": True})


@pytest.mark.parametrize(
    "other", [{"max_bytes": 1 << 30}, {"max_msgs": 10}, {"subjects": ["handrail.*.*.toy.>"]}]
)
async def test_a_stream_that_only_refuses_when_full_is_safe(place: Place, other: dict[str, Any]) -> None:
    async with operator(place.servers) as client:
        await replace_stream(client, other)

    assert await place.found() == []


async def test_a_stream_that_is_not_there_is_named(place: Place) -> None:
    async with operator(place.servers) as client:
        await client.jetstream().delete_stream(STREAM)

    assert await place.found() == ["stream_missing"]


async def test_fewer_copies_than_wanted_are_named(place: Place) -> None:
    assert await place.found(nats_replicas=3) == ["stream_replicas"]


async def test_a_node_that_no_monitor_shows_is_named(place: Place, tmp_path: Path) -> None:
    with another_nats(place.servers, tmp_path) as another:
        assert await place.found(nats_monitors=another["nats_monitors"]) == ["monitors"]
    assert await place.found(nats_monitors="") == ["monitors"]


async def test_a_clock_that_is_minutes_off_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (5, -5):
        moved = timedelta(minutes=minutes)
        monkeypatch.setattr(selfcheck, "wall_now", lambda moved=moved: wall_now() + moved)

        assert await place.found() == ["clock_database", "clock_bus"]


async def test_a_nats_server_without_atomic_batches_is_named(place: Place) -> None:
    async with connected(place.settings) as (connection, bus):
        facts = await selfcheck._with_the_bus(await selfcheck._database(connection), place.settings, toy, bus)
    (node,) = facts.nodes

    for version, names in (("2.11.9", ["nats_version"]), ("2.12.0-RC.1", []), ("3.0.0", [])):
        aged = replace(facts, nodes=(Node({**node.varz, "version": version}),))
        assert [f.name for f in selfcheck.judge(aged)] == names


async def test_a_schema_that_is_not_made_yet_is_no_finding(place: Place) -> None:
    await place.alter("ALTER SCHEMA toy RENAME TO later")
    found = await place.found()
    await place.alter("ALTER SCHEMA later RENAME TO toy")

    assert found == []


async def test_a_server_that_is_away_is_no_finding_but_an_error_that_may_pass(place: Place) -> None:
    here = place.settings.nats_monitors
    gone = monitors(*ports.choose(["a", "b"], {}).values())

    for away in (gone, f"{here},{gone}"):
        with pytest.raises(BusDown):
            await place.found(nats_monitors=away)
    assert await place.found(nats_monitors=f"{here},{here},{gone.split(',')[0]}") == []
    async with connected(place.settings) as (connection, bus):
        await bus.close()
        with pytest.raises(BusDown):
            await unsafe(place.settings, toy, connection, bus)
    async with connected(place.settings) as (connection, bus):
        async with admin(place.servers) as other:
            await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        async with asyncio.timeout(5):
            while not connection.is_closed():
                await asyncio.sleep(0.01)
        with pytest.raises(db.TRANSIENT):
            await unsafe(place.settings, toy, connection, bus)


def test_every_name_in_the_table_is_made_unsafe_by_a_test_and_has_a_cure() -> None:
    made = {name for table in (IN_POSTGRES, IN_THE_STREAM, IN_NATS) for name, *_ in table}

    assert [c.name for c in CHECKS if c.name not in made | ELSEWHERE] == []
    assert len({c.name for c in CHECKS}) == len(CHECKS) >= 16
    assert all(c.cure.endswith(".") and not c.refused.endswith(".") for c in CHECKS)


def test_the_table_for_the_docs_has_a_row_for_every_name() -> None:
    rows = selfcheck.table().splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == [c.name for c in CHECKS]
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}


async def test_a_stream_is_declared_also_while_its_folder_is_still_being_cleared_away(place: Place) -> None:
    async with operator(place.servers) as client:
        (folder,) = place.servers.nats_store("nats").rglob(f"streams/{STREAM}")
        await client.jetstream().delete_stream(STREAM)
        folder.touch()
        asyncio.get_running_loop().call_later(0.5, folder.unlink)

        assert await topology.declare(client) == "created"
