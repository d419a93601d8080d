"""Compares what the services wrote down, what the stream holds and what every service heard.

Reads with its own SQL and its own consumer and shares no code with the services but their tables of
what they hear, so that it cannot share a mistake.
"""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import unquote

from deploy.local.network import Network
from deploy.local.secrets import OPERATOR, SERVICES

STREAM = "EVENTS"
PULL = 1000
PATIENCE = 15.0
NO_STREAM = 10059


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the stream: what reconciling needs of it."""

    seq: int
    id: str
    type: str
    service: str
    aggregate: str
    sequence: int
    ordinal: int = 0
    """The how manieth of its service and lane; 0 where the message does not say."""


@dataclass(slots=True)
class Findings:
    """What does not agree; `details` holds the first of each kind."""

    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    parked: int = 0
    details: list[str] = field(default_factory=list)

    def note(self, kind: str, sentence: str, count: int = 1) -> None:
        setattr(self, kind, getattr(self, kind) + count)
        if count and sum(kind in known for known in self.details) < 5:
            self.details.append(f"{kind}: {sentence}")

    def counts(self) -> dict[str, int]:
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "out_of_order": self.out_of_order,
            "parked": self.parked,
        }


def reconcile(stack: Network) -> dict[str, int]:
    """Count what was lost, doubled, out of order or parked. For callers without a running event loop."""
    return asyncio.run(examine(stack)).counts()


async def examine(stack: Network, services: Iterable[str] = SERVICES) -> Findings:
    """Compare outboxes, stream and inboxes."""
    names = tuple(services)
    stream = await read_stream(stack)
    books = await read_books(stack, names)
    return compare(stream, books, hearers(names))


@dataclass(frozen=True, slots=True)
class Books:
    """What one service keeps: ids it said, ids it heard, and how much is parked."""

    said: tuple[str, ...]
    heard: tuple[str, ...]
    parked: int


def hearers(services: Iterable[str]) -> dict[str, frozenset[str]]:
    """Which event types each service says it hears."""
    return {
        name: frozenset(event.type() for event in import_module(f"services.{name}.app").service.hears)
        for name in services
    }


def compare(stream: list[Said], books: Mapping[str, Books], hears: Mapping[str, frozenset[str]]) -> Findings:
    """Find every disagreement between the stream and the services' books."""
    findings = Findings()
    held = Counter(said.id for said in stream)
    _once_each(findings, held, "event {id} is in the stream {count} times")
    said = Counter(id for book in books.values() for id in book.said)
    _once_each(findings, said, "event {id} was written down {count} times")
    _same(findings, said, held, "event {id} was written down but is not in the stream")
    _same(findings, held, said, "event {id} is in the stream but no service wrote it down")
    for name, book in books.items():
        heard = Counter(book.heard)
        _once_each(findings, heard, f"{name} holds event {{id}} {{count}} times")
        meant = Counter(said.id for said in stream if said.type in hears[name])
        _same(findings, meant, heard, f"{name} never heard event {{id}}")
        _same(findings, heard, held, f"{name} heard event {{id}}, which the stream does not hold")
        if book.parked:
            findings.note("parked", f"{name} has {book.parked} parked messages", book.parked)
    _check_order(stream, findings)
    return findings


def _once_each(findings: Findings, ids: Counter[str], sentence: str) -> None:
    for id, count in ids.items():
        if count > 1:
            findings.note("doubled", sentence.format(id=id, count=count), count - 1)


def _same(findings: Findings, here: Counter[str], there: Counter[str], sentence: str) -> None:
    """Whatever is here must be there too."""
    for id in here.keys() - there.keys():
        findings.note("lost", sentence.format(id=id))


def _check_order(stream: list[Said], findings: Findings) -> None:
    """Within one aggregate as told by one service, sequences go up by one, in the order of the stream."""
    last: dict[tuple[str, str], int] = {}
    for said in sorted(stream, key=lambda s: s.seq):
        teller = (said.service, said.aggregate)
        before = last.get(teller, 0)
        if said.sequence != before + 1:
            findings.note(
                "out_of_order", f"{said.service} told {said.sequence} after {before} of {said.aggregate}"
            )
        last[teller] = said.sequence


async def read_books(stack: Network, services: Iterable[str]) -> dict[str, Books]:
    """The outbox, inbox and parked count of every service, as one snapshot each."""
    import asyncpg

    db: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR))
    try:
        books = {}
        for name in services:
            said = await db.fetch(f"SELECT event_id FROM {name}.outbox")
            heard = await db.fetch(f"SELECT event_id FROM {name}.inbox")
            parked = await db.fetchval(f"SELECT count(*) FROM {name}.parked WHERE dropped_at IS NULL")
            books[name] = Books(
                said=tuple(row["event_id"] for row in said),
                heard=tuple(row["event_id"] for row in heard),
                parked=int(parked),
            )
        return books
    finally:
        await db.close()


