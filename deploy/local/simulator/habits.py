"""The model of what people do beside their sessions: meetings, medication, absences, help from outside."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from deploy.local.simulator.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Away:
    """A time for which treatment rests, agreed with the clinician."""

    reason: str
    day: int
    """Of the stay."""
    days: int


@dataclass(frozen=True, slots=True)
class Habits:
    """Everything beside the sessions that is a person's own doing."""

    meets_from: float
    """Day of the stay from which on somebody goes to meetings of mutual help; infinity for never."""
    medicated: bool
    away: Away | None
    outside: str
    """What somebody outside the network is asked to help with; empty for nothing."""
    outside_came_to: str
    signs_late: bool


def draw_habits(luck: Callable[[str], Random], substance: str, figures: Parameters) -> Habits:
    """One person's habits; every purpose has a generator of its own."""
    free, gone, help_ = luck("habits"), luck("away"), luck("outside")
    beside, community = figures.beside, figures.community
    return Habits(
        meets_from=_meets_from(luck("meetings"), figures) if substance else math.inf,
        medicated=bool(substance) and free.random() < beside.medicated,
        away=_away(gone, figures),
        outside=community.kind.draw(help_) if help_.random() < community.referred else "",
        outside_came_to=community.outcome.draw(help_),
        signs_late=free.random() < figures.plans.signs_late,
    )


def _meets_from(rng: Random, figures: Parameters) -> float:
    """Some go when they come, and more by the time they leave."""
    beside, luck = figures.beside, rng.random()
    if luck < beside.meets_at_admission:
        return 0
    late = luck < beside.meets_at_discharge
    return rng.uniform(0, figures.episode.network_90d.planned_end_days.mean) if late else math.inf


def _away(rng: Random, figures: Parameters) -> Away | None:
    absence = figures.absence
    day = rng.randint(absence.first_day, absence.last_day)
    reason = absence.reason.draw(rng)
    days = rng.randint(*absence.days[reason])
    return Away(reason, day, days) if rng.random() < absence.share else None
