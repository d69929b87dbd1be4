"""Fixtures of the tests of the services' client."""

from __future__ import annotations

import pytest

from fixtures.services import client


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach every host directly."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, where the service asks for no pause."""
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.01)
