"""A replica that has rotted is found by reading it, and replaced while everybody goes on."""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import nats.errors
import pytest
from nats.aio.client import Client

from contracts.subjects import STREAM
from deploy.local import ports
from deploy.local.nats_server import binary, http_status
from deploy.nats import auditor, topology
from deploy.nats.counters import counters_of
from deploy.nats.replicas import Copy, Reader, Unreadable, ask, read
from deploy.nats.server import Cluster, configuration

EVENTS = 60_000
BATCH = 500
AS_LONG_AS_IN_MEMORY = auditor.FORGET
WRONG_LAST_SEQUENCE = 10071
LOGIN: dict[str, Any] = {"user": "operator", "password": "made-up"}


class Nodes:
    """Three nodes on loopback, each with its store in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = ("nats-1", "nats-2", "nats-3")
        self.ports = ports.choose(
            [f"{kind} {n}" for n in self.names for kind in ("client", "http", "route")], {}
        )
        self.processes = {name: self._start(name) for name in self.names}

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        here = self.folder / name
        here.mkdir()
        routes = [self.ports[f"route {n}"] for n in self.names]
        config = configuration(
            port=self.ports[f"client {name}"],
            monitor_port=self.ports[f"http {name}"],
            store=here / "store",
            users=[LOGIN],
            name=name,
            cluster=Cluster(self.ports[f"route {name}"], routes, "made-up"),
        )
        (here / "nats.conf").write_text(json.dumps(config))
        with (here / "log").open("wb") as log:
            return subprocess.Popen([binary(), "-c", here / "nats.conf"], stdout=log, stderr=log)

    @property
    def urls(self) -> list[str]:
        return [f"nats://{ports.HOST}:{self.ports[f'client {n}']}" for n in self.names]

    @property
    def monitors(self) -> list[str]:
        return [f"http://{ports.HOST}:{self.ports[f'http {n}']}" for n in self.names]

    def healthy(self) -> bool:
        return all(http_status(self.ports[f"http {n}"], "/healthz") == 200 for n in self.names)

    def oldest_block(self, name: str) -> Path:
        blocks = list((self.folder / name).glob(f"store/jetstream/**/streams/{STREAM}/msgs/*.blk"))
        assert len(blocks) > 3
        return min(blocks, key=lambda block: int(block.stem))

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


class Outboxes:
    """Everything that was ever acknowledged, in the order of the stream; can be sent again."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ids: list[str] = []
        self.refilled: list[bool] = []

    async def sent(self) -> set[str]:
        return set(self.ids)

    async def said(self) -> set[str]:
        return set(self.ids)

    async def refill(self, anew: bool) -> None:
        self.refilled.append(anew)
        await ask(self.client, f"STREAM.DELETE.{STREAM}")
        await topology.declare(self.client, 3)
        ids, self.ids = self.ids, []
        for start in range(0, len(ids), BATCH):
            await self.publish(ids[start : start + BATCH])

    async def publish(self, ids: list[str]) -> None:
        """One atomic batch behind the last, remembered once it is there; tried again as a relay does."""
        for attempt in range(20):
            with contextlib.suppress(nats.errors.Error):
                error = await self._say(ids, f"{ids[0]}-{attempt}")
                # Refused for its place: an attempt whose answer was lost has arrived after all.
                assert error is None or (attempt and error["err_code"] == WRONG_LAST_SEQUENCE), error
                self.ids += ids
                return
            await asyncio.sleep(0.2)
        raise AssertionError("nobody takes events")

    async def _say(self, ids: list[str], batch: str) -> dict[str, Any] | None:
        for number, id in enumerate(ids, 1):
            headers = {"ce-id": id, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number == 1:
                headers["Nats-Expected-Last-Sequence"] = str(len(self.ids))
            subject = f"handrail.local.{number % 8}.intake.p{number % 300}"
            body = os.urandom(200).hex().encode()
            if number < len(ids):
                await self.client.publish(subject, body, headers=headers)
        headers["Nats-Batch-Commit"] = "1"
        answer = await self.client.request(subject, body, timeout=5, headers=headers)
        error: dict[str, Any] | None = json.loads(answer.data).get("error")
        return error


@pytest.fixture(scope="module")
async def nodes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nodes]:
    nodes = Nodes(tmp_path_factory.mktemp("nodes"))
    try:
        async with asyncio.timeout(30):
            while not nodes.healthy():
                await asyncio.sleep(0.1)
        yield nodes
    finally:
        nodes.end()


