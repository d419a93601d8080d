"""What is unsafe in what was seen of the servers: each function says the fact, or "" where all is well."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.event import MAX_EVENT_BYTES
from contracts.subjects import LANES

HEADER_ROOM = 8 * 1024
"""The server counts headers into the size of a message."""
CLOCK_TOLERANCE_SECONDS = 60
OLDEST_NATS = (2, 12)
DUPLICATE_WINDOW_SECONDS = 120
_SECOND = 1_000_000_000


@dataclass(frozen=True)
class Node:
    """One nats-server as its monitor shows it, and how many seconds its clock is off ours."""

    varz: Mapping[str, Any]
    clock_off: float = 0

    @property
    def name(self) -> str:
        return str(self.varz.get("server_name", ""))


@dataclass(frozen=True)
class Facts:
    """Everything that was seen; `stream` is None where there is none, `books` where no schema is yet."""

    settings: Mapping[str, str]
    role: Mapping[str, Any]
    books: Mapping[str, Any] | None
    database_clock_off: float
    monitors: int = 0
    nodes: tuple[Node, ...] = ()
    replicas: int = 1
    says: tuple[str, ...] = ()
    stream: Mapping[str, Any] | None = None


def setting(*names: str, good: Iterable[str]) -> Callable[[Facts], str]:
    """Settings of PostgreSQL, as they hold in the session, that have none of the good values."""

    def find(facts: Facts) -> str:
        values = {name: facts.settings.get(name, "not to be seen") for name in names}
        return ", ".join(f"{name} is {value}" for name, value in values.items() if value not in good)

    return find


def role(*attributes: str) -> Callable[[Facts], str]:
    """Attributes that the role has and must not have."""

    def find(facts: Facts) -> str:
        has = [a.removeprefix("rol") for a in attributes if facts.role[a]]
        return f"{facts.role['role']} has {', '.join(has)}" if has else ""

    return find


def owns(facts: Facts) -> str:
    """What the role could do to the schema beyond its rows; a superuser has a finding of its own."""
    role = facts.role
    if role["rolsuper"]:
        return ""
    can = [f"create in schema {role['schema']}"] * bool(role["may_create"])
    can += [f"alter {', '.join(role['owned'])}"] * bool(role["owned"])
    return f"{role['role']} may {' and '.join(can)}" if can else ""


def read_only(facts: Facts) -> str:
    """Whether the session may not write; a standby has a finding of its own."""
    return "" if facts.role["standby"] else setting("transaction_read_only", good=["off"])(facts)


def sequence(facts: Facts) -> str:
    """Whether two sessions could draw outbox numbers in another order than that of time."""
    books = facts.books
    if books is None or (books["seqcache"] == 1 and books["seqincrement"] > 0 and not books["seqcycle"]):
        return ""
    return f"cache {books['seqcache']}, increment {books['seqincrement']}, cycle {books['seqcycle']}"


def seconds_off(seconds: float) -> str:
    """Whether two clocks are further apart than anybody tolerates."""
    return f"{seconds:.0f} s apart" if seconds > CLOCK_TOLERANCE_SECONDS else ""


def monitors(facts: Facts) -> str:
    """Nodes of the stream that no monitor shows."""
    cluster = (facts.stream or {}).get("cluster") or {}
    peers = {cluster.get("leader", ""), *(r["name"] for r in cluster.get("replicas") or ())} - {""}
    unseen = sorted(peers - {node.name for node in facts.nodes})
    if not facts.monitors:
        return "HANDRAIL_NATS_MONITORS is empty"
    if facts.monitors < len(peers) or (unseen and facts.monitors == len(facts.nodes)):
        return f"HANDRAIL_NATS_MONITORS does not show {', '.join(unseen)}"
    return ""


def on_nodes(what: Callable[[Node], str]) -> Callable[[Facts], str]:
    """The same asked of every node that answered."""

    def find(facts: Facts) -> str:
        return ", ".join(f"{node.name}: {found}" for node in facts.nodes if (found := what(node)))

    return find


def lazy(node: Node) -> str:
    """Whether the node flushes now and then instead of always."""
    config = (node.varz.get("jetstream") or {}).get("config") or {}
    if not config or config.get("sync_always"):
        return ""
    return f"sync_interval is {config.get('sync_interval', 0) / _SECOND:.0f} s"


def old(node: Node) -> str:
    """Whether the node does not know atomic batches."""
    version = str(node.varz.get("version", ""))
    return "" if tuple(map(int, re.findall(r"\d+", version)[:2])) >= OLDEST_NATS else f"version {version}"


def payload(node: Node) -> str:
    """Whether the largest event does not pass."""
    limit = node.varz.get("max_payload", 0)
    return "" if limit >= MAX_EVENT_BYTES + HEADER_ROOM else f"max_payload is {limit}"


def config(what: Callable[[Mapping[str, Any]], str]) -> Callable[[Facts], str]:
    """The same asked of the stream's configuration, where there is a stream."""
    return lambda facts: what(facts.stream["config"]) if facts.stream else ""


