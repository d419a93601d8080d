"""`handrail reconcile`: the command line of the comparison."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.network import DEFAULT_DATA

app = typer.Typer(add_completion=False)


@app.command()
def reconcile(
    data: Annotated[Path, typer.Option("--data", help="Folder of the running network.")] = DEFAULT_DATA,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Check bodies, places, transactions and states too. For a network at rest."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Compare outboxes, stream and inboxes: what is lost, doubled, out of order or parked."""
    import asyncio

    from deploy.local.network import Network
    from deploy.local.output import show
    from deploy.local.proof import Proof, prove
    from deploy.local.reconcile import Findings, examine

    network = Network.running(data)
    findings: Findings | Proof = asyncio.run(prove(network)) if deep else asyncio.run(examine(network))
    summary = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in findings.counts().items())
    show(asdict(findings), as_json, lambda _: [*findings.details, summary])
    if any(findings.counts().values()):
        raise typer.Exit(1)
