"""What must be true after a history, asked of Postgres and of the stream themselves."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.chassis import codec
from tests.chassis.toy_service import toy
from tests.faults.histories.world import World

_QUIET = """SELECT
  (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS unsent,
  (SELECT count(*) FROM wakes WHERE at <= $1) AS due,
  (SELECT count(*) FROM (SELECT lane, max(stream_seq) AS head FROM outbox GROUP BY lane) AS o
     LEFT JOIN positions p USING (lane) WHERE p.seq IS NULL OR p.seq < o.head) AS unread"""
_FACTS = {kind.__name__: kind for kind in (toy.Heard,)}
_EVENTS = {kind.type(): kind for kind in (toy.Ticked, toy.Rang, toy.Echoed)}
_FOLDS: dict[str, Any] = {"counters": toy.evolve_counter, "mirrors": toy.evolve_mirror}


@dataclass
class Expected:
    """What the commands of a history come to, whatever breaks on the way."""

    ticks: dict[str, int]
    rings: dict[str, list[str]]
    echoes: dict[str, int] = field(default_factory=dict)


async def quiet(world: World) -> bool:
    """Whether nothing is unsent, due or unread."""
    row = (await world.fetch(_QUIET, world.now))[0]
    return not (row["unsent"] or row["due"] or row["unread"])


async def verdict(world: World, expected: Expected, answers: dict[str, dict[str, Any]]) -> list[str]:
    """One sentence for everything that is wrong."""
    ids = list(expected.ticks)
    since = world.checked
    told = await world.told()
    outbox = await world.fetch("SELECT * FROM outbox WHERE aggregate_id = ANY($1) ORDER BY id", ids)
    journal = await world.fetch(
        "SELECT * FROM journal WHERE aggregate_id = ANY($1) ORDER BY aggregate, aggregate_id, version", ids
    )
    found = [*_in_the_stream(told, outbox, since), *_said_in_order(outbox)]
    found += await _inbox(world, outbox)
    found += await _states(world, ids, journal)
    found += await _effects(world, expected)
    found += _answered(answers, outbox)
    found += await _left_over(world, ids, answers)
    return found


def _in_the_stream(told: list[Any], outbox: list[Any], since: int) -> list[str]:
    """Each event once, at the place the outbox says, as the outbox says it, and nothing besides."""
    found = []
    fresh = [r for r in outbox if (r["stream_seq"] or 0) > since or r["stream_seq"] is None]
    if not told and not fresh:
        return []
    seqs = {m.headers["ce-id"]: m for m in told}
    for id, times in Counter(m.headers["ce-id"] for m in told).items():
        if times > 1:
            found.append(f"the stream holds {id} {times} times")
    known = {r["event_id"] for r in outbox}
    found += [f"the stream holds {id} of nobody here" for id in seqs if id not in known]
    for r in fresh:
        m = seqs.get(r["event_id"])
        if m is None:
            found.append(f"{r['type']} {r['event_id']} of {r['aggregate_id']} is not in the stream")
        elif (m.seq, m.data.decode(), m.subject) != (r["stream_seq"], r["body"], r["subject"]):
            found.append(f"{r['event_id']} is at {m.seq} of the stream, the outbox says {r['stream_seq']}")
    return found


def _said_in_order(outbox: list[Any]) -> list[str]:
    """Per story 1..n without a gap, and the stream in the same order."""
    found = [f"{r['event_id']} was not marked as sent" for r in outbox if r["sent_at"] is None]
    stories: dict[tuple[str, bool], list[Any]] = {}
    for r in outbox:
        stories.setdefault((r["aggregate_id"], r["type"] == toy.Echoed.type()), []).append(r)
    for (id, echo), rows in stories.items():
        by_stream = sorted(rows, key=lambda r: r["stream_seq"] or 0)
        if [r["sequence"] for r in by_stream] != list(range(1, len(rows) + 1)):
            found.append(f"{id}{' echoes' if echo else ''}: told {[r['sequence'] for r in by_stream]}")
    for id, times in Counter(r["event_id"] for r in outbox).items():
        if times > 1:
            found.append(f"the outbox holds {id} {times} times")
    return found


async def _inbox(world: World, outbox: list[Any]) -> list[str]:
    heard = {r["event_id"]: r for r in outbox if r["type"] == toy.Ticked.type()}
    rows = await world.fetch("SELECT event_id, stream_seq FROM inbox WHERE event_id = ANY($1)", list(heard))
    found = [f"the inbox lacks {id}" for id in heard.keys() - {r["event_id"] for r in rows}]
    wrong = [r for r in rows if r["stream_seq"] != heard[r["event_id"]]["stream_seq"]]
    return found + [f"the inbox has {r['event_id']} at {r['stream_seq']}" for r in wrong]


async def _states(world: World, ids: list[str], journal: list[Any]) -> list[str]:
    """Each state is what its journal folds to, and the journal has no gap."""
    found = []
    for table, evolve in _FOLDS.items():
        rows = await world.fetch(f"SELECT * FROM {table} WHERE id = ANY($1)", ids)
        for row in rows:
            story = [j for j in journal if (j["aggregate"], j["aggregate_id"]) == (table, row["id"])]
            state: Any = None
            for fact in story:
                state = evolve(state, _fact(fact))
            if [j["version"] for j in story] != list(range(1, row["version"] + 1)):
                found.append(f"{table} {row['id']}: version {row['version']}, journal of {len(story)}")
            if state is None or json.loads(codec.dump(state)) != json.loads(row["state"]):
                found.append(f"{table} {row['id']} is not what its journal folds to")
    return found


def _fact(row: Any) -> Any:
    kind = _EVENTS.get(row["type"])
    return kind.model_validate_json(row["data"]) if kind else codec.load(_FACTS[row["type"]], row["data"])


async def _effects(world: World, expected: Expected) -> list[str]:
    """Every tick counted once and heard once in order, every wake rung once, every echo said once."""
    found = []
    ids = list(expected.ticks)
    counters = {r["id"]: json.loads(r["state"]) for r in await _all(world, "counters", ids)}
    mirrors = {r["id"]: json.loads(r["state"]) for r in await _all(world, "mirrors", ids)}
    echoes = Counter(
        r["aggregate_id"]
        for r in await world.fetch(
            "SELECT aggregate_id FROM outbox WHERE type = $1 AND aggregate_id = ANY($2)",
            toy.Echoed.type(),
            ids,
        )
    )
    for id, ticks in expected.ticks.items():
        counter, mirror = counters.get(id, {}), mirrors.get(id, {})
        if counter.get("count") != ticks:
            found.append(f"{id} counts {counter.get('count')} after {ticks} ticks were answered")
        if mirror.get("heard") != list(range(1, ticks + 1)):
            found.append(f"{id} was heard as {mirror.get('heard')}, not 1..{ticks}")
        if sorted(counter.get("rang", [])) != sorted(expected.rings[id]):
            found.append(f"{id} rang {counter.get('rang')}, not {expected.rings[id]}")
        if echoes[id] != expected.echoes.get(id, 0):
            found.append(f"{id} was echoed {echoes[id]} times, not {expected.echoes.get(id, 0)}")
    return found


async def _all(world: World, table: str, ids: list[str]) -> list[Any]:
    return await world.fetch(f"SELECT id, state FROM {table} WHERE id = ANY($1)", ids)


def _answered(answers: dict[str, dict[str, Any]], outbox: list[Any]) -> list[str]:
    """What an answer said was said is there, once, and no two answers are about the same event."""
    ids = Counter(r["event_id"] for r in outbox)
    promised = Counter(said["id"] for answer in answers.values() for said in answer["said"])
    found = [
        f"an answer named {id}, which is in the outbox {ids[id]} times" for id in promised if ids[id] != 1
    ]
    return found + [f"{n} answers named {id}" for id, n in promised.items() if n > 1]


async def _left_over(world: World, ids: list[str], answers: dict[str, dict[str, Any]]) -> list[str]:
    parked = await world.fetch("SELECT aggregate_id, kind, name, reason, detail FROM parked")
    wakes = await world.fetch("SELECT aggregate_id, what FROM wakes WHERE aggregate_id = ANY($1)", ids)
    keys = await world.fetch("SELECT key FROM idempotency WHERE key = ANY($1)", list(answers))
    found = [f"parked: {tuple(r)}" for r in parked]
    found += [f"the wake {r['what']} of {r['aggregate_id']} was left over" for r in wakes]
    return found + [f"the key {k} is not kept" for k in answers.keys() - {r["key"] for r in keys}]