@pytest.fixture(scope="module")
async def client(nodes: Nodes) -> AsyncIterator[Client]:
    client = Reader()
    await client.connect(servers=nodes.urls, **LOGIN)
    yield client
    await topology.hang_up(client)


@pytest.fixture(scope="module")
async def outboxes(client: Client) -> Outboxes:
    """The stream on three nodes, filled with old events over several blocks."""
    await topology.declare(client, 3)
    outboxes = Outboxes(client)
    for start in range(0, EVENTS, BATCH):
        await outboxes.publish([f"event-{n}" for n in range(start, start + BATCH)])
    return outboxes


class Life:
    """Somebody publishes and somebody reads, both trying again as services do."""

    def __init__(self, client: Client, outboxes: Outboxes) -> None:
        self.client = client
        self.outboxes = outboxes
        self.heard: list[str] = []
        self.began = len(outboxes.ids)

    async def __aenter__(self) -> Self:
        self.talking = asyncio.create_task(self._talk())
        self.hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.talking
        async with asyncio.timeout(20):
            while len(self.heard) < len(self.said):
                await asyncio.sleep(0.05)
        self.hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.hearing

    @property
    def said(self) -> list[str]:
        return self.outboxes.ids[self.began :]

    async def _talk(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            first = len(self.outboxes.ids)
            await asyncio.shield(self.outboxes.publish([f"event-{n}" for n in range(first, first + 5)]))

    async def _hear(self) -> None:
        while True:
            with contextlib.suppress(Unreadable, nats.errors.Error):
                end = len(self.outboxes.ids)
                await self._hear_until(end)
            await asyncio.sleep(0.05)

    async def _hear_until(self, end: int) -> None:
        position = self.began + len(self.heard)
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": position + 1,
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
        }
        made = await ask(self.client, f"CONSUMER.CREATE.{STREAM}", stream_name=STREAM, config=config)
        subscription = await self.client.subscribe(inbox := self.client.new_inbox())
        try:
            request = json.dumps({"batch": 1000, "expires": 1_000_000_000}).encode()
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{made['name']}"
            await self.client.publish(subject, request, reply=inbox)
            while self.began + len(self.heard) < end:
                message = await subscription.next_msg(timeout=2)
                id = (message.headers or {}).get("ce-id")
                if id is None:
                    return
                self.heard.append(id)
        finally:
            await subscription.unsubscribe()


def flip_bits(block: Path, count: int = 20, seed: int = 7) -> None:
    lots = random.Random(seed)
    content = bytearray(block.read_bytes())
    for _ in range(count):
        content[lots.randrange(len(content))] ^= 1 << lots.randrange(8)
    with block.open("r+b") as file:
        file.write(content)


