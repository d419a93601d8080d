"""What may change in a published schema, and what may not.

Streams are replayed, so new code reads old events; integrators update late, so old code reads new
ones. Only two changes are safe in both directions: a new optional property, and a new value of an
enum (enums are open for consumers). Everything else is a new major version. Wording such as titles
and descriptions is free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_WORDING = frozenset(
    {"$schema", "$id", "$comment", "$defs", "title", "description", "examples", "deprecated"}
)
_CHOICES = ("anyOf", "oneOf", "allOf")
_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_STRUCTURE = frozenset(
    {"properties", "required", "items", "prefixItems", "additionalProperties", "enum", *_CHOICES}
)


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One change that breaks somebody: where it is and what it does."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path} {self.what}"


def breaking_changes(old: Schema, new: Schema) -> list[Breach]:
    """Every change from one schema to the next that needs a new major version."""
    return sorted(set(_Comparison(old, new).between(old, new, "$")))


@dataclass(slots=True)
class _Comparison:
    old_root: Schema
    new_root: Schema
    under_way: frozenset[tuple[str, str]] = frozenset()
    """Pairs of references that are being compared: schemas may refer to themselves."""

    def between(self, old: Any, new: Any, path: str) -> Iterator[Breach]:
        if isinstance(old, bool) or isinstance(new, bool):
            if old != new:
                yield Breach(path, f"changed from {_short(old)} to {_short(new)}")
            return
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if any(pair):
            if pair in self.under_way:
                return
            inner = _Comparison(self.old_root, self.new_root, self.under_way | {pair})
            yield from inner.resolved(_resolve(old, self.old_root), _resolve(new, self.new_root), path)
        else:
            yield from self.resolved(old, new, path)

    def resolved(self, old: Schema, new: Schema, path: str) -> Iterator[Breach]:
        yield from _keywords(old, new, path)
        yield from _enum(old, new, path)
        yield from self._properties(old, new, path)
        yield from self._items(old, new, path)
        for choice in _CHOICES:
            yield from self._variants(old.get(choice, ()), new.get(choice, ()), f"{path}.{choice}")

    def _properties(self, old: Schema, new: Schema, path: str) -> Iterator[Breach]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required, now_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            here = f"{path}.{name}"
            if name not in after:
                yield Breach(here, "was removed")
                continue
            if name in now_required - required:
                yield Breach(here, "is newly required: older events do not have it")
            if name in required - now_required:
                yield Breach(here, "is no longer required: older consumers count on it")
            yield from self.between(before[name], after[name], here)
        for name in sorted(now_required - set(before)):
            yield Breach(f"{path}.{name}", "is new and required: older events do not have it")
        others, others_now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        yield from self.between(others, others_now, f"{path}.*")

    def _items(self, old: Schema, new: Schema, path: str) -> Iterator[Breach]:
        before, after = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(before) != len(after):
            yield Breach(f"{path}[]", f"had {len(before)} fixed items and has {len(after)}")
        for n, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from self.between(one, other, f"{path}[{n}]")
        yield from self.between(old.get("items", True), new.get("items", True), f"{path}[]")

    def _variants(self, old: Any, new: Any, path: str) -> Iterator[Breach]:
        """Pair variants in any order; what is left over was removed or added."""
        left = list(new)
        for n, variant in enumerate(old):
            fitting = [v for v in left if not list(self.between(variant, v, path))]
            same_kind = [v for v in left if _kind(v, self.new_root) == _kind(variant, self.old_root)]
            if fitting:
                left.remove(fitting[0])
            elif same_kind:
                left.remove(same_kind[0])
                yield from self.between(variant, same_kind[0], f"{path}[{n}]")
            else:
                yield Breach(path, f"no longer allows {_short(_kind(variant, self.old_root))}")
        for variant in left:
            yield Breach(path, f"newly allows {_short(_kind(variant, self.new_root))}")


def _keywords(old: Schema, new: Schema, path: str) -> Iterator[Breach]:
    """Everything without structure of its own: type, const, pattern, bounds, default, and words not known."""
    for word in sorted((old.keys() | new.keys()) - _WORDING - _STRUCTURE - {"$ref"}):
        before, after = old.get(word), new.get(word)
        if before == after and type(before) is type(after) and (word in old) == (word in new):
            continue
        what = f"changed {word} from {_short(before)} to {_short(after)}"
        if word in _LOWER | _UPPER:
            narrower = _is_narrower(word, before, after)
            what += (
                ": older events would be refused"
                if narrower
                else ": older consumers would refuse newer events"
            )
        yield Breach(path, what)


def _is_narrower(word: str, before: Any, after: Any) -> bool:
    if before is None or after is None:
        return before is None
    return bool(after > before if word in _LOWER else after < before)


def _enum(old: Schema, new: Schema, path: str) -> Iterator[Breach]:
    before, after = old.get("enum"), new.get("enum")
    if before is None and after is not None:
        yield Breach(path, "is newly closed to a list of values")
    elif before is not None and after is None:
        yield Breach(path, "no longer lists its values")
    elif before is not None and after is not None:
        for value in before:
            if value not in after:
                yield Breach(path, f"no longer knows the value {_short(value)}")


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow local references; words beside a reference stay in force."""
    seen: set[str] = set()
    while "$ref" in schema:
        ref = schema["$ref"]
        if ref in seen or not ref.startswith("#/"):
            raise ValueError(f"cannot follow the reference {ref}")
        seen.add(ref)
        target: Any = root
        for step in ref[2:].split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _kind(variant: Any, root: Schema) -> Any:
    """What tells one variant of a choice from another: its type, or its constant."""
    if isinstance(variant, bool):
        return variant
    schema = _resolve(variant, root)
    return schema.get("const", schema.get("type", schema.get("title")))


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
