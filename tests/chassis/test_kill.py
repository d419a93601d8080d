"""The toy as two processes that are killed again and again while callers go on asking."""

import asyncio
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from contracts.subjects import STREAM
from deploy.local import ports, tokens
from tests.chassis.conftest import Lab

ROOT = Path(__file__).parents[2]
COUNTERS = [f"c{n}" for n in range(6)]
KILLS = 10
PACE_SECONDS = 0.03
ROLE = "toy_limited"
SEED = 20_260_105


@dataclass
class Crowd:
    """Processes of the toy on one database and one stream, by their port."""

    lab: Lab
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    async def spawn(self, port: int) -> None:
        settings = self.lab.settings
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HANDRAIL_SERVICE_PORT": str(port),
            "HANDRAIL_PG_PORT": str(settings.pg_port),
            "HANDRAIL_PG_DATABASE": settings.pg_database,
            "HANDRAIL_PG_USER": ROLE,
            "HANDRAIL_PG_PASSWORD": ROLE,
            "HANDRAIL_NATS_SERVERS": settings.nats_servers,
            "HANDRAIL_NATS_MONITORS": f"http://127.0.0.1:{self.lab.stack.ports['nats_monitor']}",
            "HANDRAIL_NATS_USER": settings.nats_user,
            "HANDRAIL_NATS_PASSWORD": settings.nats_password.get_secret_value(),
            "HANDRAIL_CLOCK": "manual",
            "HANDRAIL_TOKEN_KEY_FILE": str(settings.token_key_file),
            "HANDRAIL_TOKEN_ISSUER": settings.token_issuer,
            "HANDRAIL_READERS": "2",
            "HANDRAIL_LOG_LEVEL": "CRITICAL",
            **self.environment,
        }
        self.processes[port] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chassis.toy_service", env=environment, cwd=ROOT
        )

    async def end(self, port: int, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(port)
        process.send_signal(number)
        await process.wait()

    async def ready(self, client: httpx.AsyncClient, port: int) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)


async def make_role(lab: Lab) -> None:
    """A process refuses to serve as the superuser that the lab is."""
    await lab.fetch(
        f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    await lab.fetch(f"GRANT USAGE ON SCHEMA toy TO {ROLE}")
    await lab.fetch(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA toy TO {ROLE}")
    await lab.fetch(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA toy TO {ROLE}")


@asynccontextmanager
async def crowd_of(lab: Lab) -> AsyncIterator[Crowd]:
    crowd = Crowd(lab)
    try:
        yield crowd
    finally:
        for port in list(crowd.processes):
            await crowd.end(port)


async def keep_ticking(
    lab: Lab, client: httpx.AsyncClient, places: list[int], counter: str, stop: asyncio.Event
) -> int:
    """Tick until told to stop, sending a tick that got no answer again; returns how many were answered."""
    token = tokens.mint(lab.stack.key_file, role="operator", network="net", sites=["s1"], subject=counter)
    lots = random.Random(f"{SEED}/{counter}")
    taken = 0
    while not stop.is_set():
        headers = {"authorization": f"Bearer {token}", "idempotency-key": f"{counter}-{taken + 1}"}
        while True:
            try:
                reply = await client.post(
                    f"http://127.0.0.1:{lots.choice(places)}/v1/counters/{counter}/tick",
                    json={"site_id": "s1", "note": "echo"},
                    headers=headers,
                )
            except httpx.HTTPError:
                await asyncio.sleep(0.01)
                continue
            if reply.status_code == 201:
                break
            assert reply.json()["code"] in {"in_progress", "unavailable", "draining", "not_ready"}
            await asyncio.sleep(0.01)
        taken += 1
        assert reply.json()["version"] == taken
        await asyncio.sleep(PACE_SECONDS)
    return taken


@pytest.mark.slow
async def test_killed_ten_times_nothing_is_lost_doubled_or_out_of_order(lab: Lab) -> None:
    places = list(ports.choose(("one", "other"), {}).values())
    lots = random.Random(SEED)
    stop = asyncio.Event()
    await make_role(lab)
    async with crowd_of(lab) as crowd, httpx.AsyncClient(timeout=5) as client:
        for port in places:
            await crowd.spawn(port)
        for port in places:
            await crowd.ready(client, port)
        callers = [asyncio.create_task(keep_ticking(lab, client, places, c, stop)) for c in COUNTERS]
        for _ in range(KILLS):
            await asyncio.sleep(lots.uniform(0.05, 0.8))
            port = lots.choice(places)
            await crowd.end(port)
            await crowd.spawn(port)
            await crowd.ready(client, port)
        stop.set()
        async with asyncio.timeout(60):
            taken = dict(zip(COUNTERS, await asyncio.gather(*callers), strict=True))
        await lab.quiet(60)
        for port in places:
            await crowd.end(port, signal.SIGTERM)

    assert min(taken.values()) > KILLS
    await assert_each_event_once_in_stream_and_in_order(lab, taken)
    await assert_each_event_applied_once_and_in_order(lab, taken)


async def assert_each_event_once_in_stream_and_in_order(lab: Lab, taken: dict[str, int]) -> None:
    jetstream = lab.runtime.bus.client.jetstream()
    last = (await lab.runtime.bus.stream())["state"]["last_seq"]
    ids, told = [], defaultdict(list)
    for seq in range(1, last + 1):
        headers = (await jetstream.get_msg(STREAM, seq)).headers or {}
        ids.append(headers["ce-id"])
        told[headers["ce-type"], headers["ce-partitionkey"]].append(int(headers["ce-sequence"]))
    said = [r["event_id"] for r in await lab.fetch("SELECT event_id FROM outbox")]

    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(said)
    for counter, n in taken.items():
        assert told["toy.ticked.v1", counter] == list(range(1, n + 1))
        assert told["toy.echoed.v1", counter] == list(range(1, n + 1))


async def assert_each_event_applied_once_and_in_order(lab: Lab, taken: dict[str, int]) -> None:
    counts = await lab.fetch("SELECT id, (state->>'count')::int AS n FROM counters")
    heard = await lab.fetch(
        "SELECT id, ARRAY(SELECT jsonb_array_elements(state->'heard')::int) AS h FROM mirrors"
    )

    assert {r["id"]: r["n"] for r in counts} == taken
    assert {r["id"]: r["h"] for r in heard} == {c: list(range(1, n + 1)) for c, n in taken.items()}
    assert await lab.fetch("SELECT 1 FROM parked") == []
