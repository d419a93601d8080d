"""Fold states again from their journals: after code that knew less has written some of them."""

import json
from typing import Any

from services.chassis import codec
from services.chassis.db import Connection
from services.chassis.service import Aggregate, Service

BATCH = 100
_FACTS = """SELECT aggregate_id, version, type, data FROM journal
  WHERE aggregate = $1 AND aggregate_id = ANY($2) ORDER BY aggregate_id, version"""


class CannotFold(Exception):
    """The journal holds what this code does not know, or not all that the state came from."""


async def refold(db: Connection, service: Service) -> dict[str, int]:
    """Write every state that its journal does not give; returns how many were `mended`.

    Safe while the service runs, for it takes the same row locks. A state whose journal this code
    cannot fold is left as it is and counted as `left`.
    """
    found = {"mended": 0, "left": 0}
    for aggregate in service.aggregates:
        after = ""
        while True:
            rows = await db.fetch(
                f"SELECT id FROM {aggregate.table} WHERE id > $1 ORDER BY id LIMIT {BATCH}", after
            )
            if not rows:
                break
            ids = [r["id"] for r in rows]
            after = ids[-1]
            async with db.transaction():
                await _refold_some(db, service, aggregate, ids, found)
    return found


async def _refold_some(
    db: Connection, service: Service, aggregate: Aggregate, ids: list[str], found: dict[str, int]
) -> None:
    rows = await db.fetch(
        f"SELECT id, version, state FROM {aggregate.table} WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids
    )
    facts: dict[str, list[Any]] = {}
    for fact in await db.fetch(_FACTS, aggregate.table, ids):
        facts.setdefault(fact["aggregate_id"], []).append(fact)
    for row in rows:
        try:
            state = _fold(service, aggregate, row["version"], facts.get(row["id"], []))
        except CannotFold:
            found["left"] += 1
            continue
        if json.loads(state) != json.loads(row["state"]):
            await db.execute(f"UPDATE {aggregate.table} SET state = $2 WHERE id = $1", row["id"], state)
            found["mended"] += 1


def _fold(service: Service, aggregate: Aggregate, version: int, facts: list[Any]) -> str:
    if [fact["version"] for fact in facts] != list(range(1, version + 1)):
        raise CannotFold("the journal is not whole")
    private = {kind.__name__: kind for kind in aggregate.facts}
    state = None
    for fact in facts:
        kind = service.language.get(fact["type"]) or private.get(fact["type"])
        if kind is None:
            raise CannotFold(fact["type"])
        state = aggregate.evolve(state, codec.load(kind, fact["data"]))
    return codec.dump(state)
