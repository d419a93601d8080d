"""Real servers for every test that touches them: one PostgreSQL and one nats-server for the session."""

from collections.abc import Iterator

import pytest

from deploy.local.processes import Stack


@pytest.fixture(scope="session")
def servers() -> Iterator[Stack]:
    """PostgreSQL and NATS, without any service."""
    with Stack.temporary(services=()) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole network with a manual clock; each test uses a network id of its own."""
    with Stack.temporary(clock="manual") as stack:
        yield stack
