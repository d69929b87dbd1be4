"""What the tests of the daily checks share: a check judged on a deployment as it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.settings.model import Access, Settings
from reports.outcome import Status
from tests.deployments import Deployment
from tests.judging import Outcome, judge, read

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


def assert_outcome(outcome: Outcome, status: Status, *parts: str) -> None:
    """Assert how a case ended and what its reason says."""
    assert outcome.status is status, f"{outcome.status}: {outcome.reason}"
    for part in parts:
        assert part in outcome.reason, outcome.reason
