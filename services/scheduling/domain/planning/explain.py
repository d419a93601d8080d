"""Why somebody cannot be placed: which rule stands alone in the way, and what would free it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from services.scheduling.domain.planning.best import best_week, choices_of
from services.scheduling.domain.planning.problem import Person, Problem, Use, Week
from services.scheduling.domain.planning.seating import Seating


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule without which there would be a week, and that week."""

    rule: str
    week: Week
    missing: tuple[str, ...] = ()
    """The items of that week that the rule keeps from the person."""


def reasons(seating: Seating, person: Person, anytime: frozenset[str] = frozenset()) -> list[Reason]:
    """Every rule that alone stands in the way; empty where several do together.

    `anytime` are the items that the person could take if they could come at any time.
    """
    closed = seating.full(person.may | anytime) | seating.forbidden(person)
    found = []
    for rule, other, shut in _without(seating.problem, person, anytime, closed):
        best = best_week(choices_of(seating.problem, other), shut)
        if best is not None:
            kept_from = best.week & (closed - shut) | best.week - person.may
            found.append(Reason(rule, best.week, tuple(sorted(kept_from))))
    return found


def _without(
    problem: Problem, person: Person, anytime: frozenset[str], closed: set[str]
) -> Iterator[tuple[str, Person, set[str]]]:
    """The person with one rule less each time, and what is still closed then."""
    uses = {use: {i for i in person.may if problem.items[i].use is use} for use in Use}
    yield "no_free_seat", person, closed - uses[Use.BLOCK]
    if anytime:
        yield "not_available", replace(person, may=person.may | anytime), closed
    if person.individual:
        yield "no_individual_time", replace(person, individual=False), closed
    if person.family:
        yield "no_family_time", replace(person, family=False), closed
    for kind in sorted(person.kinds):
        yield f"no_{kind}", replace(person, kinds=person.kinds - {kind}), closed
    if person.max_gap_days < 7:
        yield "gap", replace(person, max_gap_days=7), closed
    if person.min_days > 1 or person.max_days < 7:
        yield "days", replace(person, min_days=1, max_days=7), closed
    yield "minutes", replace(person, min_minutes=1, max_minutes=7 * 24 * 60), closed
