"""What a process refuses to serve with, because with it something said could be lost, doubled or disordered.

`unsafe` looks with the rights of the service itself; the table is in `refusals`. What cannot be seen because
a server is away is no finding: that is for readiness, and the errors of being away go through.
`python -m services.chassis.selfcheck` prints the table for the docs.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from contracts.subjects import said_subjects
from services.chassis.bus import Bus, BusDown, BusError
from services.chassis.clock import wall_now
from services.chassis.db import Connection
from services.chassis.findings import Facts, Node
from services.chassis.refusals import CHECKS, DATABASE, Unsafe, judge
from services.chassis.service import Service
from services.chassis.settings import Settings

__all__ = ["CHECKS", "Facts", "Node", "Unsafe", "judge", "table", "unsafe"]

_NO_SUCH_STREAM = 10059

_SETTINGS = "SELECT name, setting FROM pg_settings"
_ROLE = """SELECT current_user AS role, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
    clock_timestamp() AS now, pg_is_in_recovery() AS standby, current_schema() AS schema,
    has_schema_privilege(current_schema(), 'CREATE') AS may_create,
    ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace
      AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE') ORDER BY 1) AS owned,
    ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace
      AND relkind IN ('r', 'p') AND relpersistence = 'u' ORDER BY 1) AS unlogged
  FROM pg_roles WHERE rolname = current_user"""
_BOOKS = """SELECT s.seqcache, s.seqincrement, s.seqcycle,
    ARRAY(SELECT DISTINCT stream FROM lane_heads WHERE stream <> '') AS said_to,
    ARRAY(SELECT DISTINCT stream FROM positions) AS read_from
  FROM pg_sequence s WHERE s.seqrelid = pg_get_serial_sequence('outbox', 'id')::regclass"""


async def unsafe(settings: Settings, service: Service, db: Connection, bus: Bus) -> list[Unsafe]:
    """Whatever makes it unsafe to serve; raises db.TRANSIENT or BusDown while a server is away.

    `db` should be a new connection, because the settings of a role or a database hold from the next one on.
    Of several monitors most must answer: one node of three may be away, and is judged when it is back.
    """
    facts = await _database(db)
    try:
        return judge(await _with_the_bus(facts, settings, service, bus))
    except (BusDown, BusError):
        # What is wrong with the database is wrong whether or not the bus can be seen.
        found = judge(facts, DATABASE)
        if found:
            return found
        raise


async def _with_the_bus(facts: Facts, settings: Settings, service: Service, bus: Bus) -> Facts:
    return replace(
        facts,
        monitors=len(settings.nats_monitor_urls),
        nodes=await _nodes(settings.nats_monitor_urls),
        replicas=settings.nats_replicas,
        says=tuple(said_subjects(event) for event in service.says),
        stream=await _stream(bus),
    )


async def _database(db: Connection) -> Facts:
    before = wall_now()
    role = await db.fetchrow(_ROLE)
    assert role is not None
    return Facts(
        settings={r["name"]: r["setting"] for r in await db.fetch(_SETTINGS)},
        role=role,
        books=await _books(db),
        database_clock_off=_off(before, role["now"]),
    )


async def _books(db: Connection) -> Mapping[str, Any] | None:
    try:
        books: Mapping[str, Any] | None = await db.fetchrow(_BOOKS)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return None
    return books


async def _stream(bus: Bus) -> dict[str, Any] | None:
    try:
        return await bus.stream()
    except BusError as error:
        if error.code == _NO_SUCH_STREAM:
            return None
        raise


async def _nodes(urls: list[str]) -> tuple[Node, ...]:
    if not urls:
        return ()
    async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
        answers = await asyncio.gather(*(_node(client, url) for url in urls))
    nodes = tuple(node for node in answers if node)
    if len(nodes) * 2 <= len(urls):
        raise BusDown(f"{len(nodes)} of {len(urls)} monitors answer")
    return nodes


async def _node(client: httpx.AsyncClient, url: str) -> Node | None:
    before = wall_now()
    try:
        varz = (await client.get(f"{url}/varz")).raise_for_status().json()
        return Node(varz, _off(before, datetime.fromisoformat(varz["now"])))
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _off(before: datetime, theirs: datetime) -> float:
    """By how much a clock that was read since `before` is certainly off ours."""
    return max((before - theirs).total_seconds(), (theirs - wall_now()).total_seconds(), 0)


def table() -> str:
    """What is refused and its cure, as Markdown."""
    rows = [f"| `{c.name}` | {c.refused} | {c.cure} |" for c in CHECKS]
    return "\n".join(["| name | refused when | cure |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(table())
