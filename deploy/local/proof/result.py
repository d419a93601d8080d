"""What a proof found."""

from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = (
    "lost",
    "doubled",
    "torn",
    "altered",
    "out_of_order",
    "parked_unexplained",
    "commands_lost",
    "answers_changed",
    "states_wrong",
)
SHOWN = 5


@dataclass(slots=True)
class Proof:
    """What does not hold, by kind; `details` has the first few of each."""

    events: int = 0
    """Facts written down to be said."""
    deliveries: int = 0
    """Rows of all inboxes."""
    facts: int = 0
    """Rows of all journals."""
    commands: int = 0
    """Commands that were answered with success."""
    asked_again: int = 0
    lost: int = 0
    """Written down and not in the stream or not heard, or in the stream and not written down."""
    doubled: int = 0
    """In the stream more than once, or applied more than once."""
    torn: int = 0
    """Kept in two transactions though it belongs into one: an interruption between them would show."""
    altered: int = 0
    """Content, place or header is another than what was written down."""
    out_of_order: int = 0
    parked_unexplained: int = 0
    commands_lost: int = 0
    answers_changed: int = 0
    states_wrong: int = 0
    """Stored states that their journal does not give."""
    details: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not any(self.counts().values())

    def counts(self) -> dict[str, int]:
        """How often each promise was broken."""
        return {kind: getattr(self, kind) for kind in KINDS}

    def note(self, kind: str, sentence: str, count: int = 1) -> None:
        """Count something that does not hold."""
        setattr(self, kind, getattr(self, kind) + count)
        if sum(known.startswith(f"{kind}:") for known in self.details) < SHOWN:
            self.details.append(f"{kind}: {sentence}")

    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "clean": self.clean}
