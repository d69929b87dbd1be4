"""The tests' own plugin resets a deployment when something has changed, and only then."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deployments import Deployment
from tests.local.requests import call, deliver, message
from tests.running import environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def resets(any_deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that gets one item for every reset of the deployment."""
    seen: list[str] = []
    reset = Deployment.reset

    def counting(deployment: Deployment) -> None:
        seen.append("reset")
        reset(deployment)

    monkeypatch.setattr(Deployment, "reset", counting)
    return seen


def test_reading_causes_no_reset(any_deployment: Deployment, resets: list[str]) -> None:
    """A query and a health request change nothing."""
    any_deployment.owner_execute("SELECT count(*) FROM public.wa_events")
    call(any_deployment, "GET", "dlq-processor/health")
    any_deployment.put_right()
    assert resets == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE public.webhook_dlq SET status = 'failed'",
        "REVOKE pg_monitor FROM easymo_verifier",
        "CREATE ROLE somebody",
        "ALTER SYSTEM SET autovacuum = off",
        "DROP EXTENSION pg_cron CASCADE",
    ],
)
def test_change_causes_one_reset(any_deployment: Deployment, resets: list[str], change: str) -> None:
    """A change of rows, privileges, roles, server settings or extensions is noticed."""
    any_deployment.superuser_execute(change)
    any_deployment.put_right()
    assert resets == ["reset"]
    if time.time() % 300 < 240:  # no scheduled run can change something in between
        any_deployment.put_right()
        assert resets == ["reset"]


def test_message_causes_one_reset(any_deployment: Deployment, resets: list[str]) -> None:
    """A message that the functions record is a change too."""
    deliver(any_deployment, message())
    any_deployment.put_right()
    assert resets == ["reset"]


def test_longer_log_is_truncated_without_a_reset(any_deployment: Deployment, resets: list[str]) -> None:
    """Later lines are appended without a hole."""
    assert any_deployment.access.log_file is not None
    log = Path(any_deployment.access.log_file)
    before = log.read_bytes()
    assert call(any_deployment, "POST", "wa-webhook").status_code == 401
    assert log.read_bytes() != before
    any_deployment.put_right()
    assert log.read_bytes() == before
    call(any_deployment, "POST", "wa-webhook")
    assert log.read_bytes().startswith(before), "the log has a hole after it was truncated"
    assert resets == []


def collect(kinds: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/local/test_deployments.py", "--collect-only", "-q"],
        cwd=ROOT,
        env=environment(EASYMO_TEST_KINDS=kinds),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_unknown_kind_is_a_usage_error() -> None:
    """The message names the variable, the value and the valid kinds."""
    done = collect("nativ")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "EASYMO_TEST_KINDS: 'nativ' is not a kind of local deployment; expected" in done.stderr


def test_summary_names_untested_kinds() -> None:
    """Each with the reason; here no container engine responds."""
    environ = environment(DOCKER_HOST="unix:///nowhere/docker.sock")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/local/test_deployments.py", "-q", "-k", "reading"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert "NOT TESTED on: " in done.stdout
    assert "containers (no container engine responds at /nowhere/docker.sock)" in done.stdout
