"""NATS: one connection of the process, carried by a FastStream broker, that never gives up."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import nats.errors
from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.subjects import STREAM
from services.chassis import clock
from services.chassis.settings import Settings
from services.chassis.telemetry import BUS_ERRORS, log


class BusDown(Exception):
    """The bus cannot be reached now, or refused for a reason that may pass."""


class BusError(Exception):
    """JetStream answered with an error; `code` is its err_code."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


@dataclass(frozen=True, slots=True)
class Held:
    """A message of the stream without its body."""

    seq: int
    subject: str
    headers: dict[str, str]


class Bus:
    """The connection of one service process, under its own user and inbox."""

    def __init__(self, settings: Settings, service: str) -> None:
        self.service = service
        self.violations = 0
        self.broker = NatsBroker(
            settings.nats_urls,
            security=_credentials(settings),
            name=f"handrail-{service}",
            inbox_prefix=f"_INBOX_{service}".encode(),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # the client takes fractions of a second
            connect_timeout=2,
            ping_interval=10,
            error_cb=self._on_error,
            graceful_timeout=5,
            logger=None,
        )
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def reachable(self) -> None:
        """Wait until the connection stands."""
        while not self.connected:
            await asyncio.sleep(0.05)

    @property
    def reconnects(self) -> int:
        """How often the line broke: whatever was on it is lost."""
        return 0 if self._client is None else int(self._client.stats["reconnects"])

    @property
    def client(self) -> Client:
        if self._client is None or not self._client.is_connected:
            raise BusDown("not connected")
        return self._client

    async def keep_connecting(self) -> None:
        """Connect, trying for as long as it takes; after that the client reconnects by itself."""
        while self._client is None:
            try:
                client = await self.broker.connect()
                await self.broker.start()
                self._client = client
            except Exception as error:
                log().warning("bus_unreachable", error=type(error).__name__)
                await asyncio.sleep(0.25)

    async def stay(self) -> None:
        """Keep the connection; returns only if the client gave it up for good."""
        await self.keep_connecting()
        while self._client is not None and not self._client.is_closed:
            await asyncio.sleep(1)

    async def close(self) -> None:
        if self._client is not None:
            await self.broker.stop()

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send without waiting for an answer; raises BusDown where there is no connection."""
        try:
            await self.client.publish(subject, payload, reply=reply, headers=headers)
        except (nats.errors.Error, OSError) as error:
            raise BusDown(type(error).__name__) from error

    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, seconds: float = 5
    ) -> dict[str, Any]:
        """Ask JetStream; raises BusError on its refusal and BusDown when no answer comes."""
        try:
            answer = await self.client.request(subject, payload, timeout=seconds, headers=headers)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusDown(type(error).__name__) from error
        _still_wanted()
        body: dict[str, Any] = json.loads(answer.data or b"{}")
        if "error" in body:
            raise BusError(int(body["error"].get("err_code", 0)), str(body["error"].get("description", "")))
        return body

    async def api(self, what: str, **content: Any) -> dict[str, Any]:
        return await self.request(f"$JS.API.{what}", json.dumps(content).encode() if content else b"")

    async def stream(self) -> dict[str, Any]:
        """What JetStream says of the stream of events."""
        return await self.api(f"STREAM.INFO.{STREAM}")

    async def identity(self) -> str:
        """What tells this stream from one that was made anew under the same name."""
        return str((await self.stream())["created"])

    async def sweep(self, filters: list[str], *keep: str, **policy: object) -> list[Held]:
        """Every message that the stream holds now under some subjects, with some headers, in order."""
        name = f"{self.service}-{clock.new_id()}"
        config = {
            "name": name,
            "ack_policy": "none",
            "filter_subjects": filters,
            "headers_only": True,
            "inactive_threshold": 30_000_000_000,
            "mem_storage": True,
            "num_replicas": 1,
            **policy,
        }
        made = await self.api(f"CONSUMER.CREATE.{STREAM}.{name}", stream_name=STREAM, config=config)
        found: list[Held] = []
        stirred = asyncio.Event()

        async def take(msg: Msg) -> None:
            if msg.subject != inbox:
                seq, number = sequences(msg.reply)
                # What a broken line swallowed is missing for good: then the count stays short.
                if number == len(found) + 1:
                    headers = msg.headers or {}
                    found.append(Held(seq, msg.subject, {k: headers[k] for k in keep if k in headers}))
            stirred.set()

        inbox = f"_INBOX_{self.service}.{name}"
        subscription = await self.listen(inbox, take)
        try:
            while len(found) < made["num_pending"]:
                stirred.clear()
                ask = {"batch": min(500, made["num_pending"] - len(found)), "expires": 4_000_000_000}
                await self.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}", json.dumps(ask).encode(), reply=inbox
                )
                wanted = len(found) + ask["batch"]
                while len(found) < wanted:
                    stirred.clear()
                    async with asyncio.timeout(5):
                        await stirred.wait()
        except TimeoutError as error:
            raise BusDown("the stream stopped half way") from error
        finally:
            await subscription.unsubscribe()
            if self.connected:
                await self.publish(f"$JS.API.CONSUMER.DELETE.{STREAM}.{name}", b"")
        return found

    async def listen(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> Any:
        return await self.client.subscribe(
            subject, cb=callback, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def _on_error(self, error: Exception) -> None:
        kind = "permissions" if "permission" in str(error).lower() else type(error).__name__
        BUS_ERRORS.labels(kind).inc()
        if kind == "permissions":
            self.violations += 1
            log().error("bus_permission_violation")


def sequences(reply: str) -> tuple[int, int]:
    """Stream and consumer sequence out of an acknowledgement subject, old form or new."""
    parts = reply.split(".")
    at = 5 if len(parts) == 9 else 7
    return int(parts[at]), int(parts[at + 1])


def _still_wanted() -> None:
    """Raise the cancellation that came together with an answer.

    The client waits with `asyncio.wait_for`, which before Python 3.12 drops a cancellation in that moment:
    whoever was told to end would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _credentials(settings: Settings) -> NatsUserPassword | None:
    if not settings.nats_user:
        return None
    return NatsUserPassword(settings.nats_user, settings.nats_password.get_secret_value())
