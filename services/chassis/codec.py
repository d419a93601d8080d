"""States and facts to JSON and back, by their types."""

from functools import cache, lru_cache
from typing import Any

from pydantic import TypeAdapter

from contracts import subjects

lane_of = lru_cache(maxsize=65_536)(subjects.lane_of)
"""The lane of an aggregate: hashed byte by byte, so worth remembering."""


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The adapter of a type, built once."""
    return TypeAdapter(kind)


def dump(value: Any) -> str:
    """A state or fact as JSON."""
    kind: Any = type(value)
    return adapter(kind).dump_json(value).decode()


def load(kind: type, text: str) -> Any:
    """A state or fact from JSON; raises ValueError where it does not fit."""
    return adapter(kind).validate_json(text)
