"""Finding what was said before, so that a correction can name what it replaces."""

from services.chassis.db import Connection
from services.chassis.runtime import Runtime
from services.chassis.unit import Cause, Unit
from tests.chassis.conftest import COUNTERS, START, Lab, who
from tests.chassis.toy_service.toy import Rang, Tick, Ticked, tick


async def told(lab: Lab, story: str, note: str) -> str:
    answer = await lab.take(Tick("net", "s1", note), story)
    return str(answer["said"][0]["id"])


def fresh(runtime: Runtime, db: Connection) -> Unit:
    unit = Unit(runtime.service, db, START)
    unit.begin(Cause(runtime.moment(START, "now", who().actor), "c1", None))
    return unit


async def test_the_newest_that_fits_is_found(lab: Lab) -> None:
    first = await told(lab, "c1", "a")
    second = await told(lab, "c1", "b")
    third = await told(lab, "c1", "a")
    await told(lab, "c2", "b")

    async with lab.runtime.transaction() as db:
        unit = fresh(lab.runtime, db)

        assert await unit.last_said("c1", (Ticked, Rang), note="a") == third
        assert await unit.last_said("c1", (Ticked,), note="b") == second
        assert await unit.last_said("c1", (Ticked,), note="a", site_id="s2") is None
        assert await unit.last_said("c1", (Rang,)) is None
        assert await unit.last_said("c3", (Ticked,)) is None
    assert first != third


async def test_what_this_transaction_says_is_newer_than_what_is_written(lab: Lab) -> None:
    written = await told(lab, "c1", "a")

    async with lab.runtime.transaction() as db:
        unit = fresh(lab.runtime, db)
        state = await unit.load(COUNTERS, "c1")
        unit.record(COUNTERS, "c1", tick(state, Tick("net", "s1", "a"), lab.runtime.moment(START, "now")))

        assert await unit.last_said("c1", (Ticked,), note="a") == unit.outbox[-1].id != written
        unit.undo()
        assert await unit.last_said("c1", (Ticked,), note="a") == written
