"""What the stream knows better than the books: lost answers, crashes before the mark, restored backups."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import patch

import pytest

from contracts.decisions import Refused
from contracts.subjects import LANES, STREAM
from deploy.local import rebuild
from services.chassis import db
from services.chassis import lanes as lanes_module
from services.chassis.clock import ManualClock
from services.chassis.runtime import Runtime
from services.chassis.tail import BehindTheBus, DamagedStream
from tests.chassis.conftest import START, Lab, admin
from tests.chassis.toy_service.toy import Tick

TICK = Tick("net", "s1")


async def told(lab: Lab) -> list[tuple[str, int]]:
    """Type and sequence of every message of the stream, in its order."""
    held = await lab.runtime.bus.sweep(["handrail.>"], "ce-type", "ce-sequence", deliver_policy="all")
    return [(h.headers["ce-type"], int(h.headers["ce-sequence"])) for h in held]


async def heard(lab: Lab) -> list[int]:
    rows = await lab.fetch("SELECT state->'heard' AS heard FROM mirrors")
    return list(json.loads(rows[0]["heard"])) if rows else []


async def forget_the_mark(lab: Lab, after: int) -> None:
    """As if the relay had died between the acknowledgement and the mark."""
    await lab.fetch("UPDATE outbox SET sent_at = NULL, stream_seq = NULL WHERE sequence > $1", after)
    await lab.fetch("UPDATE lane_heads SET stream_seq = (SELECT coalesce(max(stream_seq), 0) FROM outbox)")


async def shorten_the_window(lab: Lab) -> None:
    """As if the relay had been away for longer than the server remembers ids."""
    config = (await lab.runtime.bus.stream())["config"] | {"duplicate_window": 100_000_000}
    await lab.runtime.bus.api(f"STREAM.UPDATE.{STREAM}", **config)


@asynccontextmanager
async def unconnected(lab: Lab) -> AsyncIterator[None]:
    """Nobody is connected to the lab's database; afterwards a fresh process is."""
    await lab.halt()
    await lab.runtime.pool.close()
    yield
    old = lab.runtime
    clock = ManualClock(START)
    pool = await db.open_pool(lab.settings, "toy")
    lab.runtime = Runtime(old.service, old.settings, clock, pool, old.bus)


@asynccontextmanager
async def to_be_forgotten(lab: Lab) -> AsyncIterator[None]:
    """What happens inside is not in the backup that is restored at the end."""
    database = lab.settings.pg_database
    async with unconnected(lab), admin(lab.stack) as server:
        await server.execute(f"CREATE DATABASE {database}_backup TEMPLATE {database}")
    yield
    async with unconnected(lab), admin(lab.stack) as server:
        await server.execute(f"DROP DATABASE {database} WITH (FORCE)")
        await server.execute(f"ALTER DATABASE {database}_backup RENAME TO {database}")


@pytest.mark.parametrize("short_window", [False, True])
async def test_what_was_acknowledged_and_not_marked_is_not_said_again(lab: Lab, short_window: bool) -> None:
    if short_window:
        await shorten_the_window(lab)
    lab.start(readers=0)
    for _ in range(5):
        await lab.take(TICK, "c1")
    await lab.until(lambda: all_sent(lab))
    await lab.halt()
    await forget_the_mark(lab, after=2)
    await lab.take(TICK, "c1")

    lab.start()
    await lab.quiet()

    assert [s for t, s in await told(lab) if "ticked" in t] == [1, 2, 3, 4, 5, 6]
    assert await heard(lab) == [1, 2, 3, 4, 5, 6]


async def all_sent(lab: Lab) -> bool:
    return not await lab.fetch("SELECT 1 FROM outbox WHERE sent_at IS NULL")


async def test_a_process_comes_up_while_others_carry_every_lane(lab: Lab) -> None:
    lock = "SELECT pg_advisory_lock(hashtext('relay:toy'), lane) FROM generate_series(0, $1 - 1) AS lane"
    busy = await lab.runtime.connect()
    await busy.execute(lock, LANES)
    lab.runtime.up = False

    try:
        lab.start(readers=0)
        await lab.until(lambda: takes(lab))
        assert [r["sent_at"] for r in await lab.fetch("SELECT sent_at FROM outbox")] == [None]
    finally:
        await busy.close()
    await lab.until(lambda: all_sent(lab))


async def test_nothing_is_taken_over_from_the_stream_during_a_rebuild(lab: Lab) -> None:
    rebuilder = await lab.runtime.connect()
    await rebuilder.execute(rebuild._LOCK, "relay:toy", LANES)
    lab.runtime.up = False

    lab.start(readers=0)
    await asyncio.sleep(1)
    taken = await takes(lab)
    await rebuilder.close()

    assert not taken
    await lab.until(lambda: takes(lab))


