"""Write path, relay, read path and time, on real servers."""

import asyncio
import json
from datetime import timedelta

import pytest

from contracts.decisions import Refused
from contracts.subjects import lane_of
from services.chassis import commands
from services.chassis.tail import ForeignStream
from tests.chassis.conftest import START, Lab, who
from tests.chassis.toy_service.toy import POISON, AskToBeWoken, CancelWake, Tick, TickTwo

TICK = Tick("net", "s1")


async def heard(lab: Lab, id: str) -> list[int]:
    rows = await lab.fetch("SELECT state->'heard' AS heard FROM mirrors WHERE id = $1", id)
    return list(json.loads(rows[0]["heard"])) if rows else []


async def test_a_command_reaches_the_reaction_once_and_in_order(lab: Lab) -> None:
    lab.start()
    for _ in range(20):
        await lab.take(TICK, "c1")

    await lab.quiet()

    assert await heard(lab, "c1") == list(range(1, 21))


async def test_many_writers_on_one_aggregate_keep_its_order(lab: Lab) -> None:
    lab.start(readers=3)
    await asyncio.gather(*(lab.take(TICK, f"c{n % 3}") for n in range(60)))

    await lab.quiet()

    assert [await heard(lab, f"c{n}") for n in range(3)] == [list(range(1, 21))] * 3


async def test_the_outbox_is_carried_in_batches_and_kept(lab: Lab) -> None:
    for n in range(40):
        await lab.take(TICK, f"c{n % 7}")
    lab.start()

    await lab.quiet()

    rows = await lab.fetch(
        "SELECT count(*) AS n, count(stream_seq) AS sent, count(DISTINCT stream_seq) AS seqs FROM outbox"
    )
    assert dict(rows[0]) == {"n": 40, "sent": 40, "seqs": 40}
    state = (await lab.runtime.bus.stream())["state"]
    assert state["messages"] == 40


async def test_the_same_idempotency_key_gets_the_same_answer(lab: Lab) -> None:
    first = await lab.take(TICK, "c1", key="k")
    again = await lab.take(TICK, "c1", key="k")

    assert again == first
    with pytest.raises(Refused, match="another request"):
        await lab.take(Tick("net", "s1", "other"), "c1", key="k")
    assert (await lab.fetch("SELECT state->>'count' AS n FROM counters"))[0]["n"] == "1"


async def test_concurrent_repeats_take_effect_once(lab: Lab) -> None:
    async def once() -> object:
        try:
            return (await lab.take(TICK, "c1", key="k"))["version"]
        except Refused as refused:
            return refused.code

    answers = await asyncio.gather(*(once() for _ in range(8)))

    assert set(answers) <= {1, "in_progress"}
    assert (await lab.fetch("SELECT state->>'count' AS n FROM counters"))[0]["n"] == "1"


async def test_what_lies_in_another_network_or_site_is_not_found(lab: Lab) -> None:
    await lab.take(TICK, "c1")

    for caller in ({"network": "other"}, {"sites": ("s2",)}):
        with pytest.raises(Refused) as refused:
            await lab.take(AskToBeWoken(START, "alarm:x"), "c1", **caller)
        assert refused.value.status == 404


async def test_a_wake_rings_at_its_time_and_not_before(lab: Lab) -> None:
    lab.start()
    await lab.take(TICK, "c1")
    await lab.take(AskToBeWoken(START + timedelta(minutes=37), "alarm:first"), "c1")
    await lab.take(AskToBeWoken(START + timedelta(minutes=5), "alarm:gone"), "c1")
    await lab.take(CancelWake("alarm:gone"), "c1")

    lab.advance(START + timedelta(minutes=36, seconds=59))
    await lab.quiet()
    before = await lab.fetch("SELECT state->'rang' AS rang FROM counters")
    lab.advance(START + timedelta(hours=3))
    await lab.quiet()

    assert json.loads(before[0]["rang"]) == []
    rows = await lab.fetch("SELECT at, type FROM outbox WHERE type LIKE '%rang%' ORDER BY id")
    assert [r["at"] for r in rows] == [START + timedelta(minutes=37), START + timedelta(minutes=97)]


