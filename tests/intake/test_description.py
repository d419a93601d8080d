"""The description of intake's HTTP is complete enough that a client can be generated from it."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.chassis.run import build
from services.chassis.settings import Settings
from services.intake.app import service

DOCUMENT = build(service, Settings()).openapi()
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if "intake" in operation.get("tags", ())
]
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def schemas(where: Any) -> Iterator[dict[str, Any]]:
    """Every schema under a place, references followed once."""
    todo, seen = [where], set[int]()
    while todo:
        found = todo.pop()
        if isinstance(found, dict):
            found = resolved(found)
            if id(found) not in seen:
                seen.add(id(found))
                yield found
                todo += found.values()
        elif isinstance(found, list):
            todo += found


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names)) > 30


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=IDS)
def test_an_operation_says_what_it_takes_and_what_it_answers(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["description"].strip().endswith((".", "..."))
    assert operation["security"]
    taken = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
    assert all(f"{{{name}}}" in path for name in taken)
    if "requestBody" in operation:
        for content in operation["requestBody"]["content"].values():
            assert resolved(content["schema"])["type"] == "object"
    (done,) = (operation["responses"][s] for s in ("200", "201") if s in operation["responses"])
    answer = resolved(done["content"]["application/json"]["schema"])
    assert answer["type"] == "object"
    assert answer["properties"]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=IDS)
def test_an_operation_says_how_it_refuses(method: str, path: str, operation: dict[str, Any]) -> None:
    for status in ("400", "401", "403", "404", "409", "422", "503"):
        content = operation["responses"][status]["content"]
        problem = resolved(content["application/problem+json"]["schema"])
        assert {"code", "detail", "status"} <= set(problem["required"])


def test_lists_are_pages_with_a_cursor_and_typed_items() -> None:
    lists = [
        resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
        for method, path, operation in OPERATIONS
        if method == "get" and operation["operationId"].startswith(("list_", "read_queue"))
    ]
    assert len(lists) >= 6
    for page in lists:
        assert {"items", "cursor"} <= set(page["properties"])
        assert resolved(page["properties"]["items"]["items"])["properties"]


def test_no_answer_can_hold_an_answer_to_an_item() -> None:
    for _, _, operation in OPERATIONS:
        for status in ("200", "201"):
            for schema in schemas(operation["responses"].get(status, {})):
                assert "answers" not in schema.get("properties", {})
