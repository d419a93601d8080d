"""The instruments that can be followed during treatment."""

from contracts import instruments
from contracts.instruments import Instrument
from contracts.instruments.definition import Scoring
from contracts.rulebook import Rulebook

GLOBAL = "global"
"""The mean of an instrument's means, beside its subscales."""


def scale_of(name: str, rules: Rulebook, version: str | None = None) -> Instrument | None:
    """The definition of an instrument, the network's own numbers over it; None where there is none."""
    if name not in instruments.names() or version not in (None, *instruments.versions(name)):
        return None
    return instruments.adjusted(instruments.find(name, version), rules.instruments.get(name, {}))


def followed(rules: Rulebook) -> tuple[str, ...]:
    """Names of the instruments with a total in whole points: what a measure and a goal are about."""
    scales = ((name, scale_of(name, rules)) for name in instruments.names())
    return tuple(name for name, scale in scales if scale and is_followed(scale))


def is_followed(scale: Instrument) -> bool:
    """Whether results of an instrument can be held against each other by one number."""
    return scale.limits is not None and scale.decimals == 0


def numbers(scale: Instrument) -> dict[str, tuple[int, int]]:
    """The parts of an instrument that are read as a number each, with the lowest and highest of it."""
    if scale.scoring is Scoring.MEANS and scale.limits is not None:
        return dict.fromkeys((*(s.name for s in scale.subscales), GLOBAL), scale.limits)
    return {s.name: scale.span(s.items) for s in scale.subscales}
