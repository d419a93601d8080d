"""`handrail rebuild`: the stream again from the outboxes, or the schema of a service from the stream."""

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
    service: Annotated[
        str | None, typer.Option("--service", help="Fill the empty schema of this service from the stream.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Hand what the stream no longer holds back to the relays, which send it again in its order.

    With --service the other way round: from the stream into the empty schema of a service that does not run.
    """
    import asyncio

    from deploy.local.network import Network
    from deploy.local.output import show
    from deploy.local.rebuild import rebuild as refill

    if service is not None:
        _fill(data, service, as_json)
        return
    result = asyncio.run(refill(Network.running(data), anew))
    show(
        result,
        as_json,
        lambda _: [f"{result['missing']} events were missing from the stream and wait to be sent again."],
    )


def _fill(data: Path, service: str, as_json: bool) -> None:
    import asyncio

    from deploy.local.network import Network
    from deploy.local.output import show
    from deploy.local.rebuild import rebuild_service
    from deploy.local.secrets import SERVICES
    from deploy.local.trouble import Trouble

    if service not in SERVICES:
        known = f"Services: {', '.join(SERVICES)}."
        raise Trouble(f"There is no service {service!r}.", known, code="usage", exit_code=2)
    counts = asyncio.run(rebuild_service(Network.running(data), service))
    filled = ", ".join(f"{count} {what}" for what, count in counts.items())
    show(counts, as_json, lambda _: [f"{service} has its books again: {filled}."])
