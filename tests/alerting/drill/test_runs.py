"""Whole runs with ``--send-test-alert``: who sends, what an interrupted run leaves behind, and wrong options."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.evidence.document import Evidence, plain, to_text
from fixtures.settings.model import Settings
from tests.alerting.drill.servers import Gate, alertmanager, config_of, eventually, pager
from tests.running import ROOT, environment, run_suite

STEP = ("-m", "deploy", "-k", "alert_notifications")
SEND = "--send-test-alert"


def of(url):
    """The environment of a run whose only service is this Alertmanager."""
    return environment(EASYMO_BASE_URL="http://127.0.0.1:9", EASYMO_ALERTMANAGER_URL=url)


@pytest.fixture(scope="module")
def hook():
    """A receiver of notifications."""
    with pager() as server:
        yield server


@pytest.fixture
def running(hook, tmp_path):
    """An Alertmanager that notifies the receiver at once."""
    with alertmanager(tmp_path / "alertmanager", config_of(hook.url)) as server:
        yield server


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one-process", "workers"])
def test_one_process_sends_it_once(workers, running, tmp_path):
    """The controller posts one alert of each severity, and one post resolves both."""
    gate = Gate(running.url)
    run = run_suite(tmp_path / "report", *STEP, SEND, *workers, environ=of(gate.url))
    assert run.status == 0, run.output
    assert run.statuses == {"step-4.5": "passed"}
    assert gate.asked.count("POST /api/v2/alerts") == 2
    assert gate.asked.count("POST /api/v2/silences") == 1
    assert (running.firing(), running.silences()) == ([], [])
    evidence = json.loads((run.folder / "evidence.json").read_text())
    assert [one["severity"] for one in evidence["pieces"]["test_alert"]["alerts"]] == ["warning", "critical"]


def test_nothing_is_posted_without_the_option(running, tmp_path):
    """The step says by which option it would be proven."""
    gate = Gate(running.url)
    run = run_suite(tmp_path / "report", *STEP, environ=of(gate.url))
    assert [what for what in gate.asked if not what.startswith("GET ")] == []
    assert run.statuses == {"step-4.5": "unproven"}
    assert "--send-test-alert" in run.output


def test_unused_option_is_reported(running, tmp_path):
    """A selection without step 4.5 posts nothing, and says so."""
    gate = Gate(running.url)
    run = run_suite(tmp_path / "report", "-m", "deploy", "-k", "certificate", SEND, environ=of(gate.url))
    assert gate.asked == []
    assert "--send-test-alert: no test alert is sent, because step 4.5 is not selected" in run.output


@pytest.mark.parametrize("fatal", [signal.SIGINT, signal.SIGKILL], ids=lambda fatal: fatal.name)
def test_interrupted_run_leaves_nothing_for_long(fatal, running, hook, tmp_path):
    """After SIGINT alert and silence are gone; after SIGKILL both end within minutes, the silence later."""
    notified = len(hook.received)
    process = begin(running, tmp_path)
    try:
        alerts, silences = running.firing(), running.silences()
        process.send_signal(fatal)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    assert len(alerts) == 2
    if fatal is signal.SIGINT:
        assert (running.firing(), running.silences()) == ([], [])
    else:
        soon = datetime.now(UTC) + timedelta(minutes=4)
        [silence] = running.silences()
        ends = [datetime.fromisoformat(one["endsAt"]) for one in running.firing()]
        assert len(ends) == 2
        assert max(ends) < datetime.fromisoformat(silence["endsAt"]) < soon
    assert [silence["matchers"][0]["name"] for silence in silences] == ["verification_run"]
    assert len(hook.received) == notified


def test_interrupted_page_is_resolved(running, hook, tmp_path):
    """The receiver that was notified before the interrupt is told that the alert is resolved."""
    process = begin(running, tmp_path, "--page")
    try:
        assert eventually(lambda: hook.alerts("firing"))
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    run = hook.alerts("firing")[-1]["labels"]["verification_run"]
    assert running.firing() == []
    assert eventually(lambda: [one for one in hook.alerts("resolved") if one["labels"]["verification_run"] == run])


def begin(running, tmp_path, *options):
    """Start a run that waits for its test alert, because a gate hides it; return it once the alert is posted."""
    gate = Gate(running.url, hidden=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", f"--report-dir={tmp_path / 'report'}", *STEP, SEND, *options],
        cwd=ROOT,
        env=of(gate.url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert eventually(lambda: len(running.firing()) == 2, 30)
    return process


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--page",), "--page decides whom the test alert notifies: use it with --send-test-alert"),
        ((SEND, "--replay={evidence}"), "--replay posts no test alert: use it without --send-test-alert"),
    ],
    ids=["page-alone", "replay"],
)
def test_options_that_do_not_fit_are_a_usage_error(options, sentence, tmp_path):
    """One sentence and exit status 4."""
    evidence = tmp_path / "evidence.json"
    evidence.write_text(to_text(plain(Evidence(Settings(), datetime.now(UTC)))))
    arguments = [option.format(evidence=evidence) for option in options]
    run = run_suite(tmp_path / "report", *STEP, *arguments, environ=of("http://127.0.0.1:9"))
    assert (run.status, sentence in run.output) == (4, True), run.output


def test_file_cannot_send_it(tmp_path):
    """No file of settings can cause a notification."""
    file = tmp_path / "deployment.toml"
    file.write_text("[drill]\nsend = true\n")
    run = run_suite(tmp_path / "report", *STEP, f"--deployment={file}", environ=of("http://127.0.0.1:9"))
    assert (run.status, "drill is not a setting" in run.output) == (4, True), run.output
