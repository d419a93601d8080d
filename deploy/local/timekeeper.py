"""Advances the manual clocks of all services together, and waits until what they had to do is done."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from deploy.local.trouble import Trouble
from deploy.local.wire import Away, Wire

ORDER = ("scheduling", "progress", "intake", "notify")
"""Who is woken first where several have wakes; always the same, so that a story repeats itself."""
RETRY_SECONDS = 60.0
_SHORTEST, _LONGEST = 0.004, 0.02


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

    With `alone` the caller promises that nobody else acts, and to `touch` a service with every command.
    Then only those are asked who were touched or have something unread; the others cannot have moved.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        token: str,
        *,
        exact: bool = True,
        alone: bool = False,
        careful: Collection[str] = ("intake",),
        patience: float = 120.0,
    ) -> None:
        self._names = sorted(urls, key=_rank)
        self._exact = exact
        self._alone = alone
        self._careful = frozenset(careful)
        self._patience = patience
        self._wire = Wire(urls)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._known: dict[str, Status] = {}
        self._touched = set(self._names)
        self.questions = 0

    @property
    def events(self) -> int:
        """Events in the stream so far, as far as the services have said."""
        return max((seq for status in self._known.values() for seq in status.heads.values()), default=0)

    async def aclose(self) -> None:
        self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def touch(self, service: str) -> None:
        """A command was sent to a service: what is known of it no longer holds."""
        self._touched.add(service)

    async def now(self) -> datetime:
        """The latest of the services' clocks."""
        return max(status.now for status in (await self._sweep(self._names)).values())

    async def quiet(self) -> Sweep:
        """Wait until nothing is due, unsent or unread anywhere; raises NotQuiet naming who lags."""
        if not self._alone:
            self._touched.update(self._names)
        sweep = await self._settled()
        while not self._alone:
            # Seen once may be seen between two moves of somebody else.
            self._touched.update(self._names)
            again = await self._settled()
            if again == sweep:
                break
            sweep = again
        return sweep

    async def _settled(self) -> Sweep:
        """Ask whoever was touched, then whoever lags behind what the others said, until nobody does.

        This is enough: to act again, somebody would have to be due or busy, or to have something unread,
        in the last answer it gave; the heads that the others gave show everything that was ever sent.
        """
        deadline = time.monotonic() + self._patience
        pause = _SHORTEST
        while True:
            if self._touched:
                # A service needs a moment to act; asking at once costs it more than waiting.
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST)
                asked, self._touched = self._touched, set()
                self._known |= await self._sweep(asked)
            lagging = laggards(self._known)
            if not lagging:
                return dict(self._known)
            if time.monotonic() > deadline:
                why = ", ".join(lagging.values())
                self._touched.update(self._names)
                raise NotQuiet(
                    f"The network did not come to rest within {self._patience:g} s: {why}.",
                    "See `handrail status` for lag and parked messages.",
                    code="not_quiet",
                )
            self._touched.update(lagging)

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
            self.touch(first)
        await self._set([name for name, status in sweep.items() if status.now < to], to)

    async def _set(self, names: Collection[str], to: datetime) -> None:
        body = {"now": to.isoformat()}
        await asyncio.gather(*(self._ask(name, "POST", body) for name in names))
        # Who has no wake until then does nothing but read another time.
        self._known |= {name: replace(self._known[name], now=to) for name in names}

    async def _sweep(self, names: Iterable[str]) -> dict[str, Status]:
        asked = sorted(names, key=_rank)
        answers = await asyncio.gather(*(self._ask(name, "GET") for name in asked))
        return {name: Status.read(answer) for name, answer in zip(asked, answers, strict=True)}

    async def _ask(self, name: str, method: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """One request, repeated while the service is away: it may be on its way back from a crash."""
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            self.questions += 1
            try:
                answer = await self._wire.ask(
                    name, method, "/v1/clock", headers=self._headers, json_body=body
                )
                if answer.status < 500:
                    break
                why = f"it answers {answer.status}"
            except Away as error:
                why = str(error)
            if time.monotonic() > deadline:
                raise NotQuiet(
                    f"{name} has not answered for {RETRY_SECONDS:g} s ({why}).",
                    f"See logs/{name}.log in the data folder.",
                    code="service_away",
                )
            await asyncio.sleep(0.1)
        if answer.status >= 400:
            raise Trouble(
                f"{name} does not let its clock be read or set (status {answer.status}).",
                "Only services under HANDRAIL_CLOCK=manual have a clock to set, and only for operators.",
                code="no_manual_clock",
            )
        return answer.document()


def laggards(sweep: Sweep) -> dict[str, str]:
    """Who keeps the network from being quiet, and why, as part of a sentence."""
    heads: dict[str, int] = {}
    for status in sweep.values():
        for lane, seq in status.heads.items():
            heads[lane] = max(heads.get(lane, 0), seq)
    found = {}
    for name, status in sweep.items():
        behind = next((lane for lane, head in heads.items() if status.positions.get(lane, 0) < head), None)
        if status.unsent:
            found[name] = f"{name} has {status.unsent} events unsent"
        elif status.due:
            found[name] = f"{name} has {status.due} wakes due"
        elif status.busy:
            found[name] = f"{name} has {status.busy} tasks running"
        elif behind is not None:
            read = status.positions.get(behind, 0)
            found[name] = f"{name} has read lane {behind} up to {read} of {heads[behind]}"
    return found


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
