"""The data folder of a stack: made, held by one process at a time, cleared of what a dead one left."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.child import started_ticks
from deploy.local.trouble import Trouble


def make(data: Path) -> None:
    """Make the folder and those in it. Raises Trouble if it cannot be used."""
    try:
        if not data.exists():
            data.mkdir(parents=True, mode=0o711)
        for name in ("logs", "outbox"):
            (data / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Trouble(
            f"{data} cannot be used ({error.strerror}).",
            "Name a folder you may write to: --data DIR",
            code="data_folder",
        ) from error


def hold(data: Path) -> int:
    """Take the lock of the folder; returns its file descriptor. Raises Trouble if another has it."""
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # More than once, because whoever asks whether the stack is up holds the lock for an instant.
    for _ in range(10):
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        time.sleep(0.02)
    os.close(descriptor)
    raise Trouble(
        f"A network is already running in {data}.",
        f"Use it, or stop it first: handrail down --data {data}",
        code="already_running",
    )


def end_leftovers(processes: Mapping[str, Mapping[str, Any]]) -> None:
    """Kill what outlived its parent, save Postgres, which shuts down by itself."""
    # Only what is certainly ours: same pid and same start as written down.
    for name, was in processes.items():
        pid, ticks = was.get("pid"), was.get("started_ticks")
        if name == "postgres" or not pid or not ticks or started_ticks(pid) != ticks:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
