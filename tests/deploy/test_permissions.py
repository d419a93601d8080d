"""What each user may do on NATS, cell by cell, against a real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from contracts.catalogue import events_of
from contracts.subjects import said_subjects
from deploy.local.processes import Stack
from deploy.local.secrets import SERVICES
from deploy.nats.permissions import inbox_prefix, permissions

FORBIDDEN_API = (
    "STREAM.DELETE.EVENTS",
    "STREAM.PURGE.EVENTS",
    "STREAM.UPDATE.EVENTS",
    "STREAM.CREATE.OTHER",
    "STREAM.MSG.GET.EVENTS",
    "STREAM.MSG.DELETE.EVENTS",
    "DIRECT.GET.EVENTS",
    "CONSUMER.DURABLE.CREATE.EVENTS.x",
    "STREAM.NAMES",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack.temporary(services=()) as running:
        yield running


@asynccontextmanager
async def logged_in(stack: Stack, user: str) -> AsyncIterator[tuple[Client, list[str]]]:
    violations: list[str] = []

    async def remember(error: Exception) -> None:
        violations.append(str(error).lower())

    client = await nats.connect(**stack.nats_kwargs(user), error_cb=remember)
    try:
        yield client, violations
    finally:
        await client.close()


async def settle(client: Client) -> None:
    await client.flush()
    await asyncio.sleep(0.05)


def an_instance(subject: str) -> str:
    return subject.replace("*", "north", 1).replace("*", "3", 1)


@pytest.mark.parametrize("speaker", SERVICES)
async def test_a_service_says_exactly_what_it_says(stack: Stack, speaker: str) -> None:
    async with logged_in(stack, speaker) as (client, violations):
        for event in events_of(speaker):
            answer = await client.request(an_instance(said_subjects(event)), b"{}", timeout=2)
            assert "seq" in json.loads(answer.data)
        assert violations == []
        foreign = [event for other in SERVICES if other != speaker for event in events_of(other)]
        for event in foreign:
            await client.publish(an_instance(said_subjects(event)), b"{}")
        await client.publish(f"handrail.north.3.{speaker}.never_declared.v1", b"{}")
        await settle(client)
        assert len(violations) == len(foreign) + 1


@pytest.mark.parametrize("name", [*SERVICES, "integrator"])
async def test_nobody_but_the_operator_administers_or_reads_around_consumers(stack: Stack, name: str) -> None:
    async with logged_in(stack, name) as (client, violations):
        for call in FORBIDDEN_API:
            await client.publish(f"$JS.API.{call}", b"{}", reply=f"{inbox_prefix(name)}.x")
        await settle(client)
        assert len(violations) == len(FORBIDDEN_API)


@pytest.mark.parametrize("name", [*SERVICES, "integrator"])
async def test_nobody_listens_to_the_bus_or_to_another_inbox(stack: Stack, name: str) -> None:
    others = [inbox_prefix(other) for other in SERVICES if other != name]
    wanted = [">", "handrail.>", "_INBOX.>", "$JS.>", *(f"{prefix}.>" for prefix in others)]
    wanted += [f"handrail-command.{other}.>" for other in SERVICES if other != name]
    async with logged_in(stack, name) as (client, violations):
        for subject in wanted:
            await client.subscribe(subject)
            await settle(client)
        assert len(violations) == len(wanted)


@pytest.mark.parametrize("name", [*SERVICES, "integrator"])
async def test_everybody_reads_by_an_ephemeral_consumer_without_acknowledgements(
    stack: Stack, name: str
) -> None:
    async with logged_in(stack, "operator") as (operator, _):
        await operator.jetstream().publish("handrail.north.5.intake.site_opened.v1", b'{"n":1}')
    config = {"ack_policy": "none", "filter_subjects": ["handrail.*.5.>"], "inactive_threshold": 10**10}
    async with logged_in(stack, name) as (client, violations):
        body = json.dumps({"stream_name": "EVENTS", "config": {**config, "name": f"{name}-r1"}}).encode()
        created = json.loads((await client.request(f"$JS.API.CONSUMER.CREATE.EVENTS.{name}-r1", body)).data)
        assert created.get("error") is None
        inbox = client.new_inbox()
        messages = await client.subscribe(inbox)
        pull = json.dumps({"batch": 1, "expires": 10**9}).encode()
        await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.EVENTS.{name}-r1", pull, reply=inbox)
        message = await messages.next_msg(timeout=2)
        assert message.subject == "handrail.north.5.intake.site_opened.v1"
        gone = await client.request(f"$JS.API.CONSUMER.DELETE.EVENTS.{name}-r1")
        assert json.loads(gone.data)["success"] is True
        assert violations == []


async def test_a_command_is_answered_by_its_service_to_whoever_asked(stack: Stack) -> None:
    async with logged_in(stack, "intake") as (intake, violations), logged_in(stack, "operator") as (asker, _):

        async def answer(message: Msg) -> None:
            await message.respond(b"done")

        await intake.subscribe("handrail-command.intake.receive", queue="intake", cb=answer)
        await intake.flush()
        try:
            answered = await asker.request("handrail-command.intake.receive", b"{}", timeout=2)
        except NoRespondersError:
            pytest.fail(f"nobody listens: {violations}, {intake.is_connected}, {intake.last_error}")
        assert answered.data == b"done"
        assert violations == []


async def test_the_largest_event_fits_with_its_headers(stack: Stack) -> None:
    async with logged_in(stack, "intake") as (client, _):
        headers = {f"ce-{n}": "x" * 100 for n in range(20)}
        subject = an_instance(said_subjects(events_of("intake")[0]))
        answer = await client.request(subject, b"x" * 64 * 1024, timeout=2, headers=headers)
        assert "seq" in json.loads(answer.data)


def test_no_two_services_may_publish_the_same_event() -> None:
    allowed = {name: set(permissions(name, events_of(name))["publish"]["allow"]) for name in SERVICES}
    for name in SERVICES:
        for other in SERVICES:
            if other != name:
                assert not {s for s in allowed[name] & allowed[other] if s.startswith("handrail.")}
