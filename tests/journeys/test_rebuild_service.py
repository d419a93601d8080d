"""A schema can be lost: the stream alone gives the books of progress again, row by row."""

import asyncio
import json
import math
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from deploy.local.processes import Stack
from deploy.local.rebuild import carried, rebuild_service
from deploy.local.reconcile import examine
from deploy.local.secrets import SERVICES
from deploy.local.simulator.life import BEGINS_AT, NETWORK, Script, live
from deploy.local.simulator.scene import make_sites
from deploy.local.story import connect
from deploy.local.timekeeper import Timekeeper
from deploy.local.trouble import Trouble
from services.chassis.clock import wall_now
from services.chassis.replay import CannotReplay, Carried, read_stream, replayed
from services.progress.app import service

ROWS = {
    "episodes": "SELECT id, network_id, site_id, version, said, state FROM progress.episodes ORDER BY id",
    "journal": (
        "SELECT aggregate, aggregate_id, version, type, data, cause, at FROM progress.journal "
        "ORDER BY aggregate_id, version"
    ),
    "outbox": (
        "SELECT event_id, type, lane, aggregate_id, sequence, cause, correlation_id, subject, headers, body, "
        "at, recorded_at, sent_at IS NOT NULL AS sent, stream_seq FROM progress.outbox ORDER BY stream_seq"
    ),
    "inbox": "SELECT event_id, lane, stream_seq FROM progress.inbox ORDER BY event_id",
    "story": (
        "SELECT aggregate_id, at, event_id, stream_seq, type, recorded_at, cause, body FROM progress.story "
        "ORDER BY stream_seq"
    ),
    "heads": (
        "SELECT lane, stream_seq, ordinal, stream FROM progress.lane_heads WHERE ordinal > 0 ORDER BY lane"
    ),
    "wakes": (
        "SELECT aggregate, aggregate_id, what, lane, at FROM progress.wakes WHERE at > $1 "
        "ORDER BY aggregate_id, what"
    ),
}


async def books(stack: Stack, now: Any) -> dict[str, list[tuple[Any, ...]]]:
    db = await connect(stack)
    try:
        return {
            name: [tuple(row) for row in await db.fetch(sql, *([now] if "$1" in sql else []))]
            for name, sql in ROWS.items()
        }
    finally:
        await db.close()


async def emptied(stack: Stack) -> None:
    """As after dropping the schema's tables and migrating anew."""
    db = await asyncpg.connect(**stack.pg_dsn_kwargs("progress_owner"))
    try:
        tables = await db.fetch(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'progress'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations'"
        )
        await db.execute("TRUNCATE " + ", ".join(f"progress.{t['relname']}" for t in tables))
    finally:
        await db.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lived() -> AsyncIterator[Stack]:
    stack = Stack.temporary(clock="manual", env={"HANDRAIL_CLOCK_START": BEGINS_AT.isoformat()})
    async with stack:
        await live(stack, Script(sites=2, patients=40, weeks=8, seed=11, warm_up_weeks=10))
        yield stack


