"""The public HTTP APIs as simulated staff use them: one connection pool, idempotent commands, patience."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from deploy.local.proof.ledger import Answered, Ledger
from deploy.local.trouble import Trouble
from deploy.local.wire import Away, Wire

T = TypeVar("T")
RETRY_SECONDS = 60.0
AT_ONCE = 8
_AGAIN = frozenset({"in_progress", "draining", "unavailable"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered: done, or declined with a code."""

    status: int
    body: Mapping[str, Any]

    @property
    def done(self) -> bool:
        return self.status < 400

    @property
    def code(self) -> str:
        return str(self.body.get("code") or f"status_{self.status}")

    @property
    def failed_guards(self) -> frozenset[str]:
        """Ids of the conditions that kept a command from being taken."""
        failed = (self.body.get("facts") or {}).get("failed") or ()
        return frozenset(str(each.get("guard")) for each in failed)


class Api:
    """Speaks to the services in a role; counts what they decline."""

    def __init__(
        self,
        urls: Mapping[str, str],
        tokens: Mapping[str, str],
        seed: int,
        touch: Callable[[str], None] = lambda _: None,
        ledger: Ledger | None = None,
    ) -> None:
        self._wire = Wire(urls)
        self._headers = {role: {"Authorization": f"Bearer {token}"} for role, token in tokens.items()}
        self._seed = seed
        self._touch = touch
        self._ledger = ledger
        self.refusals: Counter[str] = Counter()
        self.refused_steps: Counter[str] = Counter()
        self.calls = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._wire.close()

    async def get(self, service: str, path: str, role: str, **params: str | int) -> Reply:
        """Read something."""
        return await self._patiently(service, "GET", path, role, params=params)

    async def read_all(self, service: str, path: str, role: str, **params: str | int) -> list[dict[str, Any]]:
        """Read a list to its end, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            asked = params | ({"cursor": cursor} if cursor else {})
            reply = await self.get(service, path, role, limit=200, **asked)
            if not reply.done:
                raise Trouble(f"{service} does not answer {path} ({reply.code}).", code="api")
            found += reply.body.get("items", [])
            cursor = reply.body.get("cursor")
            if not cursor:
                return found

    async def do(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        role: str,
        *,
        step: str,
        expected: bool = False,
    ) -> Reply:
        """Send a command under a key of its own; a decline is counted, never raised.

        `expected` marks a command that is sent to find out whether it is allowed.
        """
        reply = await self._patiently(service, "POST", path, role, step=step, json_body=body)
        return self._counted(reply, service, path, expected)

    async def send_bundle(self, site: str, bundle: bytes, *, step: str) -> Reply:
        """Hand a FHIR bundle to intake; what becomes of each is told by itself, not among the declines."""
        return await self._patiently(
            "intake",
            "POST",
            "/v1/referrals",
            "admissions",
            step=step,
            params={"site_id": site},
            content=bundle,
            headers={"Content-Type": "application/fhir+json"},
        )

    def _counted(self, reply: Reply, service: str, path: str, expected: bool) -> Reply:
        if not reply.done and not expected:
            self.refusals[reply.code] += 1
            guards = ",".join(sorted(reply.failed_guards))
            self.refused_steps[f"{service} {path.rpartition('/')[2]}: {reply.code} {guards}".strip()] += 1
        return reply

    async def _patiently(
        self,
        service: str,
        method: str,
        path: str,
        role: str,
        *,
        step: str | None = None,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Reply:
        """One request, repeated with the same key while the service is away or busy."""
        asked = {**self._headers[role], **(headers or {})}
        if step is not None:
            self._touch(service)
            asked["Idempotency-Key"] = f"{self._seed}/{step}"
        deadline = time.monotonic() + RETRY_SECONDS
        pause = 0.02
        while True:
            self.calls += 1
            try:
                answer = await self._wire.ask(service, method, path, headers=asked, **request)
                reply = Reply(answer.status, answer.document())
                if reply.status < 500 and reply.code not in _AGAIN:
                    break
                why = f"it answers {reply.status} {reply.code}"
            except Away as error:
                why = str(error)
            if time.monotonic() > deadline:
                raise Trouble(
                    f"{service} has not taken {method} {path} for {RETRY_SECONDS:g} s ({why}).",
                    f"See logs/{service}.log in the data folder.",
                    code="service_away",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)
        if reply.status == 401:
            raise Trouble(f"{service} does not accept the simulator's token.", code="token")
        if step is not None and self._ledger is not None:
            key = asked["Idempotency-Key"]
            self._ledger.keep(
                Answered(service, method, path, role, key, asked, request, reply.status, reply.body)
            )
        return reply


async def side_by_side(work: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run what cannot get into each other's way, a few at once; results in order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await job()

    return list(await asyncio.gather(*(one(job) for job in work)))
