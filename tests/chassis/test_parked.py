"""One bad patient: set aside with its reason, retried in order, dropped with a reason, in nobody's way."""

import asyncio
import time

import httpx

from contracts.subjects import lane_of
from tests.chassis.conftest import Lab
from tests.chassis.toy_service.toy import POISON, Tick

TICK = Tick("net", "s1")
BAD = Tick("net", "s1", "poison")


def neighbour_of(id: str) -> str:
    """Another aggregate of the same lane."""
    return next(n for n in (f"n{i}" for i in range(1000)) if lane_of(n) == lane_of(id))


async def test_a_bad_one_delays_its_neighbours_in_the_lane_by_less_than_a_second(lab: Lab) -> None:
    lab.start()
    good = neighbour_of("bad")
    await lab.take(TICK, "bad")
    await lab.take(TICK, good)
    await lab.quiet()
    waits = []
    for count in range(2, 12):
        await asyncio.gather(*(lab.take(BAD, "bad") for _ in range(5)))
        began = time.monotonic()
        await lab.take(TICK, good)
        await lab.until(lambda n=count: _has_heard(lab, good, n))  # type: ignore[misc]
        waits.append(time.monotonic() - began)

    assert sorted(waits)[len(waits) // 2] < 1, waits
    assert (await lab.fetch("SELECT count(*) AS n FROM parked"))[0]["n"] == 50


async def _has_heard(lab: Lab, id: str, count: int) -> bool:
    rows = await lab.fetch("SELECT jsonb_array_length(state->'heard') AS n FROM mirrors WHERE id = $1", id)
    return bool(rows and rows[0]["n"] == count)


async def test_what_is_parked_is_shown_retried_in_order_and_dropped_with_a_reason(
    lab: Lab, edge: httpx.AsyncClient
) -> None:
    lab.start()
    for command in (TICK, BAD, TICK, TICK):
        await lab.take(command, "bad")
    await lab.quiet()

    shown = (await edge.get("/v1/parked")).json()["items"]
    assert [(i["reason"], i["detail"]) for i in shown] == [
        ("rule_failed", "RuntimeError"),
        ("behind_a_parked_message", ""),
        ("behind_a_parked_message", ""),
    ]
    assert "toy" in shown[0]["trace"] or "work.py" in shown[0]["trace"]
    assert (await edge.post("/v1/parked/bad/drop", json={"reason": "entered twice"})).status_code == 202
    dropped = (await edge.get("/v1/parked?dropped=true")).json()["items"]
    assert [(i["id"], i["dropped_reason"]) for i in dropped] == [(shown[0]["id"], "entered twice")]
    POISON.clear()
    try:
        assert (await edge.post("/v1/parked/bad/retry", json={})).status_code == 202
        await lab.until(lambda: _none_parked(lab))
    finally:
        POISON.add("poison")

    rows = await lab.fetch("SELECT state->'heard' AS heard FROM mirrors WHERE id = 'bad'")
    assert rows[0]["heard"] == "[1, 3, 4]"


async def _none_parked(lab: Lab) -> bool:
    return not await lab.fetch("SELECT 1 FROM parked WHERE dropped_at IS NULL")
