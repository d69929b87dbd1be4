"""A shape as a whole process: settings by ``--deployment``, exit status, verdict and terminal."""

from __future__ import annotations

import pytest

from tests.running import environment, run_suite
from tests.shapes import file_of, grow, settings_of
from tests.shapes.stories import STORIES
from tests.webhooks.outcomes import access_to

SHAPE = "hand_grown"
BROKEN = "SET SESSION AUTHORIZATION postgres; SELECT cron.alter_job(jobid, active := false) FROM cron.job"


@pytest.fixture
def run(any_deployment, server, tmp_path):
    """Runs the immediate checks on the shape as it is."""
    grow(any_deployment, SHAPE, settings_of(SHAPE))
    access = any_deployment.access
    served = server.serve(STORIES[SHAPE].endpoints)
    environ = environment(access_to(served, database=access.database, log_file=access.log_file))
    return lambda: run_suite(tmp_path, "-m", "immediate", f"--deployment={file_of(SHAPE)}", environ=environ)


def test_healthy_shape_is_go(run):
    """Exit status 0, and only what this version never proves is unproven."""
    found = run()
    assert (found.status, found.verdict["verdict"]) == (0, "go"), found.output
    assert {name for name, status in found.statuses.items() if status != "passed"} == {"check-07", "check-08"}
    assert "Verdict: go" in found.output


def test_stopped_job_is_no_go(any_deployment, run):
    """The terminal and the verdict name the job by its own name, with the command."""
    any_deployment.superuser_execute(BROKEN)
    found = run()
    assert (found.status, found.verdict["verdict"]) == (1, "no-go")
    cases = [case for case in found.check("check-02")["cases"] if case["status"] == "failed"]
    assert {case["id"]: case["reason"] for case in cases} == {
        "retry": "job retry is inactive",
        "event months": "job event months is inactive",
    }
    assert "SELECT cron.alter_job(3, active := true)" in found.output
