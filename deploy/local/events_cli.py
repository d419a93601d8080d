"""`handrail events`: the catalogue, a live view, one event, and the stream as lines of JSON."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.network import DEFAULT_DATA, Network

app = typer.Typer(add_completion=False, no_args_is_help=True)
Data = Annotated[Path, typer.Option("--data", help="Folder of the running network.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.command()
def types(as_json: Json = False) -> None:
    """List every event type: who says it and what it means."""
    from contracts.catalogue import all_events
    from deploy.local.output import show, table

    known = [
        {"type": name, "service": e.service(), "summary": e.summary()} for name, e in all_events().items()
    ]
    show(
        {"types": known},
        as_json,
        lambda _: table([["type", "meaning"], *([k["type"], k["summary"]] for k in known)]),
    )


@app.command()
def show(
    event_id: Annotated[str, typer.Argument(help="Id of an event.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Show one event with its headers and its body."""
    import asyncio

    from deploy.local import output
    from deploy.local.secrets import SERVICES
    from deploy.local.story import connect
    from deploy.local.trouble import Trouble

    async def find() -> dict[str, Any] | None:
        db = await connect(Network.running(data))
        try:
            for service in SERVICES:
                row = await db.fetchrow(
                    f"SELECT subject, headers, body, stream_seq FROM {service}.outbox WHERE event_id = $1",
                    event_id,
                )
                if row is not None:
                    return {
                        "subject": row["subject"],
                        "stream_seq": row["stream_seq"],
                        "headers": json.loads(row["headers"]),
                        "body": json.loads(row["body"]),
                    }
            return None
        finally:
            await db.close()

    found = asyncio.run(find())
    if found is None:
        raise Trouble(
            "There is no event with this id.",
            "Ids are shown by `handrail events tail` and `handrail trace`.",
            code="unknown",
        )
    output.show(found, as_json, lambda document: [json.dumps(document, indent=2)])


@app.command()
def tail(
    data: Data = DEFAULT_DATA,
    count: Annotated[int, typer.Option(help="Stop after this many; 0 goes on until Ctrl-C.")] = 0,
) -> None:
    """Show events as they come: time, type and ids, nothing about the person."""
    _follow(data, deliver={"deliver_policy": "new"}, limit=count, line=_ids)


@app.command()
def replay(
    since: Annotated[datetime, typer.Option(help="From this instant on (as stored), in UTC.")],
    data: Data = DEFAULT_DATA,
    count: Annotated[int, typer.Option(help="Stop after this many; 0 gives all there are.")] = 0,
) -> None:
    """Give stored events again as lines of JSON, without touching anybody's position."""
    instant = since.isoformat(timespec="seconds") + ("Z" if since.tzinfo is None else "")
    _follow(
        data, {"deliver_policy": "by_start_time", "opt_start_time": instant}, count, _line, stop_at_end=True
    )


def _ids(message: Any) -> str:
    h = message.headers
    return f"{h['ce-time']}  {h['ce-type']:<44} {h['ce-partitionkey']}  {h['ce-id']}"


def _line(message: Any) -> str:
    return json.dumps(
        {"subject": message.subject, "headers": dict(message.headers), "body": json.loads(message.data)}
    )


def _follow(data: Path, deliver: dict[str, Any], limit: int, line: Any, *, stop_at_end: bool = False) -> None:
    import asyncio
    import contextlib

    async def follow() -> None:
        import nats
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        client = await nats.connect(**Network.running(data).nats_kwargs("operator"))
        try:
            options = {**deliver, "deliver_policy": DeliverPolicy(deliver["deliver_policy"])}
            config = ConsumerConfig(
                ack_policy=AckPolicy.NONE, inactive_threshold=30, mem_storage=True, **options
            )
            subscription = await client.jetstream().pull_subscribe("", stream="EVENTS", config=config)
            seen = 0
            while True:
                try:
                    messages = await subscription.fetch(200, timeout=1)
                except (TimeoutError, nats.errors.TimeoutError):
                    if stop_at_end:
                        return
                    continue
                for message in messages:
                    print(line(message), flush=True)
                    seen += 1
                    if limit and seen >= limit:
                        return
        finally:
            await client.close()

    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(follow())
