"""How many sessions somebody missed in a row."""

from collections.abc import Mapping
from datetime import date

from contracts.vocabulary import MissKind
from services.scheduling.domain.calendar import Outcome


def counts(kind: MissKind) -> bool:
    """Whether a missed session counts toward the sessions missed in a row."""
    return kind in (MissKind.NO_SHOW, MissKind.LATE_CANCEL)


def missed_in_row(outcomes: Mapping[str, Outcome], before: int = 0) -> int:
    """Sessions missed one after the other at the end of these, in the order in which they took place."""
    row = before
    for _, outcome in sorted(outcomes.items(), key=_in_time):
        if outcome.attended:
            row = 0
        elif outcome.kind is not None and counts(outcome.kind):
            row += 1
    return row


def _in_time(item: tuple[str, Outcome]) -> tuple[date, float, str]:
    session_id, outcome = item
    return outcome.local_date, outcome.start_at.timestamp() if outcome.start_at else 0.0, session_id
