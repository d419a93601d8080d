"""`handrail trace`: the story of a patient, and which event caused which."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.network import DEFAULT_DATA

app = typer.Typer(add_completion=False)


@app.command()
def trace(
    what: Annotated[str, typer.Argument(help="A patient, episode, referral or event id.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of the running network.")] = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show what happened to a patient: when, in which service, and what caused it."""
    import asyncio

    from deploy.local.network import Network
    from deploy.local.output import show, table
    from deploy.local.story import story_of
    from deploy.local.trouble import Trouble

    steps = asyncio.run(story_of(Network.running(data), what))
    if not steps:
        raise Trouble(
            "Nothing is known of this id.",
            "List people: GET /v1/episodes, or `handrail events tail`.",
            code="unknown",
        )
    show(
        {"id": what, "steps": steps},
        as_json,
        lambda _: table(
            [
                ["time", "service", "event", "caused by"],
                *(
                    [s["at"][:16].replace("T", " "), s["service"], s["type"].split(".")[1], s["caused_by"]]
                    for s in steps
                ),
            ]
        ),
    )
