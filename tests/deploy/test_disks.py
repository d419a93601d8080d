"""Disks that lose power or run full under the real servers: what was acknowledged stays."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.js.errors import NotFoundError

from deploy.local import disks, postgres
from deploy.local.disks import Disk
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.local.trouble import Trouble

pytestmark = pytest.mark.skipif(bool(disks.possible()), reason=disks.possible())


@pytest.fixture
def made() -> Iterator[dict[str, Disk]]:
    with disks.temporary("postgres", "nats", mib=384) as found:
        yield found


def stack_on(made: dict[str, Disk]) -> Stack:
    return Stack.temporary(services=(), places={name: disk.path for name, disk in made.items()})


class Writers:
    """One writer for each server, who note what was acknowledged until the server is gone."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.rows: set[int] = set()
        self.messages: dict[int, bytes] = {}

    async def until(self, gone: asyncio.Event) -> None:
        await asyncio.gather(self._insert(gone), self._publish(gone))

    async def _insert(self, gone: asyncio.Event) -> None:
        db = await asyncpg.connect(**self.stack.pg_dsn_kwargs(ADMIN))
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await db.execute("CREATE TABLE IF NOT EXISTS public.thing (id int)")
            while not gone.is_set():
                number = len(self.rows)
                await db.execute("INSERT INTO public.thing VALUES ($1)", number)
                self.rows.add(number)
        db.terminate()

    async def _publish(self, gone: asyncio.Event) -> None:
        client = await nats.connect(**self.stack.nats_kwargs("operator"), allow_reconnect=False)
        with contextlib.suppress(nats.errors.Error, OSError):
            while not gone.is_set():
                body = b"%d" % len(self.messages)
                stored = await client.jetstream().publish("handrail.cut.0.intake.x.v1", body, timeout=2)
                self.messages[stored.seq] = body
        with contextlib.suppress(nats.errors.Error, OSError):
            await client.close()

    async def lost(self) -> tuple[int, int]:
        """How many acknowledged rows and messages the restarted servers no longer have."""
        db = await asyncpg.connect(**self.stack.pg_dsn_kwargs(ADMIN))
        found = (
            "SELECT id FROM public.thing" if await db.fetchval("SELECT to_regclass('public.thing')") else ""
        )
        rows = {row["id"] for row in await db.fetch(found)} if found else set()
        await db.close()
        client = await nats.connect(**self.stack.nats_kwargs("operator"))
        messages = 0
        for number, body in self.messages.items():
            with contextlib.suppress(NotFoundError):
                messages += (await client.jetstream().get_msg("EVENTS", number)).data == body
        await client.close()
        return len(self.rows - rows), len(self.messages) - messages


async def cut_while_writing(stack: Stack, made: dict[str, Disk]) -> Writers:
    writers, gone = Writers(stack), asyncio.Event()
    writing = asyncio.create_task(writers.until(gone))
    await asyncio.sleep(1.2)
    await asyncio.to_thread(disks.cut_power, stack, made)
    gone.set()
    await asyncio.wait_for(writing, 20)
    for name in made:
        await asyncio.to_thread(stack.restart, name)
    return writers


async def test_nothing_acknowledged_is_lost_when_the_power_goes(made: dict[str, Disk]) -> None:
    async with stack_on(made) as stack:
        for _ in range(2):
            writers = await cut_while_writing(stack, made)
            assert len(writers.rows) > 20
            assert len(writers.messages) > 20
            assert await writers.lost() == (0, 0)
            await clear(stack)


async def clear(stack: Stack) -> None:
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
    await db.execute("TRUNCATE public.thing")
    await db.close()


def sync_seldom(stack: Stack) -> None:
    (file,) = stack.data.rglob("nats.conf")
    configuration = json.loads(file.read_text())
    del configuration["jetstream"]["sync_interval"]
    file.write_text(json.dumps(configuration))
    stack.restart("nats")