async def test_a_rule_that_fails_parks_one_aggregate_and_nobody_else(lab: Lab) -> None:
    lab.start()
    await lab.take(TICK, "bad")
    await lab.take(Tick("net", "s1", "poison"), "bad")
    await lab.take(TICK, "bad")
    await lab.take(TICK, "good")

    await lab.quiet()

    assert await heard(lab, "good") == [1]
    assert await heard(lab, "bad") == [1]
    rows = await lab.fetch("SELECT reason, detail, trace FROM parked ORDER BY id")
    assert [r["reason"] for r in rows] == ["rule_failed", "behind_a_parked_message"]
    assert "secret" not in str(rows)


async def test_a_parked_aggregate_goes_on_in_order_once_the_rule_is_mended(lab: Lab) -> None:
    lab.start()
    for note in (None, "poison", None):
        await lab.take(Tick("net", "s1", note), "bad")
    await lab.quiet()
    POISON.clear()
    try:
        await lab.fetch(
            "INSERT INTO wakes VALUES ('parked', 'bad', 'retry', "
            "(SELECT lane FROM outbox LIMIT 1), $1, 'x', 'x', NULL)",
            START,
        )
        lab.runtime.time_passed.fire()
        await lab.until(lambda: _none_parked(lab))
        await lab.take(TICK, "bad")
        await lab.quiet()
    finally:
        POISON.add("poison")

    assert await heard(lab, "bad") == [1, 2, 3, 4]


async def _none_parked(lab: Lab) -> bool:
    return bool((await lab.fetch("SELECT count(*) AS n FROM parked"))[0]["n"] == 0)


async def test_an_unknown_type_is_parked_and_its_neighbours_flow(lab: Lab) -> None:
    lab.start()
    client = lab.runtime.bus.client
    await client.publish(
        "handrail.net.3.other.unheard_of.v9", b"{}", headers={"ce-type": "toy.unheard_of.v9", "ce-id": "e1"}
    )
    await client.publish(
        "handrail.net.3.other.ticked.v1",
        b"\x00{nonsense",
        headers={"ce-type": "toy.ticked.v1", "ce-id": "e2"},
    )
    await lab.take(TICK, "c1")

    async def both() -> bool:
        return len(await lab.fetch("SELECT 1 FROM parked")) == 2

    await lab.until(both)
    await lab.quiet()

    rows = await lab.fetch("SELECT reason FROM parked ORDER BY id")
    assert [r["reason"] for r in rows] == ["unknown_event_type", "unreadable"]
    assert await heard(lab, "c1") == [1]


async def test_commands_succeed_while_the_bus_is_not_there(lab: Lab) -> None:
    lab.start()
    await lab.take(TICK, "c1")
    await lab.quiet()
    lab.stack.kill("nats")

    for _ in range(5):
        await lab.take(TICK, "c1")
    await asyncio.to_thread(lab.stack.restart, "nats")
    await lab.quiet(30)

    assert await heard(lab, "c1") == [1, 2, 3, 4, 5, 6]


async def test_a_foreign_stream_is_refused_until_it_is_adopted_and_filled_again(lab: Lab) -> None:
    from deploy.local.rebuild import adopt
    from tests.chassis.conftest import fresh_stream

    lab.start()
    for _ in range(3):
        await lab.take(TICK, "c1")
    await lab.quiet()
    await lab.halt()
    await fresh_stream(lab.stack)

    lab.start()
    await lab.take(TICK, "c1")
    await lab.until(lambda: _is_in_trouble(lab, ForeignStream))
    assert (await lab.runtime.bus.stream())["state"]["messages"] == 0
    ids = [r["event_id"] for r in await lab.fetch("SELECT event_id FROM outbox")]
    async with lab.runtime.pool.acquire() as connection:
        await adopt(connection, await lab.runtime.bus.identity(), 0, ids, [])
    await lab.until(lambda: _is_in_trouble(lab, type(None)))
    await lab.quiet()

    assert await heard(lab, "c1") == [1, 2, 3, 4]


