"""States and facts to JSON and back, by their types."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter


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
