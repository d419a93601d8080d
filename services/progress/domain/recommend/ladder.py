"""The ladder of treatment: which step is the next one down, and which the next one up."""

from dataclasses import dataclass
from datetime import date

from contracts.rulebook import Rulebook
from contracts.vocabulary import LevelOfCare
from services.progress.domain.facts import Kind
from services.progress.domain.state import Episode
from services.progress.domain.telling import band_of

NEXT_LEVEL_UP = "2.5"


@dataclass(frozen=True, slots=True)
class Rung:
    """A place on the ladder of treatment: what it takes to get there, and how much it is."""

    kind: Kind
    level: LevelOfCare
    minutes: int
    until_on: date | None = None
    """Last day of a transition taper."""


def rung_down(state: Episode, rules: Rulebook) -> Rung | None:
    """The next lower rung: inside the level while its minimum allows one, else the lower level (K9)."""
    band = band_of(state, rules)
    lower = rules.program.below(state.level)
    if band is None or lower is None or height(state.level) <= height(lower):
        return None
    # The level's own minimum is a rung too: programs for adolescents end there, not at 540.
    steps = {*rules.program.ladder_minutes, band.min_minutes}
    inside = [m for m in steps if band.min_minutes <= m < state.weekly_minutes]
    if inside:
        return Rung(Kind.INTENSITY_REDUCTION, state.level, max(inside))
    # Nothing below leads to more: a taper may have gone below the minutes of the next level.
    minutes = min(rules.program.lower_level_minutes, state.weekly_minutes)
    return Rung(Kind.LEVEL_CHANGE, lower, minutes)


def rung_up(state: Episode, rules: Rulebook) -> Rung | None:
    """The next higher rung: back to the home level, more minutes inside it, or a transfer beyond it."""
    home = band_of(state, rules, state.home_level)
    if home is None:
        return None
    if not state.attending:
        return Rung(Kind.READMIT, state.home_level, home.min_minutes)
    if state.level != state.home_level:
        return Rung(Kind.LEVEL_CHANGE, state.home_level, home.min_minutes)
    steps = {*rules.program.ladder_minutes, home.min_minutes}
    inside = [m for m in steps if state.weekly_minutes < m <= home.max_minutes]
    if inside:
        return Rung(Kind.INTENSITY_INCREASE, state.level, min(inside))
    above = LevelOfCare(edition=state.level.edition, code=NEXT_LEVEL_UP)
    beyond = band_of(state, rules, above)
    return Rung(Kind.TRANSFER, above, beyond.min_minutes) if beyond else None


def height(level: LevelOfCare) -> tuple[int, ...]:
    """How high a level stands among the others."""
    return tuple(int(part) for part in level.code.split("."))
