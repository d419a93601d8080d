"""Each of these is the net under one mechanism: it fails if the mechanism is taken out.

`python -m tests.faults.mistakes` takes them out one by one.
"""

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from contracts.decisions import Moment
from contracts.subjects import STREAM
from services.chassis import db, lanes
from services.chassis.bus import BusDown
from services.chassis.db import Connection
from services.chassis.lanes import Lost, Reader
from services.chassis.relay import Further, Relay
from services.chassis.service import on
from services.chassis.work import RETRY, Message
from tests.chassis.broken import Break, Deaf, Gate, break_at, on_bus
from tests.chassis.conftest import START, Lab
from tests.chassis.test_tail import all_sent, heard, shorten_the_window, told
from tests.chassis.toy_service.toy import MIRRORS, AskToBeWoken, Mirror, Tick, Ticked, mirror, toy

TICK = Tick("net", "s1")


async def tick(lab: Lab, times: int) -> None:
    for _ in range(times):
        await lab.take(TICK, "c1")


async def sent(lab: Lab, times: int) -> None:
    """So many ticks of one counter are in the stream, and nobody has heard them."""
    lab.start(readers=0)
    await tick(lab, times)
    await lab.until(lambda: all_sent(lab))
    await lab.halt()


async def sequences_told(lab: Lab) -> list[int]:
    return [sequence for _, sequence in await told(lab)]


async def count(lab: Lab) -> int:
    rows = await lab.fetch("SELECT (state->>'count')::int AS n FROM counters")
    return int(rows[0]["n"]) if rows else 0


@pytest.mark.parametrize(
    "point",
    [Break("COMMIT"), Break("COMMIT", after=True), Break("INSERT INTO outbox", after=True)],
    ids=["the commit does not arrive", "the answer to the commit is lost", "half way"],
)
async def test_a_command_whose_session_ends_takes_effect_once(lab: Lab, point: Break) -> None:
    point = replace(point)
    await break_at(lab, point)

    answer = await lab.take(TICK, "c1", key="k")

    assert point.struck == 1
    assert await count(lab) == answer["version"] == 1
    ids = [r["event_id"] for r in await lab.fetch("SELECT event_id FROM outbox")]
    assert ids == [said["id"] for said in answer["said"]]


async def test_the_outbox_has_each_story_in_its_order_however_many_write_it(lab: Lab) -> None:
    await asyncio.gather(*(lab.take(TICK, f"c{n % 2}") for n in range(40)))

    rows = await lab.fetch("SELECT aggregate_id, sequence FROM outbox ORDER BY id")
    stories = {id: [r["sequence"] for r in rows if r["aggregate_id"] == id] for id in ("c0", "c1")}
    assert stories == {id: list(range(1, 21)) for id in stories}


async def test_nothing_is_said_of_a_message_whose_rule_failed_half_way(lab: Lab) -> None:
    def half_way(state: Mirror | None, heard: Ticked, moment: Moment) -> list[Any]:
        return [*mirror(state, heard, moment), object()]

    lab.runtime.service = replace(toy, hears={Ticked: on(MIRRORS, half_way, creates=True)})
    lab.start()
    await lab.take(Tick("net", "s1", "echo"), "c1")
    await lab.quiet()

    assert [r["reason"] for r in await lab.fetch("SELECT reason FROM parked")] == ["rule_failed"]
    assert [r["type"] for r in await lab.fetch("SELECT type FROM outbox")] == [Ticked.type()]


async def late(lab: Lab, gate: Gate, connection: Connection) -> asyncio.Task[int]:
    """A relay that has fetched what waits and whose words are still on their way."""
    task = asyncio.create_task(Relay(on_bus(lab, gate)).carry(connection))
    await gate.reached.wait()
    await asyncio.sleep(0.1)
    return task


