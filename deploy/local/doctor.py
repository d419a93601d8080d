"""`handrail doctor`: what is wrong, and the command that mends it."""

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.local import nats_server, postgres, status
from deploy.local.network import Network
from deploy.local.output import Document
from deploy.local.secrets import ADMIN
from deploy.local.trouble import Trouble

_LEAST_FREE = 512 * 1024 * 1024
_PG_WANTED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; a failed one says what mends it."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def examine(data: Path) -> dict[str, Any]:
    """Every check that can be made now; `ok` if none failed."""
    network = Network(data)
    checks = [
        _tried("postgres binaries", lambda: str(postgres.package_folder())),
        _tried("postgres account", _account),
        _tried("nats-server binary", lambda: str(nats_server.binary())),
        _tried("time zones", _time_zones),
        _folder(network.data),
    ]
    if network.is_up():
        network.load()
        checks += [*_private(network), *asyncio.run(_servers(network)), *_services(network)]
    else:
        hint = f"handrail up --data {data}"
        checks.append(Check("network", ok=False, detail=f"not running in {network.data}", hint=hint))
    return {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]}


def lines(document: Document) -> list[str]:
    """The document, for people."""
    found = []
    for check in document["checks"]:
        found.append(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']}: {check['detail']}")
        if check["hint"] and not check["ok"]:
            found.append(f"      mend it: {check['hint']}")
    return found


def _tried(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except Trouble as trouble:
        return Check(name, ok=False, detail=trouble.sentence, hint=trouble.hint)


def _account() -> str:
    who = postgres.account()
    return f"runs as {who.name}, because we are root" if who else "runs as ourselves"


def _time_zones() -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return str(ZoneInfo("America/Los_Angeles"))
    except ZoneInfoNotFoundError:
        raise Trouble("The time zone database is missing.", "pip install tzdata") from None


def _folder(data: Path) -> Check:
    place = data
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        hint = "name a folder of your own: --data DIR"
        return Check("data folder", ok=False, detail=f"{place} cannot be written", hint=hint)
    free = shutil.disk_usage(place).free
    detail = f"{data}, {free // 1024**2} MiB free"
    return Check("data folder", ok=free > _LEAST_FREE, detail=detail, hint="make room on this disk")


def _private(network: Network) -> list[Check]:
    checks = []
    configurations = [f"{node}/nats.conf" for node in network.nats_names]
    for name in ("secrets.json", "token.jwk", *configurations):
        path = network.data / name
        mode = path.stat().st_mode & 0o777
        private = mode & 0o077 == 0
        checks.append(Check(name, ok=private, detail=f"mode {mode:03o}", hint=f"chmod 600 {path}"))
    return checks


async def _servers(network: Network) -> list[Check]:
    return [*await _postgres(network), *await _nats(network)]


async def _postgres(network: Network) -> list[Check]:
    import asyncpg

    log = network.data / "logs" / "postgres.log"
    try:
        db = await asyncpg.connect(**network.pg_dsn_kwargs(ADMIN), timeout=3)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return [Check("postgres", ok=False, detail=f"no login ({type(error).__name__})", hint=f"less {log}")]
    try:
        found = {name: await db.fetchval("SELECT current_setting($1)", name) for name in _PG_WANTED}
        version = await db.fetchval("SHOW server_version")
    finally:
        await db.close()
    wrong = [f"{name}={value}" for name, value in found.items() if value != _PG_WANTED[name]]
    detail = ", ".join(wrong) if wrong else f"{version}, durable, with checksums"
    return [Check("postgres", ok=not wrong, detail=detail, hint="handrail down, then handrail up")]


async def _nats(network: Network) -> list[Check]:
    import nats
    import nats.errors

    from deploy.nats.topology import differences, events_stream, hang_up, look_up

    log = network.data / "logs" / f"{network.nats_names[0]}.log"
    try:
        client = await nats.connect(
            **network.nats_kwargs("operator"), connect_timeout=3, allow_reconnect=False
        )
    except (OSError, nats.errors.Error, TimeoutError) as error:
        return [Check("nats", ok=False, detail=f"no login ({type(error).__name__})", hint=f"less {log}")]
    try:
        stream = await look_up(client)
    finally:
        await hang_up(client)
    if stream is None:
        return [Check("stream", ok=False, detail="EVENTS is missing", hint="handrail rebuild")]
    changed = differences(events_stream(len(network.nats_names)), stream["config"])
    detail = ", ".join(f"{name} is {found}" for name, (found, _) in changed.items())
    return [
        Check("nats", ok=True, detail=network.nats_url()),
        Check(
            "stream",
            ok=not changed,
            detail=detail or f"EVENTS, {stream['state']['messages']} events",
            hint="handrail down, then handrail up",
        ),
    ]


def _services(network: Network) -> list[Check]:
    document = status.status(network.data)
    checks = []
    for service in document["services"]:
        name = service["name"]
        state = "ready" if service["ready"] else "not ready"
        log = network.data / "logs" / f"{name}.log"
        checks.append(Check(name, ok=service["ready"], detail=state, hint=f"less {log}"))
        if service["parked"]:
            parked = f"{service['parked']} messages"
            checks.append(Check(f"{name} parked", ok=False, detail=parked, hint="handrail parked list"))
    return checks
