"""The configuration of one nats-server as the local stack runs it, alone or as a node of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HOST = "127.0.0.1"
_NOWHERE = f"{_HOST}:1"
"""An address at which nobody listens: what a node tells the others of itself where routes are fixed."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a node meets the others: its own port for them, and the ports at which it looks for each."""

    port: int
    routes: Sequence[int]
    password: str
    fixed: bool = False
    """Whether only these routes may be used, and not those that the nodes tell each other of."""


def configuration(
    *,
    port: int,
    monitor_port: int,
    store: Path,
    users: list[dict[str, Any]],
    name: str = "nats",
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Loopback only, no anonymous user, every acknowledged write on disk."""
    alone = {
        "server_name": name,
        "host": _HOST,
        "port": port,
        "http": f"{_HOST}:{monitor_port}",
        "max_payload": 1024 * 1024,
        "jetstream": {"store_dir": str(store), "sync_interval": "always"},
        "authorization": {"users": users},
    }
    return alone | ({"cluster": _cluster(cluster)} if cluster else {})


def _cluster(cluster: Cluster) -> dict[str, Any]:
    login = f"cluster:{cluster.password}"
    settings = {
        "name": "handrail",
        "host": _HOST,
        "port": cluster.port,
        "authorization": {"user": "cluster", "password": cluster.password, "timeout": 3},
        "routes": [f"nats://{login}@{_HOST}:{port}" for port in cluster.routes],
        # A client keeps to the servers it was told of: others would lead it around a cut link.
        "no_advertise": True,
    }
    return settings | ({"advertise": _NOWHERE} if cluster.fixed else {})