async def _is_in_trouble(lab: Lab, kind: type) -> bool:
    return isinstance(lab.runtime.troubles.get("relay"), kind)


async def test_two_aggregates_in_one_command_are_locked_without_deadlock(lab: Lab) -> None:
    await lab.take(TICK, "a")
    await lab.take(TICK, "b")

    await asyncio.gather(
        *(lab.take(TickTwo("b" if n % 2 else "a"), "a" if n % 2 else "b") for n in range(20))
    )

    rows = await lab.fetch("SELECT state->>'count' AS n FROM counters ORDER BY id")
    assert [r["n"] for r in rows] == ["21", "21"]


async def test_the_journal_folds_to_the_state(lab: Lab) -> None:
    from tests.chassis.toy_service.toy import COUNTERS, Ticked

    for _ in range(4):
        await lab.take(TICK, "c1")

    rows = await lab.fetch("SELECT version, data FROM journal WHERE aggregate = 'counters' ORDER BY version")
    state = None
    for row in rows:
        state = COUNTERS.evolve(state, Ticked.model_validate_json(row["data"]))
    assert state is not None
    stored = (await lab.fetch("SELECT state, version FROM counters"))[0]
    assert stored["version"] == len(rows) == 4
    assert json.loads(stored["state"])["count"] == state.count


async def test_nul_in_a_header_parks_that_message_and_its_neighbours_flow(lab: Lab) -> None:
    lab.start()
    for headers in (
        "ce-type: N\x00\r\nce-id: b8\r\nce-partitionkey: k8",
        "ce-type: x\r\nce-partitionkey: k\x00",
    ):
        await send_raw(lab, "handrail.net.3.other.x.v1", headers)
    await lab.take(TICK, "c1")

    async def both() -> bool:
        return len(await lab.fetch("SELECT 1 FROM parked")) == 2

    await lab.until(both)
    await lab.quiet()

    assert await heard(lab, "c1") == [1]


async def send_raw(lab: Lab, subject: str, headers: str) -> None:
    """Publish headers that a well-behaved client would not send."""
    block = f"NATS/1.0\r\n{headers}\r\n\r\n".encode()
    client = lab.runtime.bus.client
    await client._send_command(
        f"HPUB {subject} {len(block)} {len(block) + 2}\r\n".encode() + block + b"{}\r\n"
    )
    await client.flush()


async def test_over_the_bus_only_commands_with_named_roles_are_taken(lab: Lab) -> None:
    with pytest.raises(Refused, match="no such command"):
        commands.from_the_bus(lab.runtime, who("c1"), {"command": "Tick", "on": "c1", "data": {}})


async def test_a_parked_message_that_still_cannot_be_saved_stays_parked_and_the_lane_flows(lab: Lab) -> None:
    lab.start()
    for note in (None, "poison", None):
        await lab.take(Tick("net", "s1", note), "bad")
    await lab.quiet()
    lane = (await lab.fetch("SELECT lane FROM outbox LIMIT 1"))[0]["lane"]
    await lab.fetch("ALTER TABLE mirrors ADD CONSTRAINT narrow CHECK (version < 2) NOT VALID")
    POISON.clear()
    try:
        await lab.fetch(
            "INSERT INTO wakes VALUES ('parked', 'bad', 'retry', $1, $2, 'x', 'x', NULL)", lane, START
        )
        lab.runtime.time_passed.fire()
        await lab.quiet()
        neighbour = next(n for n in map(str, range(500)) if lane_of(n) == lane)
        await lab.take(TICK, neighbour)
        await lab.quiet()
    finally:
        POISON.add("poison")

    assert await heard(lab, neighbour) == [1]
    assert await heard(lab, "bad") == [1]
    assert (await lab.fetch("SELECT count(*) AS n FROM parked"))[0]["n"] == 2