async def test_a_power_cut_does_lose_what_careless_servers_acknowledged(
    made: dict[str, Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.SETTINGS, "synchronous_commit", "off")
    monkeypatch.setitem(postgres.SETTINGS, "wal_writer_delay", "10s")
    async with stack_on(made) as stack:
        await asyncio.to_thread(sync_seldom, stack)
        writers = await cut_while_writing(stack, made)
        rows, messages = await writers.lost()
    assert rows > 0
    assert messages > 0


async def test_a_full_disk_refuses_writes_and_loses_none(made: dict[str, Disk]) -> None:
    async with stack_on(made) as stack:
        disk = made["nats"]
        client = await nats.connect(**stack.nats_kwargs("operator"))
        stored = await client.jetstream().publish("handrail.full.0.intake.x.v1", b"before")
        disk.fill()
        assert disk.free_bytes() <= 8 * 1024
        with pytest.raises((nats.errors.Error, asyncio.TimeoutError)):
            await client.jetstream().publish("handrail.full.0.intake.x.v1", b"x" * 100_000, timeout=2)
        await client.close()
        disk.free()
        assert disk.free_bytes() > 100 * 1024 * 1024
        await asyncio.to_thread(stack.restart, "nats")
        client = await nats.connect(**stack.nats_kwargs("operator"))
        assert (await client.jetstream().get_msg("EVENTS", stored.seq)).data == b"before"
        assert (await client.jetstream().publish("handrail.full.0.intake.x.v1", b"after")).seq > stored.seq
        await client.close()


def test_a_disk_keeps_what_was_synced_and_loses_the_rest(made: dict[str, Disk]) -> None:
    disk = made["nats"]
    with (disk.path / "synced").open("wb") as file:
        file.write(b"kept")
        file.flush()
        os.fsync(file.fileno())
        file.write(b" and lost")
        file.flush()
    (disk.path / "written").write_bytes(b"lost")
    steps: list[str] = []
    disk.power_cut(lambda: steps.append("frozen"), lambda: steps.append("ended"))
    assert steps == ["frozen", "ended"]
    assert (disk.path / "synced").read_bytes() == b"kept"
    assert not (disk.path / "written").exists()


def test_what_a_full_disk_gave_back_stays_free_after_a_power_cut(made: dict[str, Disk]) -> None:
    disk = made["nats"]
    disk.fill()
    disk.free()
    freed = disk.free_bytes()
    disk.power_cut(lambda: None, lambda: None)
    assert disk.free_bytes() > freed // 2


def test_disks_that_are_cut_together_end_at_one_instant(made: dict[str, Disk]) -> None:
    writer = (
        "import os, sys, itertools\n"
        "files = [os.open(path, os.O_WRONLY | os.O_CREAT) for path in sys.argv[1:]]\n"
        "for number in itertools.count():\n"
        "    for file in files: os.pwrite(file, b'%08d' % number, 0); os.fsync(file)\n"
    )
    files = [disk.path / "number" for disk in made.values()]
    process = subprocess.Popen([sys.executable, "-c", writer, *map(str, files)])
    time.sleep(0.5)

    def end() -> None:
        process.kill()
        process.wait()

    disks.power_cut_all(made.values(), lambda: process.send_signal(signal.SIGSTOP), end)
    first, second = (int(file.read_bytes()) for file in files)
    assert first > 10
    assert first - second in {0, 1}


def test_nothing_stays_mounted() -> None:
    with disks.temporary("a", "b", mib=16) as made:
        folder = made["a"].path.parent
        assert all(disk.mounted for disk in made.values())
        with (made["a"].path / "open").open("wb"):
            made["a"].remove()
        made["a"].remove()
    assert not folder.exists()
    assert str(folder) not in Path("/proc/mounts").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_parent_leaves_no_mount_and_no_image(number: signal.Signals) -> None:
    folder = Path(tempfile.mkdtemp(prefix="handrail-orphan-"))
    folder.chmod(0o711)
    lines = f"""
        import pathlib, signal, time
        from deploy.local.disks import Disk
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
        Disk.make(pathlib.Path({str(folder)!r}), "lonely", 16)
        print("made", flush=True)
        time.sleep(60)
    """
    code = "\n".join(line.strip() for line in lines.splitlines())
    try:
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as parent:
            assert parent.stdout
            assert parent.stdout.readline() == b"made\n"
            assert str(folder) in Path("/proc/mounts").read_text()
            parent.send_signal(number)
        deadline = time.monotonic() + 5
        while list(folder.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert str(folder) not in Path("/proc/mounts").read_text()
        assert list(folder.iterdir()) == []
    finally:
        disks.sweep(folder)
        folder.rmdir()


def test_a_sweep_unmounts_what_was_left_below_a_folder_only(made: dict[str, Disk]) -> None:
    disk, other = made["postgres"], made["nats"]
    assert disks.sweep(disk.path.parent / "elsewhere") == []
    assert disks.sweep(disk.path.parent) == [disk.path, other.path]
    assert not disk.mounted
    assert not other.mounted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user for the database")
def test_a_folder_that_the_database_cannot_reach_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(Trouble, match="cannot reach"):
        Disk.make(tmp_path, "closed", 16)
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
