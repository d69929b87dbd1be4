"""Fixtures of the archive's tests: old entries, and a run of archiving by the owner of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from fixtures.archive.archiving import Archiving
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
from tests.archive.letters import Letters, keep, restore
from tests.deployments import QUICKEST_FIRST, Deployment, healthy, kinds_under_test


@pytest.fixture
def letters(running_deployments: dict[str, Deployment]) -> Iterator[Letters]:
    """The dead letters of a deployment, as they were seeded, and no archive; quicker than a healthy deployment."""
    kind = min(kinds_under_test(), key=QUICKEST_FIRST.index)
    if not is_kept(running_deployments.get(kind)):
        healthy(running_deployments, kind)
    deployment = running_deployments[kind]
    with psycopg.connect(deployment.superuser_url.reveal(), autocommit=True) as connection:
        if not is_kept(deployment):
            keep(connection)
        restore(connection)
        yield Letters(deployment, connection)


def is_kept(deployment: Deployment | None) -> bool:
    """Whether the dead letters can be restored from their copy."""
    if deployment is None:
        return False
    return deployment.superuser_execute("SELECT to_regclass('kept.letters') IS NOT NULL") == [(True,)]


@pytest.fixture
def archive(letters: Letters) -> Callable[..., list[str]]:
    """Runs archiving as the owner; returns the lines that a person reads."""

    def archiving(
        settings: Settings | None = None, url: str = "", *, dry_run: bool = False, batch: int = 7
    ) -> list[str]:
        lines: list[str] = []
        address = DatabaseAddress.parse(url or letters.deployment.owner_url.reveal())
        run = Archiving(settings or Settings(), lines.append, lambda line: None, batch=batch)
        run.run(address, dry_run=dry_run)
        return lines

    return archiving
