"""Lines that are not JSON: their kind, time and service, and which lines belong together."""

from __future__ import annotations

import time as clock
from datetime import UTC, datetime

import pytest

from fixtures.logs.kinds import ErrorKind, kind_of, rank, sqlstate_of
from fixtures.logs.text_line import continues, text_entry

TIME = datetime(2026, 1, 31, 11, 59, tzinfo=UTC)

KINDS = {
    ErrorKind.BOOT: [
        "worker boot error: failed to bootstrap runtime: Relative import path 'zod' not prefixed with / or ./",
        "worker boot error: Uncaught SyntaxError: Unexpected token",
        "wa-webhook failed to boot",
        "BootFailure",
        "InvalidWorkerCreation: worker boot error",
        '{"code":"BOOT_ERROR","message":"Worker failed to boot (please check logs)"',
    ],
    ErrorKind.VARIABLE: [
        "Missing environment variable WHATSAPP_APP_SECRET",
        "Error: Missing required environment variables: WA_VERIFY_TOKEN, SUPABASE_URL",
        "missing env var SUPABASE_URL",
        "WHATSAPP_APP_SECRET is not set",
        "error: Uncaught (in promise) Error: WA_VERIFY_TOKEN is required",
        "'WA_VERIFY_TOKEN' must be set",
        "Environment variable WA_VERIFY_TOKEN not found",
        "Uncaught Error: supabaseUrl is required.",
        "worker boot error: Error: supabaseKey is required.",
    ],
    ErrorKind.IMPORT: [
        'error: Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".',
        'error: Relative import path "zod" not prefixed with / or ./ or ../',
        "error: Import 'https://esm.sh/zod@3.22.4' failed: 404 Not Found",
        "Uncaught SyntaxError: The requested module './a.ts' does not provide an export named 'b'",
    ],
    ErrorKind.EXCEPTION: [
        "error: Uncaught (in promise) TypeError: fetch failed",
        "event loop error: Error: boom",
        "TypeError: Cannot read properties of undefined",
        "Unhandled promise rejection",
        "Error: connect ECONNREFUSED",
    ],
    ErrorKind.POSTGRES: [
        'ERROR:  relation "webhook_dlq" does not exist at character 15',
        "FATAL:  sorry, too many clients already",
        "PANIC:  could not write to file",
        "ERROR: permission denied for table webhook_dlq (SQLSTATE 42501)",
    ],
    ErrorKind.ERROR: ["ERROR: the queue is closed", "FATAL: no route"],
    None: [
        "Listening on http://localhost:9999/",
        "booted (time: 29ms)",
        "LOG_LEVEL is not set, using the default",
        "Missing environment variable OTEL_URL, telemetry is disabled",
        "LOG:  checkpoint starting: time",
        "0 errors, 0 failures",
        "the reboot was quick",
        "module loaded: all exports found",
        "a worker booted",
        "name is required",
        "error: none",
        "worker count: 4",
    ],
}


@pytest.mark.parametrize(("kind", "line"), [(kind, line) for kind, lines in KINDS.items() for line in lines])
def test_kinds_of_lines(kind: ErrorKind | None, line: str) -> None:
    assert kind_of(line) == kind


def test_worst_kinds_come_first() -> None:
    assert [kind.value for kind in sorted(ErrorKind, key=rank)] == [
        "boot failure", "missing environment variable", "import error", "exception", "failed request",
        "Postgres error", "error line",
    ]  # fmt: skip
    assert rank("") > rank(ErrorKind.ERROR)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("ERROR:  42P01: relation is missing", "42P01"),
        ("failed (SQLSTATE 42501)", "42501"),
        ("SQLSTATE=08006", "08006"),
        ("SQLSTATE: '57014'", "57014"),
        ("ERROR:  relation is missing", ""),
    ],
)
def test_sqlstate_is_read(line: str, state: str) -> None:
    assert sqlstate_of(line) == state


