"""The embedded database goes back to an older state, or to its last commit, as asked."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local import backup as backups
from deploy.local.backup import Point
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.local.trouble import Trouble

_SHARED_MEMORY = Path("/proc/sysvipc/shm")


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    # Each restored file is synced at the next start, which memory does at once and a busy disk does not.
    memory = Path("/dev/shm")
    roomy = memory.exists() and shutil.disk_usage(memory).free > 2**30
    with tempfile.TemporaryDirectory(prefix="handrail-backup-", dir=memory if roomy else None) as folder:
        place = Path(folder)
        place.chmod(0o711)
        with Stack.temporary(services=(), places={"postgres": place / "pg"}) as stack:
            yield stack


@pytest.fixture
async def stack(running: Stack) -> Stack:
    await execute(running, "DROP TABLE IF EXISTS public.thing")
    await execute(running, "CREATE TABLE public.thing (id int PRIMARY KEY, word text STORAGE EXTERNAL)")
    return running


async def execute(stack: Stack, sql: str) -> None:
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
    try:
        await db.execute(sql)
    finally:
        await db.close()


async def insert(stack: Stack, ids: range) -> None:
    """Rows that fill more than one segment of WAL where they are thousands."""
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
    try:
        rows = [(number, f"{number:06d}" * 1000) for number in ids]
        await db.executemany("INSERT INTO public.thing VALUES ($1, $2)", rows)
    finally:
        await db.close()


async def ids(stack: Stack) -> list[int]:
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
    try:
        sql = "SELECT id FROM public.thing WHERE word = repeat(lpad(id::text, 6, '0'), 1000) ORDER BY id"
        return [row["id"] for row in await db.fetch(sql)]
    finally:
        await db.close()


@pytest.mark.parametrize(("upto", "expected"), [("backup", 100), ("latest", 3000)])
async def test_a_restored_database_is_as_old_as_asked(stack: Stack, upto: Point, expected: int) -> None:
    await insert(stack, range(100))
    backup = await asyncio.to_thread(backups.take, stack)
    await insert(stack, range(100, 3000))
    await asyncio.to_thread(backups.restore, stack, backup, upto)
    assert await ids(stack) == list(range(expected))

    await insert(stack, range(4000, 4010))
    # A second recovery must neither stop where the first one did nor forget what came since.
    await asyncio.to_thread(stack.kill, "postgres")
    await asyncio.to_thread(stack.restart, "postgres")
    assert await ids(stack) == [*range(expected), *range(4000, 4010)]


async def test_a_backup_is_whole_though_rows_are_written_meanwhile(stack: Stack) -> None:
    done = asyncio.Event()
    committed: list[int] = []

    async def write() -> None:
        db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
        while not done.is_set():
            number = len(committed)
            await db.execute("INSERT INTO public.thing VALUES ($1, $2)", number, f"{number:06d}" * 1000)
            committed.append(number)
        await db.close()

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.3)
    before = len(committed)
    backup = await asyncio.to_thread(backups.take, stack)
    after = len(committed)
    await asyncio.sleep(0.3)
    done.set()
    await writing
    await asyncio.to_thread(backups.restore, stack, backup, "backup")
    found = await ids(stack)
    assert found == list(range(len(found)))
    assert 0 < before <= len(found) <= after + 1 < len(committed)


async def test_each_backup_leads_to_its_own_moment_and_the_last_commit_is_reached_once(stack: Stack) -> None:
    await insert(stack, range(10))
    first = await asyncio.to_thread(backups.take, stack)
    await insert(stack, range(10, 20))
    second = await asyncio.to_thread(backups.take, stack)
    await insert(stack, range(20, 30))
    for backup, expected in ((first, 10), (second, 20)):
        await asyncio.to_thread(backups.restore, stack, backup, "backup")
        assert await ids(stack) == list(range(expected))
    with pytest.raises(Trouble, match="has been restored since"):
        await asyncio.to_thread(backups.restore, stack, first, "latest")
    assert await ids(stack) == list(range(20))

    third = await asyncio.to_thread(backups.take, stack)
    await insert(stack, range(20, 25))
    await asyncio.to_thread(backups.restore, stack, third, "latest")
    assert await ids(stack) == list(range(25))


async def test_a_dropped_backup_keeps_no_wal(stack: Stack) -> None:
    backup = await asyncio.to_thread(backups.take, stack)
    slots = Path(stack.run["postgres_home"]) / "data" / "pg_replslot"
    assert (slots / backup.slot).exists()
    await asyncio.to_thread(backups.drop, stack, backup)
    assert not (slots / backup.slot).exists()
    assert not backup.folder.exists()


def segments() -> list[str]:
    return [line.split()[1] for line in _SHARED_MEMORY.read_text().splitlines()]


@pytest.mark.skipif(not _SHARED_MEMORY.exists(), reason="the kernel does not list segments here")
async def test_a_restore_leaves_no_shared_memory_of_the_killed_database(stack: Stack) -> None:
    backup = await asyncio.to_thread(backups.take, stack)
    lock = Path(stack.run["postgres_home"]) / "data" / "postmaster.pid"
    before = lock.read_text().splitlines()[6].split()[1]
    await asyncio.to_thread(backups.restore, stack, backup)
    after = lock.read_text().splitlines()[6].split()[1]
    assert after in segments()
    assert before not in segments()


async def test_a_backup_of_a_database_that_is_down_leaves_nothing_behind(stack: Stack) -> None:
    known = list((stack.data / "backups").iterdir())
    await asyncio.to_thread(stack.kill, "postgres")
    try:
        with pytest.raises(Trouble, match="The backup failed"):
            await asyncio.to_thread(backups.take, stack)
    finally:
        await asyncio.to_thread(stack.restart, "postgres")
    assert list((stack.data / "backups").iterdir()) == known
