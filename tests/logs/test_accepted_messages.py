"""Check 10 and the functions' log: what was accepted is what was recorded, where the log can tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from checks.test_daily import test_no_message_is_lost as check_10
from fixtures.outcome import Status
from fixtures.settings.access import Access
from tests.database.rows import DONE
from tests.outcomes import assert_outcome


def log_of(folder, accepted, *, field="messages", service="wa-webhook", status=200):
    """A log file with one accepted message at each of the times, oldest first."""
    file = folder / "functions.log"
    lines = [
        {"timestamp": time.isoformat(), "level": "info", "service": service, "event": "accepted", "status": status}
        | {field: 1}
        for time in sorted(accepted)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def with_log(access: Access, file: str | None) -> Access:
    """The same access with another log."""
    return Access(database=access.database, log_file=file)


def test_accepted_but_not_recorded_is_found(any_deployment, judged, changed, tmp_path):
    """A webhook that answers 200 and records nothing loses messages that Meta never sends again."""
    now = datetime.now(UTC)
    times = [
        row[0] for row in changed(f"SELECT created_at FROM {DONE} WHERE created_at > now() - interval '9 hours'")
    ]
    more = [now - timedelta(minutes=30 + n) for n in range(60)]
    log = with_log(any_deployment.access, log_of(tmp_path, times + more))
    assert_outcome(
        judged(check_10, access=log), Status.FAILED, " more than recorded", "accepted by the functions' log"
    )


@pytest.mark.parametrize("more", [0, 3])
def test_redelivered_messages_are_no_loss(more, any_deployment, judged, changed, tmp_path):
    """Meta delivers some messages twice; they are accepted twice and recorded once."""
    now = datetime.now(UTC)
    times = [
        row[0] for row in changed(f"SELECT created_at FROM {DONE} WHERE created_at > now() - interval '9 hours'")
    ]
    log = with_log(any_deployment.access, log_of(tmp_path, times + [now - timedelta(hours=1)] * more))
    assert_outcome(judged(check_10, access=log), Status.PASSED)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"field": "other"}, "no entry of a webhook says in messages how many messages it accepted"),
        ({"service": "dlq-processor"}, "no entry of a webhook"),
        ({"status": 401}, "no entry of a webhook"),
    ],
)
def test_log_that_does_not_tell_is_no_fault(options, part, any_deployment, judged, tmp_path):
    """Where the log cannot tell, the check says so and rests on the records."""
    times = [datetime.now(UTC) - timedelta(minutes=n) for n in range(30, 300)]
    outcome = judged(check_10, access=with_log(any_deployment.access, log_of(tmp_path, times, **options)))
    assert_outcome(outcome, Status.PASSED)
    assert any(part in finding for finding in outcome.judge.findings)


@pytest.mark.parametrize("file", [None, "/nonexistent/functions.log"])
def test_missing_log_is_no_fault(file, any_deployment, judged):
    """Without a log the check rests on the records; check 6 judges the log."""
    outcome = judged(check_10, access=with_log(any_deployment.access, file))
    assert_outcome(outcome, Status.PASSED)
    assert any("the functions' log does not show accepted messages" in found for found in outcome.judge.findings)
