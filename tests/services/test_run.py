"""Whole runs beside a service that hangs: it costs its own checks, and at most its own time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployments import Deployment
from tests.running import environment, run_suite

LIMITS = "[limits]\nservice_request_timeout_seconds = 2\nservice_total_seconds = 3\n"


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_hanging_service_costs_its_checks_only(silent: str, any_deployment: Deployment, tmp_path: Path) -> None:
    settings = tmp_path / "limits.toml"
    settings.write_text(LIMITS)
    environ = environment(any_deployment.access, EASYMO_GRAFANA_URL=silent, EASYMO_GRAFANA_TOKEN="glsa_0123456789")
    began = time.monotonic()
    run = run_suite(tmp_path / "report", "-m", "immediate", f"--deployment={settings}", environ=environ)
    assert time.monotonic() - began < 30
    assert run.verdict["verdict"] == "concerns", run.output
    statuses = run.statuses
    assert {name: status for name, status in statuses.items() if status != "passed"} == {
        "check-07": "error",
        "check-08": "error",
    }
    [reason] = {case["reason"] for case in run.check("check-07")["cases"]}
    assert "Grafana" in reason or "dashboards" in reason


def test_unset_services_are_unproven(any_deployment: Deployment, tmp_path: Path) -> None:
    """On a live target: check 6 is a must, so the verdict is unproven; the words tell what to set."""
    environ = environment(any_deployment.access)
    environ.pop("EASYMO_LOG_FILE")
    run = run_suite(tmp_path / "report", "-m", "immediate", environ=environ)
    assert run.verdict["verdict"] == "unproven", run.output
    unproven = {name for name, status in run.statuses.items() if status != "passed"}
    assert unproven == {"check-06", "check-07", "check-08"}
    output = " ".join(run.output.split())
    assert "set SUPABASE_ACCESS_TOKEN, EASYMO_LOKI_URL or EASYMO_LOG_FILE" in output
    assert "set EASYMO_GRAFANA_URL, EASYMO_PROMETHEUS_URL and EASYMO_ALERTMANAGER_URL" in output
