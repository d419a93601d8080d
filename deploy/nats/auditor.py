"""Finds a replica of the stream that has rotted, and replaces it by a fresh copy of a whole one.

The servers' own counters stay perfect while single records can no longer be read, and readers that such
a node serves miss them without a word: so every replica is read to the end. Mending goes through the
JetStream API alone, the same on every platform. `python -m deploy.nats.auditor` audits, and mends from a
whole replica, with the environment of a service (as an administrator).
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from nats.aio.client import Client

from contracts.subjects import STREAM
from deploy.nats import topology
from deploy.nats.counters import Counters, counters_of
from deploy.nats.replicas import Copy, Peer, Reader, Refused, Unreadable, ask, peers, read

PATIENCE = 240
FORGET = 11
"""Seconds after which a node no longer answers from memory what it was asked before."""
_NO_SPARE = 10075
_PATIENT_TRIES = 5
_PATIENCE_WITH_NEW = 40


class Record(Protocol):
    """What the stream is held against: the outboxes of the services."""

    async def sent(self) -> set[str]:
        """Ids of the events that are marked as sent."""
        ...

    async def said(self) -> set[str]:
        """Ids of all events."""
        ...

    async def refill(self, anew: bool) -> None:
        """Have sent again what the stream lacks; `anew` empties it first."""
        ...


@dataclass(frozen=True, slots=True)
class Replica:
    """What is to be said of one replica."""

    node: str
    leader: bool
    state: str
    """whole, damaged, behind (catching up) or unreachable."""
    read: int = 0
    missing: int = 0
    first_missing: int | None = None
    why: str = ""


@dataclass(slots=True)
class Report:
    """What an audit found, and what was done about it."""

    wanted: int
    events: int = 0
    replicas: list[Replica] = field(default_factory=list)
    lost: int = 0
    """Marked as sent, but in no whole replica."""
    deeds: list[str] = field(default_factory=list)

    def nodes(self, *states: str) -> list[str]:
        return [replica.node for replica in self.replicas if replica.state in states]

    @property
    def ok(self) -> bool:
        return len(self.nodes("whole")) == len(self.replicas) == self.wanted and not self.lost

    def lines(self) -> list[str]:
        """For people: what was done, then one line for each replica."""
        found = [*self.deeds]
        for replica in self.replicas:
            line = f"{replica.node}: {replica.state}, {replica.read} of {self.events} events"
            found.append(f"{line} ({replica.why})" if replica.why else line)
        if len(self.replicas) != self.wanted:
            found.append(f"{len(self.replicas)} replicas instead of {self.wanted}")
        if self.lost:
            found.append(f"{self.lost} events that were sent are not in the stream")
        return found


async def examine(
    client: Client, wanted: int, monitors: Iterable[str] = (), record: Record | None = None
) -> Report:
    """Read every replica to the end and compare them with each other and with the outboxes."""
    # What is marked as sent now must be in the stream that is looked at afterwards.
    sent = await record.sent() if record else set()
    info = await ask(client, f"STREAM.INFO.{STREAM}")
    counted = await counters_of(monitors)
    last = max([info["state"]["last_seq"], *(counters.last for counters in counted.values())])
    report = Report(wanted, last)
    copies: dict[str, Copy | str] = {}
    held: set[str] | None = None
    for peer in _peers(client, info):
        copy = await _try_to_read(client, peer, last, collect=held is None)
        copies[peer.name] = copy
        if isinstance(copy, Copy):
            held = copy.ids if held is None and not copy.missing else held
            copy.ids = None
    now = _peers(client, await ask(client, f"STREAM.INFO.{STREAM}"))
    report.replicas = [_judge(peer, copies.get(peer.name, ""), counted.get(peer.name)) for peer in now]
    _compare(report, copies)
    report.lost = len(sent - held) if held is not None else 0
    return report


async def audit(
    client: Client,
    wanted: int,
    monitors: Iterable[str] = (),
    record: Record | None = None,
    *,
    mend: bool = False,
    patience: float = PATIENCE,
) -> Report:
    """Examine and, if asked, mend and examine again. Raises Unreadable if JetStream gives no answer."""
    found = await examine(client, wanted, monitors, record)
    if found.ok or not mend:
        return found
    try:
        async with asyncio.timeout(patience):
            deeds = await _mend(client, found, record)
    except (Unreadable, TimeoutError) as error:
        deeds = [f"not mended: {str(error) or 'it took too long'}"]
    if not deeds:
        return found
    return replace(await examine(client, wanted, monitors, record), deeds=deeds)


def _peers(client: Client, info: dict[str, Any]) -> list[Peer]:
    return peers(info, alone=str(client._server_info.get("server_name", "")))  # noqa: SLF001


async def _try_to_read(client: Client, peer: Peer, last: int, collect: bool) -> Copy | str:
    if peer.away:
        return "offline"
    try:
        return await read(client, peer.name, last, collect=collect)
    except Unreadable as error:
        return str(error)


def _judge(peer: Peer, copy: Copy | str, counted: Counters | None) -> Replica:
    if not isinstance(copy, Copy):
        return Replica(peer.name, peer.leader, "unreachable", why=copy)
    found = Replica(peer.name, peer.leader, "whole", copy.read)
    if copy.missing:
        behind = copy.only_the_end_is_missing and not peer.level
        first = copy.missing[0][0]
        return replace(
            found,
            state="behind" if behind else "damaged",
            missing=copy.lacks,
            first_missing=first,
            why=f"at least {copy.lacks} missing, the first is {first}",
        )
    if counted and counted.holes:
        return replace(found, state="damaged", why=f"the node itself counts {counted.holes} missing")
    return found


def _compare(report: Report, copies: dict[str, Copy | str]) -> None:
    """Whole replicas that do not hold the same as most others are damaged too."""
    prints = {n: c.fingerprint for n in report.nodes("whole") if isinstance(c := copies[n], Copy)}
    if len(set(prints.values())) < 2:
        return
    (most, votes), *_ = Counter(prints.values()).most_common()
    right = most if votes > len(prints) / 2 else None
    report.replicas = [
        replace(r, state="damaged", why="holds other events than the others")
        if r.node in prints and prints[r.node] != right
        else r
        for r in report.replicas
    ]


async def _mend(client: Client, found: Report, record: Record | None) -> list[str]:
    waiting = found.nodes("behind", "unreachable")
    if waiting:
        # A mend needs every vote that is left.
        return [f"nothing mended: waiting for {', '.join(waiting)}"] if found.nodes("damaged") else []
    deeds = []
    damaged = found.nodes("damaged")
    if damaged or len(found.replicas) != found.wanted:
        whole = await _whole_on_disk(client, found)
        if whole is None:
            return [await _refill(client, found, record, anew=True)]
        await _replace(client, whole, damaged, found)
        deeds = [f"{node} got a fresh copy from {whole}" for node in damaged]
        deeds = deeds or [f"{found.wanted} replicas again instead of {len(found.replicas)}"]
    if found.lost:
        deeds.append(await _refill(client, found, record, anew=False))
    return deeds


async def _whole_on_disk(client: Client, found: Report) -> str | None:
    """A replica to copy from: read once more, so that it was not whole in memory only.

    A leader breaks off copying at its first rotten record, and then calls the others current.
    """
    nodes = found.nodes("whole")
    if nodes:
        await asyncio.sleep(FORGET)
    for node in nodes:
        if not (await read(client, node, found.events)).missing:
            return node
    return None


async def _refill(client: Client, found: Report, record: Record | None, *, anew: bool) -> str:
    why = f"{found.lost} events are gone" if found.lost else "no replica is whole"
    if record is None:
        return f"nothing mended: {why}; run `handrail rebuild`"
    if anew:
        held: set[str] = set()
        for replica in found.replicas:
            copy = await read(client, replica.node, found.events, collect=True, thorough=True)
            held |= copy.ids or set()
        only_here = len(held - await record.said())
        if only_here:
            return f"nothing mended: {why}, but {only_here} events are in the stream and in no outbox"
    await record.refill(anew)
    return f"{why}: refilled from the outboxes"


async def _replace(client: Client, whole: str, damaged: Sequence[str], found: Report) -> None:
    """Give each damaged node a fresh copy; at no moment is an acknowledged write on fewer than two nodes.

    Without a spare node a peer cannot be replaced: with one replica less, there is one.
    """
    await _lead(client, whole)
    for node in damaged:
        if node not in await _members(client):
            continue
        if not await _remove(client, node):
            await _scale(client, whole, found.wanted - 1)
            if node in await _members(client) and not await _remove(client, node):
                raise Unreadable(f"{node} cannot be replaced")
        await _settled(client, whole, without=node)
        await _check_copies(client, [whole, *damaged], found.events)
    await _scale(client, whole, found.wanted)
    await _check_copies(client, [whole], found.events)


async def _check_copies(client: Client, known: Sequence[str], last: int) -> None:
    """Wait until what was copied is whole, which a leader may claim long before; stop if it never is.

    The next replica is given up only after this.
    """
    for node in await _members(client):
        missing: list[tuple[int, int]] = []
        tries = 0
        while node not in known:
            copy = await read(client, node, last, patience=_PATIENCE_WITH_NEW)
            before, missing = missing, copy.missing
            if not missing:
                break
            tries = tries + 1 if missing == before else 0
            if tries == _PATIENT_TRIES:
                raise Unreadable(f"{node} did not get a whole copy")
            await asyncio.sleep(1)


async def _members(client: Client) -> list[str]:
    return [peer.name for peer in _peers(client, await ask(client, f"STREAM.INFO.{STREAM}"))]


async def _remove(client: Client, node: str) -> bool:
    """Have another node take over this one's replica; False if there is no other."""
    try:
        await ask(client, f"STREAM.PEER.REMOVE.{STREAM}", peer=node)
    except Refused as refused:
        if refused.code == _NO_SPARE:
            return False
        raise
    return True


