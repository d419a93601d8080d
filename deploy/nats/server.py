"""The configuration of one nats-server as the local stack runs it."""

from pathlib import Path
from typing import Any


def configuration(
    *, port: int, monitor_port: int, store: Path, users: list[dict[str, Any]]
) -> dict[str, Any]:
    """Loopback only, no anonymous user, every acknowledged write on disk."""
    return {
        "server_name": "handrail-local",
        "host": "127.0.0.1",
        "port": port,
        "http": f"127.0.0.1:{monitor_port}",
        "max_payload": 1024 * 1024,
        "jetstream": {"store_dir": str(store), "sync_interval": "always"},
        "authorization": {"users": users},
    }
