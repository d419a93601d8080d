"""`handrail parked`: what a rule could not take."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.network import DEFAULT_DATA, Network
from deploy.local.output import show, table
from deploy.local.secrets import SERVICES
from deploy.local.trouble import Trouble

app = typer.Typer(add_completion=False, no_args_is_help=True)
Data = Annotated[Path, typer.Option("--data", help="Folder of the running network.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Of = Annotated[str, typer.Option("--service", help="The service that parked it.")]
Id = Annotated[str, typer.Argument(help="Id of the parked aggregate.")]


def _ask(network: Network, service: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    if service not in SERVICES:
        raise Trouble(
            f"There is no service {service!r}.",
            f"One of: {', '.join(SERVICES)}.",
            code="invalid",
            exit_code=2,
        )
    request = urllib.request.Request(  # noqa: S310 - the address is one of our own on loopback
        network.url(service) + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {network.token()}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            document: dict[str, Any] = json.load(answer)
            return document
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        raise Trouble(
            problem.get("detail", "The service refused."), code=problem.get("code", "refused")
        ) from None
    except OSError:
        raise Trouble(f"{service} does not answer.", "handrail status", code="unreachable") from None


@app.command("list")
def list_parked(
    data: Data = DEFAULT_DATA,
    dropped: Annotated[bool, typer.Option("--dropped", help="What was given up, and why.")] = False,
    as_json: Json = False,
) -> None:
    """List everything parked, by service, oldest first."""
    network = Network.running(data)
    path = "/v1/parked?dropped=true" if dropped else "/v1/parked"
    items = [{"service": s, **i} for s in SERVICES for i in _ask(network, s, path)["items"]]
    show(
        {"parked": items},
        as_json,
        lambda _: (
            table(
                [
                    ["service", "aggregate", "message", "reason", "since"],
                    *(
                        [
                            i["service"],
                            i["aggregate_id"],
                            i["name"],
                            i.get("dropped_reason", i["reason"]),
                            i["parked_at"][:19],
                        ]
                        for i in items
                    ),
                ]
            )
            if items
            else ["Nothing was dropped." if dropped else "Nothing is parked."]
        ),
    )


@app.command("show")
def show_parked(aggregate_id: Id, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show why an aggregate is parked: the reason, the kind of error and where in the code."""
    network = Network.running(data)
    items = [
        {"service": s, **i}
        for s in SERVICES
        for i in _ask(network, s, "/v1/parked")["items"]
        if i["aggregate_id"] == aggregate_id
    ]
    if not items:
        raise Trouble("Nothing is parked for this id.", "handrail parked list", code="unknown")
    show({"parked": items}, as_json, lambda _: [json.dumps(i, indent=2) for i in items])


@app.command()
def retry(aggregate_id: Id, service: Of, data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Try everything parked for an aggregate again, in order."""
    answer = _ask(Network.running(data), service, f"/v1/parked/{aggregate_id}/retry", {})
    show(answer, as_json, lambda _: ["It will be tried again; see `handrail parked list`."])


@app.command()
def drop(
    aggregate_id: Id,
    service: Of,
    reason: Annotated[str, typer.Option(help="Why it is given up; kept with the message.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Give up the oldest parked message of an aggregate; the reason is kept."""
    answer = _ask(Network.running(data), service, f"/v1/parked/{aggregate_id}/drop", {"reason": reason})
    show(answer, as_json, lambda _: [f"Message {answer.get('dropped')} was dropped."])
