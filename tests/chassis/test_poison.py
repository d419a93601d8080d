"""What the bus may deliver and nobody can read: parked, and everything beside it flows."""

import pytest

from contracts.event import Envelope
from contracts.subjects import lane_of, subject_of
from services.chassis.relay import Relay
from tests.chassis.conftest import START, Lab
from tests.chassis.toy_service.toy import Tick, Ticked

EVENT = Ticked(network_id="net", site_id="s1", counter_id="c1", count=1)
GOOD = Envelope("e1", EVENT, START, START, 1, "c1", "cause").headers()
BODY = b'{"network_id": "net", "site_id": "s1", "counter_id": "c1", "count": 1}'

UNREADABLE = {
    "no headers but a type": ({"ce-type": "toy.ticked.v1"}, BODY),
    "NUL in the id": ({**GOOD, "ce-id": "a%00b"}, BODY),
    "a raw control character in the id": ({**GOOD, "ce-id": "a\x01b"}, BODY),
    "an id without end": ({**GOOD, "ce-id": "a" * 5000}, BODY),
    "an instant before time began": ({**GOOD, "ce-time": "0001-01-01T00:00:00%2B14:00"}, BODY),
    "an instant without an offset": ({**GOOD, "ce-time": "2026-01-05T12:00:00"}, BODY),
    "a sequence in words": ({**GOOD, "ce-sequence": "first"}, BODY),
    "half an object": (GOOD, b'{"network_id": "net"'),
    "not UTF-8": (GOOD, b'{"network_id": "net", "note": "\xff"}'),
    "NUL in the body": (GOOD, BODY[:-1] + b', "note": "a\\u0000b"}'),
    "a count of 400 digits": (GOOD, BODY[:-2] + b"9" * 400 + b"}"),
    "another network than the subject's": (GOOD, BODY.replace(b'"net"', b'"other"')),
    "another lane than the subject's": (GOOD, BODY.replace(b'"c1"', b'"c2"')),
    "a partition key without end": ({**GOOD, "ce-partitionkey": "k" * 5000, "ce-type": "toy.new.v2"}, BODY),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_parked_and_the_others_flow(name: str, lab: Lab) -> None:
    headers, body = UNREADABLE[name]
    headers = {k: v for k, v in headers.items() if k != "Nats-Msg-Id"}
    lab.start()
    await lab.runtime.bus.request(subject_of(EVENT).replace(".toy.", ".other."), body, headers)
    neighbour = next(f"n{n}" for n in range(200) if lane_of(f"n{n}") == lane_of("c1"))
    await lab.take(Tick("net", "s1"), neighbour)

    async def parked() -> bool:
        return len(await lab.fetch("SELECT 1 FROM parked")) == 1

    await lab.until(parked)
    await lab.quiet()

    assert await lab.fetch("SELECT 1 FROM mirrors WHERE id = $1", neighbour)
    assert not await lab.fetch("SELECT 1 FROM mirrors WHERE id IN ('c1', 'c2')")


async def test_correlation_that_postgres_does_not_take_parks_one_aggregate(lab: Lab) -> None:
    lab.start()
    headers = {**GOOD, "ce-correlationid": "a%00b"}
    body = BODY[:-1] + b', "note": "echo"}'
    await lab.runtime.bus.request(subject_of(EVENT).replace(".toy.", ".other."), body, headers)
    await lab.take(Tick("net", "s1"), "n1")
    await lab.until(lambda: _count(lab, "SELECT count(*) AS n FROM mirrors", 1))
    await lab.quiet()

    rows = await lab.fetch("SELECT aggregate_id, reason FROM parked")
    assert [tuple(r) for r in rows] == [("c1", "cannot_be_saved")]


async def test_a_lane_that_another_relay_has_is_left_to_it(lab: Lab) -> None:
    await lab.take(Tick("net", "s1"), "c1")
    lane = lane_of("c1")
    async with lab.runtime.pool.acquire() as other, lab.runtime.pool.acquire() as mine:
        await other.execute("SELECT pg_advisory_lock(hashtext('relay:toy'), $1)", lane)
        left = await Relay(lab.runtime).carry(mine)
        await other.execute("SELECT pg_advisory_unlock(hashtext('relay:toy'), $1)", lane)
        carried = await Relay(lab.runtime).carry(mine)

    assert (left, carried) == (0, 1)


async def test_many_batches_keep_the_order_of_every_aggregate(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.relay.BATCH", 7)
    for n in range(60):
        await lab.take(Tick("net", "s1"), f"c{n % 3}")
    lab.start(readers=2)
    await lab.quiet()

    rows = await lab.fetch("SELECT aggregate_id, sequence FROM outbox ORDER BY stream_seq")
    told = {id: [r["sequence"] for r in rows if r["aggregate_id"] == id] for id in ("c0", "c1", "c2")}
    assert told == {id: list(range(1, 21)) for id in told}
    assert (await lab.runtime.bus.stream())["state"]["messages"] == 60


async def _count(lab: Lab, sql: str, n: int) -> bool:
    return bool((await lab.fetch(sql))[0]["n"] == n)
