"""The dead-man's switch: told after a verdict, whatever it is, and never about a run without one."""

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
    """Writes a verdict that was reached some time ago."""

    def writing(verdict="go", ago=timedelta(seconds=3), now=NOW):
        finished = (now - ago).isoformat(timespec="seconds")
        (tmp_path / "verdict.json").write_text(json.dumps({"verdict": verdict, "finished_at": finished}))
        return tmp_path

    return writing


@pytest.mark.parametrize("verdict", ["go", "concerns", "unproven", "no-go"])
def test_every_verdict_is_a_sign_of_life(reports, verdict):
    """A bad verdict has its own alarm; the switch only watches that verification takes place."""
    with Receiver() as receiver:
        outcome = heartbeat(receiver.url, reports(verdict), NOW)
        assert receiver.paths == [SECRET_PATH]
    assert outcome.sent
    assert outcome.sentence == f"heartbeat sent after the verdict {verdict}"


def test_a_run_without_a_verdict_is_no_sign_of_life(tmp_path):
    """No file, or a file that says nothing."""
    with Receiver() as receiver:
        for text in (None, "", "{}", "[]", '{"verdict": "go", "finished_at": "2026-03-01T05:16:00"}'):
            if text is not None:
                (tmp_path / "verdict.json").write_text(text)
            outcome = heartbeat(receiver.url, tmp_path, NOW)
            assert not outcome.sent
            assert outcome.sentence == "no heartbeat: the run left no verdict"
        assert receiver.paths == []


def test_the_verdict_of_an_earlier_run_is_no_sign_of_life(reports):
    """Where a run ends before it makes room for its reports, yesterday's verdict still lies there."""
    with Receiver() as receiver:
        outcome = heartbeat(receiver.url, reports(ago=timedelta(days=1)), NOW)
        assert receiver.paths == []
    assert not outcome.sent
    assert "the one that is there is of 2026-02-28 05:17 UTC" in outcome.sentence


def test_it_is_tried_again_once(reports):
    """One failing answer is forgiven."""
    with Receiver(503, 200) as receiver:
        assert heartbeat(receiver.url, reports(), NOW, pause_seconds=0).sent
        assert len(receiver.paths) == 2


@pytest.mark.parametrize("status", [302, 404, 503])
def test_an_answer_that_is_no_success_is_said_without_the_address(reports, status):
    """The address is a secret: whoever has it can make a silent schedule look alive."""
    with Receiver(status) as receiver:
        outcome = heartbeat(receiver.url, reports("no-go"), NOW, pause_seconds=0)
        assert len(receiver.paths) == 2
    assert not outcome.sent
    assert outcome.sentence == f"the heartbeat did not arrive: the answer was {status}; the verdict stays no-go"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"http://127.0.0.1:9{SECRET_PATH}", "ConnectError after at most 5 s"),
        (f"ftp://127.0.0.1{SECRET_PATH}", "begins with http:// or https://"),
        (f"https://{SECRET_PATH}", "after at most 5 s"),
        (f"http://[::1{SECRET_PATH}", "the heartbeat did not arrive"),
        (f"http://\x7fhost{SECRET_PATH}", "the heartbeat did not arrive"),
    ],
)
def test_an_address_that_leads_nowhere_is_said_without_the_address(reports, url, fault):
    """Never a traceback: httpx quotes parts of an address in some of its errors."""
    outcome = heartbeat(url, reports(), NOW, pause_seconds=0)
    assert not outcome.sent
    assert fault in outcome.sentence
    assert "c0ffee" not in outcome.sentence


def command(reports, **variables):
    """The command line, with the address in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "reports.notify.heartbeat", str(reports)],
        cwd=ROOT,
        env=environment(None, **variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_command_never_fails_and_never_shows_the_address(reports):
    """The address comes from the environment, so it is in no argument; the outcome is one line."""
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


def test_without_an_address_the_command_says_what_that_means(reports):
    """Nobody would notice a schedule that has stopped."""
    done = command(reports(now=datetime.now(UTC)), GITHUB_ACTIONS="true", HEARTBEAT_URL="")
    assert done.returncode == 0
    assert done.stdout.startswith("::notice::no heartbeat: HEARTBEAT_URL is not set")
