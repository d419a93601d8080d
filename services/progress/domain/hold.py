"""Treatment rests for a time."""

from datetime import date
from enum import StrEnum

from contracts.decisions import Moment
from contracts.progress import EpisodeHeld
from services.progress.domain.state import Episode
from services.progress.domain.telling import Facts, about


class HoldReason(StrEnum):
    """Why treatment rests."""

    MEDICAL = "medical"
    TRAVEL = "travel"
    INCARCERATION = "incarceration"
    FAMILY = "family"
    DETOX = "detox"


def hold(state: Episode, reason: HoldReason, expected_return_on: date, moment: Moment) -> Facts:
    """Treatment rests from today until the person is expected back."""
    return [
        EpisodeHeld(
            **about(state, moment.actor),
            reason=reason,
            held_from=state.day(moment.at),
            expected_return_on=expected_return_on,
            hold_id=moment.new_id("hold"),
        )
    ]
