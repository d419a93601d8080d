"""What callers were told: every command that was answered with success, to be held against the books."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.local.network import Network
from deploy.local.proof.books import Book, Books
from deploy.local.proof.result import Proof
from deploy.local.wire import Away, Wire

SAMPLE = 2_000
AT_ONCE = 8
PATIENCE = 20.0
_BUSY = frozenset({"in_progress", "draining", "unavailable", "not_ready", "overloaded"})


@dataclass(frozen=True, slots=True)
class Answered:
    """A command, exactly as it was sent, and the answer it got."""

    service: str
    method: str
    path: str
    role: str
    key: str
    headers: Mapping[str, str] = field(repr=False)
    """As sent, with the caller's token."""
    request: Mapping[str, Any] = field(repr=False)
    """Query and body."""
    status: int
    body: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class Ledger:
    """Keeps what was answered; refusals as a number only."""

    answered: list[Answered] = field(default_factory=list)
    refused: int = 0

    def keep(self, command: Answered) -> None:
        """Write down one command that came to an answer."""
        if command.status < 400:
            self.answered.append(command)
        else:
            self.refused += 1


def look_up(ledger: Ledger, books: Books, proof: Proof) -> None:
    """Find what was answered in the books: the key with this answer, and all that it said."""
    proof.commands = len(ledger.answered)
    said = {name: {row["event_id"] for row in book.outbox} for name, book in books.items()}
    versions = {name: _versions(book) for name, book in books.items()}
    for command in ledger.answered:
        stored = books[command.service].answers.get(command.key)
        missing = [e["id"] for e in command.body.get("said", ()) if e["id"] not in said[command.service]]
        reached = versions[command.service].get(str(command.body.get("id")), 0)
        if stored is None:
            proof.note("commands_lost", f"{_name(command)} was answered, but its key is unknown")
        elif missing:
            proof.note("commands_lost", f"{_name(command)} was answered, but event {missing[0]} is missing")
        elif reached < int(command.body.get("version", 0)):
            proof.note("commands_lost", f"{_name(command)} was answered, but the journal ends before it")
        elif (stored["status"], json.loads(stored["answer"])) != (command.status, command.body):
            proof.note("answers_changed", f"{_name(command)} has another answer written down")


def _versions(book: Book) -> dict[str, int]:
    found: dict[str, int] = {}
    for fact in book.journal:
        found[fact["aggregate_id"]] = max(found.get(fact["aggregate_id"], 0), fact["version"])
    return found


def _name(command: Answered) -> str:
    return f"{command.method} {command.service}{command.path} ({command.key})"


async def ask_again(stack: Network, ledger: Ledger, books: Books, proof: Proof, seed: int = 0) -> None:
    """Send what was answered once more, or a sample of it: the answers must be the same.

    What the service has no key of is left out: it would be done now, and it counts as lost anyway.
    """
    known = [c for c in ledger.answered if c.key in books[c.service].answers]
    chosen = known if len(known) <= SAMPLE else random.Random(seed).sample(known, SAMPLE)
    proof.asked_again = len(chosen)
    gate = asyncio.Semaphore(AT_ONCE)
    async with Wire({name: stack.url(name) for name in stack.services}) as wire:

        async def one(command: Answered) -> tuple[int, Mapping[str, Any]]:
            async with gate:
                return await _ask(wire, command)

        answers: Sequence[tuple[int, Mapping[str, Any]]] = await asyncio.gather(*map(one, chosen))
    for command, (status, body) in zip(chosen, answers, strict=True):
        if (status, body) != (command.status, command.body):
            proof.note("answers_changed", f"{_name(command)} was answered again with {status}")


async def _ask(wire: Wire, command: Answered) -> tuple[int, Mapping[str, Any]]:
    """The answer to a repeat; a service that is busy or away is given time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = await wire.ask(
                command.service, command.method, command.path, headers=command.headers, **command.request
            )
            status, body = answer.status, answer.document()
            if status < 500 and body.get("code") not in _BUSY:
                return status, body
        except Away:
            status, body = 0, {}
        if time.monotonic() > deadline:
            return status, body
        await asyncio.sleep(0.1)
