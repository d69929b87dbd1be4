"""Fixtures of the shapes' tests: the server that receives what the suite sends to the endpoints."""

from tests.webhooks.conftest import server

__all__ = ["server"]
