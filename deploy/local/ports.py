"""Loopback ports that stay the same over restarts."""

import random
import socket
from collections.abc import Iterable
from pathlib import Path

HOST = "127.0.0.1"
_LOWEST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
            candidate.listen(1)
        except OSError:
            return False
    return True


def choose(names: Iterable[str], kept: dict[str, int]) -> dict[str, int]:
    """A port for each name: the one it had before while that is free, otherwise a new one."""
    chosen: dict[str, int] = {}
    for name in names:
        port = kept.get(name)
        if port is None or port in chosen.values() or not is_free(port):
            port = _pick(set(chosen.values()) | set(kept.values()))
        chosen[name] = port
    return chosen


def _pick(taken: set[int]) -> int:
    # Below the ephemeral range: there, a client that retries while its server is being restarted may be
    # given that very port as its own, and the server never gets it back.
    lottery = random.SystemRandom()
    for _ in range(500):
        port = lottery.randrange(_LOWEST, _highest())
        if port not in taken and is_free(port):
            return port
    raise OSError("no free loopback port found")


def _highest() -> int:
    try:
        return max(int(_EPHEMERAL.read_text().split()[0]), _LOWEST + 5_000)
    except (OSError, ValueError, IndexError):
        return 32_768
