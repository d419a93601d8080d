"""Where histories run: one Postgres, one nats-server, and for each world a database and an account."""

import asyncio
import contextlib
import json
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import nats

from contracts.subjects import STREAM
from deploy.local import ports
from deploy.local.child import Child
from deploy.local.nats_server import binary, http_status
from deploy.local.postgres import clean_environment
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.nats import topology
from services.chassis.settings import Settings
from tests.chassis.conftest import START, admin, make_template, toy_settings

PASSWORD = "of-a-rehearsal"


@dataclass
class World:
    """One database and one stream, used by one history after the other."""

    stack: Stack
    number: int
    nats_url: str
    now: datetime = START
    checked: int = 0
    """The last sequence of the stream that a history has answered for."""
    histories: int = 0
    surprises: list[str] = field(default_factory=list)
    """What happened to a process that never should, whatever else breaks."""
    _renewals: int = 0
    sql: Any = None
    client: Any = None
    settings: Settings = field(init=False)

    @property
    def user(self) -> str:
        return f"world-{self.number}"

    async def open(self) -> None:
        """A fresh database and an empty stream."""
        self._renewals += 1
        database = f"history_{self.number}_{self._renewals}"
        template = await make_template(self.stack)
        async with admin(self.stack) as connection:
            await connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}")
        mine = {"nats_servers": self.nats_url, "nats_user": self.user, "pg_pool": 3}
        settings = toy_settings(self.stack, database).model_dump() | mine
        self.settings = Settings(**settings | {"nats_password": PASSWORD})
        kwargs = {**self.stack.pg_dsn_kwargs(ADMIN), "database": database}
        self.sql = await asyncpg.create_pool(
            **kwargs, min_size=1, max_size=2, server_settings={"search_path": "toy"}
        )
        self.client = await nats.connect(self.nats_url, user=self.user, password=PASSWORD)
        with contextlib.suppress(nats.js.errors.NotFoundError):
            await self.client.jetstream().delete_stream(STREAM)
        await topology.declare(self.client)
        self.now, self.checked = START, 0

    async def close(self) -> None:
        """Leave nothing behind in Postgres."""
        self.sql.terminate()
        await self.client.close()
        async with admin(self.stack) as connection:
            await connection.execute(f"DROP DATABASE {self.settings.pg_database} WITH (FORCE)")

    async def renew(self) -> None:
        """Start over after a history that ended badly, so that the next one is not blamed for it."""
        await self.close()
        await self.open()

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return list(await self.sql.fetch(query, *args))

    async def end_backend(self, pid: int) -> None:
        """End one session of Postgres from outside."""
        await self.sql.fetchval("SELECT pg_terminate_backend($1)", pid)

    async def advance(self, by: timedelta) -> datetime:
        """Move the clock that processes start from."""
        self.now += by
        await self.sql.execute(
            "INSERT INTO clock (now) VALUES ($1) ON CONFLICT (one) DO UPDATE SET now = $1", self.now
        )
        return self.now

    async def told(self) -> list[Any]:
        """What the stream holds that no earlier history answered for, in its order."""
        js = self.client.jetstream()
        last = (await js.stream_info(STREAM)).state.last_seq
        found = await asyncio.gather(*(js.get_msg(STREAM, n) for n in range(self.checked + 1, last + 1)))
        self.checked = last
        return list(found)


@asynccontextmanager
async def worlds(stack: Stack, how_many: int) -> AsyncIterator[list[World]]:
    """That many worlds beside each other; they share the two servers and nothing else."""
    with tempfile.TemporaryDirectory(prefix="handrail-histories-") as folder:
        child, url = await asyncio.to_thread(_start_nats, Path(folder), how_many)
        made = [World(stack, number, url) for number in range(how_many)]
        try:
            for world in made:
                await world.open()
            yield made
        finally:
            for world in made:
                if world.client is not None:
                    await world.close()
            await asyncio.to_thread(child.stop)


def _start_nats(folder: Path, how_many: int) -> tuple[Child, str]:
    """A server with one account for each world, each with a JetStream of its own."""
    port, monitor = (ports.choose(("nats", "nats_monitor"), {})[name] for name in ("nats", "nats_monitor"))
    accounts = {
        f"W{n}": {"jetstream": "enabled", "users": [{"user": f"world-{n}", "password": PASSWORD}]}
        for n in range(how_many)
    }
    config = {
        "host": ports.HOST,
        "port": port,
        "http": f"{ports.HOST}:{monitor}",
        "jetstream": {"store_dir": str(folder / "store"), "sync_interval": "always"},
        "accounts": accounts,
    }
    (folder / "nats.conf").write_text(json.dumps(config))
    child = Child(
        "nats-histories",
        [str(binary()), "-c", str(folder / "nats.conf")],
        folder / "nats.log",
        lambda: http_status(monitor, "/healthz") == 200,
        clean_environment(),
    )
    child.spawn()
    child.wait_ready(threading.Event())
    return child, f"nats://{ports.HOST}:{port}"