def halve(block: Path) -> None:
    os.truncate(block, block.stat().st_size // 2)


async def leader_first(client: Client, nodes: Nodes) -> list[str]:
    leader = (await ask(client, f"STREAM.INFO.{STREAM}"))["cluster"]["leader"]
    return [leader, *(name for name in nodes.names if name != leader)]


async def run(
    client: Client, nodes: Nodes, outboxes: Outboxes | None = None, **wishes: Any
) -> auditor.Report:
    return await auditor.audit(client, 3, nodes.monitors, outboxes, **wishes)


async def until_read_from_disk() -> None:
    """A node gives from memory what it has read or written within the last ten seconds."""
    await asyncio.sleep(AS_LONG_AS_IN_MEMORY)


@pytest.mark.long
async def test_flipped_bits_are_found_though_every_counter_is_perfect(
    client: Client, nodes: Nodes, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "FORGET", 0)
    _, bad, _ = await leader_first(client, nodes)
    untouched = await run(client, nodes, outboxes, mend=True)
    flip_bits(nodes.oldest_block(bad))
    await until_read_from_disk()

    began = time.monotonic()
    found = await run(client, nodes, outboxes)
    counted = await counters_of(nodes.monitors)

    assert time.monotonic() - began < 60
    assert (untouched.ok, untouched.deeds) == (True, [])
    assert [(r.state, r.read) for r in untouched.replicas] == [("whole", EVENTS)] * 3
    assert found.nodes("damaged") == [bad]
    assert 0 < next(r.missing for r in found.replicas if r.node == bad) <= 20
    assert [counted[name].holes for name in nodes.names] == [0, 0, 0]
    assert nodes.healthy()

    async with Life(client, outboxes) as life:
        began = time.monotonic()
        mended = await run(client, nodes, outboxes, mend=True)
        seconds = time.monotonic() - began

    assert mended.ok, mended
    assert any(bad in deed for deed in mended.deeds)
    assert seconds < 300
    assert life.said
    assert life.heard == life.said


@pytest.mark.long
async def test_a_truncated_leader_and_a_rotten_follower_are_both_replaced(
    client: Client, nodes: Nodes, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "FORGET", 0)
    leader, follower, good = await leader_first(client, nodes)
    halve(nodes.oldest_block(leader))
    flip_bits(nodes.oldest_block(follower))
    await until_read_from_disk()

    async with Life(client, outboxes) as life:
        mended = await run(client, nodes, outboxes, mend=True)

    assert mended.ok, mended
    assert mended.deeds == [f"{node} got a fresh copy from {good}" for node in (leader, follower)]
    assert life.heard == life.said
    for node in nodes.names:
        # What the life said last reaches a replica a moment after its acknowledgement.
        async with asyncio.timeout(20):
            while (copy := await read(client, node, len(outboxes.ids), collect=True)).ids != set(
                outboxes.ids
            ):
                await asyncio.sleep(0.2)
        assert copy.missing == []


@pytest.mark.long
async def test_what_every_replica_has_lost_comes_back_from_the_outboxes(
    client: Client, nodes: Nodes, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(nodes.names):
        flip_bits(nodes.oldest_block(name), seed=seed)
    await until_read_from_disk()

    without = await run(client, nodes, mend=True)
    monkeypatch.setattr(auditor, "FORGET", 0)
    deceived = replace(without, replicas=[replace(r, state="whole") for r in without.replicas[:2]])
    refused = await auditor._mend(client, deceived, None)
    mended = await run(client, nodes, outboxes, mend=True)

    assert without.nodes("damaged") == [r.node for r in without.replicas]
    assert without.deeds == ["nothing mended: no replica is whole; run `handrail rebuild`"]
    assert refused == without.deeds
    assert outboxes.refilled == [True]
    assert mended.ok, mended


@pytest.mark.long
async def test_a_stream_is_not_emptied_that_knows_more_than_the_outboxes(
    client: Client, nodes: Nodes, outboxes: Outboxes
) -> None:
    class Older(Outboxes):
        async def said(self) -> set[str]:
            return set(outboxes.ids[:-3])

    older = Older(client)
    found = await run(client, nodes)
    found.replicas = [replace(r, state="damaged") for r in found.replicas]

    (deed,) = await auditor._mend(client, found, older)

    assert "3 events are in the stream and in no outbox" in deed
    assert older.refilled == []


@pytest.mark.long
async def test_nothing_is_replaced_while_a_node_is_away(
    client: Client, nodes: Nodes, outboxes: Outboxes
) -> None:
    _, bad, away = await leader_first(client, nodes)
    flip_bits(nodes.oldest_block(bad))
    nodes.processes[away].kill()
    nodes.processes[away].wait()
    await until_read_from_disk()

    found = await run(client, nodes, outboxes, mend=True)

    assert found.nodes("unreachable") == [away]
    assert found.nodes("damaged") == [bad]
    assert found.deeds == [f"nothing mended: waiting for {away}"]


def test_a_whole_replica_that_tells_another_story_is_outvoted() -> None:
    copies: dict[str, Copy | str] = {"a": Copy("a", 2), "b": Copy("b", 2), "c": Copy("c", 2)}
    report = auditor.Report(3, 2, [auditor.Replica(n, n == "a", "whole") for n in copies])
    for name, second in {"a": "other", "b": "same", "c": "same"}.items():
        copy = copies[name]
        assert isinstance(copy, Copy)
        copy.take(1, "first")
        copy.take(2, second)

    auditor._compare(report, copies)

    assert (report.nodes("damaged"), report.nodes("whole")) == (["a"], ["b", "c"])
