"""Advances the manual clocks of all services together, and waits until what they had to do is done."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from deploy.local.trouble import Trouble

ORDER = ("scheduling", "progress", "intake", "notify")
"""Who is woken first where several have wakes; always the same, so that a story repeats itself."""
RETRY_SECONDS = 60.0
_SHORTEST, _LONGEST = 0.001, 0.02


@dataclass(frozen=True, slots=True)
class Status:
    """What one service says about its clock and its work."""

    now: datetime
    next_wake_at: datetime | None
    due: int
    unsent: int
    busy: int
    heads: Mapping[str, int]
    positions: Mapping[str, int]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        wake = answer.get("next_wake_at")
        return cls(
            now=datetime.fromisoformat(answer["now"]),
            next_wake_at=datetime.fromisoformat(wake) if wake else None,
            due=answer["due"],
            unsent=answer["unsent"],
            busy=answer["busy"],
            heads={str(lane): seq for lane, seq in answer["heads"].items()},
            positions={str(lane): seq for lane, seq in answer["positions"].items()},
        )


Sweep = Mapping[str, Status]


class NotQuiet(Trouble):
    """The services did not come to rest in time."""


class Timekeeper:
    """The one who advances time for a network under `HANDRAIL_CLOCK=manual`.

    With `exact` every wake is rung at its own instant and settled before the next. Without it, each
    service rings what is due up to the target in one go, one service after the other; only the wakes
    of the `careful` ones keep their own instants. Rules judge by the instant in the message, so both
    tell one story per seed; the second needs far fewer steps.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        token: str,
        *,
        exact: bool = True,
        careful: Collection[str] = ("intake",),
        patience: float = 120.0,
        confirmations: int = 2,
    ) -> None:
        self._urls = {name: urls[name] for name in sorted(urls, key=_rank)}
        self._exact = exact
        self._careful = frozenset(careful)
        self._patience = patience
        self._confirmations = confirmations
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, timeout=30, limits=httpx.Limits(max_connections=16)
        )
        self.quiets = 0
        self.events = 0
        """Events in the stream so far, as far as the services have said."""

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def now(self) -> datetime:
        """The latest of the services' clocks."""
        return max(status.now for status in (await self._sweep()).values())

    async def quiet(self) -> Sweep:
        """Wait until nothing is due, unsent or unread anywhere; raises NotQuiet naming who lags."""
        deadline = time.monotonic() + self._patience
        pause, agreed, last = _SHORTEST, 0, None
        while True:
            sweep = await self._sweep()
            complaint = unrest(sweep)
            if complaint is None:
                agreed = agreed + 1 if sweep == last else 1
                last = sweep
                if agreed >= self._confirmations:
                    self.quiets += 1
                    self.events = max((seq for s in sweep.values() for seq in s.heads.values()), default=0)
                    return sweep
                continue
            agreed, last = 0, None
            if time.monotonic() > deadline:
                raise NotQuiet(
                    f"The network did not come to rest within {self._patience:g} s: {complaint}.",
                    "See `handrail status` for lag and parked messages.",
                    code="not_quiet",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)

    async def advance(self, to: datetime) -> None:
        """Bring every clock to an instant, ringing all wakes on the way and settling what they cause."""
        while True:
            sweep = await self.quiet()
            due = [n for n, s in sweep.items() if s.next_wake_at is not None and s.next_wake_at <= to]
            if not due:
                break
            first = min(due, key=lambda name: (sweep[name].next_wake_at, _rank(name)))
            wake = sweep[first].next_wake_at
            assert wake is not None
            target = wake if self._exact or first in self._careful else to
            idle = [n for n, s in sweep.items() if s.next_wake_at is None or s.next_wake_at > target]
            await self._set([first, *(name for name in idle if sweep[name].now < target)], target)
        behind = [name for name, status in sweep.items() if status.now < to]
        await self._set(behind, to)

    async def _set(self, names: Collection[str], to: datetime) -> None:
        body = {"now": to.isoformat()}
        await asyncio.gather(*(self._ask(name, "POST", body) for name in names))

    async def _sweep(self) -> Sweep:
        answers = await asyncio.gather(*(self._ask(name, "GET") for name in self._urls))
        return {name: Status.read(answer) for name, answer in zip(self._urls, answers, strict=True)}

    async def _ask(self, name: str, method: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """One request, repeated while the service is away: it may be on its way back from a crash."""
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = await self._http.request(method, f"{self._urls[name]}/v1/clock", json=body)
                if answer.status_code < 500:
                    break
                why = f"it answers {answer.status_code}"
            except httpx.TransportError as error:
                why = type(error).__name__
            if time.monotonic() > deadline:
                raise NotQuiet(
                    f"{name} has not answered for {RETRY_SECONDS:g} s ({why}).",
                    f"See logs/{name}.log in the data folder.",
                    code="service_away",
                )
            await asyncio.sleep(0.1)
        if answer.status_code >= 400:
            raise Trouble(
                f"{name} does not let its clock be read or set (status {answer.status_code}).",
                "Only services under HANDRAIL_CLOCK=manual have a clock to set, and only for operators.",
                code="no_manual_clock",
            )
        document: dict[str, Any] = answer.json()
        return document


def unrest(sweep: Sweep) -> str | None:
    """Why the network is not quiet, as part of a sentence; None if it is."""
    for name, status in sweep.items():
        for count, what in (
            (status.unsent, "events unsent"),
            (status.due, "wakes due"),
            (status.busy, "tasks running"),
        ):
            if count:
                return f"{name} has {count} {what}"
    heads: dict[str, int] = {}
    for status in sweep.values():
        for lane, seq in status.heads.items():
            heads[lane] = max(heads.get(lane, 0), seq)
    for name, status in sweep.items():
        for lane, head in heads.items():
            read = status.positions.get(lane, 0)
            if read < head:
                return f"{name} has read lane {lane} up to {read} of {head}"
    return None


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
