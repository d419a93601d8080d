"""The instruments that can be followed during treatment."""

from contracts import instruments
from contracts.instruments import Instrument
from contracts.rulebook import Rulebook


def scale_of(name: str, rules: Rulebook) -> Instrument | None:
    """The definition of an instrument, the network's own numbers over it; None where there is none."""
    if name not in instruments.names():
        return None
    return instruments.adjusted(instruments.find(name), rules.instruments.get(name, {}))


def followed(rules: Rulebook) -> tuple[str, ...]:
    """Names of the instruments with a total in whole points: what a measure and a goal are about."""
    scales = ((name, scale_of(name, rules)) for name in instruments.names())
    return tuple(name for name, scale in scales if scale and is_followed(scale))


def is_followed(scale: Instrument) -> bool:
    """Whether results of an instrument can be held against each other by one number."""
    return scale.limits is not None and scale.decimals == 0
