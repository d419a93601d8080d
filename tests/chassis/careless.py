"""Servers to be wary of: a PostgreSQL that does not flush, and a nats-server of another configuration."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.local import ports
from deploy.local.child import Child, run_once
from deploy.local.nats_server import binary, http_status
from deploy.local.postgres import Postgres, clean_environment
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN
from deploy.nats.permissions import users
from deploy.nats.server import configuration
from tests.chassis.toy_service.toy import toy

USER = "intake"
"""The toy speaks to NATS with the rights of a real service."""


def monitors(*of: int) -> str:
    return ",".join(f"http://127.0.0.1:{port}" for port in of)


@contextmanager
def careless_postgres() -> Iterator[tuple[Postgres, Child]]:
    """A cluster that neither flushes nor notices damage."""
    with TemporaryDirectory(prefix="handrail-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        port = ports.choose(["postgres"], {})["postgres"]
        never = threading.Event()
        postgres = Postgres(folder, port, {ADMIN: "made up"}, folder / "log", never)
        postgres.prepare()
        disable = [str(postgres.bin / "pg_checksums"), "--disable", "-D", str(postgres.cluster)]
        assert run_once(disable, clean_environment(), postgres.log, never, postgres.account) == 0
        child = postgres.child()
        child.argv = [*child.argv, "-c", "fsync=off", "-c", "full_page_writes=off"]
        child.spawn()
        try:
            child.wait_ready(never)
            yield postgres, child
        finally:
            child.stop(10)


@contextmanager
def another_nats(servers: Stack, folder: Path, **other: Any) -> Iterator[dict[str, Any]]:
    """A nats-server with another configuration; gives the settings that lead to it."""
    chosen = ports.choose(["client", "monitor"], {})
    everybody = users(servers.passwords["nats"], {USER: toy.says})
    config = configuration(
        port=chosen["client"], monitor_port=chosen["monitor"], store=folder, users=everybody, name="another"
    )
    jetstream = {"store_dir": str(folder)} | other.pop("jetstream", {"sync_interval": "always"})
    config = {k: v for k, v in (config | {"jetstream": jetstream} | other).items() if v is not None}
    file = folder / "nats.conf"
    file.write_text(json.dumps(config))
    child = Child(
        "nats",
        [str(binary()), "-c", str(file)],
        folder / "log",
        lambda: http_status(chosen["monitor"], "/healthz") == 200,
        clean_environment(),
    )
    child.spawn()
    try:
        child.wait_ready(threading.Event())
        yield {
            "nats_servers": f"nats://127.0.0.1:{chosen['client']}",
            "nats_monitors": monitors(chosen["monitor"]),
        }
    finally:
        child.stop(10)
