"""`handrail bench`: the benchmarks, for anyone to repeat."""

from typing import Annotated

import typer

from deploy.local.output import Document, show, table
from deploy.local.trouble import Trouble

app = typer.Typer(help="The benchmarks, on servers of their own.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `events` a word of its own, whatever else comes beside it."""


@app.command("events")
def events_command(
    events: Annotated[int, typer.Option(min=2000, max=1_000_000, help="How many to read.")] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """The event path beside a plain subscriber and beside the limit of its parts."""
    from deploy.local.bench import events as module

    try:
        document = module.measure(events)
    except TimeoutError:
        raise Trouble(
            "The machine was too slow to come to an end.", "Try fewer: --events 4000", code="too_slow"
        ) from None
    show(document, as_json, lines)


def lines(document: Document) -> list[str]:
    """The rates and what they are to each other."""
    rows = [
        ["what", "events/s", "beside"],
        ["Handrail", str(document["handrail_per_s"]), ""],
        ["plain subscriber", str(document["plain_per_s"]), f"{document['ratio_to_plain']} times as fast"],
        ["limit of the parts", str(document["limit_per_s"]), f"{document['ratio_to_limit']} of it reached"],
        ["  raw read", str(document["raw_read_per_s"]), ""],
        ["  raw batched insert", str(document["raw_insert_per_s"]), ""],
        ["relay", str(document["relay_per_s"]), f"{document['ratio_relay']} of raw atomic batches"],
        ["raw atomic batches", str(document["raw_batches_per_s"]), ""],
    ]
    return table(rows)
