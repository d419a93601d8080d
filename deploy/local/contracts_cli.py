"""`handrail contracts`: the gate that every change of the published language passes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

import contracts
from contracts import catalogue, description
from contracts.compatibility import breaking_changes
from contracts.event import Event
from deploy.local.contract_examples import example_of

FOLDER = Path(contracts.__file__).parent
README = FOLDER.parent / "README.md"
BEGIN, END = "<!-- events:begin -->", "<!-- events:end -->"

app = typer.Typer(help="Check and freeze the published language.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The folder with the frozen schemas and golden payloads.

    A golden payload is never overwritten: when a schema grows, the older one stays as `<type>.<n>.json`.
    """

    folder: Path = FOLDER

    def schema_file(self, name: str) -> Path:
        return self.folder / "schemas" / f"{name}.json"

    def example_file(self, name: str) -> Path:
        return self.folder / "examples" / f"{name}.json"

    def schema(self, name: str) -> dict[str, Any] | None:
        file = self.schema_file(name)
        return json.loads(file.read_text()) if file.exists() else None

    def examples(self, name: str) -> list[Path]:
        """Every golden payload that was ever frozen for a type."""
        older = sorted(self.folder.glob(f"examples/{name}.*.json"))
        newest = self.example_file(name)
        return [*older, *([newest] if newest.exists() else [])]

    def types(self) -> set[str]:
        return {file.stem for file in self.folder.glob("schemas/*.json")}


def breaches(frozen: Frozen, events: dict[str, type[Event]]) -> Iterator[str]:
    """One sentence for everything about the published language that is not in order."""
    for name in sorted(frozen.types() - events.keys()):
        yield f"{name} was published and nobody says it any more: keep the class, or deprecate it first."
    for name, event in events.items():
        yield from _breaches_of(frozen, name, event)


def _breaches_of(frozen: Frozen, name: str, event: type[Event]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Z].*\.", event.summary()):
        yield f"{name} needs a summary: one sentence as the first line of its docstring."
    schema, now = frozen.schema(name), description.schema_of(event)
    if schema is None:
        yield f"{name} has no frozen schema: run `handrail contracts freeze`."
    elif changes := breaking_changes(schema, now):
        yield from (
            f"{name}: {change}. Say it as v{event.VERSION + 1} beside v{event.VERSION}." for change in changes
        )
    elif schema != now:
        yield f"{name} has grown since it was frozen: run `handrail contracts freeze`."
    examples = frozen.examples(name)
    if not examples:
        yield f"{name} has no golden payload: run `handrail contracts freeze`."
    for file in examples:
        try:
            event.model_validate_json(file.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            yield f"{name} no longer parses {file.name}: {where}: {first['msg']}."


def freeze_all(frozen: Frozen, events: dict[str, type[Event]]) -> list[str]:
    """Write the schema and golden payload of every event that is new or has grown; returns their names.

    Raises ValueError, and writes nothing, where a change would break somebody.
    """
    broken = [
        f"{name}: {change}"
        for name, event in events.items()
        if (schema := frozen.schema(name)) is not None
        for change in breaking_changes(schema, description.schema_of(event))
    ]
    if broken:
        raise ValueError("; ".join(broken))
    changed = [
        n for n, e in events.items() if frozen.schema(n) != description.schema_of(e) or not frozen.examples(n)
    ]
    examples = {name: example_of(events[name]) for name in changed}
    for name in changed:
        _write(frozen.schema_file(name), description.schema_of(events[name]))
        newest = frozen.example_file(name)
        if newest.exists() and json.loads(newest.read_text()) != examples[name]:
            newest.rename(newest.with_name(f"{name}.{len(frozen.examples(name))}.json"))
        _write(newest, examples[name])
    return changed


def tables() -> description.Tables:
    """What each service hears and says, from its own table."""
    found = {}
    for name in catalogue.SPEAKERS:
        service = import_module(f"services.{name}.app").service
        found[name] = (tuple(service.hears), tuple(service.says))
    return found


def described_readme(text: str, sections: str) -> str:
    """A README with the part between its markers renewed; raises ValueError where the markers are missing."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n{sections}{END}{tail}"


def _write(file: Path, document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Compare every event with what was published: nothing that anybody relies on may change."""
    events = catalogue.all_events()
    found = list(breaches(Frozen(), events))
    if as_json:
        typer.echo(json.dumps({"events": len(events), "breaches": found}))
    else:
        for sentence in found:
            typer.echo(sentence, err=True)
        if not found:
            typer.echo(f"{len(events)} events are as published.")
    raise typer.Exit(1 if found else 0)


@app.command()
def freeze(*, as_json: AsJson = False) -> None:
    """Publish new events and new optional fields; a breaking change is refused."""
    try:
        changed = freeze_all(Frozen(), catalogue.all_events())
    except (ValueError, LookupError) as error:
        typer.echo(f"Nothing was frozen: {error}.", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        json.dumps({"frozen": changed}) if as_json else f"Frozen: {', '.join(changed) or 'nothing new'}."
    )


@app.command()
def describe(*, as_json: AsJson = False) -> None:
    """Write contracts/asyncapi.json and the event tables of the README from the tables of the services."""
    known = tables()
    written = [str((FOLDER / "asyncapi.json").relative_to(FOLDER.parent))]
    _write(FOLDER / "asyncapi.json", description.asyncapi(known))
    if README.exists():
        try:
            README.write_text(described_readme(README.read_text(), description.readme_sections(known)))
        except ValueError as error:
            typer.echo(f"The README was left alone: {error}.", err=True)
        else:
            written.append(README.name)
    typer.echo(json.dumps({"written": written}) if as_json else f"Written: {', '.join(written)}.")
