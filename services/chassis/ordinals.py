"""Whether a message of a service is missing in a lane: each says the how manieth it is."""

from collections.abc import Mapping

_AT = ""
"""Stands beside the ordinals: the position they were written with, so that they are trusted only there."""
_UNSURE = "?"
"""Stands beside them in a lane that was once moved by code that knew no ordinals."""


class Ordinals:
    """The last ordinal read of every service and lane."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], int] = {}
        self._unsure: set[int] = set()

    def resume(self, lane: int, seq: int, kept: Mapping[str, int]) -> None:
        """Go on from what was kept with a position.

        Code that knew no ordinals moves the position alone: then the first one of each service is believed.
        """
        trusted = not seq or kept.get(_AT) == seq
        if not trusted or _UNSURE in kept:
            self._unsure.add(lane)
        if trusted:
            self._last |= {(lane, teller): n for teller, n in kept.items() if teller not in (_AT, _UNSURE)}

    def take(self, lane: int, teller: str, ordinal: int) -> bool:
        """Whether nothing is missing before this message; 0 is a message that does not say its ordinal."""
        if not ordinal:
            return True
        last = self._last.get((lane, teller), ordinal - 1 if lane in self._unsure else 0)
        if ordinal > last + 1:
            return False
        self._last[lane, teller] = max(last, ordinal)
        return True

    def of(self, lane: int, seq: int) -> dict[str, int]:
        """What is to be kept with a position."""
        marks = {_AT: seq} | ({_UNSURE: 1} if lane in self._unsure else {})
        return marks | {teller: n for (of_lane, teller), n in self._last.items() if of_lane == lane}
