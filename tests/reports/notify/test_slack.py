"""The verdict in Slack: a short message, retried if that helps, without effect on the run's outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.outcome import Status, Violation
from fixtures.secret import Secret
from reports.case import Case, Doubt
from reports.notify import slack_client
from reports.notify.slack_client import post
from reports.notify.slack_message import message as message_of
from reports.verdict import RunResult, results
from tests.reports.nested import CONFTEST, Run, project, run
from tests.reports.notify.slack_stand_in import PATH, Reply, Slack

MOMENT = datetime(2025, 11, 27, 12, 0, tzinfo=UTC)
KNOWN = Case(
    check="check-02", title="Cron jobs are active", criterion="must", area="reliability", page="docs/x.md",
    id="process-dlq-entries", test="test_cron", node="checks/test_x.py::test_cron",
)  # fmt: skip
FAILED = replace(
    KNOWN,
    status=Status.FAILED,
    reason="job <process> is inactive & off",
    violations=(Violation("job <process> is inactive & off", advice="SELECT cron.alter_job(1, active := true)"),),
)
MESSAGE = {"text": "go"}

FAILING = """
@check(2, "Cron jobs are active", criterion="must", area="reliability")
def test_cron(judge):
    judge.requires(False, "job process-dlq-entries is inactive", advice="switch it on")
"""


def of(*cases: Case) -> RunResult:
    return RunResult("production", "immediate", MOMENT, MOMENT, results(cases))


def texts(message: dict) -> list[str]:
    """The texts of a message's blocks, in order."""
    parts = [block.get("text") or block["elements"][0] for block in message["blocks"]]
    return [part["text"] for part in parts]


def test_message_has_findings_and_advice() -> None:
    message = message_of(of(FAILED))
    assert texts(message) == [
        "⛔ no-go · production · immediate",
        "*A must failed, or could not be looked at. 1 check: 1 failed.*",
        "*Check 2 · Cron jobs are active* (must): failed\n"
        "job &lt;process&gt; is inactive &amp; off\n"
        "_What to do:_ SELECT cron.alter_job(1, active := true)",
        "2025-11-27 12:00 UTC",
    ]
    assert message["text"].startswith("⛔ no-go · production · immediate: A must failed")
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "context"]


@pytest.mark.parametrize(
    ("case", "begins", "helps"),
    [
        (KNOWN, "✅ go", None),
        (replace(KNOWN, status=Status.UNPROVEN, doubts=(Doubt("no traffic", "wait"),)), "❔ unproven", "wait"),
        (replace(FAILED, criterion="should"), "⚠️ concerns", "SELECT cron.alter_job(1, active := true)"),
        (replace(KNOWN, status=Status.ERROR, reason="no connection", advice="start it"), "⛔ no-go", "start it"),
    ],
)
def test_every_verdict_has_its_message(case: Case, begins: str, helps: str | None) -> None:
    shown = texts(message_of(of(case)))
    assert shown[0].startswith(begins)
    assert len(shown) == (3 if helps is None else 4)
    assert helps is None or shown[2].endswith(f"_What to do:_ {helps}")


def test_message_stays_within_slacks_limits() -> None:
    """Slack refuses a header above 150 characters, a section above 3000, and more than 50 blocks."""
    long = "<é & " * 2000
    many = [
        replace(
            FAILED,
            check=f"check-{number:02d}",
            title=long,
            reason=long,
            violations=(Violation(long, advice=long),),
        )
        for number in range(1, 60)
    ]
    message = message_of(replace(of(*many), target=long))
    header, *sections = texts(message)
    assert len(header) <= 150
    assert max(map(len, sections)) <= 3000
    assert len(message["blocks"]) == 9
    assert "and 54 more in the report" in sections
    assert len(json.dumps(message)) < 40_000


def test_message_mentions_nobody() -> None:
    message = message_of(of(replace(FAILED, reason="<!channel> <@U1> <https://evil.example|here>")))
    assert "<" not in "".join(texts(message)).replace("&lt;", "")


def test_message_links_the_run_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"ACTIONS": "true", "SERVER_URL": "https://github.example", "REPOSITORY": "a/b", "RUN_ID": "17"}
    for name, value in variables.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    address = "https://github.example/a/b/actions/runs/17"
    assert texts(message_of(of(FAILED)))[-1].endswith(f"<{address}|the run and its report>")
    assert "judged again" in texts(message_of(of(FAILED), replayed=True))[-1]


def test_message_is_posted_once() -> None:
    with Slack() as stand_in:
        assert post(Secret(stand_in.url), MESSAGE) == ""
        assert stand_in.posted == [MESSAGE]


def test_pause_requested_by_slack_is_kept() -> None:
    with Slack(Reply(429, b"", {"Retry-After": "1"}), Reply()) as stand_in:
        assert post(Secret(stand_in.url), MESSAGE, pause_seconds=0) == ""
        first, second = stand_in.at
        assert 1.0 <= second - first < 10


def test_too_long_a_pause_ends_the_tries() -> None:
    """Slack asks for a day; the run does not wait."""
    with Slack(Reply(429, b"", {"Retry-After": "86400"})) as stand_in:
        fault = post(Secret(stand_in.url), MESSAGE, pause_seconds=0)
        assert fault == "the answer was 429, and asked for a pause of 86400 s"
        assert len(stand_in.posted) == 1