def call(stack: Stack, path: str, **params: Any) -> Any:
    token = stack.token("clinician", network=NETWORK, sites=[site.id for site in make_sites(2)])
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.get(stack.url("progress") + path, params=params, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_every_timeline_begins_with_a_referral_and_leaves_nothing_out(lived: Stack) -> None:
    _, stream = await carried(lived)
    episodes = call(lived, "/v1/episodes", limit=200)["items"]
    assert len(episodes) > 5
    for episode in episodes:
        told: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = call(lived, f"/v1/episodes/{episode['id']}/timeline", cursor=cursor, limit=50)
            told, cursor = [*told, *page["items"]], page["cursor"]
        lies = [c.headers["ce-id"] for c in stream if c.headers["ce-partitionkey"] == episode["id"]]

        assert told[0]["type"] == "intake.referral_received.v1"
        assert sorted(e["id"] for e in told) == sorted(lies)
        assert all(e["summary"] and e["actor"] for e in told)
        known = {e["id"] for e in told}
        place = {e["id"]: number for number, e in enumerate(told)}
        assert all(place[e["cause"]["id"]] < n for n, e in enumerate(told) if e["cause"]["in_timeline"])
        assert [e["at"] for e in told] == sorted(e["at"] for e in told)
        assert all(e["cause"]["in_timeline"] == (e["cause"]["id"] in known) for e in told)
        assert {e["service"] for e in told} >= {"intake", "scheduling", "progress"}


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_outcomes_are_what_the_stream_tells(lived: Stack) -> None:
    _, stream = await carried(lived)
    today = datetime.fromisoformat(await now_of(lived)).date()
    params = {"from": str(today - timedelta(days=365)), "to": str(today)}
    reported = {r["site_id"]: r for r in call(lived, "/v1/outcomes", **params)["items"]}

    recounted = recount([(c.headers["ce-type"].split(".")[1], json.loads(c.body)) for c in stream])

    assert len(recounted) == 2
    assert sum(r["never_attended"]["of"] for r in recounted.values()) > 5
    for site, figures in recounted.items():
        assert {name: reported[site][name] for name in figures} == figures, site


async def now_of(stack: Stack) -> str:
    async with Timekeeper({n: stack.url(n) for n in SERVICES}, stack.token("operator")) as keeper:
        return (await keeper.now()).isoformat()


def recount(events: list[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The figures of each site, counted anew from everything that was said, in its order."""
    people: dict[str, dict[str, Any]] = defaultdict(lambda: {"weeks": {}, "times": Counter(), "last": {}})
    wrong = {e.get("supersedes_measure_id") for _, e in events}
    for name, event in events:
        person = people[event.get("episode_id", "")]
        person["times"][name] += 1
        if name in ("patient_discharged", "discharge_corrected"):
            person["left"] = event
        elif name == "treatment_week_closed":
            person["weeks"][event["week_start"]] = event
        elif name == "measure_recorded" and event["measure_id"] not in wrong:
            before = person["last"].get(event["instrument"])
            at = datetime.fromisoformat(event["administered_at"])
            if before is None or datetime.fromisoformat(before["administered_at"]) <= at:
                person["last"][event["instrument"]] = event
    sites = defaultdict(list)
    for person in people.values():
        if "left" in person:
            sites[person["left"]["site_id"]].append(person)
    return {site: figures_of(everybody) for site, everybody in sites.items()}


def figures_of(everybody: list[dict[str, Any]]) -> dict[str, Any]:
    clients = [p for p in everybody if p["left"]["reason"] != "never_attended"]
    left, weeks = [p["left"] for p in clients], [w for p in clients for w in p["weeks"].values()]
    changed = [m for p in clients for m in p["last"].values() if "change" in m]

    def times(name: str) -> dict[str, Any]:
        each = [p["times"][name] for p in clients]
        return {"times": sum(each), "people": share(sum(n > 0 for n in each), len(each))}

    def measured(instrument: str) -> dict[str, Any]:
        mine = [m for m in changed if m["instrument"] == instrument]
        mean = Fraction(10 * sum(m["change"] for m in mine), len(mine))
        return {
            "instrument": instrument,
            "of": len(mine),
            "mean_change_tenths": math.floor(mean + Fraction(1, 2)),
            "improved": share(sum(m["reliable_change"] == "improved" for m in mine), len(mine)),
            "deteriorated": share(sum(m["reliable_change"] == "deteriorated" for m in mine), len(mine)),
        }

    teds = Counter(d["teds_reason"] for d in left)
    return {
        "never_attended": share(len(everybody) - len(clients), len(everybody)),
        "reasons": {reason: share(n, len(left)) for reason, n in teds.items()},
        "completed": share(teds["completed"], len(left)),
        "attended_minutes": share(
            sum(w["creditable_minutes"] for w in weeks), sum(w["scheduled_minutes"] for w in weeks)
        ),
        "goals_met": share(sum(d["goals_met"] for d in left), sum(d["goals_total"] for d in left)),
        "measures": [measured(i) for i in sorted({m["instrument"] for m in changed})],
        "extensions": times("extension_approved"),
        "step_ups": times("step_up_approved"),
        "step_downs": times("step_down_approved"),
    }


def share(count: int, of: int) -> dict[str, Any]:
    return {"count": count, "of": of, "permille": 1000 * count // of if of else None}


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_the_stream_alone_gives_the_books_of_progress_again(lived: Stack) -> None:
    urls = {name: lived.url(name) for name in SERVICES}
    async with Timekeeper(urls, lived.token("operator")) as keeper:
        now = await keeper.now()
    before = await books(lived, now)
    with pytest.raises(Trouble, match="progress is running"):
        await rebuild_service(lived, "progress")
    with pytest.raises(Trouble, match="scheduling reacts with more than pure decisions"):
        await rebuild_service(lived, "scheduling")

    await asyncio.to_thread(lived.kill, "progress")
    with pytest.raises(Trouble, match="not empty"):
        await rebuild_service(lived, "progress")
    await emptied(lived)
    counts = await rebuild_service(lived, "progress")
    after = await books(lived, now)

    assert counts["aggregates"] == len(before["episodes"]) > 5
    assert counts["parked"] == 0
    for name, rows in before.items():
        assert after[name] == rows, name
    await asyncio.to_thread(lived.restart, "progress")
    async with Timekeeper(urls, lived.token("operator")) as keeper:
        await keeper.advance(now)
        await keeper.quiet()
    findings = await examine(lived)
    assert set(findings.counts().values()) == {0}, findings.details
    again = await books(lived, now)
    assert again == before
    await read_again(lived)
    async with Timekeeper(urls, lived.token("operator")) as keeper:
        await keeper.quiet()
    assert await books(lived, now) == before


async def read_again(stack: Stack) -> None:
    """As after an upgrade from a version that kept no story: the positions are set back."""
    await asyncio.to_thread(stack.kill, "progress")
    db = await asyncpg.connect(**stack.pg_dsn_kwargs("progress_owner"))
    try:
        await db.execute("TRUNCATE progress.story")
        await db.execute("UPDATE progress.positions SET seq = 0, ordinals = '{}'")
    finally:
        await db.close()
    await asyncio.to_thread(stack.restart, "progress")


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
async def test_a_stream_that_lacks_an_event_or_holds_two_in_another_order_gives_no_books(
    lived: Stack,
) -> None:
    _, stream = await carried(lived)
    mine = [
        n for n, c in enumerate(stream) if "ce-aggregateversion" in c.headers and ".progress." in c.subject
    ]
    latest = {(c.subject.split(".")[2]): n for n, c in enumerate(stream)}
    chosen = [n for n in mine if n != latest[stream[n].subject.split(".")[2]]][:: max(1, len(mine) // 40)]
    assert len(chosen) >= 20

    whole = told(stream)
    for number in chosen:
        assert whole
        with pytest.raises(CannotReplay):
            told([*stream[:number], *stream[number + 1 :]])
        with pytest.raises(CannotReplay):
            told([*stream[: number - 1], stream[number], stream[number - 1], *stream[number + 1 :]])


def told(stream: list[Carried]) -> int:
    return len(list(replayed(service, read_stream(service, stream, wall_now()), wall_now())))
