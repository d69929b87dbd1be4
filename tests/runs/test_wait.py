"""``--wait``: right after a deployment the run waits for the first pass of the DLQ processor."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from tests.running import environment, run_suite

NO_PASS = (
    "DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '20 minutes';"
    "DELETE FROM net._http_response"
)
A_PASS = (
    "INSERT INTO public.dlq_processing_log (processed_at, status, entries_processed, entries_failed) "
    "VALUES (now(), 'completed', 0, 0)"
)
FIRST_PASS = "first_dlq_processing"


def just_deployed(deployment, **more):
    """Return the environment of a run 30 s after a deployment."""
    moment = datetime.now(UTC) - timedelta(seconds=30)
    return environment(deployment.access, EASYMO_DEPLOYED_AT=moment.isoformat(), **more)


def test_run_continues_when_the_pass_appears(any_deployment, tmp_path):
    """It does not wait for the whole time of 2 min; the output says what it waits for."""
    any_deployment.superuser_execute(NO_PASS)
    timer = threading.Timer(8, any_deployment.superuser_execute, [A_PASS])
    timer.start()
    began = time.monotonic()
    run = run_suite(tmp_path, "-k", FIRST_PASS, "--wait", "2m", environ=just_deployed(any_deployment))
    timer.join()
    assert run.status == 0, run.output
    assert time.monotonic() - began < 60
    assert "waiting for the first pass of the DLQ processor, 2 min left" in run.output


def test_missing_pass_is_unproven_after_the_wait(any_deployment, tmp_path):
    """The reason has the time at which the first run is due."""
    any_deployment.superuser_execute(NO_PASS)
    run = run_suite(tmp_path, "-k", FIRST_PASS, "--wait", "1s", environ=just_deployed(any_deployment))
    assert run.status == 1
    assert run.statuses["check-03"] == "unproven"
    assert "first run due at" in run.check("check-03")["cases"][0]["reason"]


def test_run_does_not_wait_without_the_option(any_deployment, tmp_path):
    """The reason suggests ``--wait 6m``."""
    any_deployment.superuser_execute(NO_PASS)
    began = time.monotonic()
    run = run_suite(tmp_path, "-k", FIRST_PASS, environ=just_deployed(any_deployment))
    assert time.monotonic() - began < 30
    assert "waiting" not in run.output
    assert "--wait 6m" in run.output
