"""`handrail rules`: the numbers in force at a place, and where each comes from; needs no network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.local.output import Document, show
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    from contracts.rulebook import Rulebook

app = typer.Typer(add_completion=False)


@app.command()
def rules(
    file: Annotated[
        Path | None, typer.Option("--file", help="A network's own rulebook; else HANDRAIL_RULEBOOK.")
    ] = None,
    network: Annotated[str, typer.Option(help="Whose rules.")] = "",
    site: Annotated[str, typer.Option(help="At which site.")] = "",
    program: Annotated[str, typer.Option(help="In which program.")] = "",
    payer: Annotated[list[str] | None, typer.Option(help="A payer's id, or a kind of plan.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Check the rulebook, and show the rules in force at a place with their sources."""
    found = _rulebook(file)
    document: dict[str, Any] = found.at(network, site, program, payer or ()).model_dump(mode="json")
    laid = document.pop("layers")
    places = ((network,), (site,), (program,), tuple(payer or ()))
    document["laid_over"] = [
        layer for layer, known in zip(laid, found.layers, strict=True) if known.fits(places)
    ]
    show(document, as_json, _lines)


def _rulebook(file: Path | None) -> "Rulebook":
    from contracts.rulebook import BadRulebook, rulebook

    try:
        return rulebook(str(file) if file else None)
    except BadRulebook as error:
        hint = "Every table names its source in `cite`; handrail rules --json shows all of them."
        raise Trouble(str(error), hint, code="bad_rulebook") from None


def _lines(document: Document) -> list[str]:
    lines: list[str] = []
    for name, value in document.items():
        if name == "laid_over":
            continue
        tables = value if isinstance(value, list) else [value]
        for each in tables:
            lines += _table(name, each)
    lines += [f"laid over: {_place(layer)} ({layer['cite']})" for layer in document["laid_over"]]
    return lines


def _table(name: str, table: Any) -> list[str]:
    if not isinstance(table, dict):
        return [f"{name}: {table}"]
    nested = {k: v for k, v in table.items() if isinstance(v, dict) and "cite" in v}
    if nested:
        return [line for k, v in nested.items() for line in _table(f"{name}.{k}", v)]
    cite = table.get("cite")
    return [
        f"{name}{f'  ({cite})' if cite else ''}",
        *(f"  {key} = {value}" for key, value in table.items() if key != "cite"),
    ]


def _place(layer: dict[str, Any]) -> str:
    return ", ".join(f"{key} {layer[key]}" for key in ("network", "site", "program", "payer") if layer[key])
