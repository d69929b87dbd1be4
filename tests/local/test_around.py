"""The services around a local deployment: which are real, where they listen, how they end; checks pass on them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from checks import test_deploy, test_immediate
from fixtures.local import LocalDeployment, around
from fixtures.local.monitoring_stack import missing_programs
from fixtures.settings.environment import LOCAL_VARIABLES, read_environment, variables_of
from fixtures.settings.load import access_from
from fixtures.settings.model import Settings
from tests.deployments import Deployment, kinds_under_test
from tests.outcomes import expect, judge_all, read

MONITORING = [
    test_immediate.test_functions_logged_no_error,
    test_immediate.test_dashboard_shows_data,
    test_immediate.test_alert_triggers,
    test_deploy.test_dlq_dashboard_is_imported,
    test_deploy.test_webhook_dashboard_is_imported,
    test_deploy.test_pagerduty_is_configured,
    test_deploy.test_slack_is_configured,
    test_deploy.test_alert_thresholds_are_set,
]


def processes_in(folder: str) -> list[bytes]:
    """Arguments and environments of the processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd").startswith(folder):
                found.append((entry / "cmdline").read_bytes() + (entry / "environ").read_bytes())
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_services_listen_on_loopback_and_end_with_the_deployment() -> None:
    with LocalDeployment.start(kinds_under_test()[0], services=True) as deployment:  # type: ignore[arg-type]
        variables = variables_of(deployment.access)
        assert set(variables) == set(LOCAL_VARIABLES)
        assert [name for name, value in variables.items() if "://" in value and "127.0.0.1:" not in value] == []
        assert deployment.access.log_file is not None
        folder = str(Path(deployment.access.log_file).parent / "services")
        programs = processes_in(folder)
        assert deployment.access.database is not None
        for secret in deployment.access.database.secrets:
            assert not [program for program in programs if secret.reveal().encode() in program]
        if missing_programs():
            assert "stand-ins for all services around it, because the programs of" in deployment.description
        else:
            assert len(programs) == 3
            assert "real Prometheus and Alertmanager; stand-ins for Grafana, Loki" in deployment.description
    deadline = time.monotonic() + 10
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(folder) == []


def test_deployment_without_services_starts_none(any_deployment: Deployment) -> None:
    """The suite's own tests start them only where they need them."""
    assert any_deployment.access.prometheus_url is None
    assert any_deployment.access.grafana_url is None


def test_checks_pass_on_stand_ins_alone(
    any_deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no program is installed; each passing case says that it saw a stand-in."""
    monkeypatch.setattr(around, "missing_programs", lambda: ["prometheus", "exporter"])
    assert any_deployment.access.log_file is not None
    services = around.start_around(tmp_path, Path(any_deployment.access.log_file))
    assert services.remark == (
        "stand-ins for all services around it, because the programs of prometheus, exporter are not installed"
    )
    services.connect(any_deployment.owner_url.reveal())
    variables = variables_of(any_deployment.access) | services.variables
    values = read_environment(variables)[0]
    access = access_from(values, values["EASYMO_BASE_URL"])
    settings = Settings(configured=LOCAL_VARIABLES)
    outcomes = judge_all(MONITORING, read(access, MONITORING, settings))
    expect(outcomes, {})
    unnamed = [
        case
        for case, one in outcomes.items()
        if one.judge and "stand-in" not in " ".join(one.judge.findings) and case != "check-06[functions]"
    ]
    assert unnamed == []
