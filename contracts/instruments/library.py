"""The definitions that travel with Handrail: one file per instrument and version, read once."""

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from contracts.instruments.definition import Instrument

_FOLDER = Path(__file__).parent
_BETWEEN = re.compile(r"[\s_./\u2010-\u2015-]+")


class UnknownInstrument(LookupError):
    """There is no such instrument, no such version, or it must be said which version."""


def names() -> tuple[str, ...]:
    """Canonical names, in alphabetical order."""
    return tuple(_shelf())


def canonical(name: str) -> str:
    """The name of an instrument however it is written: `PHQ-9` is phq9; raises UnknownInstrument."""
    found = _spellings().get(_squeezed(name))
    if found is None:
        raise UnknownInstrument(f"There is no instrument of that name; there are {', '.join(names())}.")
    return found


def versions(name: str) -> tuple[str, ...]:
    """The versions of an instrument, the default first; raises UnknownInstrument."""
    return tuple(_shelf()[canonical(name)])


def find(name: str, version: str | None = None) -> Instrument:
    """An instrument in a version, or in its default one; raises UnknownInstrument."""
    kept = _shelf()[canonical(name)]
    if version is None:
        return next(iter(kept.values()))
    if version not in kept:
        raise UnknownInstrument(f"{canonical(name)} has no such version; it has {' and '.join(kept)}.")
    return kept[version]


def read(text: str) -> Instrument:
    """A definition as it stands in a file; raises ValueError where it does not hold together."""
    raw = tomllib.loads(text)
    raw["items"] = [item for group in raw.get("items", []) for item in _items(group)]
    # As JSON, because a strict model takes a list for a tuple only from there.
    return Instrument.model_validate_json(json.dumps(raw))


def _items(group: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a group with one set of values, which may be a range such as "0-30"."""
    values = group.get("values")
    if isinstance(values, str):
        low, high = values.split("-")
        group = group | {"values": list(range(int(low), int(high) + 1))}
    if "keys" not in group:
        return [group]
    shared = {key: value for key, value in group.items() if key != "keys"}
    return [shared | {"key": key} for key in group["keys"]]


@cache
def _shelf() -> dict[str, dict[str, Instrument]]:
    shelf: dict[str, dict[str, Instrument]] = {}
    for file in sorted(_FOLDER.glob("*.toml")):
        instrument = read(file.read_text(encoding="utf-8"))
        if file.name != f"{instrument.name}.{instrument.version}.toml":
            raise ValueError(f"{file.name} holds {instrument.name}, version {instrument.version}")
        kept = shelf.setdefault(instrument.name, {})
        shelf[instrument.name] = (
            {instrument.version: instrument} | kept
            if instrument.default
            else kept | {instrument.version: instrument}
        )
    for name, kept in shelf.items():
        if sum(instrument.default for instrument in kept.values()) != 1:
            raise ValueError(f"{name} needs exactly one default version")
    return shelf


@cache
def _spellings() -> dict[str, str]:
    return {
        _squeezed(spelling): name
        for name, kept in _shelf().items()
        for instrument in kept.values()
        for spelling in (name, *instrument.aliases)
    }


def _squeezed(name: str) -> str:
    return _BETWEEN.sub("", name).casefold()
