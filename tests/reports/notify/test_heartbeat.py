"""The heartbeat: sent after every verdict, and never after a run without one."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from reports.notify.heartbeat import heartbeat
from tests.reports.notify.receiver import SECRET_PATH, Receiver
from tests.running import ROOT, environment

NOW = datetime(2026, 3, 1, 5, 17, tzinfo=UTC)


@pytest.fixture
def reports(tmp_path):
    """Returns a function that writes a verdict of some time ago."""

    def writing(verdict="go", ago=timedelta(seconds=3), now=NOW):
        finished = (now - ago).isoformat(timespec="seconds")
        (tmp_path / "verdict.json").write_text(json.dumps({"verdict": verdict, "finished_at": finished}))
        return tmp_path

    return writing


@pytest.mark.parametrize("verdict", ["go", "concerns", "unproven", "no-go"])
def test_every_verdict_sends_a_heartbeat(reports, verdict):
    """A bad verdict has its own alarm; the heartbeat only shows that a verification ran."""
    with Receiver() as receiver:
        outcome = heartbeat(receiver.url, reports(verdict), NOW)
        assert receiver.paths == [SECRET_PATH]
    assert outcome.sent
    assert outcome.sentence == f"heartbeat sent after the verdict {verdict}"


def test_no_heartbeat_without_a_verdict(tmp_path):
    """The file is missing, or has no valid verdict."""
    with Receiver() as receiver:
        for text in (None, "", "{}", "[]", '{"verdict": "go", "finished_at": "2026-03-01T05:16:00"}'):
            if text is not None:
                (tmp_path / "verdict.json").write_text(text)
            outcome = heartbeat(receiver.url, tmp_path, NOW)
            assert not outcome.sent
            assert outcome.sentence == "no heartbeat: the run wrote no verdict"
        assert receiver.paths == []


def test_no_heartbeat_for_an_earlier_verdict(reports):
    """If a run ends before it prepares its folder, yesterday's verdict is still there."""
    with Receiver() as receiver:
        outcome = heartbeat(receiver.url, reports(ago=timedelta(days=1)), NOW)
        assert receiver.paths == []
    assert not outcome.sent
    assert "the existing one is from 2026-02-28 05:17 UTC" in outcome.sentence


def test_heartbeat_is_retried_once(reports):
    """After one failed try the second succeeds."""
    with Receiver(503, 200) as receiver:
        assert heartbeat(receiver.url, reports(), NOW, pause_seconds=0).sent
        assert len(receiver.paths) == 2


@pytest.mark.parametrize("status", [302, 404, 503])
def test_refused_heartbeat_does_not_show_the_address(reports, status):
    """The address is a secret: with it, anyone could send heartbeats for a schedule that has stopped."""
    with Receiver(status) as receiver:
        outcome = heartbeat(receiver.url, reports("no-go"), NOW, pause_seconds=0)
        assert len(receiver.paths) == 2
    assert not outcome.sent
    assert outcome.sentence == f"the heartbeat did not arrive: the answer was {status}; the verdict stays no-go"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"http://127.0.0.1:9{SECRET_PATH}", "ConnectError after at most 5 s"),
        (f"ftp://127.0.0.1{SECRET_PATH}", "does not begin with http:// or https://"),
        (f"https://{SECRET_PATH}", "after at most 5 s"),
        (f"http://[::1{SECRET_PATH}", "the heartbeat did not arrive"),
        (f"http://\x7fhost{SECRET_PATH}", "the heartbeat did not arrive"),
    ],
)
def test_invalid_address_is_reported_but_not_shown(reports, url, fault):
    """httpx quotes parts of an address in some errors, so their text is not shown."""
    outcome = heartbeat(url, reports(), NOW, pause_seconds=0)
    assert not outcome.sent
    assert fault in outcome.sentence
    assert "c0ffee" not in outcome.sentence


def command(reports, **variables):
    """Run the command with these variables."""
    return subprocess.run(
        [sys.executable, "-m", "reports.notify.heartbeat", str(reports)],
        cwd=ROOT,
        env=environment(None, **variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_command_always_exits_with_0(reports):
    """The command prints one line, without the address, which it takes from the environment."""
    folder = reports(now=datetime.now(UTC))
    with Receiver() as receiver:
        done = command(folder, HEARTBEAT_URL=receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "heartbeat sent after the verdict go\n"
    done = command(folder, HEARTBEAT_URL=f"http://127.0.0.1:9{SECRET_PATH}", GITHUB_ACTIONS="true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("::warning::the heartbeat did not arrive: ConnectError")
    assert "c0ffee" not in done.stdout


def test_missing_address_is_a_notice(reports):
    """Without an address, a schedule that has stopped would stay unnoticed."""
    done = command(reports(now=datetime.now(UTC)), GITHUB_ACTIONS="true", HEARTBEAT_URL="")
    assert done.returncode == 0
    assert done.stdout.startswith("::notice::no heartbeat: HEARTBEAT_URL is not set")
