"""The next version of Handrail, for rehearsing an upgrade: this tree with a small set of changes.

next_version.make(folder), then bring_schema and grant, then restart one service after the other:
stack.code[name] = folder; stack.restart(name)
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.local.network import Network
from deploy.local.next_version_changes import CHANGES, MIGRATIONS
from deploy.local.postgres import clean_environment
from deploy.local.processes import Stack
from deploy.local.secrets import SERVICES, write_private
from deploy.local.trouble import Trouble

_ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("contracts", "services", "deploy")
_MIGRATION = "9001_pre_next_version.sql"
_MIGRATE = """
import asyncio, json, os
from importlib import import_module
from services.chassis.run import migrate
from services.chassis.settings import Settings
for name, password in json.loads(os.environ.pop("OWNERS")).items():
    os.environ |= {"HANDRAIL_PG_USER": f"{name}_owner", "HANDRAIL_PG_PASSWORD": password}
    asyncio.run(migrate(import_module(f"services.{name}.app").service, Settings()))
"""
_RIGHTS = """
import json, sys
from contracts.catalogue import events_of
from deploy.nats.permissions import permissions
print(json.dumps({name: permissions(name, events_of(name)) for name in sys.argv[1:]}))
"""


def make(folder: Path, root: Path = _ROOT) -> Path:
    """Write the next version into a folder. Raises Trouble where a change no longer fits this one."""
    copy(folder, root)
    for change in CHANGES:
        file = folder / change.file
        text = file.read_text()
        found = text.count(change.old)
        if found != 1:
            first = change.old.strip().splitlines()[0]
            raise Trouble(
                f"The next version cannot be made: {change.file} holds {first!r} {found} times, not once.",
                "Adapt deploy/local/next_version_changes.py to the code as it is now.",
                code="next_version",
            )
        file.write_text(text.replace(change.old, change.new))
    for place, statements in MIGRATIONS.items():
        (folder / place / _MIGRATION).write_text(statements)
    return folder


def copy(folder: Path, root: Path = _ROOT) -> Path:
    """Write this version into a folder, so that it stays as it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def bring_schema(stack: Stack, tree: Path, services: Iterable[str] = SERVICES) -> None:
    """Apply the migrations of a tree with its own code, each service as the owner of its schema."""
    owners = {name: stack.passwords["postgres"][f"{name}_owner"] for name in services}
    environment = stack.service_environment("notify") | {
        "PYTHONPATH": str(tree),
        "OWNERS": json.dumps(owners),
    }
    _python(["-c", _MIGRATE], environment, "The schema")


def fold_again(stack: Stack, tree: Path, name: str) -> dict[str, int]:
    """Fold the states of a service again with the code of a tree; returns how many were mended and left."""
    environment = stack.service_environment(name) | {"PYTHONPATH": str(tree)}
    answer = _python(["-m", f"services.{name}.app", "refold"], environment, "States")
    found: dict[str, int] = json.loads(answer)
    return found


def grant(stack: Stack, tree: Path) -> None:
    """Let the services of a running stack say what a tree says, without stopping the bus."""
    environment = clean_environment() | {"PYTHONPATH": str(tree)}
    answer = _python(["-c", _RIGHTS, *SERVICES], environment, "What the services may say")
    rights: dict[str, Any] = json.loads(answer)
    for file in sorted(stack.data.glob("nats*/nats.conf")):
        configuration = json.loads(file.read_text())
        for user in configuration["authorization"]["users"]:
            if user["user"] in rights:
                user["permissions"] = rights[user["user"]]
        write_private(file, json.dumps(configuration, indent=2) + "\n")
    for name in servers(stack):
        if (pid := stack.pid(name)) is not None:
            os.kill(pid, signal.SIGHUP)


def servers(stack: Network) -> tuple[str, ...]:
    """The names of the nats-servers of a stack."""
    return tuple(getattr(stack, "nats_names", ("nats",)))


def switch(stack: Stack, name: str, tree: Path | None) -> float:
    """Restart a service from a tree, or from this one; returns how many seconds it was away."""
    began = time.monotonic()
    if tree is None:
        stack.code.pop(name, None)
    else:
        stack.code[name] = tree
    stack.restart(name)
    return time.monotonic() - began


def _python(arguments: list[str], environment: dict[str, str], what: str) -> str:
    # -P: what lies in the current folder must not shadow a module.
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Trouble(f"{what} cannot be brought to the next version: {last}", code="next_version")
    return done.stdout