def equals(name: str, wanted: object, default: object = None) -> Callable[[Facts], str]:
    """A setting of the stream that is not the only good one."""

    def find(config: Mapping[str, Any]) -> str:
        value = config.get(name, default)
        return "" if value == wanted else f"{name} is {value}"

    return config(find)


def expiry(config: Mapping[str, Any]) -> str:
    """Limits by which the stream deletes."""
    found = [f"max_age is {config['max_age'] / _SECOND:g} s"] * bool(config.get("max_age"))
    # Beside them, max_msgs and max_bytes only refuse what is new, which the outbox then keeps.
    each = config.get("max_msgs_per_subject", -1)
    found += [f"max_msgs_per_subject is {each}"] * (each > 0 and not config.get("discard_new_per_subject"))
    return ", ".join(found)


def window(config: Mapping[str, Any]) -> str:
    """Whether the server forgets message ids sooner than the relay may repeat them."""
    seconds = config.get("duplicate_window", 0) / _SECOND
    return f"duplicate_window is {seconds:g} s" if seconds < DUPLICATE_WINDOW_SECONDS else ""


def size(config: Mapping[str, Any]) -> str:
    """Whether the largest event does not fit."""
    limit = config.get("max_msg_size", -1)
    return f"max_msg_size is {limit}" if -1 < limit < MAX_EVENT_BYTES + HEADER_ROOM else ""


def rewritten(config: Mapping[str, Any]) -> str:
    """Whatever puts other messages into the stream than were published to it."""
    found = [name for name in ("mirror", "sources", "subject_transform") if config.get(name)]
    return f"{', '.join(found)} set" if found else ""


def replicas(facts: Facts) -> str:
    """Whether the stream has fewer copies than wanted."""
    kept = facts.stream["config"].get("num_replicas", 1) if facts.stream else facts.replicas
    return f"num_replicas is {kept}, HANDRAIL_NATS_REPLICAS {facts.replicas}" if kept < facts.replicas else ""


def missing_lanes(facts: Facts) -> str:
    """Subjects of this service that the stream does not store."""
    if facts.stream is None:
        return ""
    stored = facts.stream["config"].get("subjects") or ()
    said = [[*s.split(".")[:2], str(lane), *s.split(".")[3:]] for s in facts.says for lane in range(LANES)]
    missing = [".".join(s) for s in said if not any(_covers(subject.split("."), s) for subject in stored)]
    return f"{missing[0]} and {len(missing) - 1} more are not stored" if missing else ""


def _covers(wide: list[str], narrow: list[str]) -> bool:
    """Whether every subject of one pattern is one of the other."""
    if wide[-1] == ">":
        narrow = narrow[: len(wide) - 1] + [">"] * (len(narrow) >= len(wide))
    return len(wide) == len(narrow) and all(w in ("*", n) for w, n in zip(wide, narrow, strict=True))


def foreign(facts: Facts) -> str:
    """Whether the books are about another stream."""
    if facts.stream is None or facts.books is None:
        return ""
    # Readers begin anew by themselves in a stream that was adopted; so where heads are known, they decide.
    known = facts.books["said_to"] or facts.books["read_from"]
    others = sorted(set(known) - {str(facts.stream["created"])})
    return f"the books name {', '.join(others)}, the stream is {facts.stream['created']}" if others else ""