async def takes(lab: Lab) -> bool:
    try:
        await lab.take(TICK, "c1")
    except Refused:
        return False
    return True


async def test_a_service_whose_reactions_were_forgotten_says_them_again_with_the_same_ids(lab: Lab) -> None:
    lab.start(readers=0)
    for _ in range(4):
        await lab.take(Tick("net", "s1", "echo"), "c1")
    await lab.until(lambda: all_sent(lab))
    async with to_be_forgotten(lab):
        lab.start()
        await lab.quiet()
        before = await told(lab)
        assert len(before) == 8

    lab.start()
    await lab.quiet()
    await lab.until(lambda: all_sent(lab))

    assert await told(lab) == before
    assert not lab.runtime.troubles
    await lab.take(Tick("net", "s1", "echo"), "c1")
    await lab.quiet()
    assert len(await told(lab)) == 10


async def test_a_service_that_forgot_a_command_says_so_and_says_nothing_new(lab: Lab) -> None:
    lab.start()
    await lab.take(TICK, "c1")
    await lab.quiet()
    async with to_be_forgotten(lab):
        lab.start()
        await lab.take(TICK, "c1")
        await lab.quiet()

    await lab.take(TICK, "c1")
    lab.start()
    await lab.until(lambda: in_trouble(lab, BehindTheBus))

    with pytest.raises(Refused, match="not ready"):
        await lab.take(TICK, "c1")
    assert len(await told(lab)) == 2


async def in_trouble(lab: Lab, kind: type) -> bool:
    return isinstance(lab.runtime.troubles.get("relay"), kind)


async def test_a_stream_that_lost_acknowledged_events_is_noticed(lab: Lab) -> None:
    lab.start(readers=0)
    for _ in range(3):
        await lab.take(TICK, "c1")
    await lab.until(lambda: all_sent(lab))
    await lab.halt()
    await lab.runtime.bus.api(f"STREAM.MSG.DELETE.{STREAM}", seq=3)

    lab.start()

    await lab.until(lambda: in_trouble(lab, DamagedStream))


async def positions(lab: Lab) -> list[tuple[int, int]]:
    rows = await lab.fetch("SELECT lane, seq FROM positions ORDER BY lane")
    return [(r["lane"], r["seq"]) for r in rows]


async def test_a_reader_goes_on_after_code_that_knew_no_ordinals(lab: Lab) -> None:
    lab.start()
    for _ in range(3):
        await lab.take(TICK, "c1")
    await lab.quiet()
    await lab.halt()
    # Older code moves the position and leaves what stands beside it.
    lab.start(readers=0)
    await lab.take(TICK, "c1")
    await lab.until(lambda: all_sent(lab))
    await lab.halt()
    await lab.fetch("UPDATE positions SET seq = seq + 1 WHERE seq > 0")

    lab.start()
    await lab.take(TICK, "c1")
    await lab.quiet()
    await lab.halt()
    lab.start()
    await lab.take(TICK, "c1")
    await lab.quiet()

    assert await heard(lab) == [1, 2, 3, 5, 6]


async def test_a_lane_far_behind_catches_up_beside_one_that_is_ahead(lab: Lab) -> None:
    lab.start()
    for n in range(40):
        await lab.take(TICK, f"c{n % 20}")
    await lab.quiet()
    await lab.halt()
    before = await positions(lab)
    lanes = [lane for lane, _ in before]
    await lab.fetch("UPDATE positions SET seq = 0, ordinals = '{}' WHERE lane <> $1", lanes[0])
    await lab.fetch("UPDATE positions SET seq = (SELECT max(seq) FROM positions) WHERE lane = $1", lanes[0])

    with patch.object(lanes_module, "IDLE_LAG", 5):
        lab.start()
        await lab.take(TICK, "c1")
        await lab.quiet()

    assert (await lab.fetch("SELECT count(*) AS n FROM inbox"))[0]["n"] == 41


async def test_a_stream_that_ends_before_the_positions_is_not_read(lab: Lab) -> None:
    lab.start()
    await lab.take(TICK, "c1")
    await lab.quiet()
    await lab.halt()
    await lab.fetch("UPDATE positions SET seq = 99")

    lab.start()

    await lab.until(lambda: reader_in_trouble(lab))


async def reader_in_trouble(lab: Lab) -> bool:
    return isinstance(lab.runtime.troubles.get("reader-0"), DamagedStream)
