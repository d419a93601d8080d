"""Reads the copy of the stream that one node holds, and no other.

A consumer with one replica is served by one node from its own disk, and the server checks every record
that it loads: what that node can no longer read is skipped without a word, and shows here as missing.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.subjects import STREAM

PULL = 5000
PATIENCE = 5
"""Seconds until a node that serves no reader is taken for unreachable."""
_ID = re.compile(rb"\r\nce-id: *([^\r]+)\r\n", re.IGNORECASE)
_FAST_TRIES = 15
_SILENCE = 3
_NOT_YET_THERE = "503"
_IDLE = 30_000_000_000


class Unreadable(Exception):
    """A node cannot be read, or JetStream gives no answer; says nothing about what the node holds."""


class Refused(Unreadable):
    """JetStream said no, and why."""

    def __init__(self, subject: str, error: dict[str, Any]) -> None:
        super().__init__(f"{subject}: {error.get('description')}")
        self.code = error.get("err_code")


class Reader(Client):
    """Takes from the headers of an event its id only, many times as fast."""

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        found = _ID.search(headers) if headers else None
        if found is not None:
            return {"ce-id": unquote(found[1].decode())}
        return await super()._process_headers(headers)


@dataclass(frozen=True, slots=True)
class Peer:
    """A node that is meant to hold the stream, as the leader sees it."""

    name: str
    leader: bool
    level: bool
    """Online and, as far as the leader knows, up with it."""
    away: bool = False


@dataclass(slots=True)
class Copy:
    """What one node gave when it was asked for everything up to `last`."""

    node: str
    last: int
    thorough: bool = False
    patience: float = PATIENCE
    read: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    fingerprint: int = 0
    """The same for equal ids at equal places, in whatever order they were read."""
    ids: set[str] | None = None

    def take(self, seq: int, id: str) -> None:
        self.read += 1
        digest = blake2b(f"{seq} {id}".encode(), digest_size=8).digest()
        self.fingerprint = (self.fingerprint + int.from_bytes(digest)) % 2**64
        if self.ids is not None:
            self.ids.add(id)

    @property
    def lacks(self) -> int:
        """How many are known to be missing; unless it was read thoroughly, there may be more."""
        return sum(high - low + 1 for low, high in self.missing)

    @property
    def only_the_end_is_missing(self) -> bool:
        return len(self.missing) == 1 and self.missing[0][1] == self.last


async def ask(client: Client, subject: str, **body: Any) -> dict[str, Any]:
    """One request to JetStream. Raises Unreadable if it is refused or not answered."""
    try:
        message = await client.request(f"$JS.API.{subject}", json.dumps(body).encode(), timeout=10)
    except nats.errors.Error as error:
        raise Unreadable(f"{subject}: {type(error).__name__}") from error
    answer: dict[str, Any] = json.loads(message.data)
    if "error" in answer:
        raise Refused(subject, answer["error"])
    return answer


def peers(info: dict[str, Any], alone: str = "") -> list[Peer]:
    """Who holds the stream by its leader's account, leader first; a server without a cluster is `alone`."""
    cluster = info.get("cluster") or {}
    leader = cluster.get("leader") or ("" if cluster else alone)
    found = [Peer(leader, leader=True, level=True)] if leader else []
    return found + [
        Peer(
            replica["name"],
            leader=False,
            level=bool(replica["current"]) and not replica.get("offline") and not replica.get("lag"),
            away=bool(replica.get("offline")),
        )
        for replica in cluster.get("replicas") or []
    ]


async def read(
    client: Client,
    node: str,
    last: int,
    *,
    collect: bool = False,
    thorough: bool = False,
    patience: float = PATIENCE,
) -> Copy:
    """Ask one node for every event up to `last`, and twice for what it did not give.

    Ends at the first event that is really missing, as a rotten block can take half a minute to read;
    `thorough` reads on to the end, once.
    """
    copy = Copy(node, last, thorough, patience, ids=set() if collect else None)
    upto = 0
    while upto < last and not copy.missing:
        missing, upto = await _read(client, copy, [(upto + 1, last)])
        if missing and thorough:
            copy.missing = missing
        elif missing:
            # What was in flight arrives meanwhile; what cannot be read stays away.
            await asyncio.sleep(1)
            copy.missing, _ = await _read(client, copy, missing)
    return copy


async def _read(
    client: Client, copy: Copy, wanted: list[tuple[int, int]]
) -> tuple[list[tuple[int, int]], int]:
    """Take what is wanted, in order; returns what did not come, and up to where it was read.

    Should the server fall silent at a rotten record instead of skipping it, the next consumer starts
    behind it, at first by one and further each time that this does not help.
    """
    got: list[int] = []
    first, end = wanted[0][0], wanted[-1][1]
    upto = end
    step = 1
    while first <= end:
        left = [(max(low, first), high) for low, high in wanted if high >= first]
        reading = await _read_from(client, copy, left)
        got += reading.got
        if reading.broken or (reading.stalled and not copy.thorough):
            upto = reading.last if reading.broken else max(first, reading.last + 1)
            break
        if not reading.stalled:
            break
        step = 1 if reading.last >= first else 2 * step
        first = max(first, reading.last + 1) + step
    looked_at = [(low, min(high, upto)) for low, high in wanted if low <= upto]
    return list(_without(looked_at, got)), upto


