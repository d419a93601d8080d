"""Whom a group is for, and whether a person is one of them: asked wherever anybody comes to sit. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.decisions import Guard
from contracts.scheduling import Attributes
from contracts.vocabulary import AgeBand


@dataclass(frozen=True, slots=True)
class Traits:
    """What is known of a person beside their age that a group may ask for."""

    language: str | None = None
    gender: str | None = None
    tracks: tuple[str, ...] = ()


def misfits(asked: Attributes, age_band: AgeBand, traits: Traits) -> dict[str, str]:
    """What a group asks for and this person is not known to be, by attribute."""
    holds = {
        "age_band": asked.age_band in (None, age_band),
        "language": asked.language is None or _tongue(asked.language) == _tongue(traits.language or ""),
        "gender": asked.gender is None or asked.gender.casefold() == traits.gender,
        "track": asked.track is None or asked.track in traits.tracks,
    }
    return {name: str(getattr(asked, name)) for name, fits in holds.items() if not fits}


def guard(
    groups: Iterable[Attributes], age_band: AgeBand, traits: Traits, override_reason: str | None = None
) -> Guard:
    """Every group is for this person; all but their age a person may accept with a reason."""
    found: dict[str, str] = {}
    for asked in groups:
        found |= misfits(asked, age_band, traits)
    asked_for = ", ".join(f"{name} {value}" for name, value in found.items())
    accepted = override_reason is not None and "age_band" not in found
    return Guard(
        "suits_the_group",
        not found or accepted,
        f"a group is for others than this person ({asked_for})",
        {"asks_for": found, "age_band": age_band.value},
    )


def _tongue(language: str) -> str:
    """The language without its region: who speaks pt-BR is at home in a group in pt."""
    return language.casefold().replace("_", "-").partition("-")[0]