@pytest.mark.parametrize("asked", ["", "soon", "-1", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_invalid_pause_is_replaced_by_the_default(asked: str) -> None:
    """A Retry-After that is not a number of seconds is ignored."""
    with Slack(Reply(429, b"", {"Retry-After": asked}), Reply(503), Reply()) as stand_in:
        assert post(Secret(stand_in.url), MESSAGE, pause_seconds=0) == ""
        assert len(stand_in.posted) == 3


@pytest.mark.parametrize(
    ("reply", "fault", "tries"),
    [
        (Reply(400, b"invalid_blocks"), "the answer was 400 (invalid_blocks)", 1),
        (Reply(403, b"invalid_token\n"), "the answer was 403 (invalid_token)", 1),
        (Reply(404, b"<html>No such hook</html>"), "the answer was 404", 1),
        (Reply(302, b"", {"Location": "http://127.0.0.1:9/"}), "the answer was 302", 1),
        (Reply(500, b"rollup_error"), "the answer was 500 (rollup_error), 3 times", 3),
        (Reply(429, b"", {"Retry-After": "0"}), "the answer was 429, 3 times", 3),
    ],
)
def test_refusal_is_reported_with_its_code(reply: Reply, fault: str, tries: int) -> None:
    with Slack(reply) as stand_in:
        assert post(Secret(stand_in.url), MESSAGE, pause_seconds=0) == fault
        assert len(stand_in.posted) == tries


def test_timeout_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack may have accepted the message, and another try could post it twice."""
    monkeypatch.setattr(slack_client, "TIMEOUT_SECONDS", 2.0)
    with Slack(Reply(delay_seconds=20)) as stand_in:
        assert post(Secret(stand_in.url), MESSAGE, pause_seconds=0) == "there was no answer within 2 s"
        assert len(stand_in.posted) == 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://127.0.0.1:9/services/hidden99", "there was no connection, 3 times"),
        ("http://[::1/hidden99", "SLACK_WEBHOOK_URL is not a valid http or https address"),
        ("ftp://127.0.0.1/hidden99", "SLACK_WEBHOOK_URL is not a valid http or https address"),
        ("http://ho\x7fst/hidden99", "SLACK_WEBHOOK_URL is not a valid http or https address"),
    ],
)
def test_invalid_address_is_never_shown(url: str, fault: str) -> None:
    shown = post(Secret(url), MESSAGE, pause_seconds=0)
    assert shown.startswith(fault)
    assert "hidden99" not in shown


def everything(finished: Run) -> str:
    """The output of a run and all its files."""
    return finished.output + "".join(path.read_text(errors="replace") for path in finished.files)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "workers"])
def test_run_posts_its_verdict_once(tmp_path: Path, options: tuple[str, ...]) -> None:
    with Slack() as stand_in:
        finished = run(
            project(tmp_path, FAILING, CONFTEST), "--notify", "slack", "--log-cli-level=DEBUG", *options,
            variables={"SLACK_WEBHOOK_URL": stand_in.url},
        )  # fmt: skip
        (message,) = stand_in.posted
    assert finished.status == 1
    assert texts(message)[0] == "⛔ no-go · nested.example · all"
    assert "job process-dlq-entries is inactive" in texts(message)[2]
    assert "not posted to Slack" not in finished.output
    assert "hidden99" not in everything(finished)
    assert PATH not in everything(finished)


@pytest.mark.parametrize("passes", [True, False])
def test_failed_post_changes_nothing_else(tmp_path: Path, passes: bool) -> None:
    """Verdict, exit status and files stay the same; one line reports the failure."""
    with Slack(Reply(404, b"no_service")) as stand_in:
        finished = run(
            project(tmp_path, FAILING.replace("False", str(passes)), CONFTEST), "--notify=slack",
            "--log-cli-level=DEBUG", variables={"SLACK_WEBHOOK_URL": stand_in.url},
        )  # fmt: skip
    assert finished.status == (0 if passes else 1)
    assert finished.verdict["verdict"] == ("go" if passes else "no-go")
    assert finished.output.count("the verdict was not posted to Slack: the answer was 404 (no_service)") == 1
    assert "hidden99" not in everything(finished)


def test_no_message_without_notify(tmp_path: Path) -> None:
    """The address alone posts nothing; neither does a run that only collects, or that selects no check."""
    with Slack() as stand_in:
        variables = {"SLACK_WEBHOOK_URL": stand_in.url}
        assert run(project(tmp_path, FAILING, CONFTEST), variables=variables).status == 1
        assert run(tmp_path, "--notify", "slack", "--collect-only", variables=variables).status == 0
        assert run(tmp_path, "--notify", "slack", "-m", "weekly", variables=variables).status == 5
        assert stand_in.posted == []


@pytest.mark.parametrize(
    ("options", "variables", "sentence"),
    [
        (
            ("--notify", "slack"),
            {},
            "--notify slack: SLACK_WEBHOOK_URL (environment) is not set; expected the address of an incoming web",
        ),
        (("--notify", "slack"), {"SLACK_WEBHOOK_URL": ""}, "SLACK_WEBHOOK_URL (environment) is not set"),
        (
            ("--notify", "slack"),
            {"SLACK_WEBHOOK_URL": "hidden99"},
            "SLACK_WEBHOOK_URL (environment) does not begin",
        ),
        (("--notify", "slak"), {}, "argument --notify: invalid choice: 'slak' (choose from slack)"),
    ],
)
def test_usage_error_ends_the_run_early(
    tmp_path: Path, options: tuple[str, ...], variables: dict[str, str], sentence: str
) -> None:
    """Exit status 4 before any check, without a report."""
    finished = run(project(tmp_path, FAILING, CONFTEST), *options, variables=variables)
    assert finished.status == 4
    assert sentence in finished.output.replace("'slack')", "slack)")
    assert "hidden99" not in finished.output
    assert not (finished.folder / "verdict.json").exists()
