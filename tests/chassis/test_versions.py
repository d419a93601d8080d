"""Older and newer code of a service take turns: what the older could not read waits for the newer."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from services.chassis.lanes import Reader
from services.chassis.refold import refold
from tests.chassis.conftest import START, Lab
from tests.chassis.toy_service.toy import POISON, AskToBeWoken, Tick, toy

OLDER = replace(toy, language={}, hears={}, wakes={})


async def parked(lab: Lab) -> list[tuple[str, str]]:
    rows = await lab.fetch("SELECT aggregate_id, reason FROM parked ORDER BY id")
    return [(r["aggregate_id"], r["reason"]) for r in rows]


async def count(lab: Lab, table: str) -> int:
    return int((await lab.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"])


async def heard(lab: Lab, id: str) -> str:
    rows = await lab.fetch("SELECT state->>'heard' AS heard FROM mirrors WHERE id = $1", id)
    return str(rows[0]["heard"]) if rows else ""


async def until_parked(lab: Lab, n: int) -> None:
    async def enough() -> bool:
        return await count(lab, "parked") == n

    await lab.until(enough)


async def test_newer_code_takes_by_itself_and_in_order_what_older_code_did_not_know(lab: Lab) -> None:
    lab.runtime.service = OLDER
    lab.start()
    for _ in range(3):
        await lab.take(Tick("net", "s1"), "c1")
    await until_parked(lab, 3)
    assert await parked(lab) == [("c1", "unknown_event_type")] * 3

    await lab.halt()
    lab.runtime.service = toy
    lab.start()
    await until_parked(lab, 0)

    assert await heard(lab, "c1") == "[1, 2, 3]"


async def test_newer_code_wakes_for_what_older_code_did_not_know(lab: Lab) -> None:
    lab.runtime.service = replace(toy, wakes={})
    lab.start()
    await lab.take(Tick("net", "s1"), "c1")
    await lab.take(AskToBeWoken(START + timedelta(hours=1), "alarm:late"), "c1")
    await lab.quiet()
    lab.advance(START + timedelta(hours=2))
    await until_parked(lab, 1)
    assert await parked(lab) == [("c1", "unknown_wake")]

    await lab.halt()
    lab.runtime.service = toy
    lab.start()
    await until_parked(lab, 0)

    assert (await lab.fetch("SELECT state->>'rang' AS rang FROM counters"))[0]["rang"] == '["alarm_late"]'


async def test_same_code_started_again_leaves_the_unknown_where_it_is(lab: Lab) -> None:
    lab.runtime.service = OLDER
    lab.start()
    await lab.take(Tick("net", "s1"), "c1")
    await until_parked(lab, 1)
    await lab.halt()
    lab.start()
    await lab.take(Tick("net", "s1"), "c1")
    await until_parked(lab, 2)

    assert not await lab.fetch("SELECT 1 FROM wakes")


async def test_what_newer_code_knows_but_cannot_take_says_the_new_reason(lab: Lab) -> None:
    assert "poison" in POISON
    lab.runtime.service = OLDER
    lab.start()
    await lab.take(Tick("net", "s1", "poison"), "c1")
    await until_parked(lab, 1)

    await lab.halt()
    lab.runtime.service = toy
    lab.start()

    async def told() -> bool:
        return await parked(lab) == [("c1", "rule_failed")]

    await lab.until(told)
    assert "toy.py" in (await lab.fetch("SELECT trace FROM parked"))[0]["trace"]


async def test_lanes_that_pass_from_older_to_newer_code_are_made_good(lab: Lab) -> None:
    older = replace(lab.runtime, service=OLDER)
    lab.start()
    reader = asyncio.create_task(Reader(older, 7).run())
    ids = [f"c{n}" for n in range(16)]
    try:

        async def some() -> bool:
            for id in ids:
                await lab.take(Tick("net", "s1"), id)
            return await count(lab, "parked") > 0

        await lab.until(some, 30)
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    await until_parked(lab, 0)
    await lab.quiet()

    told = (await lab.fetch("SELECT count(*) AS n FROM outbox"))[0]["n"] // len(ids)
    assert {await heard(lab, id) for id in ids} == {str(list(range(1, told + 1)))}


async def test_a_state_that_older_code_wrote_is_folded_again_from_its_journal(lab: Lab) -> None:
    lab.start()
    for _ in range(3):
        await lab.take(Tick("net", "s1"), "c1")
    await lab.take(Tick("net", "s1"), "c2")
    await lab.quiet()
    async with lab.runtime.pool.acquire() as db:
        assert await refold(db, toy) == {"mended": 0, "left": 0}
        await db.execute("UPDATE mirrors SET state = state - 'heard' WHERE id = 'c1'")

        assert await refold(db, toy) == {"mended": 1, "left": 0}
        assert await refold(db, OLDER) == {"mended": 0, "left": 2}

    await lab.take(Tick("net", "s1"), "c1")
    await lab.quiet()
    assert await heard(lab, "c1") == "[1, 2, 3, 4]"
