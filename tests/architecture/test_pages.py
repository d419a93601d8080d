"""What the pages tell people to call exists, and what they tell them to send is taken."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"`(GET|POST) (/v1/[^`?\s]+)")
EXAMPLE = re.compile(r"^```http\n(GET|POST) (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def routes() -> Iterator[APIRoute]:
    for name in ("intake", "scheduling", "progress", "notify"):
        for door in iter_route_contexts(import_module(f"services.{name}.app").service.routes.routes):
            if isinstance(door.original_route, APIRoute):
                yield door.original_route


def find(method: str, path: str) -> APIRoute | None:
    """The route of a call; a page writes `{id}` or an id where the route has a parameter."""
    for route in routes():
        parts = re.split(r"\{[^}]+\}", route.path)
        pattern = "[^/]+".join(re.escape(part) for part in parts)
        if method in (route.methods or ()) and re.fullmatch(pattern, path):
            return route
    return None


def pages() -> list[tuple[str, str]]:
    return [(p.name, p.read_text()) for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]


def calls() -> list[tuple[str, str, str]]:
    return sorted({(name, *call) for name, text in pages() for call in CALL.findall(text)})


def examples() -> list[tuple[str, str, str, str]]:
    return [(name, *example) for name, text in pages() for example in EXAMPLE.findall(text)]


@pytest.mark.parametrize(("page", "method", "path"), calls())
def test_a_call_that_a_page_names_exists(page: str, method: str, path: str) -> None:
    assert find(method, path) is not None, page


@pytest.mark.parametrize(("page", "method", "path", "body"), examples())
def test_an_example_of_a_page_is_what_the_call_takes(page: str, method: str, path: str, body: str) -> None:
    route = find(method, path)
    assert route is not None, page
    model = get_type_hints(route.endpoint).get("body")
    if model is None:
        assert not body.strip(), page
        return
    assert issubclass(model, BaseModel)
    model.model_validate_json(body)
