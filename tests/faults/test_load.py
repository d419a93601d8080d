"""More is asked than can be carried: everybody gets an answer soon, and no more waits than may wait."""

import asyncio
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx
import pytest

from deploy.local import ports, tokens
from deploy.local.links import Links
from services.chassis.http import BODY_SECONDS, MAX_REQUESTS
from tests.chassis.conftest import Lab, lab
from tests.chassis.test_kill import (
    Crowd,
    assert_each_event_applied_once_and_in_order,
    assert_each_event_once_in_stream_and_in_order,
    crowd_of,
    make_role,
)
from tests.faults.callers import Answer, Callers

SECONDS = float(os.environ.get("HANDRAIL_LOAD_SECONDS", "10"))
"""How long the load is held; `make faults` holds it for minutes."""
__all__ = ["lab"]
COUNTERS = [f"c{n}" for n in range(40 + int(SECONDS))]
"""Enough that none of them is ever full."""
OUTBOX_LIMIT = 100
AT_ONCE = 8
COMMAND_SECONDS = 10.0
MARGIN_SECONDS = 5.0
"""A machine that is busy with other things takes its time too."""
HANG_SECONDS = 2.0
HANG_MARGIN_SECONDS = 6.0
LINK_SECONDS = 0.5
WARM_UP_SECONDS = 2.0
GROWTH_MIB = 40
STEP_SECONDS = 0.1
WATCH_SECONDS = 2.0
"""How late it may be seen that too much waits: the look of every second, and the time it takes."""
FIRST_RATE = 100.0
LEAST_RATE = 200.0
FILL_SECONDS = 4.0
EVENTS_PER_COMMAND = 2
_UNSENT = "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL"
_SENT = "SELECT count(*) AS n FROM outbox WHERE sent_at IS NOT NULL"


