"""Fixtures of several test folders: judge a check on a deployment, change its database, cause a deadlock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from tests.database.trouble import let_two_sessions_deadlock
from tests.deployments import Deployment
from tests.outcomes import Outcome, judge, read

Judging = Callable[..., Outcome]


@pytest.fixture
def judged(any_deployment: Deployment) -> Judging:
    """Reads what one check needs from the deployment, and judges one case of the check."""

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
    """Runs SQL in the deployment's database, as its superuser."""
    return any_deployment.superuser_execute


# Uses a transaction id, so that the plugin notices a change and resets the deployment for the next test.
FORGET_COUNTERS = "SELECT pg_stat_reset(), pg_current_xact_id()"


@pytest.fixture
def deadlock(any_deployment: Deployment) -> Iterator[Callable[[], None]]:
    """Causes a deadlock in the deployment; its counters are reset before and after."""
    any_deployment.superuser_execute(FORGET_COUNTERS)
    yield lambda: let_two_sessions_deadlock(any_deployment.superuser_url)
    any_deployment.superuser_execute(FORGET_COUNTERS)
