"""Deployments under names of their own: with their settings the database's checks pass, and name what is there."""

from __future__ import annotations

import pytest

from checks import test_daily, test_immediate
from fixtures.outcome import Status
from tests.database.conftest import DATABASE_CHECKS
from tests.outcomes import judge, judge_all, read
from tests.shapes import grow, settings_of

CHECKS = [
    *DATABASE_CHECKS,
    test_immediate.test_customer_table_is_protected,
    test_immediate.test_no_other_table_is_open,
    test_immediate.test_cron_run_did_not_fail,
    test_daily.test_dlq_is_processing,
    test_daily.test_no_message_is_lost,
    test_daily.test_circuit_breakers_are_closed,
    test_daily.test_table_is_not_bloated,
    test_daily.test_auto_vacuum_runs,
]
SHAPES = ("renamed", "two_queues", "rows_mean_done")


@pytest.mark.parametrize("shape", SHAPES)
def test_healthy_shape_passes(any_deployment, shape):
    """Every case passes with the settings of the shape."""
    settings = settings_of(shape)
    grow(any_deployment, shape, settings)
    outcomes = judge_all(CHECKS, read(any_deployment.access, CHECKS, settings))
    assert {case: one.reason for case, one in outcomes.items() if one.status is not Status.PASSED} == {}


def test_rows_that_mean_done_are_said(any_deployment):
    """Check 5 says that it sees failures in the DLQ only, and judges by these."""
    settings = settings_of("rows_mean_done")
    grow(any_deployment, "rows_mean_done", settings)
    checked = test_immediate.test_success_rate
    outcome = judge(checked, read(any_deployment.access, [checked], settings))
    assert outcome.status is Status.PASSED
    assert any("each row counts as a success: only failures in the DLQ" in one for one in outcome.judge.findings)


def test_unpartitioned_table_has_its_own_name(any_deployment):
    """Check 13 names the table that the settings name."""
    settings = settings_of("renamed")
    grow(any_deployment, "renamed", settings)
    checked = test_daily.test_partitions_are_created
    outcome = judge(checked, read(any_deployment.access, [checked], settings))
    assert (outcome.status, outcome.reason) == (
        Status.NOT_APPLICABLE,
        "partitioning is not enabled: happenings is an ordinary table",
    )
