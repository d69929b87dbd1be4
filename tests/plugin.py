"""Fixtures that several folders share: a check judged on a deployment as it is now. A plugin of the tests only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures.settings.model import Access, Settings
from tests.database.trouble import let_two_sessions_deadlock
from tests.deployments import Deployment
from tests.outcomes import Outcome, judge, read

Judging = Callable[..., Outcome]


@pytest.fixture
def judged(any_deployment: Deployment) -> Judging:
    """Reads what one check needs from the deployment as it is now, and judges one case of it."""

    def judging(
        test: Callable[..., None],
        settings: Settings | None = None,
        access: Access | None = None,
        **parameters: str,
    ) -> Outcome:
        evidence = read(access or any_deployment.access, [test], settings)
        return judge(test, evidence, **parameters)

    return judging


@pytest.fixture
def changed(any_deployment: Deployment) -> Callable[[str], Any]:
    """Changes the deployment's database, as its superuser."""
    return any_deployment.superuser_execute


# Allots a transaction id, so that the deployment is put right for the next test: counters know no rollback.
FORGET_COUNTERS = "SELECT pg_stat_reset(), pg_current_xact_id()"


@pytest.fixture
def deadlock(any_deployment: Deployment) -> Iterator[Callable[[], None]]:
    """Makes a deadlock in the deployment, of which the next test sees nothing."""
    any_deployment.superuser_execute(FORGET_COUNTERS)
    yield lambda: let_two_sessions_deadlock(any_deployment.superuser_url)
    any_deployment.superuser_execute(FORGET_COUNTERS)
