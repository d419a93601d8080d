"""The bounds that are explored, and what each mistake in the protocol is caught by."""

from dataclasses import dataclass, replace

from tests.faults.model.world import Bounds, Budget

WRITE = Bounds(("A", "AB"), Budget(crash=2, answer=1, session=1, window=1))
"""Two writers on one aggregate, a relay and its successor."""

RELAY = Bounds(("AAB", "AB"), Budget(crash=2, answer=2, session=1, window=1), writers=1, written=True)
"""A full outbox, a relay and its successor."""

SHORT = Bounds(("AA",), Budget(crash=1), writers=1, relays=1, written=True)
"""One batch, to see a relay that never gets anywhere."""

READ = Bounds(
    ("AB", "A"),
    Budget(crash=2, session=1, wipe=1, haste=1),
    writers=1, relays=1, readers=2, written=True, poison=("A1",),
)  # fmt: skip
"""Two readers, an aggregate that has to be parked, a bus that burns."""

WHOLE = Bounds(("AB", "A"), Budget(crash=1, session=1), relays=2, readers=2, poison=("A1",))
"""All of it at once, with fewer faults."""

WIPED = Bounds(("A", "BB"), Budget(answer=1, session=1, window=1, wipe=1), batch=2)
"""A bus that burns while something is under way to it."""

USUAL = {"write": WRITE, "relay": RELAY, "read": READ, "wiped": WIPED, "whole": WHOLE}

DEEP = {
    "write": Bounds(("A", "AB"), Budget(crash=3, answer=2, session=1, window=1)),
    "write three": Bounds(("A", "AB", "B"), Budget(crash=1, answer=1, session=1)),
    "relay": Bounds(("AABA", "AB"), Budget(crash=3, answer=2, session=2, window=2), writers=1, written=True),
    "relay wiped": Bounds(
        ("AAB", "BA"), Budget(crash=2, answer=1, session=1, window=1, wipe=1), writers=1, written=True
    ),
    "read": Bounds(
        ("AB", "AB"),
        Budget(crash=2, session=1, wipe=1, haste=1),
        writers=1, relays=1, readers=2, written=True, poison=("A1",),
    ),
    "whole": Bounds(
        ("AB", "A"), Budget(crash=2, answer=1, session=1, window=1), readers=2, poison=("A1",)
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """Mechanisms left out, the bounds in which that shows, and the promise it breaks."""

    without: frozenset[str]
    bounds: Bounds
    breaks: str


def _mistake(bounds: Bounds, breaks: str, *without: str) -> Mistake:
    return Mistake(frozenset(without), bounds, breaks)


MISTAKES = {
    "no row lock": _mistake(WRITE, "out of order: the outbox", "row lock", "version check"),
    "a repeated command is a new one": _mistake(WRITE, "doubled: a command", "idempotency"),
    "answering before the commit": _mistake(WRITE, "lost: a command", "commit before answer"),
    "two relays at once and no fence": _mistake(RELAY, "doubled: an event is in", "lane lock", "fence"),
    "no fence, and the window expires": _mistake(RELAY, "doubled: an event is in", "fence"),
    "no fence and no ids": _mistake(RELAY, "doubled: an event is in", "fence", "dedupe"),
    "a fence read from the stream": _mistake(RELAY, "doubled: an event is in", "fence from the table"),
    "carrying in another order": _mistake(RELAY, "out of order: the stream", "fetch by id"),
    "a batch that leaves an event out": _mistake(RELAY, "stuck: an event was never carried", "whole batch"),
    "marking before the acknowledgement": _mistake(RELAY, "out of order: the stream", "mark after ack"),
    "going on behind a gap": _mistake(RELAY, "out of order: the stream", "stop at a gap"),
    "taking a refusal for an acknowledgement": _mistake(RELAY, "doubled: an event is in", "read the tail"),
    "trying a refused batch again for ever": _mistake(SHORT, "runs in circles", "settle"),
    "no inbox": _mistake(READ, "doubled: an event was taken", "inbox"),
    "position outside the transaction": _mistake(
        READ, "stuck: an event was never applied", "position with effect"
    ),
    "starting at the end of the stream": _mistake(
        READ, "stuck: an event was never applied", "start behind position"
    ),
    "working on after losing the lease": _mistake(READ, "the position went back", "one session"),
    "later events run past a parked one": _mistake(READ, "out of order: an event", "park behind"),
    "retrying the newest first": _mistake(READ, "out of order: an event", "retry in order"),
    "retrying past a failure": _mistake(READ, "out of order: an event", "stop at failure"),
    "retrying without the lease": _mistake(READ, "stuck: an event stays parked", "retry under lease"),
    "settling across a rebuild": _mistake(WIPED, "stuck: an event was never carried", "books lock"),
    "a late batch outlives the burnt bus": _mistake(WIPED, "doubled", "cut at rebuild"),
}

SPARE = {
    "version check": replace(WRITE, budget=Budget(crash=1, answer=1)),
    "row lock": replace(WRITE, budget=Budget(crash=1, answer=1)),
    "lane lock": replace(RELAY, budget=Budget(crash=1, answer=1, window=1)),
    "dedupe": RELAY,
    "inbox": replace(READ, budget=READ.budget._replace(wipe=0)),
}
"""Mechanisms that can be missing one at a time: another one does the same, only later or at more cost."""
