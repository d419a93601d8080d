"""The check after a flood: what `deploy.local.proof` asks, by statements that take a million events.

Reads with its own SQL and its own consumer; of the stream it keeps an id and a fingerprint of each message.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from deploy.local.faults.flood import statements
from deploy.local.network import Network
from deploy.local.proof import Proof
from deploy.local.proof.checks import WHEN_WRITTEN
from deploy.local.reconcile import Carried, pass_through
from deploy.local.secrets import OPERATOR

_PRINT = 16
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Poured:
    """A command as it was answered."""

    id: str
    key: str
    count: int
    version: int
    digest: str


@dataclass(slots=True)
class Held:
    """What the stream holds, as little of it as will do."""

    created: str = ""
    last_seq: int = 0
    seqs: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    prints: bytearray = field(default_factory=bytearray)

    def take(self, message: Carried) -> None:
        """Keep the next message."""
        id = unquote(message.headers.get("ce-id", ""))
        self.seqs.append(message.seq)
        self.ids.append(id)
        self.prints += _print(id, message.subject, message.headers, message.digest)

    def at(self, seq: int | None) -> int | None:
        """Where the message with this sequence lies here."""
        place = bisect_left(self.seqs, seq) if seq is not None else len(self.seqs)
        return place if place < len(self.seqs) and self.seqs[place] == seq else None

    def print_at(self, place: int) -> bytes:
        return bytes(self.prints[place * _PRINT : (place + 1) * _PRINT])


async def prove(stack: Network, answered: Sequence[Poured]) -> Proof:
    """Check a flood at rest."""
    import asyncpg

    await _take_statistics(stack)
    held = Held()
    held.created, held.last_seq = await pass_through(stack, held.take)
    proof = Proof(commands=len(answered))
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR), server_settings={"search_path": "flood"})
    try:
        async with db.transaction(isolation="repeatable_read"):
            await db.execute("SET LOCAL work_mem = '64MB'")
            await _count(db, proof)
            await _compare(db, held, proof)
            await _run_statements(db, held, proof)
            await _check_answers(db, answered, proof)
            await _check_states(db, answered, proof)
    finally:
        await db.close()
    return proof


async def _take_statistics(stack: Network) -> None:
    """Without them, joins of a million rows may be planned as if there were ten."""
    import asyncpg

    db = await asyncpg.connect(**stack.pg_dsn_kwargs("flood_owner"), server_settings={"search_path": "flood"})
    try:
        await db.execute("ANALYZE outbox; ANALYZE inbox; ANALYZE journal; ANALYZE idempotency")
    finally:
        await db.close()


async def _count(db: Any, proof: Proof) -> None:
    proof.events = await db.fetchval("SELECT count(*) FROM outbox")
    proof.deliveries = await db.fetchval("SELECT count(*) FROM inbox")
    proof.facts = await db.fetchval("SELECT count(*) FROM journal")


async def _compare(db: Any, held: Held, proof: Proof) -> None:
    """Every row of the outbox is in the stream once, in its place, unaltered, and nothing else is."""
    found = bytearray(len(held.ids))
    last: dict[tuple[str, str], int] = {}
    in_stream = set(held.ids)
    async for row in db.cursor(statements.OUTBOX, prefetch=_AT_ONCE):
        id, place = row["event_id"], held.at(row["stream_seq"])
        if id not in in_stream:
            proof.note("lost", f"event {id} is not in the stream")
        elif place is None or held.ids[place] != id or not row["sent"]:
            proof.note("altered", f"the outbox has event {id} elsewhere than the stream")
        else:
            found[place] = 1
            _check_print(row, held.print_at(place), proof)
        _check_next(row, last, proof)
    await _check_strangers(db, [held.ids[n] for n, known in enumerate(found) if not known], proof)


def _check_print(row: Mapping[str, Any], right: bytes, proof: Proof) -> None:
    body = hashlib.sha256(row["body"].encode()).digest()
    if _print(row["event_id"], row["subject"], json.loads(row["headers"]), body) != right:
        proof.note("altered", f"event {row['event_id']} is not in the stream as it was written down")


def _check_next(row: Mapping[str, Any], last: dict[tuple[str, str], int], proof: Proof) -> None:
    key = (row["type"], row["aggregate_id"])
    if row["sequence"] != last.get(key, 0) + 1:
        proof.note("out_of_order", f"{key[0]} {row['sequence']} of {key[1]} follows {last.get(key, 0)}")
    last[key] = row["sequence"]


async def _check_strangers(db: Any, ids: Sequence[str], proof: Proof) -> None:
    """Messages at places that no row of the outbox names."""
    known = {r["event_id"] for r in await db.fetch(statements.KNOWN, list(ids))}
    for id in ids:
        if id in known:
            proof.note("doubled", f"event {id} is in the stream at a further place")
        else:
            proof.note("lost", f"no outbox knows message {id or 'without an id'}")


async def _run_statements(db: Any, held: Held, proof: Proof) -> None:
    born = await db.fetchval("SELECT min(applied_at) FROM schema_migrations")
    same_stream = bool(held.created) and datetime.fromisoformat(held.created) <= born
    for check in statements.CHECKS:
        if check.of_places and not same_stream:
            continue
        arguments = (held.created, held.last_seq) if check.of_stream else ()
        rows = await db.fetch(
            f"SELECT about, count(*) OVER () AS many FROM ({check.sql}) AS t LIMIT 5", *arguments
        )
        for number, row in enumerate(rows):
            rest = row["many"] - len(rows) + 1 if number == 0 else 1
            proof.note(check.kind, f"{row['about']}: {check.sentence}", rest)


async def _check_answers(db: Any, answered: Iterable[Poured], proof: Proof) -> None:
    """Each answered command is written down once, with this answer, and all that it said is there."""
    stored = {r["key"]: r for r in await db.fetch(statements.ANSWERS)}
    for poured in answered:
        row = stored.pop(poured.key, None)
        if row is None:
            proof.note("commands_lost", f"command {poured.key} was answered, but its key is unknown")
        elif row["said"] != poured.count or row["found"] != poured.count:
            proof.note("commands_lost", f"command {poured.key} was answered, but said {row['found']}")
        elif (row["first"], row["last"]) != (poured.version - poured.count + 1, poured.version):
            proof.note("altered", f"command {poured.key} said other events than it was answered")
        elif _digest(row["answer"]) != poured.digest:
            proof.note("answers_changed", f"command {poured.key} has another answer written down")
    for key in stored:
        proof.note("doubled", f"command {key} was taken, but nobody was ever told")


async def _check_states(db: Any, answered: Iterable[Poured], proof: Proof) -> None:
    """Flood and mirror have come to what was commanded, in its order."""
    wanted: dict[str, int] = {}
    for poured in answered:
        wanted[poured.id] = wanted.get(poured.id, 0) + poured.count
    states = {r["id"]: r for r in await db.fetch(statements.STATES)}
    for id in wanted.keys() | states.keys():
        count, row = wanted.get(id, 0), states.get(id)
        if row is None:
            proof.note("commands_lost", f"{id} does not exist, though {count} were answered")
            continue
        if row["poured"] != count:
            kind = "doubled" if row["poured"] > count else "commands_lost"
            proof.note(kind, f"{id} has poured {row['poured']} of {count}", abs(row["poured"] - count))
        if {row["versions"], row["heard"], row["told"]} != {row["poured"]}:
            proof.note("states_wrong", f"{id} has poured {row['poured']} and mirrors {row['heard']}")
        elif row["digest"] != digest_of(row["poured"]):
            proof.note("states_wrong", f"the mirror of {id} heard in another order")


def digest_of(count: int) -> str:
    """What a mirror's digest must be that heard 1, 2, 3 up to this number."""
    digest = ""
    for number in range(1, count + 1):
        digest = hashlib.sha256(f"{digest}/{number}".encode()).hexdigest()[:16]
    return digest


def _print(id: str, subject: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A fingerprint of all that must arrive as it was written down."""
    carried = sorted(
        (name, value)
        for name, value in headers.items()
        if name not in WHEN_WRITTEN and (name.startswith("ce-") or name in {"content-type", "correlation_id"})
    )
    text = json.dumps([id, subject, carried]).encode()
    return hashlib.sha256(text + body).digest()[:_PRINT]


def _digest(answer: str) -> str:
    return hashlib.sha256(json.dumps(json.loads(answer), sort_keys=True).encode()).hexdigest()
