"""Small words that every decision of progress uses."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from contracts.decisions import Guard, Moment, Refused
from contracts.progress import EpisodeStateChanged, RecommendationDeclined
from contracts.rulebook import Band, Rulebook
from contracts.vocabulary import Actor, ActorType, LevelOfCare
from services.progress.domain.evolve import fold
from services.progress.domain.facts import Stage
from services.progress.domain.state import Episode

Facts: TypeAlias = list[Any]
Step: TypeAlias = Callable[[Episode, Moment], Sequence[Any]]

CLINICAL_ROLES = frozenset({"clinician", "director"})
HANDRAIL = Actor(type=ActorType.SYSTEM, id="handrail", role="system")


def about(state: Episode, actor: Actor) -> dict[str, Any]:
    """The fields that every event about this person carries."""
    return {
        "network_id": state.network_id,
        "site_id": state.site_id,
        "episode_id": state.id,
        "patient_id": state.patient_id,
        "part2": state.part2,
        "actor": actor,
    }


def then(state: Episode, moment: Moment, facts: Sequence[Any], *steps: Step) -> Facts:
    """Facts so far, and what follows from them: each step judges the state that the facts before it left."""
    told = list(facts)
    for step in steps:
        told += step(fold(state, told), moment)
    return told


def moved(state: Episode, moment: Moment, to: Stage, transition: str) -> EpisodeStateChanged:
    """The episode goes from its state to another."""
    return EpisodeStateChanged(
        **about(state, moment.actor), from_state=state.stage, to_state=to, transition=transition
    )


def withdrawn(state: Episode, recommendation_id: str, reason: str) -> RecommendationDeclined:
    """Handrail itself takes a recommendation off the table."""
    return RecommendationDeclined(
        **about(state, HANDRAIL), recommendation_id=recommendation_id, by="system", reason=reason
    )


_LAST_DAY = date(9000, 1, 1)
"""Beyond it a date is a mistake, and no day can be added to the very last one."""


def midnight(day: date, tz: str) -> datetime:
    """The instant at which a civil day begins at the site."""
    return datetime.combine(day, time(), ZoneInfo(tz)).astimezone(UTC)


def days_between(start: date, end: date) -> int:
    """Civil days from one date to another."""
    return (end - start).days


def after_days(start: date, days: int, tz: str) -> datetime:
    """The instant at which "N days since start" is reached."""
    return midnight(min(start, _LAST_DAY) + timedelta(days=days), tz)


def due_in(state: Episode, moment: Moment) -> date:
    """The day by which somebody looks at what has come up now."""
    return state.day(moment.at) + timedelta(days=moment.rules.progress.review_task_days)


def band_of(state: Episode, rules: Rulebook, level: LevelOfCare | None = None) -> Band | None:
    """The weekly minutes of a level for this person; None where the rulebook knows no such level."""
    try:
        return rules.band(level or state.level, state.age_band)
    except LookupError:
        return None


def clinical(moment: Moment) -> Guard:
    """A person with a clinical role must stand behind this."""
    person = moment.actor.type is ActorType.USER and moment.actor.role in CLINICAL_ROLES
    return Guard(
        "clinical_role", person, "a clinician or director has to decide this", {"role": moment.actor.role}
    )


def at_stage(state: Episode, *stages: Stage) -> Guard:
    """The episode must stand at one of these states."""
    wanted = " or ".join(stages)
    return Guard(
        "state", state.stage in stages, f"the episode is {state.stage}, not {wanted}", {"state": state.stage}
    )


def in_treatment(state: Episode) -> Guard:
    """The program itself must still go on."""
    return Guard("state", state.treated, f"the episode is {state.stage}", {"state": state.stage})


def running(state: Episode) -> None:
    """Refuse what comes after the end of the episode."""
    if state.over:
        raise Refused("episode_over", "This episode has ended.", discharged_on=str(state.discharged_on))