async def _read_from(client: Client, copy: Copy, wanted: list[tuple[int, int]]) -> "_Reading":
    consumer = await _place(client, copy.node, wanted[0][0], copy.patience)
    reading = _Reading(client, copy, wanted, consumer)
    subscription = await client.subscribe(
        reading.inbox, cb=reading.hear, pending_msgs_limit=-1, pending_bytes_limit=-1
    )
    try:
        await reading.to_the_end()
    except nats.errors.Error as error:
        raise Unreadable(f"{copy.node}: {type(error).__name__}") from error
    finally:
        await subscription.unsubscribe()
        await client.publish(f"$JS.API.CONSUMER.DELETE.{STREAM}.{consumer}", b"")
    return reading


class _Reading:
    """Pulls from one consumer until it has come to the end of what is wanted, or no more is given."""

    def __init__(self, client: Client, copy: Copy, wanted: list[tuple[int, int]], consumer: str) -> None:
        self.client = client
        self.copy = copy
        self.end = wanted[-1][1]
        self.got: list[int] = []
        self.last = 0
        self.stalled = False
        self.broken = False
        """Whether it ended early, because an event in the middle did not come."""
        self._next = wanted[0][0]
        self.inbox = client.new_inbox()
        self._ranges = iter(wanted)
        self._low, self._high = next(self._ranges)
        self._consumer = consumer
        self._credit = 0
        self._done = asyncio.Event()

    async def to_the_end(self) -> None:
        await self._pull()
        while not self._done.is_set():
            before = self.last
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE):
                    await self._done.wait()
            if not self._done.is_set() and self.last == before:
                # Only the node itself can answer this; if it does not, nothing is said about its disk.
                told = await ask(self.client, f"CONSUMER.INFO.{STREAM}.{self._consumer}")
                if told["delivered"]["stream_seq"] <= self.last:
                    self.stalled = True
                    self._done.set()

    async def hear(self, message: Msg) -> None:
        headers = message.headers or {}
        if self._done.is_set():
            return
        if "Status" in headers:
            await self._hear_status(headers["Status"])
            return
        self.last = _sequence(message.reply)
        self.broken = self.last > self._next and not self.copy.thorough
        while self._high < self.last <= self.end:
            self._low, self._high = next(self._ranges)
        if self._low <= self.last <= self._high:
            self.copy.take(self.last, headers.get("ce-id", ""))
            self.got.append(self.last)
            self._next = self.last + 1
        self._credit -= 1
        if self.last >= self.end or self.broken:
            self._done.set()
        elif not self._credit:
            await self._pull()

    async def _hear_status(self, status: str) -> None:
        if status == _NOT_YET_THERE:
            await asyncio.sleep(0.05)
            await self._pull()
        else:
            self._done.set()

    async def _pull(self) -> None:
        self._credit = PULL
        request = json.dumps({"batch": PULL, "no_wait": True}).encode()
        await self.client.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer}", request, reply=self.inbox
        )


async def _place(client: Client, node: str, first: int, patience: float) -> str:
    """A consumer that this node serves: the server chooses by lot, and says whom the lot has fallen on."""
    config = {
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": first,
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": _IDLE,
    }
    deadline = time.monotonic() + patience
    tries = 0
    while time.monotonic() < deadline:
        made = await ask(client, f"CONSUMER.CREATE.{STREAM}", stream_name=STREAM, config=config)
        name: str = made["name"]
        cluster = made.get("cluster")
        if cluster is None or cluster.get("leader") == node:
            return name
        await ask(client, f"CONSUMER.DELETE.{STREAM}.{name}")
        # A node that has only just joined may be given none for ten seconds and more.
        tries += 1
        await asyncio.sleep(0 if tries < _FAST_TRIES else 0.2)
    raise Unreadable(f"{node} was given no consumer in {patience} seconds")


def _sequence(reply: str) -> int:
    parts = reply.split(".")
    return int(parts[5] if len(parts) == 9 else parts[7])


def _without(wanted: Iterable[tuple[int, int]], got: list[int]) -> Iterable[tuple[int, int]]:
    """The ranges that are left of the wanted ones, both ascending."""
    seen = iter(got)
    seq = next(seen, None)
    for low, high in wanted:
        start = low
        while seq is not None and seq <= high:
            if seq > start:
                yield start, seq - 1
            start = seq + 1
            seq = next(seen, None)
        if start <= high:
            yield start, high
