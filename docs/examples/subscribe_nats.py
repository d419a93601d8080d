# ruff: noqa: INP001, T201
"""Print type and episode of every event, with nats-py: pip install nats-py."""

import asyncio
import json
import os

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy


async def main() -> None:
    """Read everything from the beginning, then what comes."""
    user = os.environ["HANDRAIL_NATS_USER"]
    client = await nats.connect(
        os.environ["HANDRAIL_NATS_SERVERS"].split(","),
        user=user,
        password=os.environ["HANDRAIL_NATS_PASSWORD"],
        inbox_prefix=f"_INBOX_{user}".encode(),
    )
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE)
    events = await client.jetstream().pull_subscribe("handrail.>", stream="EVENTS", config=config)
    while True:
        try:
            batch = await events.fetch(100, timeout=5)
        except TimeoutError:  # nothing new
            continue
        for event in batch:
            print((event.headers or {})["ce-type"], json.loads(event.data).get("episode_id", "-"), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
