"""Who may do what on NATS, derived from what each service says. Closed by default."""

from collections.abc import Iterable, Mapping
from typing import Any

from contracts.event import Event
from contracts.subjects import STREAM, said_subjects

COMMANDS = "handrail-command"
"""Root of the request/reply subjects, outside everything that the stream stores."""

_READ = (
    "$JS.API.INFO",
    f"$JS.API.STREAM.INFO.{STREAM}",
    f"$JS.API.CONSUMER.CREATE.{STREAM}.>",
    f"$JS.API.CONSUMER.INFO.{STREAM}.>",
    f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.>",
    f"$JS.API.CONSUMER.DELETE.{STREAM}.>",
)


def inbox_prefix(user: str) -> str:
    """The only place where a user receives answers, so that nobody reads another's."""
    return f"_INBOX_{user}"


def permissions(service_name: str, says: Iterable[type[Event]]) -> dict[str, Any]:
    """A service publishes exactly what it says, reads by consumers, and answers its own commands."""
    commands = f"{COMMANDS}.{service_name}"
    return {
        "publish": {"allow": [*sorted(said_subjects(event) for event in says), *_READ]},
        "subscribe": {"allow": [f"{inbox_prefix(service_name)}.>", commands, f"{commands}.>"]},
        "allow_responses": True,
    }


def integrator_permissions() -> dict[str, Any]:
    """Reads the stream by consumers of its own; says nothing."""
    return {
        "publish": {"allow": [*_READ, f"$JS.ACK.{STREAM}.>"]},
        "subscribe": {"allow": [f"{inbox_prefix('integrator')}.>"]},
    }


def users(
    passwords: Mapping[str, str], services: Mapping[str, Iterable[type[Event]]]
) -> list[dict[str, Any]]:
    """The users of nats-server's configuration: services, integrator, and the unlimited operator."""
    known: dict[str, dict[str, Any] | None] = {"operator": None, "integrator": integrator_permissions()}
    known |= {name: permissions(name, says) for name, says in services.items()}
    return [
        {"user": user, "password": passwords[user]} | ({"permissions": rights} if rights else {})
        for user, rights in known.items()
    ]
