"""Check 6, its part about scheduled runs, proven both ways: each failed run since the deployment is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from checks.test_immediate import test_cron_run_did_not_fail as cron_runs
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.outcomes import assert_outcome, judge, read

RUNS = "(SELECT runid FROM cron.job_run_details ORDER BY runid DESC LIMIT {count})"
FAILED = (
    "UPDATE cron.job_run_details SET status = 'failed', return_message = 'ERROR: relation \"x_y\" does not exist'"
    f" WHERE runid IN {RUNS}"
)


@pytest.fixture
def judged(any_deployment):
    """Judges the runs of the deployment as they are now."""

    def judging(settings=None):
        return judge(cron_runs, read(any_deployment.access, [cron_runs], settings), run_log="cron-runs")

    return judging


def test_healthy_runs_pass(judged):
    """The pass says how many runs it saw."""
    outcome = judged()
    assert_outcome(outcome, Status.PASSED)
    assert any("runs, 0 failed" in finding for finding in outcome.judge.findings)


def test_failed_runs_are_counted_by_job(any_deployment, judged):
    """The message of the database stays readable, and the advice says where to look."""
    any_deployment.superuser_execute(FAILED.format(count=2))
    outcome = judged()
    assert_outcome(outcome, Status.FAILED, "2 failed runs of process-dlq-entries", "relation x_y does not exist")
    assert "Postgres logs" in outcome.judge.violations[0].advice


def test_runs_before_the_deployment_do_not_count(any_deployment, judged):
    """What failed before was the old version's."""
    any_deployment.superuser_execute(FAILED.format(count=2))
    outcome = judged(Settings(deployed_at=datetime.now(UTC)))
    assert outcome.status is Status.UNPROVEN
    assert "no run is recorded in the window" in outcome.reason


def test_failures_older_than_the_window_are_odd_but_fine(any_deployment, judged):
    """Without a time of deployment the last hour counts."""
    since = datetime.now(UTC) - timedelta(hours=2)
    any_deployment.superuser_execute(
        "UPDATE cron.job_run_details SET status = 'failed' WHERE start_time < %s", [since]
    )
    assert_outcome(judged(), Status.PASSED)


def test_hidden_runs_are_unproven(any_deployment, judged):
    """Row security of cron's tables shows a role no run but its own."""
    any_deployment.superuser_execute("ALTER ROLE easymo_verifier NOBYPASSRLS")
    outcome = judged()
    assert_outcome(outcome, Status.UNPROVEN, "failed runs cannot be excluded")


def test_rare_jobs_that_were_not_due_do_not_apply(any_deployment, judged):
    """A deployment whose only jobs are monthly has no run in most windows; one that runs often has to."""
    any_deployment.superuser_execute(
        "DELETE FROM cron.job_run_details; UPDATE cron.job SET schedule = '0 0 29 2 *'"
    )
    outcome = judged()
    assert outcome.status is Status.NOT_APPLICABLE
    assert outcome.reason.startswith("no job was due since 20")
    any_deployment.superuser_execute("UPDATE cron.job SET schedule = '*/5 * * * *' WHERE jobid = 1")
    assert_outcome(judged(), Status.UNPROVEN, "no run is recorded in the window")