@dataclass
class Place:
    """The toy as one process that reaches its servers over links, and its callers."""

    lab: Lab
    crowd: Crowd
    links: Links
    port: int
    callers: Callers
    tokens: dict[str, str] = field(default_factory=dict)
    unsent: list[int] = field(default_factory=list)
    taken_at: list[float] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)

    def rss_mib(self) -> float:
        pages = int(Path(f"/proc/{self.crowd.processes[self.port].pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def count(self, sql: str) -> int:
        return int((await self.lab.fetch(sql))[0]["n"])

    async def tick(self, counter: str) -> Answer:
        """One command; a connection that breaks is an error of the test."""
        answer = await self.callers.ask(
            "POST",
            f"/v1/counters/{counter}/tick",
            self.token(counter),
            {"site_id": "s1", "note": "echo"},
        )
        if answer.status == 201:
            self.taken[counter] += 1
            self.taken_at.append(monotonic())
        return answer

    def token(self, subject: str) -> str:
        if subject not in self.tokens:
            self.tokens[subject] = tokens.mint(
                self.lab.stack.key_file, role="operator", network="net", sites=["s1"], subject=subject
            )
        return self.tokens[subject]

    async def get(self, path: str) -> Answer:
        return await self.callers.ask("GET", path, self.token("operator"))


@asynccontextmanager
async def place_of(lab: Lab, command_seconds: float = COMMAND_SECONDS) -> AsyncIterator[Place]:
    chosen = ports.choose(("toy", "to_nats", "to_postgres"), {})
    stack = lab.stack.ports
    links = Links(
        {
            "toy>nats": (chosen["to_nats"], stack["nats"]),
            "toy>postgres": (chosen["to_postgres"], stack["postgres"]),
        }
    )
    await make_role(lab)
    links.start()
    try:
        async with crowd_of(lab) as crowd, httpx.AsyncClient() as client:
            crowd.environment = {
                "HANDRAIL_NATS_SERVERS": f"nats://127.0.0.1:{chosen['to_nats']}",
                "HANDRAIL_PG_PORT": str(chosen["to_postgres"]),
                "HANDRAIL_OUTBOX_LIMIT": str(OUTBOX_LIMIT),
                "HANDRAIL_COMMANDS_AT_ONCE": str(AT_ONCE),
                "HANDRAIL_COMMAND_SECONDS": str(command_seconds),
            }
            await crowd.spawn(chosen["toy"])
            await crowd.ready(client, chosen["toy"])
            place = Place(lab, crowd, links, chosen["toy"], Callers(chosen["toy"]))
            yield place
            place.callers.close()
            links.heal()
    finally:
        links.stop()


@dataclass
class Held:
    """What was seen while a load was held."""

    rate: float
    """Commands asked for in a second."""
    carried: float
    """Events that the relay carried in a second."""
    most_unsent: int
    answers: list[Answer]


async def hold(place: Place, rate: float, seconds: float) -> Held:
    """Send commands at a rate, whether or not those before were answered; then wait for every answer."""
    watch = asyncio.create_task(_most_unsent(place))
    before, began, asked = await place.count(_SENT), monotonic(), 0
    callers: list[asyncio.Task[Answer]] = []
    while (spent := monotonic() - began) < seconds:
        while asked < rate * spent:
            callers.append(asyncio.create_task(place.tick(COUNTERS[asked % len(COUNTERS)])))
            asked += 1
        await asyncio.sleep(STEP_SECONDS)
    spent = monotonic() - began
    carried = (await place.count(_SENT) - before) / spent
    answers = await asyncio.gather(*callers)
    watch.cancel()
    return Held(asked / spent, carried, max(place.unsent), answers)


async def _most_unsent(place: Place) -> None:
    while True:
        place.unsent.append(await place.count(_UNSENT))
        await asyncio.sleep(STEP_SECONDS)


def assert_all_answered_soon(answers: list[Answer], codes: set[str], seconds: float) -> None:
    """Taken or told to come again, all of them soon."""
    assert {a.status for a in answers} <= {201, 503}
    refused = [a for a in answers if a.status == 503]
    assert {a.code for a in refused} <= codes
    assert {a.headers.get("retry-after") for a in refused} <= {"1"}
    assert {a.headers["content-type"] for a in refused} <= {"application/problem+json"}
    assert max(a.seconds for a in answers) < seconds


@pytest.mark.slow
async def test_twice_what_can_be_carried_is_answered_soon_with_a_bounded_queue_and_bounded_memory(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    async with place_of(lab) as place:
        place.links["toy>nats"].slow(LINK_SECONDS)
        first = await hold(place, FIRST_RATE, WARM_UP_SECONDS)
        before = place.rss_mib()
        load = await hold(place, max(LEAST_RATE, 2.1 * first.carried), SECONDS)
        grown = place.rss_mib() - before
        place.links.heal()
        await until_taken_again(place)
        await lab.quiet(30)
        with capsys.disabled():
            tell(load, before, grown)

    assert load.most_unsent < OUTBOX_LIMIT + EVENTS_PER_COMMAND * busiest(place.taken_at, WATCH_SECONDS)
    assert load.rate > 2 * load.carried
    answers = [*first.answers, *load.answers]
    assert_all_answered_soon(answers, {"overloaded", "backlogged"}, COMMAND_SECONDS + MARGIN_SECONDS)
    assert {"", "backlogged"} <= {a.code for a in load.answers}
    assert grown < GROWTH_MIB
    await assert_each_event_once_in_stream_and_in_order(lab, place.taken)
    await assert_each_event_applied_once_and_in_order(lab, place.taken)


def busiest(times: list[float], seconds: float) -> int:
    """The most commands that were taken within so many seconds."""
    return max(bisect_right(times, at + seconds) - n for n, at in enumerate(times))


def tell(load: Held, before: float, grown: float) -> None:
    codes = Counter(a.code or "taken" for a in load.answers)
    slowest = max(a.seconds for a in load.answers)
    print(
        f"\nasked {load.rate:.0f}/s, carried {load.carried:.0f} events/s, {dict(codes)}, "
        f"slowest {slowest:.2f} s, most unsent {load.most_unsent}, memory {before:.0f} MiB + {grown:.1f}"
    )


async def until_taken_again(place: Place) -> None:
    async with asyncio.timeout(20):
        while (await place.tick(COUNTERS[0])).status != 201:
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_postgres_that_hangs_keeps_nobody_waiting(lab: Lab) -> None:
    async with place_of(lab, HANG_SECONDS) as place:
        await until_taken_again(place)
        place.links["toy>postgres"].hang()
        commands = [asyncio.create_task(place.tick(c)) for c in COUNTERS[: 3 * AT_ONCE]]
        paths = ("/v1/clock", "/v1/parked", "/readyz", "/metrics")
        reads = [asyncio.create_task(place.get(path)) for path in paths for _ in range(3 * AT_ONCE)]
        await asyncio.sleep(0.3)
        alive = [await place.get("/livez") for _ in range(5)]
        answers = await asyncio.gather(*commands)
        seen = await asyncio.gather(*reads)
        place.links.heal()
        await until_taken_again(place)

    soon = HANG_SECONDS + HANG_MARGIN_SECONDS
    assert {a.status for a in seen} <= {200, 503}
    assert max(a.seconds for a in alive) < HANG_SECONDS
    assert_all_answered_soon(answers, {"overloaded", "unavailable"}, soon)
    assert max(a.seconds for a in seen) < soon


@pytest.mark.slow
async def test_what_waits_is_bounded_in_a_process_that_came_up_without_the_bus(lab: Lab) -> None:
    async with place_of(lab) as place:
        place.links["toy>nats"].cut()
        await place.crowd.end(place.port)
        await place.crowd.spawn(place.port)
        async with asyncio.timeout(30):
            while not await _takes(place):
                await asyncio.sleep(0.1)
        load = await hold(place, OUTBOX_LIMIT, FILL_SECONDS)
        place.links.heal()
        await until_taken_again(place)

    assert load.most_unsent < 3 * OUTBOX_LIMIT
    assert "backlogged" in {a.code for a in load.answers}, Counter(a.code for a in load.answers)


@pytest.mark.slow
async def test_callers_who_never_finish_their_requests_keep_nobody_else_out_for_long(lab: Lab) -> None:
    head = b"POST /v1/counters/c0/tick HTTP/1.1\r\nhost: toy\r\ncontent-length: 50\r\n\r\n{"
    async with place_of(lab, HANG_SECONDS) as place:
        await until_taken_again(place)
        slow = [await asyncio.open_connection(ports.HOST, place.port) for _ in range(MAX_REQUESTS)]
        for _, writer in slow:
            writer.write(head)
        meanwhile = await place.tick(COUNTERS[0])
        async with asyncio.timeout(BODY_SECONDS + HANG_MARGIN_SECONDS):
            told = await asyncio.gather(*(reader.readline() for reader, _ in slow))
        afterwards = await place.tick(COUNTERS[0])
        for _, writer in slow:
            writer.close()

    assert_all_answered_soon([meanwhile], {"overloaded"}, HANG_SECONDS)
    # Who comes in between takes one of the places, if it is read before the last of the slow ones, and may
    # have given it back by then.
    statuses = Counter(line.split()[1] for line in told)
    refused = statuses.pop(b"503", 0)
    assert refused <= (meanwhile.status == 201)
    assert statuses == Counter({b"408": MAX_REQUESTS - refused})
    assert afterwards.status == 201


async def _takes(place: Place) -> bool:
    try:
        return (await place.tick(COUNTERS[0])).status == 201
    except (OSError, EOFError):
        return False
