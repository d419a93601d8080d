"""`handrail rebuild`: the stream again from the outboxes, which are the record."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.network import DEFAULT_DATA

app = typer.Typer(add_completion=False)


@app.command()
def rebuild(
    data: Annotated[Path, typer.Option("--data", help="Folder of the running network.")] = DEFAULT_DATA,
    anew: Annotated[
        bool, typer.Option("--anew", help="Empty the stream first, where it lost the middle of a lane.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Hand what the stream no longer holds back to the relays, which send it again in its order."""
    import asyncio

    from deploy.local.network import Network
    from deploy.local.output import show
    from deploy.local.rebuild import rebuild as refill

    result = asyncio.run(refill(Network.running(data), anew))
    show(
        result,
        as_json,
        lambda _: [f"{result['missing']} events were missing from the stream and wait to be sent again."],
    )
