"""`handrail clock`: what time it is for the network, and moving it on."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.local.network import Network
from deploy.local.output import Document
from deploy.local.trouble import Trouble

_AMOUNT = re.compile(r"^(\d{1,5})\s*(min|m|h|d|w)$")
_UNITS = {"min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_amount(text: str) -> timedelta:
    """A stretch of time such as `90min`, `36h`, `3d` or `2w`. Raises Trouble on anything else."""
    match = _AMOUNT.match(text.strip())
    if not match:
        raise Trouble(
            f"{text!r} is not a stretch of time.", "Try 90min, 36h, 3d or 2w.", code="usage", exit_code=2
        )
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def read_instant(text: str) -> datetime:
    """An instant with its offset from UTC. Raises Trouble on anything else."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Trouble(f"{text!r} is not an instant.", "Try 2026-01-12T09:00:00Z.", code="usage", exit_code=2)
    return instant.astimezone(UTC)


def show(data: Path) -> dict[str, Any]:
    """The time of the network."""
    network = Network.running(data)
    if network.clock == "wall":
        return {"clock": "wall", "now": _text(datetime.now(UTC))}
    return asyncio.run(_advance(network, None, None))


def advance(data: Path, to: str | None, by: str | None) -> dict[str, Any]:
    """Move every service on, ring what falls due on the way, and return when all is quiet."""
    if (to is None) == (by is None):
        raise Trouble(
            "Say how far: either --to or --by.", "handrail clock advance --by 3d", code="usage", exit_code=2
        )
    instant = read_instant(to) if to else None
    amount = read_amount(by) if by else None
    network = Network.running(data)
    if network.clock == "wall":
        raise Trouble(
            "This network follows the wall clock, which nobody advances.",
            "Start one that does not: handrail up --clock manual",
            code="wall_clock",
        )
    return asyncio.run(_advance(network, instant, amount))


async def _advance(network: Network, to: datetime | None, by: timedelta | None) -> dict[str, Any]:
    from deploy.local.timekeeper import Timekeeper

    urls = {name: network.url(name) for name in network.services}
    async with Timekeeper(urls, network.token("operator")) as timekeeper:
        before = await timekeeper.now()
        target = to or (before + by if by else None)
        if target is None:
            return {"clock": "manual", "now": _text(before)}
        if target < before:
            raise Trouble(
                f"It is already {_text(before)}; time does not go back.", "Name a later instant.", code="past"
            )
        await timekeeper.advance(target)
        await timekeeper.quiet()
        return {"clock": "manual", "from": _text(before), "now": _text(await timekeeper.now())}


def lines(document: Document) -> list[str]:
    """The time, for people."""
    return [f"{document['now']} ({document['clock']} clock)"]


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
