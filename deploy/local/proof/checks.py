"""What was promised, checked one by one on the stream and the books of all services."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from urllib.parse import unquote

from contracts.subjects import lane_of
from deploy.local.proof import ledger as ledgers
from deploy.local.proof.applied import check_applied
from deploy.local.proof.books import Book, Books, Row
from deploy.local.proof.ledger import Ledger
from deploy.local.proof.result import Proof
from deploy.local.reconcile import Carried, Stream

WHEN_WRITTEN = frozenset({"ce-recordedtime", "traceparent"})
"""Headers that tell of the writing: a service restored from a backup writes the same fact a second time."""


@dataclass(slots=True)
class Evidence:
    """Everything that a proof looks at."""

    stream: Stream
    books: Books
    hears: Mapping[str, frozenset[str]]
    held: dict[str, list[Carried]] = field(default_factory=dict)
    """Messages of the stream by the event they carry."""
    said: dict[str, tuple[str, Row]] = field(default_factory=dict)
    """Events by id: who said them, and the row of the outbox."""

    def __post_init__(self) -> None:
        for message in self.stream.messages:
            self.held.setdefault(unquote(message.headers.get("ce-id", "")), []).append(message)
        for service, book in self.books.items():
            for row in book.outbox:
                self.said.setdefault(row["event_id"], (service, row))

    @property
    def same_stream(self) -> bool:
        """Whether the stream is as old as the schemas, so that places in the books are places in it."""
        if not self.stream.created:
            return False
        created = datetime.fromisoformat(self.stream.created)
        return all(created <= book.born for book in self.books.values())


def judge(evidence: Evidence, ledger: Ledger | None, parked_allowed: Collection[str]) -> Proof:
    """Check everything that can be checked without running rules or asking the services."""
    proof = Proof(
        events=sum(len(book.outbox) for book in evidence.books.values()),
        deliveries=sum(len(book.inbox) for book in evidence.books.values()),
        facts=sum(len(book.journal) for book in evidence.books.values()),
    )
    _check_stream(evidence, proof)
    _check_order(evidence, proof)
    for service, book in evidence.books.items():
        _check_journal(service, book, proof)
        _check_heard(evidence, service, book, proof)
        _check_positions(evidence, service, book, proof)
        check_applied(evidence, service, book, parked_allowed, proof)
        for row in book.parked:
            if row["aggregate_id"] not in parked_allowed:
                proof.note(
                    "parked_unexplained",
                    f"{service} parked {row['kind']} {row['name']} of {row['aggregate_id']}: {row['reason']}",
                )
    if ledger is not None:
        ledgers.look_up(ledger, evidence.books, proof)
    return proof


def _check_stream(evidence: Evidence, proof: Proof) -> None:
    """Every event is in the stream once, as it was written down, and nothing else is."""
    for id, messages in evidence.held.items():
        if id not in evidence.said:
            proof.note("lost", f"no outbox knows message {messages[0].seq} ({id or 'no id'})", len(messages))
        elif len(messages) > 1:
            proof.note("doubled", f"event {id} is in the stream {len(messages)} times", len(messages) - 1)
    written: Counter[str] = Counter()
    for service, book in evidence.books.items():
        for row in book.outbox:
            id = row["event_id"]
            written[id] += 1
            if written[id] > 1:
                proof.note("doubled", f"event {id} was written down {written[id]} times")
            messages = evidence.held.get(id, [])
            if not messages:
                proof.note("lost", f"event {id} of {service} is not in the stream")
            for message in messages:
                _compare(service, row, message, proof)
            if messages and (not row["sent"] or row["stream_seq"] not in {m.seq for m in messages}):
                proof.note("altered", f"the outbox of {service} has event {id} elsewhere than the stream")


def _compare(service: str, row: Row, message: Carried, proof: Proof) -> None:
    network = message.subject.split(".")[1]
    teller, name, version = row["type"].split(".")
    lane = lane_of(row["aggregate_id"])
    right = f"handrail.{network}.{lane}.{teller}.{name}.{version}"
    wrong = []
    if not message.subject == row["subject"] == right or row["lane"] != lane or teller != service:
        wrong.append("place")
    if message.digest != hashlib.sha256(row["body"].encode()).digest():
        wrong.append("body")
    headers = json.loads(row["headers"])
    if any(message.headers.get(name) != value for name, value in headers.items() if name not in WHEN_WRITTEN):
        wrong.append("headers")
    if (headers.get("ce-type"), int(headers.get("ce-sequence", 0))) != (row["type"], row["sequence"]):
        wrong.append("sequence")
    if wrong:
        proof.note("altered", f"event {row['event_id']}: {', '.join(wrong)} not as written down")


def _check_order(evidence: Evidence, proof: Proof) -> None:
    """Of each aggregate the stream and the outbox hold 1, 2, 3 in this order."""
    for service, book in evidence.books.items():
        kinds = kinds_of(book)
        outbox = [(kinds.get(r["type"], ""), r["aggregate_id"], r["sequence"]) for r in book.outbox]
        _count_up(outbox, f"the outbox of {service}", proof)
        arrived = sorted(
            (evidence.held[r["event_id"]][0].seq, kinds.get(r["type"], ""), r["aggregate_id"], r["sequence"])
            for r in book.outbox
            if r["event_id"] in evidence.held
        )
        _count_up((rest for _, *rest in arrived), f"the stream, told by {service},", proof)


def lane_in(subject: str) -> int:
    """The lane that a subject names; -1 where it names none."""
    lane = subject.split(".")[2:3]
    return int(lane[0]) if lane and lane[0].isdecimal() else -1


def kinds_of(book: Book) -> dict[str, str]:
    """The kind of aggregate that each event type is about: sequences count for each kind apart."""
    return {fact["type"]: fact["aggregate"] for fact in book.journal}


def _count_up(told: Iterable[Iterable[object]], where: str, proof: Proof) -> None:
    last: dict[tuple[object, object], int] = {}
    for kind, aggregate, sequence in told:
        assert isinstance(sequence, int)
        before = last.get((kind, aggregate), 0)
        # A gap is a loss and counted as one elsewhere.
        if sequence <= before:
            proof.note("out_of_order", f"{where} has {sequence} after {before} of {kind} {aggregate}")
        last[kind, aggregate] = sequence


def _check_journal(service: str, book: Book, proof: Proof) -> None:
    """Versions without gaps up to that of the row, and each public fact has its row in the outbox."""
    outbox: dict[tuple[str, str], list[Row]] = {}
    kinds = kinds_of(book)
    for row in book.outbox:
        outbox.setdefault((kinds.get(row["type"], ""), row["aggregate_id"]), []).append(row)
    seen = set()
    for key, facts in journals(book):
        seen.add(key)
        name = f"{service} {key[0]} {key[1]}"
        missing = set(range(1, facts[-1]["version"] + 1)) - {f["version"] for f in facts}
        if missing:
            proof.note("lost", f"{name} has no fact {min(missing)} in its journal", len(missing))
        public = [fact for fact in facts if is_public(fact)]
        _match(name, public, outbox.pop(key, []), proof)
        state = book.states.get(key)
        if state is not None and (state["version"], state["said"]) != (facts[-1]["version"], len(public)):
            proof.note("states_wrong", f"{name} does not stand where its journal ends")
    for key, rows in outbox.items():
        proof.note("lost", f"{service} said {rows[0]['type']} of {key[1]} without a fact", len(rows))


def _match(name: str, facts: list[Row], rows: list[Row], proof: Proof) -> None:
    """Public facts and the rows of the outbox, one by one."""
    by_sequence = {row["sequence"]: row for row in rows}
    for number, fact in enumerate(facts, 1):
        row = by_sequence.pop(number, None)
        if row is None:
            proof.note("lost", f"{name} has no event {number} in the outbox")
        elif (row["type"], row["cause"]) != (fact["type"], fact["cause"]) or json.loads(
            row["body"]
        ) != json.loads(fact["data"]):
            proof.note("altered", f"event {number} of {name} is not the fact of the journal")
    if by_sequence:
        proof.note("lost", f"{name} has an event {min(by_sequence)} without a fact", len(by_sequence))


def journals(book: Book) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    """The facts of each aggregate, in the order of their versions."""
    for key, facts in groupby(book.journal, key=lambda f: (f["aggregate"], f["aggregate_id"])):
        yield key, list(facts)


def is_public(fact: Row) -> bool:
    """Whether a fact of the journal was said: only events have dots in their names."""
    return "." in fact["type"]


def _check_heard(evidence: Evidence, service: str, book: Book, proof: Proof) -> None:
    """Whatever a service hears is in its inbox, with its place."""
    same_stream = evidence.same_stream
    for id, messages in evidence.held.items():
        meant = unquote(messages[0].headers.get("ce-type", "")) in evidence.hears[service]
        row = book.inbox.get(id)
        if row is None:
            if meant:
                proof.note("lost", f"{service} never heard event {id}")
            continue
        right = row["lane"] == lane_in(messages[0].subject)
        if not right or (same_stream and row["stream_seq"] not in {m.seq for m in messages}):
            proof.note("altered", f"{service} heard event {id} elsewhere than in its place")
    unreadable = {row["message_id"] for row in book.parked}
    for id in book.inbox.keys() - evidence.held.keys() - unreadable:
        proof.note("lost", f"{service} heard event {id}, which the stream does not hold")


def _check_positions(evidence: Evidence, service: str, book: Book, proof: Proof) -> None:
    """Nothing lies unread, and no position is past the end, where it would pass over what comes."""
    if not evidence.hears[service]:
        return
    ends: dict[int, int] = {}
    for message in evidence.stream.messages:
        lane = lane_in(message.subject)
        ends[lane] = max(ends.get(lane, 0), message.seq)
    for lane, row in book.positions.items():
        if row["stream"] == evidence.stream.created and row["seq"] > evidence.stream.last_seq:
            proof.note("lost", f"the position of {service} in lane {lane} is past the end of the stream")
    for lane, end in ends.items():
        row = book.positions.get(lane, {"seq": 0, "stream": ""})
        if row["seq"] < end or row["stream"] != evidence.stream.created:
            proof.note("lost", f"{service} has not read lane {lane} to its end ({row['seq']} of {end})")
