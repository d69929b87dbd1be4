"""What the tests of the immediate checks share: reading the database's pieces and judging every check on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from checks import test_immediate as checks
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.deployments import Deployment
from tests.outcomes import Outcome, expect, judge_all, read

DATABASE_CHECKS = [
    checks.test_database_is_reached,
    checks.test_dlq_table_exists_and_is_accessible,
    checks.test_cron_job_is_active,
    checks.test_first_dlq_processing_ran,
    checks.test_success_rate,
]

Expected = Mapping[str, tuple[Status, str]]
Judging = Callable[..., dict[str, Outcome]]


@pytest.fixture
def outcomes(deployment: Deployment) -> Judging:
    """Reads the deployment as it is now and judges the database's immediate checks."""

    def judging(settings: Settings | None = None) -> dict[str, Outcome]:
        evidence = read(deployment.access, DATABASE_CHECKS, settings)
        return judge_all(DATABASE_CHECKS, evidence)

    return judging


@pytest.fixture
def finds(deployment: Deployment, outcomes: Judging) -> Callable[[str, Expected], None]:
    """Applies a fault and asserts that exactly the expected cases find it, with the expected words."""

    def applying(fault: str, expected: Expected, settings: Settings | None = None) -> None:
        deployment.superuser_execute(fault)
        expect(outcomes(settings), expected)

    return applying


def deployed(ago: timedelta) -> Settings:
    """Settings of a deployment that happened that long ago."""
    return Settings(deployed_at=datetime.now(UTC) - ago)
