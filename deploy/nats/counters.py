"""What the nodes themselves count, by their monitoring ports."""

import asyncio
import json
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.subjects import STREAM


@dataclass(frozen=True, slots=True)
class Counters:
    """One node's own account of its replica."""

    messages: int
    first: int
    last: int
    deleted: int

    @property
    def holes(self) -> int:
        """How many of all events ever it does not count as there; nothing is ever deleted."""
        return self.last - self.messages


async def counters_of(monitors: Iterable[str]) -> dict[str, Counters]:
    """The account of each node that answers, by its name."""
    found = await asyncio.gather(*(asyncio.to_thread(_counters, url) for url in monitors))
    return dict(one for one in found if one is not None)


def _counters(url: str) -> tuple[str, Counters] | None:
    try:
        name = _get(f"{url}/varz")["server_name"]
        accounts = _get(f"{url}/jsz?accounts=1&streams=1&consumers=0").get("account_details") or []
    except (OSError, ValueError, KeyError):
        return None
    for account in accounts:
        for stream in account.get("stream_detail") or []:
            if stream["name"] == STREAM:
                state = stream["state"]
                deleted = state.get("num_deleted") or 0
                return name, Counters(state["messages"], state["first_seq"], state["last_seq"], deleted)
    return None


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310
        document: dict[str, Any] = json.load(answer)
    return document
