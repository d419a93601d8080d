"""One running scheduling service for each module of tests."""

from collections.abc import Iterator

import pytest

from deploy.local.processes import Stack
from tests.scheduling.house import MONDAY, House


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with Stack.temporary(services=("scheduling",), clock="manual") as running:
        home = House(running)
        home.post("/v1/clock", {"now": MONDAY.isoformat()}, "operator").raise_for_status()
        yield home
        home.operator.close()
