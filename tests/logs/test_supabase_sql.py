"""The statements for Supabase's log API: they run, count each entry once, and find the errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fixtures.logs.supabase_sql import BEFORE, FUNCTIONS, POSTGRES, PRESENT, REQUESTS, ROWS, SOURCES
from tests.logs.log_store import run, stored

UNTIL = datetime(2026, 1, 31, 12, 0, 30, 500_000, tzinfo=UTC)
SINCE = UNTIL - timedelta(hours=1)
SPAN = (SINCE, UNTIL)
NOW = UNTIL - timedelta(minutes=5)
PROBE = "easymo-verification-7f"

QUIET = [
    stored(NOW, FUNCTIONS, "Listening", level="info", function_id="a", event_type="Log"),
    stored(NOW, FUNCTIONS, "booted", function_id="a", event_type="Boot"),
    stored(NOW, FUNCTIONS, f"refused {PROBE}", level="error", function_id="a", event_type="Log"),
    stored(NOW, REQUESTS, "POST | 200", response__status_code="200", function_id="a"),
    stored(NOW, REQUESTS, "POST | 500", response__status_code="500", request__headers__user_agent=PROBE),
    stored(NOW, REQUESTS, "POST | ?", response__status_code=""),
    stored(NOW, POSTGRES, "checkpoint", parsed__error_severity="LOG"),
    stored(NOW, POSTGRES, "slow", parsed__error_severity="WARNING", parsed__application_name="x"),
    stored(SINCE - timedelta(microseconds=1), FUNCTIONS, "too old", level="error"),
    stored(UNTIL, FUNCTIONS, "too new", level="error"),
    stored(NOW, "auth_logs", "another log", level="error"),
]
FAULTS = [
    stored(NOW, FUNCTIONS, "boom", level="ERROR", function_id="a", event_type="Log"),
    stored(NOW, FUNCTIONS, "x", event_type="BootFailure"),
    stored(NOW, FUNCTIONS, "y", level="log", event_type="UncaughtException"),
    stored(NOW, FUNCTIONS, '{"level":"error","event":"A"}', level="log"),
    stored(NOW, FUNCTIONS, '{"severity": "FATAL"}', level="info"),
    stored(NOW, FUNCTIONS, '{"level":50,"msg":"A"}', level="info"),
    stored(NOW, FUNCTIONS, '{"status":503}', level="info"),
    stored(NOW, FUNCTIONS, "worker boot error: x", level="info"),
    stored(NOW, REQUESTS, "POST | 546", response__status_code="546", request__pathname="/functions/v1/a"),
    stored(NOW, POSTGRES, "gone", parsed__error_severity="ERROR", parsed__sql_state_code="42P01"),
    stored(NOW, POSTGRES, "full", parsed__error_severity="PANIC"),
    stored(SINCE, FUNCTIONS, "at the beginning of the window", level="fatal"),
]


def test_totals_count_each_entry_once():
    [sql] = PRESENT.totals(SPAN)
    rows = run(sql, QUIET + FAULTS)
    assert sum(row["entries"] for row in rows) == len(QUIET) - 3 + len(FAULTS)
    assert {row["source"] for row in rows} == set(SOURCES)
    assert sum(row["own"] for row in rows) == 2
    assert sum(row["told"] for row in rows) == 5
    assert min(row["first"] for row in rows) == "2026-01-31 11:00:30.500000"


def test_errors_are_found():
    for source in SOURCES:
        found = run(PRESENT.errors(source, SPAN, 0), QUIET + FAULTS)
        assert {row["id"] for row in found} == {entry[0] for entry in FAULTS if entry[3] == source}
        assert [row["timestamp"] for row in found] == sorted((row["timestamp"] for row in found), reverse=True)


def test_pages_of_errors_are_all_errors():
    many = [
        stored(NOW - timedelta(milliseconds=n // 3), FUNCTIONS, f"no. {n}", level="error") for n in range(2500)
    ]
    pages = [run(PRESENT.errors(FUNCTIONS, SPAN, page * ROWS), many) for page in range(3)]
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert len({row["id"] for page in pages for row in page}) == 2500


@pytest.mark.parametrize("text", ['{"level":"info"}', '{"status":200}', '{"level":30}', "0 errors", '{"n": 500}'])
def test_quiet_entry_is_not_asked_for(text):
    entry = stored(NOW, FUNCTIONS, text, level="info")
    assert run(PRESENT.errors(FUNCTIONS, SPAN, 0), [entry]) == []


@pytest.mark.parametrize("dialect", [PRESENT, BEFORE], ids=["present", "before"])
def test_statements_name_their_columns(dialect):
    """None selects everything, which the API refuses; brackets are closed."""
    statements = [*dialect.totals(SPAN), *(dialect.errors(source, SPAN, 0) for source in SOURCES)]
    for sql in statements:
        assert "select *" not in sql
        assert sql.count("(") == sql.count(")")
        assert f"limit {ROWS}" in sql
        assert "2026-01-31 11:00:30.500000" in sql
