"""Check 6 proven both ways on the functions' logs: what passes, what fails and with which words."""

from __future__ import annotations

from datetime import date
from typing import Protocol

import pytest

from checks.test_immediate import test_functions_logged_no_error as check_06
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.logs.model import ApplicationLogs
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from fixtures.settings.model import LogAllowance, Settings
from tests.logs.conftest import NOW, Reader, line
from tests.outcomes import Outcome, judge

FAULT = line(level="error", event="socket hang up after 30 s")
STALE = LogAllowance("socket hang up", "the balancer", date(2026, 1, 30))
VALID = LogAllowance("Socket hang up after 12 s", "the balancer", date(2026, 1, 31))


class Judging(Protocol):
    """Writes a log and judges it."""

    def __call__(self, *lines: str, settings: Settings | None = None) -> Outcome: ...


@pytest.fixture
def judged(read: Reader) -> Judging:
    """Writes a log and judges it."""

    def judging(*lines: str, settings: Settings | None = None) -> Outcome:
        logs = read(*lines, settings=settings)
        evidence = Evidence(
            settings or Settings(), NOW, pieces={"application_logs": ApplicationLogs({"functions": logs})}
        )
        return judge(check_06, decode(to_text(plain(evidence))), application_log="functions")

    return judging


def test_entries_without_errors_pass(judged: Judging) -> None:
    outcome = judged(line(), line(level="warn"), line(status=404), line(level=None, status=200))
    assert outcome.status is Status.PASSED, outcome.reason
    assert outcome.judge is not None
    assert outcome.judge.findings == [
        "functions.log: 4 entries since 2026-01-31 11:00:00 UTC",
        "no entries of wa-webhook-unified, wa-webhook-core, dlq-processor",
        "Postgres's own log was not looked at: neither SUPABASE_ACCESS_TOKEN nor logs.loki_postgres is set",
    ]


def test_error_fails_with_all_facts(judged: Judging) -> None:
    outcome = judged(line(), FAULT, FAULT)
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        "wa-webhook: 2 entries at error [pewqvyot] socket hang up after <n> s, "
        "first 2026-01-31 11:59:00 UTC, last 2026-01-31 11:59:00 UTC, for example: socket hang up after 30 s"
    )
    assert outcome.judge is not None
    assert outcome.judge.violations[0].advice == (
        "read the log of wa-webhook around 2026-01-31 11:59:00 UTC; if this began with the deployment, deploy "
        "wa-webhook from the release before (rollback 1); "
        "if it is known noise, allow it until a day: [[log_allowances]] in deployment.toml"
    )
    assert outcome.judge.tables[0].rows[0]["count"] == 2


def test_a_status_of_500_fails_at_any_level(judged: Judging) -> None:
    outcome = judged(line(status=503, event="REQUEST_DONE"))
    assert outcome.status is Status.FAILED
    assert "1 entry at info, status 503" in outcome.reason
    assert "REQUEST_DONE [server error]" in outcome.reason


def test_errors_beyond_those_shown_are_counted(judged: Judging) -> None:
    names = [first + second for first in "abcde" for second in "fghij"]
    outcome = judged(*[line(level="error", event=f"FAULT_{name}") for name in names])
    assert outcome.status is Status.FAILED
    assert outcome.judge is not None
    assert len(outcome.judge.violations) == 21
    assert outcome.reason.endswith(
        "5 more entries, rarer or earlier than the fingerprints above (25 fingerprints in all)"
    )


def test_storm_of_allowed_errors_fails(judged: Judging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.logs.tally.FINGERPRINTED", 1)
    outcome = judged(FAULT, FAULT, settings=Settings(log_allowances=(VALID,)))
    assert outcome.status is Status.FAILED
    assert outcome.reason == "1 more entry, rarer or earlier than the fingerprints above (1 fingerprint in all)"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no entries in functions.log since 2026-01-31 11:00:00 UTC (traffic"),
        ([line(7200)], "no entries in functions.log since 2026-01-31 11:00:00 UTC (traffic"),
        ([line(request_id="easymo-verification-1")], "no entries in functions.log since"),
        (
            [line(), "Listening", '{"level": "info"}'],
            "2 lines of functions.log cannot be judged: 1 of text without the words of a known error, 1 JSON "
            "without a time; most often unnamed:",
        ),
        ([line(), line(level="oops"), line(level=None)], "2 entries without a known level and without a status: "),
    ],
    ids=["empty", "old", "probes", "unreadable", "undecided"],
)
def test_unreadable_log_is_unproven(judged: Judging, lines: list[str], reason: str) -> None:
    outcome = judged(*lines)
    assert outcome.status is Status.UNPROVEN
    assert reason in outcome.reason


def test_short_log_is_unproven(judged: Judging) -> None:
    outcome = judged(line(3), line(2), line(1), settings=Settings(limits=Limits(log_lines=2)))
    assert outcome.status is Status.UNPROVEN
    assert "functions.log has more than the 2 lines that were read, all of them later than" in outcome.reason


def test_an_entry_from_the_future_fails(judged: Judging) -> None:
    outcome = judged(line(), line(-3600))
    assert outcome.status is Status.FAILED
    assert outcome.reason == "1 entry of functions.log dated in the future"


def test_an_error_outweighs_a_doubt(judged: Judging) -> None:
    assert judged(FAULT, "Listening").status is Status.FAILED


def test_allowed_noise_passes_on_its_last_day(judged: Judging) -> None:
    outcome = judged(line(), FAULT, settings=Settings(log_allowances=(VALID,)))
    assert outcome.status is Status.PASSED, outcome.reason
    assert outcome.judge is not None
    assert "1 entry allowed until 2026-01-31: 'Socket hang up after 12 s', the balancer" in outcome.judge.findings
    assert outcome.judge.tables[0].rows[0]["allowed"] == "until 2026-01-31: the balancer"


def test_expired_allowance_fails_unmatched(judged: Judging) -> None:
    outcome = judged(line(), settings=Settings(log_allowances=(STALE,)))
    assert outcome.status is Status.FAILED
    assert outcome.reason == ("the log allowance 'socket hang up' expired on 2026-01-30 and matches 0 entries")


def test_expired_allowance_covers_nothing(judged: Judging) -> None:
    outcome = judged(line(), FAULT, settings=Settings(log_allowances=(STALE,)))
    assert "socket hang up after <n> s" in outcome.reason
    assert "expired on 2026-01-30 and matches 1 entry" in outcome.reason


def test_allowance_covers_no_other_error(judged: Judging) -> None:
    other = line(level="error", event="socket closed")
    assert judged(FAULT, other, settings=Settings(log_allowances=(VALID,))).status is Status.FAILED


def test_unmatched_allowance_is_reported(judged: Judging) -> None:
    outcome = judged(line(), settings=Settings(log_allowances=(VALID,)))
    assert outcome.status is Status.PASSED
    assert outcome.judge is not None
    assert (
        "the log allowance 'Socket hang up after 12 s' matched nothing and can be removed"
        in outcome.judge.findings
    )
