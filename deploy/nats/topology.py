"""The one stream of the house, declared in one place. Idempotent: run it at every deploy.

`python -m deploy.nats.topology` does it from the environment of a service (as an administrator).
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.event import MAX_EVENT_BYTES
from contracts.subjects import ROOT, STREAM

if TYPE_CHECKING:
    from nats.aio.client import Client

SECOND = 1_000_000_000
HEADER_BYTES = 8 * 1024
"""The server counts headers into the size of a message."""
_IMMUTABLE = ("storage", "retention")
_NOT_FOUND = 10059
_NO_STORE = 10049
_TRIES = 10


class TopologyError(Exception):
    """The stream cannot be brought to what it must be; the message says why and what to do."""


def events_stream(replicas: int = 1) -> dict[str, Any]:
    """The stream that carries every event; its configuration is owned here and nowhere else."""
    return {
        "name": STREAM,
        "description": "Everything that happened, as told by the service that owns it.",
        "subjects": [f"{ROOT}.>"],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_msgs_per_subject": -1,
        "no_ack": False,
        "num_replicas": replicas,
        "duplicate_window": 120 * SECOND,
        "max_msg_size": MAX_EVENT_BYTES + HEADER_BYTES,
        "allow_atomic": True,
        "allow_direct": True,
    }


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Settings that are not as wanted: name to (found, wanted). What the server adds is left alone.

    The server leaves out what is off.
    """
    return {
        key: (found.get(key), value)
        for key, value in wanted.items()
        if found.get(key, False if value is False else None) != value
    }


def login(environment: Mapping[str, str]) -> dict[str, Any]:
    """How to connect, from the same settings as a service's."""
    file = environment.get("HANDRAIL_NATS_PASSWORD_FILE")
    return {
        "servers": [s.strip() for s in environment["HANDRAIL_NATS_SERVERS"].split(",")],
        "user": environment["HANDRAIL_NATS_USER"],
        "password": Path(file).read_text().strip() if file else environment["HANDRAIL_NATS_PASSWORD"],
    }


async def declare(client: "Client", replicas: int = 1) -> str:
    """Make the stream what it must be: returns "created", "updated" or "unchanged".

    Raises TopologyError if the existing stream cannot be changed in place.
    """
    wanted = events_stream(replicas)
    found = await look_up(client)
    if found is None:
        await _create(client, wanted)
        return "created"
    changed = differences(wanted, found["config"])
    if not changed:
        return "unchanged"
    fixed = [name for name in _IMMUTABLE if name in changed]
    if fixed:
        raise TopologyError(
            f"The stream {STREAM} has another {' and '.join(fixed)} than it must have, and that cannot be "
            "changed in place: move it aside and refill a new one from the outboxes."
        )
    await _must(client, f"STREAM.UPDATE.{STREAM}", found["config"] | wanted)
    return "updated"


async def look_up(client: "Client") -> dict[str, Any] | None:
    """What the server says of the stream; None if there is none."""
    answer = await _ask(client, f"STREAM.INFO.{STREAM}", None)
    error = answer.get("error")
    if error and error.get("err_code") == _NOT_FOUND:
        return None
    if error:
        raise TopologyError(f"The stream {STREAM} cannot be looked up: {error.get('description')}.")
    return answer


async def hang_up(client: "Client") -> None:
    """Close a connection at the end of its event loop, socket and all."""
    await client.close()
    # Its transport closes in the next turn of the loop, which would otherwise never come.
    await asyncio.sleep(0.01)


async def _create(client: "Client", wanted: dict[str, Any]) -> None:
    """Create it; the server may still be clearing away one of the same name that was just deleted."""
    for attempt in range(1, _TRIES + 1):
        answer = await _ask(client, f"STREAM.CREATE.{STREAM}", wanted)
        error = answer.get("error")
        if not error:
            return
        if error.get("err_code") != _NO_STORE or attempt == _TRIES:
            raise TopologyError(f"NATS refused to create {STREAM}: {error.get('description')}.")
        await asyncio.sleep(0.1 * attempt)


async def _must(client: "Client", subject: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await _ask(client, subject, body)
    if "error" in answer:
        raise TopologyError(f"NATS refused {subject}: {answer['error'].get('description')}.")
    return answer


async def _ask(client: "Client", subject: str, body: dict[str, Any] | None) -> dict[str, Any]:
    # Raw requests: the client's own StreamConfig does not know every field and would drop the rest.
    payload = b"" if body is None else json.dumps(body).encode()
    message = await client.request(f"$JS.API.{subject}", payload, timeout=10)
    answer: dict[str, Any] = json.loads(message.data)
    return answer


async def _main() -> int:
    import nats

    client = await nats.connect(**login(os.environ))
    try:
        print(await declare(client, int(os.environ.get("HANDRAIL_NATS_REPLICAS", "1"))))
    except TopologyError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await hang_up(client)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
