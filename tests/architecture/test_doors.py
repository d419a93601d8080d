"""Which paths let somebody in without a bearer token: those that the tables name, and no other."""

from collections.abc import Iterator, Sequence
from importlib import import_module

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from services.chassis import health
from services.chassis.http import _caller
from services.chassis.service import Service

SERVICES = ("intake", "scheduling", "progress", "notify")
FOR_THE_PLATFORM = {"/livez", "/readyz", "/metrics"}


def asked(dependant: Dependant) -> Iterator[object]:
    """Everything that is asked for before a route answers."""
    for each in dependant.dependencies:
        yield each.call
        yield from asked(each)


def doors(routes: Sequence[BaseRoute]) -> list[tuple[str, bool]]:
    """The path of every route, and whether it asks who calls."""
    return [
        (str(door.path), _caller in asked(door.original_route.dependant))
        for door in iter_route_contexts(routes)
        if isinstance(door.original_route, APIRoute)
    ]


def unguarded(routes: Sequence[BaseRoute]) -> set[str]:
    return {path for path, guarded in doors(routes) if not guarded}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_asks_who_calls_on_every_path_but_those_its_table_names(name: str) -> None:
    service: Service = import_module(f"services.{name}.app").service

    assert unguarded(service.routes.routes) == service.unguarded
    assert len(doors(service.routes.routes)) > len(service.unguarded)


def test_the_runtime_asks_who_calls_on_every_path_but_those_of_the_platform() -> None:
    assert unguarded(health.routes.routes) == FOR_THE_PLATFORM
