"""Fixtures of the endpoints' tests: one server for all behaviours of a process, and reading with judging."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.webhooks.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that behaviours are registered with."""
    server = Server().start()
    yield server
    server.stop()
