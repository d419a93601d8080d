"""`handrail demo`: the command line of the demo."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    sites: Annotated[int, typer.Option(help="How many sites the network has.")] = 3,
    patients: Annotated[int, typer.Option(help="How many people ask for treatment, warm-up included.")] = 60,
    weeks: Annotated[int, typer.Option(help="How many weeks are lived through after the warm-up.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 7,
    referrals: Annotated[
        Path | None, typer.Option(help="A folder of FHIR bundles: these people come first.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder to live in; by default one that disappears.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the network up until Ctrl-C.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Ring every wake at its own instant; takes longer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Live through twenty weeks of a network of sites in about a minute."""
    from deploy.local.demo import run_demo

    run_demo(sites, patients, weeks, seed, referrals, keep=keep, json=as_json, data=data, exact=exact)
