"""Where an event travels: its lane and its subject. The permission matrix derives from here."""

import re
from functools import lru_cache

from contracts.event import Event

STREAM = "EVENTS"
LANES = 16
ROOT = "handrail"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_token(value: object) -> bool:
    """Whether a value may stand as one token of a subject, and so as an id."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


@lru_cache(maxsize=65_536)
def lane_of(aggregate_id: str) -> int:
    """FNV-1a (32 bit) of the aggregate id, modulo the number of lanes."""
    digest = 0x811C9DC5
    for byte in aggregate_id.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest % LANES


def subject_of(event: Event) -> str:
    """`handrail.<network>.<lane>.<service>.<event>.v<major>`.

    Raises ValueError if the network id could break out of its token.
    """
    if not is_token(event.network_id):
        raise ValueError("the network id is not a subject token")
    lane = lane_of(event.aggregate_id)
    return f"{ROOT}.{event.network_id}.{lane}.{event.service()}.{event.snake()}.v{event.VERSION}"


def lane_filter(lane: int) -> str:
    """Every event of one lane, of every network and service."""
    return f"{ROOT}.*.{lane}.>"


def said_filter(service: str, lane: int | None = None) -> str:
    """Everything that a service says, in one lane or in all."""
    return f"{ROOT}.*.{'*' if lane is None else lane}.{service}.>"


def said_subjects(event: type[Event]) -> str:
    """Every subject under which an event type may be published."""
    return f"{ROOT}.*.*.{event.service()}.{event.snake()}.v{event.VERSION}"