async def _lead(client: Client, node: str) -> None:
    """Have the stream led by this node, whose copy is what the others get."""
    async with asyncio.timeout(60):
        while True:
            found = _peers(client, await ask(client, f"STREAM.INFO.{STREAM}"))
            if found and found[0].name == node:
                return
            await ask(client, f"STREAM.LEADER.STEPDOWN.{STREAM}", placement={"preferred": node})
            await asyncio.sleep(0.5)


async def _scale(client: Client, whole: str, replicas: int) -> None:
    # The leader is the one that stays.
    await _lead(client, whole)
    config = (await ask(client, f"STREAM.INFO.{STREAM}"))["config"]
    if config["num_replicas"] != replicas:
        await ask(client, f"STREAM.UPDATE.{STREAM}", **(config | {"num_replicas": replicas}))
    await _settled(client, whole, count=replicas)


async def _settled(client: Client, whole: str, count: int | None = None, without: str = "") -> None:
    """Wait until the replicas are as many as meant, all level with the leader."""
    while True:
        info = await ask(client, f"STREAM.INFO.{STREAM}")
        found = _peers(client, info)
        meant = count or info["config"]["num_replicas"]
        if len(found) == meant and all(p.level and p.name != without for p in found):
            break
        await asyncio.sleep(0.1)
    await _lead(client, whole)


async def _main() -> int:
    client = Reader()
    await client.connect(**topology.login(os.environ))
    try:
        report = await audit(client, int(os.environ.get("HANDRAIL_NATS_REPLICAS", "1")), mend=True)
    except (Unreadable, TimeoutError) as error:
        print(f"The stream cannot be audited now: {error}", file=sys.stderr)
        return 1
    finally:
        await topology.hang_up(client)
    print("\n".join(report.lines()))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
