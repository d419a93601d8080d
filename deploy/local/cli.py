"""The command `handrail`. Imports late, so that help is instant."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deploy.local.output import say, show, show_trouble
from deploy.local.trouble import Trouble

EXTENSIONS = {
    "demo": "A network of sites lives through twenty weeks in about a minute.",
    "score": "Score the answers to a screening instrument.",
    "rules": "Check the rulebook, and show the rules in force at a place.",
    "events": "The catalogue of events, a live view, one event, a replay.",
    "trace": "The story of a patient or an event: what caused what.",
    "reconcile": "Compare outboxes, stream and inboxes.",
    "audit": "Whether every replica of the stream is whole, and mending it.",
    "rebuild": "Refill the stream from the outboxes.",
    "parked": "What a rule could not take: list, show, retry, drop.",
    "bench": "The benchmarks, for anyone to repeat.",
    "faults": "The fault runs, for anyone to repeat.",
    "contracts": "The evolution gate of the published events.",
}
"""Commands of their own module: `deploy/local/<name>_cli.py` with a typer application `app`."""


class Group(TyperGroup):
    """Knows the extensions by name and imports one only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *(name for name in EXTENSIONS if _module_of(name))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module = _module_of(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        if ctx.params.get("_called") != cmd_name:
            return typer.main.get_command(_placeholder(cmd_name))
        command = typer.main.get_command(importlib.import_module(module).app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        ctx.params["_called"] = args[0]
        try:
            return super().resolve_command(ctx, args)
        finally:
            ctx.params.pop("_called", None)


def _module_of(name: str) -> str | None:
    module = f"deploy.local.{name}_cli"
    return module if name in EXTENSIONS and importlib.util.find_spec(module) else None


def _placeholder(name: str) -> typer.Typer:
    only_help = typer.Typer(add_completion=False)
    only_help.command(name, help=EXTENSIONS[name])(lambda: None)
    return only_help


class Clock(StrEnum):
    """Which time the services follow."""

    WALL = "wall"
    MANUAL = "manual"


app = typer.Typer(
    cls=Group,
    help="Handrail: intensive outpatient programs, run by events. Everything here runs on this machine.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
clock_app = typer.Typer(help="What time it is for the network, and moving it on.")
app.add_typer(clock_app, name="clock")

Data = Annotated[Path, typer.Option("--data", help="Folder that holds everything.", envvar="HANDRAIL_DATA")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Net = Annotated[str, typer.Option("--network", help="The network of sites.")]
DATA = Path(".handrail")


@app.command()
def up(data: Data = DATA, clock: Clock = Clock.WALL, as_json: Json = False) -> None:
    """Start the whole network and keep it running until Ctrl-C."""
    from deploy.local import running

    running.up(data, clock.value, as_json)


@app.command()
def down(data: Data = DATA, as_json: Json = False) -> None:
    """Stop a running network, draining everything."""
    from deploy.local import running

    show(running.down(data), as_json, running.down_lines)


@app.command()
def status(data: Data = DATA, as_json: Json = False) -> None:
    """What runs where, lag and parked counts.

    Exit code 0 if all four services are ready.
    """
    from deploy.local import status as module

    document = module.status(data)
    show(document, as_json, module.lines)
    raise typer.Exit(0 if document["ready"] else 1)


@app.command()
def doctor(data: Data = DATA, as_json: Json = False) -> None:
    """What is wrong, and the command that mends it.

    Exit code 0 if nothing is wrong.
    """
    from deploy.local import doctor as module

    document = module.examine(data)
    show(document, as_json, module.lines)
    raise typer.Exit(0 if document["ok"] else 1)


@app.command()
def token(
    role: Annotated[
        str, typer.Option(help="admissions, clinician, director, scheduler, biller or operator.")
    ],
    sites: Annotated[str, typer.Option(help="Comma-separated site ids.")] = "main",
    network: Net = "local",
    subject: Annotated[str | None, typer.Option(help="Who it is; by default <role>-1.")] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="How long it holds.")] = 12,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A bearer token for the HTTP APIs of this network."""
    from deploy.local import tokens
    from deploy.local.network import Network

    if role not in tokens.ROLES:
        raise Trouble(
            f"There is no role {role!r}.", f"Roles: {', '.join(tokens.ROLES)}.", code="usage", exit_code=2
        )
    where = Network(data)
    where.load()
    names = [name.strip() for name in sites.split(",") if name.strip()]
    minted = where.token(role, network, names, subject, hours * tokens.HOUR)
    document = {"token": minted, "role": role, "network": network, "sites": names, "hours": hours}
    show(document, as_json, lambda d: [str(d["token"])])


@app.command()
def refer(
    files: Annotated[list[Path], typer.Argument(help="FHIR R4 bundles, JSON.", metavar="FILE...")],
    data: Data = DATA,
    network: Net = "local",
    site: Annotated[
        str | None, typer.Option(help="The site that is asked; by default the only one, or a new one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send referrals to intake: accepted or refused.

    A line for each file, with the reason if it was refused. Exit code 1 if any was.
    """
    import json

    from deploy.local import refer as module

    answers = module.refer(data, files, network, site)
    if as_json:
        print(json.dumps(answers, ensure_ascii=False))
    else:
        for answer in answers:
            print(module.line(answer))
    raise typer.Exit(0 if all(answer["outcome"] == "accepted" for answer in answers) else 1)


@clock_app.command("show")
def clock_show(data: Data = DATA, as_json: Json = False) -> None:
    """The time of the network."""
    from deploy.local import clock as module

    show(module.show(data), as_json, module.lines)


@clock_app.command("advance")
def clock_advance(
    to: Annotated[str | None, typer.Option(help="An instant, such as 2026-01-12T09:00:00Z.")] = None,
    by: Annotated[str | None, typer.Option(help="A stretch of time, such as 90min, 36h, 3d or 2w.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Move a manual clock on, until all is quiet again."""
    from deploy.local import clock as module

    show(module.advance(data, to, by), as_json, module.lines)


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code: 0 done, 1 not done, 2 asked wrongly."""
    as_json = "--json" in arguments
    try:
        code = app(list(arguments) or ["--help"], prog_name="handrail", standalone_mode=False)
    except Trouble as trouble:
        show_trouble(trouble.sentence, trouble.hint, trouble.code, as_json)
        return trouble.exit_code
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        hint = f"{context.command_path if context else 'handrail'} --help"
        show_trouble(error.format_message().rstrip(".") + ".", hint, "usage", as_json)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        say("interrupted")
        return 1
    except Exception as error:
        if os.environ.get("HANDRAIL_DEBUG"):
            raise
        hint = "Run it again with HANDRAIL_DEBUG=1 to see where, and report it."
        show_trouble(f"A fault of Handrail's own: {type(error).__name__}: {error}", hint, "internal", as_json)
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
