"""Check 6 on lines that are not JSON, both ways: what fails, what stays quiet, and with which words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from checks.test_immediate import test_functions_logged_no_error as check_06
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.logs.model import ApplicationLogs
from fixtures.logs.read import read_logs
from fixtures.outcome import Gap, Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.model import LogAllowance, Settings
from tests.logs.conftest import NOW, Reader, line
from tests.outcomes import Outcome, judge

BOOT = '[wa-new] worker boot error: Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".'
STACK = ("    at file:///home/deno/functions/wa-new/index.ts:1:26", "    at async load (ext:core/mod.js:98:76)")
OLD = "2026-01-31T09:00:00Z "


@pytest.fixture
def judged(read: Reader):
    """Writes a log and judges it."""

    def judging(*lines: str, settings: Settings | None = None) -> Outcome:
        logs = read(*lines, settings=settings)
        evidence = Evidence(
            settings or Settings(), NOW, pieces={"application_logs": ApplicationLogs({"functions": logs})}
        )
        return judge(check_06, decode(to_text(plain(evidence))), application_log="functions")

    return judging


def test_boot_failure_fails_with_its_module(judged) -> None:
    """At the time of the line before it; a stack trace is part of it; the settings need not name the function."""
    outcome = judged(line(120), BOOT, *STACK, BOOT, *STACK, line(60))
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        "wa-new: 2 boot failures [fiskjahg] worker boot error: Module not found "
        "https://deno.land/x/zod@v<n>/mod.ts., first 2026-01-31 11:58:00 UTC, last 2026-01-31 11:58:00 UTC, "
        'for example: worker boot error: Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".'
    )
    [violation] = outcome.judge.violations
    assert violation.why == "a function that does not start answers no request"
    assert violation.advice == (
        "read the log of wa-new around 2026-01-31 11:58:00 UTC; mend the import or the setting that the example "
        "names and deploy the function again, or deploy the release before (rollback 1); if it is known noise, "
        "allow it until a day: [[log_allowances]] in deployment.toml"
    )
    assert outcome.judge.findings[0] == "functions.log: 4 entries since 2026-01-31 11:00:00 UTC"


def test_missing_variable_fails_with_its_name(judged) -> None:
    outcome = judged(line(), "error: Uncaught (in promise) Error: Missing environment variable WA_VERIFY_TOKEN",
                     "    throw new Error(`…`);", "          ^", *STACK)  # fmt: skip
    assert outcome.reason == (
        "wa-new: 1 entry about a missing environment variable [akmoarrq] error: Uncaught (in promise) Error: "
        "Missing environment variable WA_VERIFY_TOKEN, first 2026-01-31 11:59:00 UTC, last 2026-01-31 11:59:00 "
        "UTC, for example: error: Uncaught (in promise) Error: Missing environment variable WA_VERIFY_TOKEN"
    )
    assert "set the variable that the example names among the secrets" in outcome.judge.violations[0].advice


def test_postgres_error_fails_with_its_sqlstate(judged) -> None:
    outcome = judged(
        line(),
        '2026-01-31 11:58:00.123 UTC [4711] a@postgres ERROR:  42P01: relation "webhook_dlq" does not exist',
        "2026-01-31 11:58:00.123 UTC [4711] a@postgres STATEMENT:  SELECT 'planted words'",
    )
    assert outcome.reason == (
        "Postgres: 1 Postgres error, SQLSTATE 42P01 [liagtuyb] ERROR: <n>P<n> relation webhook_dlq does not "
        "exist, first 2026-01-31 11:58:00 UTC, last 2026-01-31 11:58:00 UTC, for example: "
        'ERROR:  42P01: relation "webhook_dlq" does not exist'
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[fn] error: Import 'https://esm.sh/zod@3.22.4' failed: 404", "fn: 1 import error ["),
        ("[fn] event loop error: Error: boom", "fn: 1 exception ["),
        ("[fn] TypeError: x is undefined", "fn: 1 exception ["),
        ("\x1b[0m\x1b[1m\x1b[31merror\x1b[0m: Uncaught (in promise) Error: x", "unnamed: 1 exception ["),
        ("[fn] ERROR: the queue is closed", "fn: 1 error line ["),
        ("[fn] supabaseUrl is required.", "fn: 1 entry about a missing environment variable ["),
    ],
)
def test_every_kind_fails(text: str, part: str, judged) -> None:
    outcome = judged(line(), text)
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith(part), outcome.reason


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((f"{OLD}{BOOT}", *STACK, line()), id="own time before the window"),
        pytest.param((line(7000), BOOT, *STACK, line()), id="line before it is before the window"),
        pytest.param((BOOT, *STACK, line(7000), line()), id="first line with a time is before the window"),
        pytest.param((f"{OLD}booted (1)", BOOT, "hello there", line()), id="text line before is old"),
        pytest.param((line(), line(event="LOG_LEVEL is not set, using the default")), id="default"),
        pytest.param((line(), line(event="A_B is not set", level="warn")), id="warning"),
        pytest.param((line(), line(event="0 BootFailure events")), id="count of boot failures"),
        pytest.param((line(), line(status=200, level=None, event="TypeError: caught")), id="answered with 200"),
        pytest.param((line(), f"2026-01-31T11:59:00Z {BOOT} easymo-verification-1"), id="own probe"),
    ],
)  # fmt: skip
def test_old_or_harmless_line_stays_quiet(lines: tuple[str, ...], judged) -> None:
    outcome = judged(*lines)
    assert outcome.status is Status.PASSED, outcome.reason


def test_deployment_ends_what_was_before_it(judged) -> None:
    lines = (line(600), BOOT, *STACK, line(60))
    assert judged(*lines).status is Status.FAILED
    deployed = Settings(deployed_at=NOW.replace(hour=11, minute=55))
    assert judged(*lines, settings=deployed).status is Status.PASSED


def test_file_without_any_time_says_so(judged) -> None:
    outcome = judged(BOOT, *STACK, "[wa-new] shutdown (x)")
    assert outcome.status is Status.UNPROVEN
    assert outcome.reason.partition(" (a log ")[0] == (
        "no line of functions.log has a time, so none of its 4 lines can be said to be since 2026-01-31 11:00:00 "
        "UTC; wa-new: 1 boot failure [fiskjahg] worker boot error: Module not found "
        "https://deno.land/x/zod@v<n>/mod.ts., at an unknown time, for example: worker boot error: "
        'Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".; 1 line of functions.log cannot be judged: '
        "1 of text without the words of a known error, 0 JSON without a time; most often wa-new: 1 × [umlawrsl] "
        "shutdown (x)"
    )


def test_line_before_the_first_time_in_the_window_is_unproven(judged) -> None:
    outcome = judged(BOOT, line())
    assert outcome.status is Status.UNPROVEN
    assert "wa-new: 1 boot failure [fiskjahg]" in outcome.reason
    assert "at an unknown time" in outcome.reason


def test_worst_kind_comes_first(judged) -> None:
    """Also where the errors of JSON lines are more frequent; JSON lines have the same kinds."""
    frequent = [line(level="error", event="socket hang up")] * 5
    boot = line(level="error", event="worker boot error: x", service=None, function_id="fn-1")
    outcome = judged(*frequent, boot, "ERROR:  permission denied for table webhook_dlq")
    kinds = [(row["kind"], row["service"]) for row in outcome.judge.tables[0].rows]
    assert kinds == [("boot failure", "fn-1"), ("Postgres error", "Postgres"), ("error", "wa-webhook")]
    assert outcome.reason.startswith("fn-1: 1 boot failure at error [")


@pytest.mark.parametrize(
    "fields",
    [
        {"level": "info", "event": "worker boot error: x"},
        {"level": "log", "event": None, "event_message": "x", "event_type": "BootFailure"},
        {"level": None, "event": "Missing environment variable A_B"},
        {"level": None, "event": "UncaughtException: x"},
    ],
)
def test_json_line_is_an_error_by_its_words(fields, judged) -> None:
    assert judged(line(), line(**fields)).status is Status.FAILED


def test_unknown_lines_are_shown_by_fingerprint(judged) -> None:
    outcome = judged(
        line(),
        "[wa-new] booted (time: 29ms)",
        "[wa-new] booted (time: 31ms)",
        "Listening on http://x:1/",
        "I need help",
    )
    assert outcome.status is Status.UNPROVEN
    assert outcome.reason.partition(" (entries that ")[0] == (
        "4 lines of functions.log cannot be judged: 4 of text without the words of a known error, 0 JSON without "
        "a time; most often wa-new: 2 × [fueoczbi] booted (time: <n>ms); unnamed: 1 × [pahmcaai] (text that may "
        "be a customer's, not shown); unnamed: 1 × [oefilasc] Listening on http://x:<n>/"
    )
    [row, *_] = next(table for table in outcome.judge.tables if "not JSON" in table.title).rows
    assert row == {
        "kind": "not known", "fingerprint": "fueoczbi", "service": "wa-new", "count": 2, "lines": 2,
        "first": "2026-01-31 11:59:00 UTC", "last": "2026-01-31 11:59:00 UTC",
        "pattern": "booted (time: <n>ms)", "example": "booted (time: 31ms)",
    }  # fmt: skip


def test_text_from_the_future_fails(judged) -> None:
    outcome = judged(line(), "2026-01-31T13:00:00Z [wa-new] booted (1)")
    assert outcome.reason == "1 entry of functions.log dated in the future"


@pytest.mark.parametrize(
    "match", ["permission denied for table webhook_dlq", "permission denied for table <text>"]
)
def test_allowance_covers_a_text_line(match: str, judged) -> None:
    """Also one that names the pattern of an earlier version, which replaced the names of tables."""
    settings = Settings(log_allowances=(LogAllowance(match, "a reason", date(2026, 2, 1)),))
    text = 'ERROR:  permission denied for table "webhook_dlq"'
    assert judged(line(), text).status is Status.FAILED
    assert judged(line(), text, settings=settings).status is Status.PASSED


def test_nothing_private_leaves_lines_of_text(log_file: Path) -> None:
    log_file.write_text(
        "\n".join(
            [
                line(),
                "planted words of a customer",
                'Error: could not send "planted words" to +250788123456',
                "worker boot error: planted-secret-4711 is not a token, Authorization: Bearer planted4711abc",
                'ERROR:  duplicate key value violates unique constraint "phones_key"',
                "DETAIL:  Key (phone_number)=(250788123456) already exists: planted.",
                '{"timestamp": "2026-01-31T11:59:00Z", "message": "planted words cut off',
                "[wa] body: planted words",
                "[wa] from planted@planted.example call 0788 123 456",
                "",
            ]
        )
    )
    access = Access(log_file=str(log_file), app_secret=Secret("planted-secret-4711"))
    logs = read_logs(Settings(), access, NOW)
    assert not isinstance(logs, Gap)
    assert (logs.faults, len(logs.texts)) == (3, 4)
    shown = str((logs.groups, logs.texts))
    for private in ("planted", "788", "123456"):
        assert private not in shown
    assert "phones_key" in shown


def test_many_lines_of_text_are_only_counted(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.logs.tally.FINGERPRINTED", 3)
    letters = "abcdefgh"
    logs = read(line(), *(f"[fn] {letter}" for letter in letters), BOOT)
    assert logs.not_json == len(letters) == sum(group.lines for group in logs.texts)
    assert {group.pattern for group in logs.texts} == {"f", "g", "h", "(further lines)"}
    assert (logs.faults, logs.groups[0].service) == (1, "wa-new")


def test_storm_of_errors_in_text_is_only_counted(judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.logs.tally.FINGERPRINTED", 1)
    outcome = judged(line(), "[fn] ERROR: a", "[fn] ERROR: b", "[fn] ERROR: c")
    assert "fn: 1 error line [" in outcome.reason
    assert "2 more entries, rarer or earlier than the fingerprints above (1 fingerprint in all)" in outcome.reason


def test_long_stack_trace_is_one_entry(read: Reader) -> None:
    logs = read(line(), "[fn] Error: deep", *["    at frame"] * 500)
    assert (logs.faults, logs.not_json, logs.groups[0].count) == (1, 0, 1)
