"""Who is told to stop stops, also in the very moment in which what it waited for arrives."""

import asyncio
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from services.chassis.bus import Bus
from services.chassis.lanes import Reader
from services.chassis.relay import Relay
from tests.chassis.conftest import Lab


async def test_a_reader_that_is_stirred_in_that_moment_stops(lab: Lab) -> None:
    reader = Reader(lab.runtime, 0)
    task = asyncio.create_task(reader.run())
    await lab.until(lambda: at_rest(reader))
    for _ in range(3):
        await asyncio.sleep(0.02)
    reader.stirred.set()
    task.cancel()

    assert await ended(task)


async def test_a_relay_whose_outbox_grows_in_that_moment_stops(lab: Lab) -> None:
    lab.start(readers=0)
    await lab.quiet()
    task = asyncio.create_task(Relay(lab.runtime).run())
    await asyncio.sleep(0.3)
    lab.runtime.outbox_grew.fire()
    task.cancel()

    assert await ended(task)


async def test_a_request_whose_answer_comes_in_that_moment_is_given_up(lab: Lab) -> None:
    class Answering:
        is_connected = True

        async def request(self, *_: object, **__: object) -> Msg:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[Msg] = loop.create_future()
            loop.call_soon(answer.set_result, Msg(Client(), data=b"{}"))
            loop.call_soon(task.cancel)
            return await asyncio.wait_for(answer, 5)  # as the client waits

    bus = Bus(lab.settings, "operator")
    bus._client = Answering()  # type: ignore[assignment]
    task = asyncio.create_task(bus.stream())

    assert await ended(task)
    assert task.cancelled()


async def at_rest(reader: Reader) -> bool:
    return bool(reader.held) and reader.credit > 0


async def ended(task: asyncio.Task[Any]) -> bool:
    done, _ = await asyncio.wait([task], timeout=2)
    task.cancel()
    return bool(done)
