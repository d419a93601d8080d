"""The differ: what breaks somebody is found, what does not is let through."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import catalogue
from contracts.compatibility import Breach, breaking_changes
from contracts.description import schema_of

BASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 64},
        "minutes": {"type": "integer", "minimum": 0, "maximum": 100},
        "kind": {"$ref": "#/$defs/Kind"},
        "slots": {"type": "array", "items": {"$ref": "#/$defs/Slot"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "fixed": {"const": "a"},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "on": {"type": "string", "format": "date"},
    },
    "required": ["id", "minutes"],
    "$defs": {
        "Kind": {"type": "string", "enum": ["one", "two"]},
        "Slot": {"type": "object", "properties": {"dow": {"type": "integer"}}, "required": ["dow"]},
    },
}


def changed(**paths: Any) -> dict[str, Any]:
    """The base schema with values set at paths such as `properties__id__type`; None takes a key out."""
    new = copy.deepcopy(BASE)
    for path, value in paths.items():
        *way, last = path.split("__")
        at = new
        for step in way:
            at = at["$defs" if step == "defs" else step]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return new


@pytest.mark.parametrize(
    ("new", "path", "what"),
    [
        (changed(properties__note=None), "$.note", "was removed"),
        (changed(required=["id", "minutes", "kind"]), "$.kind", "is newly required"),
        (changed(required=["id"]), "$.minutes", "is no longer required"),
        (
            changed(properties__extra={"type": "string"}, required=["id", "minutes", "extra"]),
            "$.extra",
            "is new and required",
        ),
        (changed(properties__minutes__type="string"), "$.minutes", "changed type"),
        (changed(properties__id__pattern="^[a-c]+$"), "$.id", "changed pattern"),
        (changed(properties__id__pattern=None), "$.id", "changed pattern"),
        (changed(properties__on__format="date-time"), "$.on", "changed format"),
        (changed(defs__Kind__enum=["one"]), "$.kind", "no longer knows the value 'two'"),
        (changed(defs__Kind__enum=None), "$.kind", "no longer lists its values"),
        (changed(properties__on__enum=["2026-10-05"]), "$.on", "is newly closed"),
        (changed(properties__fixed__const="b"), "$.fixed", "changed const from 'a' to 'b'"),
        (changed(properties__minutes__maximum=50), "$.minutes", "older events would be refused"),
        (changed(properties__minutes__minimum=5), "$.minutes", "older events would be refused"),
        (changed(properties__minutes__multipleOf=5), "$.minutes", "changed multipleOf"),
        (changed(properties__slots__minItems=1), "$.slots", "older events would be refused"),
        (changed(properties__minutes__maximum=500), "$.minutes", "older consumers would refuse newer events"),
        (changed(properties__id__maxLength=None), "$.id", "older consumers would refuse newer events"),
        (changed(properties__slots__items={"type": "string"}), "$.slots[]", "changed type"),
        (changed(defs__Slot__properties__dow__type="string"), "$.slots[].dow", "changed type"),
        (changed(defs__Slot__required=None), "$.slots[].dow", "is no longer required"),
        (changed(properties__note__anyOf=[{"type": "string"}]), "$.note.anyOf", "no longer allows 'null'"),
        (
            changed(properties__note__anyOf=[{"type": "string"}, {"type": "null"}, {"type": "integer"}]),
            "$.note.anyOf",
            "newly allows 'integer'",
        ),
        (
            changed(properties__note__anyOf=[{"type": "null"}, {"type": "string", "pattern": "x"}]),
            "$.note.anyOf[0]",
            "changed pattern",
        ),
        (changed(properties__note__default="none"), "$.note", "changed default"),
        (
            changed(properties__pair__prefixItems=[{"type": "string"}]),
            "$.pair[]",
            "had 2 fixed items and has 1",
        ),
        (
            changed(properties__pair__prefixItems=[{"type": "string"}, {"type": "string"}]),
            "$.pair[1]",
            "changed type",
        ),
        (changed(properties__counts__additionalProperties={"type": "string"}), "$.counts.*", "changed type"),
        (changed(additionalProperties=False), "$.*", "changed from True to False"),
        (changed(properties__kind={"type": "string"}), "$.kind", "no longer lists its values"),
    ],
)
def test_a_change_that_breaks_somebody_is_found(new: dict[str, Any], path: str, what: str) -> None:
    found = breaking_changes(BASE, new)

    assert any(breach.path == path and what in breach.what for breach in found), found


@pytest.mark.parametrize(
    "new",
    [
        changed(),
        changed(properties__extra={"type": "string"}),
        changed(defs__Kind__enum=["two", "one", "three"]),
        changed(title="Another title"),
        changed(properties__id__description="Another sentence."),
        changed(properties__note__anyOf=[{"type": "null"}, {"type": "string"}]),
        changed(defs__Slot__properties__end={"type": "string"}),
        changed(properties__kind={"type": "string", "enum": ["one", "two"]}),
        changed(properties__slots__items={"$ref": "#/$defs/Place"}, defs__Place=BASE["$defs"]["Slot"]),
        changed(defs__Unused={"type": "string"}),
    ],
)
def test_a_change_that_adds_or_only_words_differently_passes(new: dict[str, Any]) -> None:
    assert breaking_changes(BASE, new) == []


def test_every_breach_of_one_change_is_named() -> None:
    new = changed(properties__note=None, properties__minutes__type="string")

    assert [b.path for b in breaking_changes(BASE, new)] == ["$.minutes", "$.note"]


def test_a_schema_that_refers_to_itself_is_compared_once() -> None:
    tree = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                },
            }
        },
    }
    other = copy.deepcopy(tree)
    other["$defs"]["Node"]["properties"]["value"]["type"] = "string"  # type: ignore[index]

    assert breaking_changes(tree, tree) == []
    assert Breach("$.value", "changed type from 'integer' to 'string'") in breaking_changes(tree, other)


SCHEMAS = [schema_of(event) for event in catalogue.all_events().values()]


@given(st.sampled_from(SCHEMAS), st.data())
def test_taking_any_property_out_of_any_event_is_found(schema: dict[str, Any], data: st.DataObject) -> None:
    new = copy.deepcopy(schema)
    name = data.draw(st.sampled_from(sorted(new["properties"])))
    del new["properties"][name]
    new["required"] = [n for n in new["required"] if n != name]

    assert Breach(f"$.{name}", "was removed") in breaking_changes(schema, new)
    assert breaking_changes(schema, schema) == []
