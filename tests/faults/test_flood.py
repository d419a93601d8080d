"""The second load of the fault runs: as many events as a service can say and hear, broken and checked."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.faults.flood.check import digest_of, prove
from deploy.local.faults.flood.flood import Mirror, Tallied, evolve_mirror
from deploy.local.faults.flood.load import FloodLoad
from deploy.local.faults.run import Order, run
from deploy.local.processes import Stack
from deploy.local.secrets import ADMIN

TAMPERED = {
    "lost": "DELETE FROM inbox WHERE event_id = (SELECT min(event_id) FROM inbox)",
    "doubled": """INSERT INTO outbox (event_id, type, lane, aggregate_id, sequence, cause, correlation_id,
        subject, headers, body, at, recorded_at, sent_at, stream_seq)
      SELECT event_id, type, lane, aggregate_id, sequence, cause, correlation_id, subject, headers, body, at,
        recorded_at, sent_at, stream_seq FROM outbox ORDER BY id DESC LIMIT 1""",
    "torn": "UPDATE inbox SET received_at = now() WHERE event_id = (SELECT max(event_id) FROM inbox)",
    "altered": "UPDATE outbox SET body = replace(body, '{', '{ ') WHERE stream_seq = 3",
    "out_of_order": """UPDATE outbox SET sequence = 3 - sequence
      WHERE type = 'flood.added.v1' AND sequence IN (1, 2)""",
    "parked_unexplained": """INSERT INTO parked
        (aggregate_id, kind, name, message_id, lane, content, reason, detail, parked_at)
      VALUES ('x', 'event', 'y', 'z', 0, '{}', 'rule_failed', '', now())""",
    "commands_lost": "DELETE FROM idempotency WHERE created_at = (SELECT min(created_at) FROM idempotency)",
    "answers_changed": "UPDATE idempotency SET answer = answer || '{\"more\": 1}'",
    "states_wrong": 'UPDATE mirrors SET state = state || \'{"digest": "0"}\'',
}


@pytest.fixture(scope="module")
async def flooded() -> AsyncIterator[tuple[Stack, FloodLoad]]:
    """A flood at rest, of a few thousand events."""
    load = FloodLoad(seed=1)
    async with load.stack() as stack:
        work = asyncio.create_task(load.work(stack))
        async with asyncio.timeout(30):
            while len(load.answered) < 12:
                await asyncio.sleep(0.05)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await load.rest(stack)
        yield stack, load


@pytest.mark.long
async def test_the_check_finds_nothing_in_a_sound_flood_and_each_kind_of_damage_in_its_books(
    flooded: tuple[Stack, FloodLoad],
) -> None:
    stack, load = flooded
    before = await load.prove(stack)
    assert before.clean, before.details
    assert before.events > 100
    db = await asyncpg.connect(**stack.pg_dsn_kwargs(ADMIN), server_settings={"search_path": "flood"})
    try:
        for kind, statement in TAMPERED.items():
            await db.execute(statement)
            found = await prove(stack, load.answered)
            assert getattr(found, kind) > getattr(before, kind), kind
            before = found
    finally:
        await db.close()


@pytest.mark.long
def test_a_flood_loses_and_doubles_nothing_while_its_processes_are_killed() -> None:
    result = run(Order(seed=146, minutes=0.1, kinds=("kill",), load="flood"))
    found = result.document()
    assert result.clean, (found["trouble"], found["details"])
    assert found["by_kind"].get("kill", 0) >= 2
    assert found["commands"] == found["asked_again"] > 0
    assert found["deliveries"] == found["events"] == 2 * found["heard"] > 1000


def test_the_digest_of_a_mirror_tells_the_order_in_which_it_heard() -> None:
    def heard(*numbers: int) -> str:
        state: Mirror | None = None
        for count, number in enumerate(numbers, 1):
            fact = Tallied(network_id="n", site_id="s", flood_id="f", count=count, number=number)
            state = evolve_mirror(state, fact)
        assert state is not None
        return state.digest

    assert heard(1, 2, 3) == digest_of(3)
    assert digest_of(3) not in {heard(1, 3, 2), heard(1, 2), heard(1, 2, 2)}