@dataclass(frozen=True, slots=True)
class Carried:
    """One message of the stream as it lies there; the body as its SHA-256."""

    seq: int
    subject: str
    headers: Mapping[str, str]
    digest: bytes
    body: bytes = field(default=b"", repr=False)
    """Only where it was asked for."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The whole stream; `created` tells it from one made anew under its name, "" if there is none."""

    created: str
    last_seq: int
    messages: tuple[Carried, ...]


async def read_stream(stack: Network) -> list[Said]:
    """What reconciling needs of every message of the stream."""
    return [_said(message) for message in (await read_messages(stack, headers_only=True)).messages]


async def read_messages(stack: Network, *, headers_only: bool = False) -> Stream:
    """Every message of the stream in its order, by an ephemeral consumer."""
    messages: list[Carried] = []
    created, last = await pass_through(stack, messages.append, headers_only=headers_only)
    return Stream(created, last, tuple(messages))


async def pass_through(
    stack: Network, take: Callable[[Carried], None], *, headers_only: bool = False, bodies: bool = False
) -> tuple[str, int]:
    """Hand on every message of the stream in its order and keep none; returns its creation time and end."""
    import nats

    client = await nats.connect(**stack.nats_kwargs("operator"), connect_timeout=10)
    try:
        return await _read_all(client, take, headers_only, bodies)
    finally:
        await client.close()


async def _read_all(
    client: Any, take: Callable[[Carried], None], headers_only: bool, bodies: bool
) -> tuple[str, int]:
    try:
        found = await _api(client, f"STREAM.INFO.{STREAM}", {})
    except _NoStream:
        return "", 0
    created, last = str(found["created"]), int(found["state"]["last_seq"])
    if not found["state"]["messages"]:
        return created, last
    config = {
        "deliver_policy": "all",
        "ack_policy": "none",
        "headers_only": headers_only,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": 30_000_000_000,
    }
    made = await _api(client, f"CONSUMER.CREATE.{STREAM}", {"stream_name": STREAM, "config": config})
    await _Pull(client, made["name"], take, bodies).to_the_end()
    return created, last


class _Pull:
    """Pulls one consumer dry."""

    def __init__(self, client: Any, consumer: str, take: Callable[[Carried], None], bodies: bool) -> None:
        self._hand_on = take
        self._bodies = bodies
        self._taken = 0
        self._client = client
        self._inbox = client.new_inbox()
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
        self._credit = 0
        self._dry = asyncio.Event()

    async def to_the_end(self) -> None:
        """Read until nothing is pending; raises RuntimeError if nothing comes for a while."""
        subscription = await self._client.subscribe(
            self._inbox, cb=self._take, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            await self._ask()
            while not self._dry.is_set():
                before = self._taken
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._dry.wait()
                if not self._dry.is_set() and self._taken == before:
                    raise RuntimeError(f"the stream fell silent after {before} messages")
        finally:
            await subscription.unsubscribe()

    async def _ask(self) -> None:
        self._credit += PULL
        ask = json.dumps({"batch": PULL, "expires": 10_000_000_000}).encode()
        await self._client.publish(self._subject, ask, reply=self._inbox)

    async def _take(self, message: Any) -> None:
        headers = message.headers or {}
        if message.subject == self._inbox:
            # Only an expired request is asked again; whatever else the server says would repeat itself.
            if headers.get("Status") in {"404", "408"}:
                self._credit = 0
                await self._ask()
            return
        parts = message.reply.split(".")
        # Domain and account come first in the newer form.
        seq, pending = (parts[5], parts[8]) if len(parts) == 9 else (parts[7], parts[10])
        digest = hashlib.sha256(message.data).digest()
        body = message.data if self._bodies else b""
        self._hand_on(Carried(int(seq), message.subject, headers, digest, body))
        self._taken += 1
        self._credit -= 1
        if pending == "0":
            self._dry.set()
        elif self._credit <= PULL // 2:
            await self._ask()


def _said(message: Carried) -> Said:
    headers = message.headers
    source = unquote(headers["ce-source"]).split("/")
    return Said(
        seq=message.seq,
        id=unquote(headers["ce-id"]),
        type=unquote(headers["ce-type"]),
        service=source[2],
        aggregate=source[3],
        sequence=int(headers["ce-sequence"]),
        ordinal=int(headers.get("Handrail-Ordinal", 0)),
    )


class _NoStream(Exception):
    """There is no stream at all."""


async def _api(client: Any, subject: str, request: Mapping[str, object]) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{subject}", json.dumps(request).encode(), timeout=10)
    document: dict[str, Any] = json.loads(answer.data)
    if "error" in document:
        if document["error"].get("err_code") == NO_STREAM:
            raise _NoStream
        raise RuntimeError(f"JetStream refused {subject}: {document['error'].get('description')}")
    return document
