"""The vocabulary in which pure rules speak to whoever runs them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from contracts.rulebook import Rulebook
from contracts.vocabulary import Actor

_IDS = UUID("6f0ad34e-6f0a-5c51-9a49-6d2d3b0f0c11")


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything a rule may know beside its state and the message: when, who, and a source of ids."""

    at: datetime
    """The instant in the message: rules judge by this, never by when it arrived."""
    actor: Actor
    cause: str
    """Id of the event, command or wake that is being judged."""
    rules: Rulebook
    """The numbers in force."""

    def there(self, what: Any) -> "Moment":
        """The same moment under the rules of the network and site that something belongs to."""
        network, site = getattr(what, "network_id", ""), getattr(what, "site_id", "")
        rules = self.rules.at(network, site)
        return self if rules is self.rules else replace(self, rules=rules)

    def new_id(self, name: str) -> str:
        """A fresh id that is the same again when the same message is judged again."""
        return str(uuid5(_IDS, f"{self.cause}/{name}"))


@dataclass(frozen=True, slots=True)
class Wake:
    """Ask to be woken: at `at`, the message `Woke(at, what)` reaches the same aggregate.

    One wake per `what` and aggregate: asking again moves it.
    """

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Unwake:
    """Take a wake back."""

    what: str


@dataclass(frozen=True, slots=True)
class Woke:
    """The instant that a rule asked for has come."""

    at: datetime
    what: str


class Refused(Exception):
    """A command was declined: a stable code, one clear sentence, the facts, and what to do."""

    def __init__(self, code: str, message: str, *, status: int = 409, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.hint = hint
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        return (_refused, (self.code, self.message, self.status, self.hint, self.facts))


def _refused(code: str, message: str, status: int, hint: str, facts: dict[str, Any]) -> Refused:
    return Refused(code, message, status=status, hint=hint, **facts)


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition of a transition, so that a refusal can list all that fail."""

    id: str
    holds: bool
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)


def require(code: str, message: str, guards: Sequence[Guard], *, hint: str = "") -> None:
    """Raise `Refused` naming every guard that fails; do nothing when all hold."""
    failed = [g for g in guards if not g.holds]
    if failed:
        raise Refused(
            code,
            f"{message}: {'; '.join(g.sentence for g in failed)}.",
            hint=hint,
            failed=[{"guard": g.id, "why": g.sentence, **g.facts} for g in failed],
        )
