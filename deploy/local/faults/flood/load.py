"""The load: callers who send one command after the other, and never give one up before it is answered."""

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deploy.local import stream
from deploy.local.faults.flood.check import Poured, prove
from deploy.local.faults.flood.flood import MOST
from deploy.local.faults.flood.flood import service as flood
from deploy.local.faults.flood.stack import PROCESSES, FloodStack
from deploy.local.processes import Stack
from deploy.local.proof import Proof
from deploy.local.secrets import OPERATOR
from deploy.local.trouble import Trouble
from deploy.local.wire import Away, Wire

NETWORK, SITE = "flood", "s1"
READERS = 3
CALLERS = 12
FLOODS_EACH = 8
MOST_UNREAD = 20_000
PATIENCE = 180.0
ASKED_AGAIN = 500
_PAUSE = 0.05
_FINAL = frozenset({400, 403, 404, 405, 413, 422})
"""What no repeat would change: then the load itself is wrong."""
_UNREAD = """SELECT (SELECT count(*) FROM flood.outbox WHERE sent_at IS NULL) + coalesce(
    (SELECT max(stream_seq) FROM flood.lane_heads) - (
      SELECT min(coalesce(p.seq, 0)) FROM flood.lane_heads h LEFT JOIN flood.positions p USING (lane)
      WHERE coalesce(p.seq, 0) < h.stream_seq), 0)"""


@dataclass(slots=True)
class Command:
    """One command on its way."""

    id: str
    key: str
    count: int


@dataclass(slots=True)
class FloodLoad:
    """As many events as the flood can say and hear."""

    seed: int
    groups: int = 1
    """How many services read the stream."""
    disk_mib: int = 6 * 1024
    processes: tuple[str, ...] = PROCESSES
    answered: list[Poured] = field(default_factory=list)
    _pending: dict[int, Command] = field(default_factory=dict)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def stack(self, **options: Any) -> Stack:
        """The stack on which this load runs."""
        options["env"] = {"HANDRAIL_READERS": str(READERS), **options.get("env", {})}
        return FloodStack.temporary(**options)

    async def work(self, stack: Stack) -> None:
        """Send for ever; whoever is cancelled leaves his last command pending."""
        try:
            async with self._wire(stack) as wire, asyncio.TaskGroup() as group:
                group.create_task(self._watch(stack))
                for number in range(CALLERS):
                    group.create_task(self._call(stack, wire, number))
        except* Trouble as refused:
            raise refused.exceptions[0] from None

    async def rest(self, stack: Stack) -> None:
        """Until every command is answered, all is read and all copies of the stream are equal."""
        await _within_patience(self._finish(stack), "Commands stay unanswered.")
        await _all_read(stack)
        await _within_patience(_level(stack), "The copies of the stream do not become equal.")

    async def _finish(self, stack: Stack) -> None:
        """Send what was left pending, again with its keys."""
        token = _token(stack)
        async with self._wire(stack) as wire:
            await asyncio.gather(
                *(self._send(wire, token, n, command) for n, command in self._pending.items())
            )
        self._pending.clear()

    async def prove(self, stack: Stack) -> Proof:
        """What holds and what does not."""
        proof = await prove(stack, self.answered)
        await self._ask_again(stack, proof)
        return proof

    def _wire(self, stack: Stack) -> Wire:
        return Wire({name: stack.url(name) for name in PROCESSES})

    async def _call(self, stack: Stack, wire: Wire, number: int) -> None:
        lots = random.Random(f"{self.seed}/{number}")
        token, sent = _token(stack), 0
        while True:
            await self._room.wait()
            sent += 1
            command = Command(
                f"flood-{number}-{lots.randrange(FLOODS_EACH)}", f"{number}-{sent}", lots.randint(1, MOST)
            )
            self._pending[number] = command
            await self._send(wire, token, number, command)
            del self._pending[number]

    async def _send(self, wire: Wire, token: str, number: int, command: Command) -> None:
        """Send with the same key, now to the one process and now to the other, until it is answered."""
        tries = number
        while True:
            document = await _post(wire, token, PROCESSES[tries % 2], command)
            if document is not None:
                break
            tries += 1
            await asyncio.sleep(_PAUSE)
        self.answered.append(
            Poured(command.id, command.key, command.count, int(document["version"]), _digest(document))
        )

    async def _watch(self, stack: Stack) -> None:
        """Let callers go on only while not too much lies unread; a database that is away says nothing."""
        import asyncpg

        while True:
            try:
                async with asyncio.timeout(5):
                    unread = await _unread(stack)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                unread = 0
            if unread > MOST_UNREAD:
                self._room.clear()
            else:
                self._room.set()
            await asyncio.sleep(1)

    async def _ask_again(self, stack: Stack, proof: Proof) -> None:
        """A sample of what was answered, sent once more: the answers must be the same."""
        many = min(ASKED_AGAIN, len(self.answered))
        sample = random.Random(self.seed).sample(self.answered, many)
        token = _token(stack)
        async with self._wire(stack) as wire:
            for number, poured in enumerate(sample):
                command = Command(poured.id, poured.key, poured.count)
                document = await _patiently(partial(_post, wire, token, PROCESSES[number % 2], command))
                proof.asked_again += 1
                if document is None or _digest(document) != poured.digest:
                    proof.note("answers_changed", f"command {poured.key} was answered otherwise again")


def _token(stack: Stack) -> str:
    return stack.token(role="operator", network=NETWORK, sites=[SITE])


async def _post(wire: Wire, token: str, process: str, command: Command) -> dict[str, Any] | None:
    """The answer, or None where it must be asked for again. Raises Trouble where that would not help."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": command.key}
    try:
        answer = await wire.ask(
            process, "POST", f"/v1/floods/{command.id}", headers=headers, json_body={"count": command.count}
        )
    except Away:
        return None
    if answer.status in _FINAL:
        raise Trouble(f"The flood refused a command with {answer.status}.", code="load")
    return answer.document() if answer.status == 201 else None


async def _patiently(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while (found := await ask()) is None and time.monotonic() < deadline:
        await asyncio.sleep(_PAUSE)
    return found


def _digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


async def _within_patience(work: Coroutine[Any, Any, None], sentence: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await work
    except TimeoutError as error:
        raise Trouble(sentence, code="load") from error


async def _level(stack: Stack) -> None:
    while not await asyncio.to_thread(stream.level, stack):
        await asyncio.sleep(0.5)


async def _unread(stack: Stack) -> int:
    import asyncpg

    db = await asyncpg.connect(**stack.pg_dsn_kwargs(OPERATOR))
    try:
        return int(await db.fetchval(_UNREAD))
    finally:
        db.terminate()


async def _all_read(stack: Stack) -> None:
    """Raises Trouble where nothing moves any more."""
    least, moved = await _unread(stack), time.monotonic()
    while (unread := await _unread(stack)) > 0:
        if unread < least:
            least, moved = unread, time.monotonic()
        if time.monotonic() - moved > PATIENCE:
            raise Trouble(f"{unread} events of the {flood.name} stay unread.", code="unread")
        await asyncio.sleep(0.5)