async def test_two_relays_say_each_event_once_however_slow_one_of_them_is(lab: Lab) -> None:
    await shorten_the_window(lab)
    await tick(lab, 3)
    gate = Gate(lab.runtime.bus)
    async with lab.runtime.pool.acquire() as one, lab.runtime.pool.acquire() as other:
        slow = await late(lab, gate, one)
        await Relay(lab.runtime).carry(other)
        await asyncio.sleep(0.3)
        gate.opened.set()
        await asyncio.wait({slow})
        await Relay(lab.runtime).carry(other)

    assert await sequences_told(lab) == [1, 2, 3]
    assert await all_sent(lab)


async def test_words_that_arrive_after_their_relay_lost_its_lanes_are_refused(lab: Lab) -> None:
    await shorten_the_window(lab)
    await tick(lab, 3)
    gate = Gate(lab.runtime.bus)
    lost = await lab.runtime.connect()
    slow = await late(lab, gate, lost)
    lost.terminate()
    async with lab.runtime.pool.acquire() as connection:
        await lab.until(lambda: carries(lab, connection))
    await asyncio.sleep(0.3)
    gate.opened.set()
    await asyncio.wait({slow})

    assert await sequences_told(lab) == [1, 2, 3]
    assert isinstance(slow.exception(), Further)


async def carries(lab: Lab, connection: Connection) -> bool:
    return await Relay(lab.runtime).carry(connection) == 3


async def test_what_never_reached_the_bus_is_sent_again(lab: Lab) -> None:
    await tick(lab, 3)
    gate = Gate(lab.runtime.bus, swallow=1)
    async with lab.runtime.pool.acquire() as connection:
        with pytest.raises(BusDown):
            await Relay(on_bus(lab, gate)).carry(connection)
    lab.start(readers=0)
    await lab.until(lambda: all_sent(lab))

    assert await sequences_told(lab) == [1, 2, 3]


@pytest.mark.parametrize(
    "point",
    [
        Break("INSERT INTO mirrors"),
        Break("INSERT INTO positions"),
        Break("COMMIT"),
        Break("COMMIT", after=True),
    ],
    ids=["at the states", "at the positions", "before the commit", "after the commit"],
)
async def test_a_reader_whose_session_ends_takes_each_event_once(lab: Lab, point: Break) -> None:
    point = replace(point)
    await sent(lab, 3)
    await break_at(lab, point)
    lab.start(relay=False)
    await lab.quiet()

    assert point.struck == 1
    assert await heard(lab) == [1, 2, 3]


async def test_events_that_come_again_because_the_positions_were_reset_are_taken_once(lab: Lab) -> None:
    lab.start()
    await tick(lab, 3)
    await lab.quiet()
    await lab.halt()
    await lab.fetch("UPDATE positions SET seq = 0")
    lab.start()
    await tick(lab, 1)
    await lab.quiet()

    assert await heard(lab) == [1, 2, 3, 4]


class Hesitant(Reader):
    """Takes long to apply what has arrived, and then goes no further."""

    arrived: asyncio.Event
    go_on: asyncio.Event
    applied: asyncio.Event

    async def _apply(self, connection: Connection, batch: list[Message]) -> None:
        self.arrived.set()
        await self.go_on.wait()
        with contextlib.suppress(*RETRY, Lost):
            await super()._apply(connection, batch)
        self.applied.set()
        await asyncio.Event().wait()


