"""Fixtures of the archive's tests: old entries, and a run of archiving by the owner of the tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.archive.archiving import Archiving
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
from tests.archive.letters import Letters
from tests.deployments import Deployment


@pytest.fixture
def letters(any_deployment: Deployment) -> Letters:
    """The dead letters of a deployment, and their archive."""
    return Letters(any_deployment)


@pytest.fixture
def archive(any_deployment: Deployment) -> Callable[..., list[str]]:
    """Runs archiving as the owner; returns the lines that a person reads."""

    def archiving(
        settings: Settings | None = None, url: str = "", *, dry_run: bool = False, batch: int = 7
    ) -> list[str]:
        lines: list[str] = []
        address = DatabaseAddress.parse(url or any_deployment.owner_url.reveal())
        run = Archiving(settings or Settings(), lines.append, lambda line: None, batch=batch)
        run.run(address, dry_run=dry_run)
        return lines

    return archiving
