"""A base backup of the embedded PostgreSQL, and the way back to an older state of it.

    backup = take(stack)                       # while everything runs
    restore(stack, backup, upto="backup")      # the database as it was then; later commits are gone
    restore(stack, backup, upto="latest")      # recovered to its last commit

A replication slot keeps the WAL since the backup in the data folder, from which `restore` takes it: this
rehearses a database that comes back older than the bus, and is no protection against a lost disk.
"""

import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy.local.ports import HOST
from deploy.local.postgres import account, binaries, clean_environment
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.local.trouble import Trouble

Point = Literal["backup", "latest"]
_WAL_FILE = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")
# What an earlier restore may have left in the settings that a backup copies.
_RECOVERY_SETTINGS = ("restore_command", "recovery_target", "recovery_target_action", "hot_standby")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the whole cluster, and the slot that keeps the WAL since it was taken."""

    folder: Path
    slot: str


def take(stack: Stack) -> Backup:
    """Back up the running database without disturbing it."""
    slot = f"backup_{secrets.token_hex(6)}"
    folder = stack.data / "backups" / slot
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    argv = [
        str(binaries(_home(stack)) / "pg_basebackup"),
        *("--host", HOST, "--port", str(stack.ports["postgres"]), "--username", ADMIN, "--no-password"),
        *("--pgdata", str(folder), "--checkpoint", "fast", "--wal-method", "stream", "--no-sync"),
        *("--create-slot", "--slot", slot),
    ]
    environment = clean_environment() | {"PGPASSWORD": stack.passwords["postgres"][ADMIN]}
    answer = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, cwd="/")
    if answer.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        words = answer.stderr.strip().splitlines()
        raise Trouble(
            f"The backup failed: {words[-1] if words else answer.returncode}.", code="backup_failed"
        )
    return Backup(folder, slot)


def restore(stack: Stack, backup: Backup, upto: Point = "backup") -> None:
    """Put the database back to the end of the backup, or to its last commit, and start it again.

    A database that still runs is killed. The services are left as they are: stopped by the caller, or
    running on and meeting a database that has forgotten. Only the state of before the next restore can
    be recovered to its last commit. Raises Trouble, with nothing changed, where that is impossible.
    """
    cluster = _home(stack) / "data"
    if upto == "latest" and not (cluster / "pg_replslot" / backup.slot).exists():
        raise Trouble(
            "The database has been restored since this backup, so the WAL that followed it is gone.",
            "Take a backup after each restore.",
            code="no_wal",
        )
    stack.kill("postgres")
    fresh = cluster.with_name("data.restored")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(backup.folder, fresh)
    if upto == "latest":
        _add_wal(cluster / "pg_wal", fresh / "pg_wal")
    _order_recovery(fresh, upto)
    _hand_over(fresh)
    _replace(cluster, fresh)
    stack.restart("postgres")


def drop(stack: Stack, backup: Backup) -> None:
    """Delete a backup, and let the running database recycle the WAL that was kept for it."""

    async def work() -> None:
        import asyncpg

        db: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN))
        try:
            sql = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
            await db.execute(sql, backup.slot)
        finally:
            await db.close()

    stack.run_async(work)
    shutil.rmtree(backup.folder, ignore_errors=True)


def _home(stack: Stack) -> Path:
    return Path(stack.run["postgres_home"])


def _add_wal(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if _WAL_FILE.fullmatch(file.name):
            shutil.copyfile(file, target / file.name)


def _order_recovery(cluster: Path, upto: Point) -> None:
    file = cluster / "postgresql.auto.conf"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(_RECOVERY_SETTINGS)]
    # All WAL lies in pg_wal already. No logins before the end, so that an answer means it is restored.
    wanted = ["restore_command = 'false'", "hot_standby = off"]
    if upto == "backup":
        wanted += ["recovery_target = 'immediate'", "recovery_target_action = 'promote'"]
    file.write_text("\n".join([*kept, *wanted]) + "\n")
    (cluster / "recovery.signal").touch()


def _replace(cluster: Path, fresh: Path) -> None:
    # By its lock file in the same folder, the next start knows and removes the shared memory of the database
    # that was killed.
    for path in cluster.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "postmaster.pid":
            path.unlink()
    for path in fresh.iterdir():
        path.rename(cluster / path.name)
    fresh.rmdir()


def _hand_over(cluster: Path) -> None:
    who = account()
    cluster.chmod(0o700)
    if who is None:
        return
    for folder, _, files in os.walk(cluster):
        for name in (".", *files):
            os.chown(Path(folder, name), who.uid, who.gid)
