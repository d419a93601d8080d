"""The only place that mints time and ids."""

import asyncio
import secrets
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from uuid6 import uuid7


class Signal:
    """Tells everybody who listens that something changed; each listener clears its own event."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def tell(self, listener: asyncio.Event) -> None:
        self._listeners.add(listener)

    def forget(self, listener: asyncio.Event) -> None:
        self._listeners.discard(listener)

    def fire(self) -> None:
        for listener in self._listeners:
            listener.set()


class Clock(Protocol):
    """What time it is."""

    manual: bool

    def now(self) -> datetime: ...


class WallClock:
    """The real time, in UTC."""

    manual = False

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """Time that stands still until somebody advances it; never goes back."""

    manual = True

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, to: datetime) -> None:
        self._now = max(self._now, to.astimezone(UTC))


def new_id() -> str:
    """A time-ordered opaque id."""
    return str(uuid7())


def new_secret() -> str:
    """A word of 256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def derived_id(at: datetime, *parts: object) -> str:
    """An id that is the same again when the same thing is said again, ordered by the instant in it."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).digest()
    millis = int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    number = millis << 80 | int.from_bytes(digest) & (1 << 80) - 1
    number = number & ~(0xF << 76) | 8 << 76
    return str(UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


def is_derived(id: str) -> bool:
    """Whether an id follows from what was said, as those of events do."""
    return len(id) == 36 and id[14] == "8"


def wall_now() -> datetime:
    """Real time, for what must not follow a manual clock: leases, retries, token expiry."""
    return datetime.now(UTC)