async def test_a_reader_that_has_lost_its_lanes_moves_nothing(lab: Lab) -> None:
    await sent(lab, 3)
    hesitant = Hesitant(lab.runtime, 0)
    hesitant.arrived, hesitant.go_on, hesitant.applied = (asyncio.Event() for _ in range(3))
    lab.tasks.append(asyncio.create_task(hesitant.run()))
    await hesitant.arrived.wait()
    await lab.fetch("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    lab.start()
    await tick(lab, 2)
    await lab.quiet()
    hesitant.go_on.set()
    await hesitant.applied.wait()

    ends = await lab.fetch("SELECT p.seq FROM positions p JOIN lane_heads USING (lane)")
    assert [r["seq"] for r in ends] == [5]
    assert await heard(lab) == [1, 2, 3, 4, 5]


async def test_nothing_behind_a_message_that_is_missing_is_read(lab: Lab) -> None:
    await sent(lab, 3)
    await lab.runtime.bus.api(f"STREAM.MSG.DELETE.{STREAM}", seq=2)
    lab.start(relay=False)
    await lab.until(lambda: has_heard(lab, 1))
    await asyncio.sleep(1)

    assert await heard(lab) == [1]


async def has_heard(lab: Lab, messages: int) -> bool:
    return len(await heard(lab)) >= messages


@pytest.mark.parametrize("number", [2, 3], ids=["another follows it", "nothing follows it"])
async def test_a_delivery_that_got_lost_is_asked_for_again(
    lab: Lab, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(lanes, "CREDIT_SECONDS", 4)
    await sent(lab, 3)
    deaf = Deaf(lab.runtime.bus, number)
    lab.tasks.append(asyncio.create_task(Reader(on_bus(lab, deaf), 0).run()))
    await lab.quiet()

    assert deaf.lost == 1
    assert await heard(lab) == [1, 2, 3]


async def test_a_message_that_postgres_refuses_for_now_is_tried_again_and_not_parked(lab: Lab) -> None:
    await sent(lab, 3)
    point = Break("INSERT INTO mirrors", times=4, refusal=asyncpg.DeadlockDetectedError)
    await break_at(lab, point)
    lab.start(relay=False)
    await lab.quiet()

    assert await lab.fetch("SELECT reason FROM parked") == []
    assert await heard(lab) == [1, 2, 3]
    assert point.struck == 4


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_wake_whose_session_ends_rings_once(lab: Lab, after: bool) -> None:
    lab.start()
    await tick(lab, 1)
    await lab.take(AskToBeWoken(START + timedelta(minutes=5), "alarm:x"), "c1")
    await lab.quiet()
    await lab.halt()
    point = Break("COMMIT", after=after)
    await break_at(lab, point)
    lab.start(relay=False)
    lab.advance(START + timedelta(minutes=6))
    await lab.until(lambda: has_struck(point))
    await lab.until(lambda: none_due(lab))

    assert json.loads((await lab.fetch("SELECT state->'rang' AS r FROM counters"))[0]["r"]) == ["alarm_x"]


async def has_struck(point: Break) -> bool:
    return point.struck > 0


async def none_due(lab: Lab) -> bool:
    return not await lab.fetch("SELECT 1 FROM wakes")


async def test_a_retry_that_fails_again_leaves_what_follows_where_it_is(lab: Lab) -> None:
    lab.start()
    for note in (None, "poison", None):
        await lab.take(Tick("net", "s1", note), "c1")
    await lab.quiet()
    lane = (await lab.fetch("SELECT lane FROM outbox LIMIT 1"))[0]["lane"]
    await lab.fetch("INSERT INTO wakes VALUES ('parked', 'c1', 'retry', $1, $2, 'x', 'x', NULL)", lane, START)
    lab.runtime.time_passed.fire()
    await lab.quiet()

    assert await heard(lab) == [1]
    assert (await lab.fetch("SELECT count(*) AS n FROM parked"))[0]["n"] == 2


@pytest.mark.parametrize("nested", [False, True])
async def test_who_gives_up_a_transaction_does_not_wait_for_a_server_that_stopped_answering(
    lab: Lab, nested: bool
) -> None:
    connection = await lab.runtime.connect()
    backend = connection.get_server_pid()

    async def hangs() -> None:
        async with db.transaction(connection):
            if nested:
                async with db.transaction(connection):
                    await stopped_in_it()
            await stopped_in_it()

    async def stopped_in_it() -> None:
        os.kill(backend, signal.SIGSTOP)
        await connection.execute("SELECT 1")

    try:
        async with asyncio.timeout(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(hangs(), 0.3)
        assert connection.is_closed()
    finally:
        os.kill(backend, signal.SIGCONT)
