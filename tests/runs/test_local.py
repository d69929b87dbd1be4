"""Runs with ``--local``: one deployment is started, verified, and removed however the run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fixtures.local.monitoring_stack import missing_programs
from tests.deployments import kinds_under_test
from tests.running import ROOT, environment, run_suite


def descendants_of_runs(marker: str) -> list[int]:
    """Return the processes whose environment contains the marker: the run and all that it started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_one_deployment_is_started_and_verified(tmp_path, workers):
    """Also under pytest-xdist there is only one; the verdict is ``go``."""
    kind = kinds_under_test()[0]
    run = run_suite(tmp_path, "-m", "immediate", "--local", kind, *workers)
    assert run.status == 0, run.output
    assert run.verdict["verdict"] == "go"
    assert run.verdict["target"].startswith("local")
    assert run.output.count("bringing up a deployment on this machine") == 1
    assert set(run.statuses.values()) == {"passed"}
    page = (tmp_path / "index.html").read_text()
    for service in ("a stand-in for Grafana", "a stand-in for Loki", "a stand-in for Supabase&#x27;s API"):
        assert service in page
    monitoring = ("a stand-in for Prometheus",) if missing_programs() else ("Prometheus 2", "Alertmanager 0")
    assert all(service in page for service in monitoring)


def test_workers_use_the_settings_in_the_evidence(tmp_path):
    """Workers ignore EASYMO_DEPLOYED_AT, because a local deployment has no deployment time."""
    soon = datetime.now(UTC) + timedelta(seconds=50)  # later than every seeded pass
    environ = environment(EASYMO_DEPLOYED_AT=soon.isoformat())
    selection = ("-m", "immediate", "-k", "first_dlq_processing_ran", "--local", kinds_under_test()[0])
    run = run_suite(tmp_path, *selection, "-n", "2", environ=environ)
    assert run.statuses == {"check-03": "passed"}, run.output


def test_stand_in_is_named_in_every_output(tmp_path):
    """Terminal, verdict, summary and Allure report say that the embedded kind has no real pg_cron."""
    run = run_suite(tmp_path, "-m", "immediate", "--local", "embedded")
    assert run.status == 0, run.output
    assert "pg_cron stand-in" in run.output
    assert "pg_cron stand-in" in run.verdict["target"]
    assert "stand-in" in (tmp_path / "summary.md").read_text()
    assert "stand-in" in (tmp_path / "allure-results" / "environment.properties").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a run in /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_run_leaves_no_process(tmp_path, ending):
    """After SIGINT, SIGTERM and SIGKILL; and there is no verdict."""
    marker = f"RUN_THAT_IS_ENDED={os.getpid()}-{ending}"
    name, _, value = marker.partition("=")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-m", "immediate", "--local", "embedded", f"--report-dir={tmp_path}"],
        cwd=ROOT,
        env=environment(None, **{name: value}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while len(descendants_of_runs(marker)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(ending)
    process.wait(60)
    while (left := descendants_of_runs(marker)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert not (tmp_path / "verdict.json").exists()