@pytest.mark.parametrize(
    ("line", "time", "service", "message"),
    [
        ("[wa-webhook] booted (time: 29ms)", None, "wa-webhook", "booted (time: 29ms)"),
        ("2026-01-31T11:59:00Z [wa-webhook] booted (", TIME, "wa-webhook", "booted ("),
        ("[2026-01-31 11:59:00] [Info] [new-fn] x=1", TIME, "new-fn", "x=1"),
        ("2026-01-31 12:59:00+01:00 x=1", TIME, "unnamed", "x=1"),
        ("2026-01-31 11:59:00.000 UTC [4711] LOG:  checkpoint", TIME, "unnamed", "checkpoint"),
        ("2026-01-31 11:59:00 CET [4711] LOG:  checkpoint", None, "unnamed", "checkpoint"),
        (
            "2026-01-31 11:59:00.000 UTC [4711] postgres@postgres ERROR:  permission denied for table a",
            TIME,
            "Postgres",
            "ERROR:  permission denied for table a",
        ),
        ("functions-1  | 2026-01-31T11:59:00.000000000Z booted (1)", TIME, "functions", "booted (1)"),
        ("functions  | [Error] A_B is not set", None, "functions", "A_B is not set"),
        ("serving the request with supabase/functions/wa-hook", None, "wa-hook",
         "serving the request with supabase/functions/wa-hook"),
        ("[Error] ERROR: x function_id=abc-1", None, "abc-1", "ERROR: x function_id=abc-1"),
    ],
)  # fmt: skip
def test_prefixes_are_read(line: str, time: datetime | None, service: str, message: str) -> None:
    entry = text_entry([line], 1)
    assert (entry.time, entry.service, entry.message) == (time, service, message)


def test_service_of_a_stack_trace_is_its_function() -> None:
    lines = [
        "Error: boom",
        "    at file:///home/deno/functions/_shared/a.ts:1:2",
        "  at /functions/wa-new/index.ts:3",
    ]
    assert text_entry(lines, 3).service == "wa-new"


def test_kind_of_an_entry_may_stand_in_a_further_line() -> None:
    entry = text_entry(["[Error] {", "  error: Error: Missing environment variable A_B", "}"], 3)
    assert (entry.kind, entry.message) == (ErrorKind.VARIABLE, "error: Error: Missing environment variable A_B")


@pytest.mark.parametrize("level", ["[Info]", "INFO", "level=warn", "warn:", "[Debug]"])
def test_quiet_line_is_no_error_but_a_boot_failure_is(level: str) -> None:
    assert text_entry([f"{level} WA_VERIFY_TOKEN is not set"], 1).kind is None
    assert text_entry([f"{level} worker boot error: x"], 1).kind is ErrorKind.BOOT
    assert text_entry([f"{level} 0 of 3 functions failed to boot"], 1).kind is None


@pytest.mark.parametrize(
    "words", ["I need help", "ok thanks", "Check my order", "hello: 5 bags", "using this number"]
)
def test_line_that_may_be_a_customers_is_not_shown(words: str) -> None:
    """A message with a line break, printed raw, leaves its further lines in the log."""
    assert text_entry([words], 1).message == ""
    assert text_entry([f"2026-01-31T11:59:00Z {words}"], 1).message == ""


@pytest.mark.parametrize(
    "line",
    [
        "    at handler (file:///a.ts:1:2)",
        "\tat x",
        "}",
        "});",
        "Caused by: Error: y",
        "2026-01-31T11:59:00Z     at x",
        "2026-01-31 11:59:00.000 UTC [4711] DETAIL:  Key (id) exists.",
        "2026-01-31 11:59:00.000 UTC [4711] a@b STATEMENT:  SELECT 1",
        "DETAIL:  x",
    ],
)
def test_lines_that_continue_the_line_before(line: str) -> None:
    assert continues(line)


@pytest.mark.parametrize(
    "line", ["Error: x", "2026-01-31T11:59:00Z Error: x", "[4711] LOG:  x", "{", "detail: x", "[wa-webhook] a"]
)
def test_lines_that_begin_an_entry(line: str) -> None:
    assert not continues(line)


@pytest.mark.parametrize(
    "piece",
    ["a", " ", "[", "[a] ", "import '", "Relative import path ", "ERROR: ", "A_B ", "A_", "Missing env ",
     "Error", "functions/", "2026-01-31T11:59:00Z ", "a-1 |", "1", "}", "x.", "info: "],
)  # fmt: skip
def test_no_line_takes_long(piece: str) -> None:
    line = piece * 20_000
    begin = clock.process_time()
    continues(line)
    text_entry([line, line], 2)
    assert clock.process_time() - begin < 0.5
