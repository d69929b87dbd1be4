"""Fixtures of the endpoints' tests: one server for all behaviours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.webhooks.server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running server, on which tests register behaviours."""
    server = Server().start()
    yield server
    server.stop()
