# ruff: noqa: INP001, T201
"""Print type and episode of every event, with FastStream: pip install 'faststream[nats]'."""

import asyncio
import os
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from faststream.nats.security import NatsUserPassword
from nats.js.api import DeliverPolicy

user = os.environ["HANDRAIL_NATS_USER"]
broker = NatsBroker(
    os.environ["HANDRAIL_NATS_SERVERS"].split(","),
    security=NatsUserPassword(user, os.environ["HANDRAIL_NATS_PASSWORD"]),
    inbox_prefix=f"_INBOX_{user}".encode(),
)


@broker.subscriber(
    "handrail.>",
    stream=JStream("EVENTS", declare=False),  # the stream belongs to the network: never declare it
    pull_sub=PullSub(batch_size=100),
    deliver_policy=DeliverPolicy.ALL,
    ack_policy=AckPolicy.ACK,
    inbox_prefix=f"_INBOX_{user}.".encode(),  # not inherited from the broker
)
async def show(event: dict[str, Any], message: NatsMessage) -> None:
    """React to one event."""
    print(message.headers["ce-type"], event.get("episode_id", "-"), flush=True)


if __name__ == "__main__":
    asyncio.run(FastStream(broker).run())
