"""Check 6 from Loki: streams, paging, its limits and plain-text errors, healthy and faulty logs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fixtures.local.stand_ins.loki import Loki
from fixtures.logs import loki
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.monitoring import LogSources
from tests.logs.services import Change, Served, answering, entry
from tests.running import environment, run_suite

FUNCTIONS, POSTGRES = "loki-functions", "loki-postgres"


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """A Loki with healthy logs."""
    log = tmp_path / "functions.log"
    found = Served(log, Loki(log), "EASYMO_LOKI_URL")
    found.write(entry(600), entry(120, level="warning", status=404), entry(60, service="dlq-processor"))
    return found


def add(line: str, seconds_ago: float = 50, **labels: str) -> Change:
    """Add an entry with these labels."""
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return lambda served: served.handler.further.append((time, line, {"job": "edge-functions", **labels}))


def told(**settings: str) -> Change:
    """Other settings of the sources of logs."""

    def change(served: Served) -> None:
        served.settings = replace(served.settings, logs=LogSources(**settings))

    return change


def test_healthy_log_passes_and_names_its_source(served: Served) -> None:
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.PASSED, outcome.reason
    assert outcome.judge is not None
    assert outcome.judge.findings[0].startswith("the functions' logs in Loki: 3 entries since ")
    assert ", by a stand-in for Loki at 127.0.0.1:" in outcome.judge.findings[0]


TRACE = 'Error: "boom" of message 12\n    at handle (file:///home/deno/functions/wa-webhook/index.ts:3:7)'

FAULTS: dict[str, tuple[Change, str]] = {
    "error level": (
        lambda served: served.write(entry(60), entry(50, level="error", event="REPLY_FAILED")),
        "wa-webhook: 1 entry at error [{}] REPLY_FAILED, first ",
    ),
    "status": (
        lambda served: served.write(entry(60, status=503)),
        "wa-webhook: 1 entry at info, status 503 [{}] WEBHOOK_RECEIVED [server error], first ",
    ),
    "level in a label": (
        add("connection lost", service="wa-webhook-core", level="error"),
        "wa-webhook-core: 1 entry at error [{}] connection lost, first ",
    ),
    "level under a further name": (
        add('{"lvl": "error", "msg": "connection lost"}', service_name="wa-webhook-core", detected_level="error"),
        "wa-webhook-core: 1 entry at error [{}] connection lost, first ",
    ),
    "error of Postgres at a level that Loki detected": (
        add('ERROR:  relation "contact_info" does not exist', app="db", detected_level="info"),
        "db: 1 Postgres error [{}] ERROR: relation contact_info does not exist, first ",
    ),
    "boot failure at a level that Loki detected": (
        add("worker boot error: no info", service="wa-new", detected_level="info"),
        "wa-new: 1 boot failure [{}] worker boot error: no info, first ",
    ),
    "JSON without a time": (
        add('{"level": "error", "service": "wa-webhook", "event": "BOOM"}'),
        "wa-webhook: 1 entry at error [{}] BOOM, first ",
    ),
    "stack trace in one entry": (
        add(TRACE, service="wa-webhook"),
        "wa-webhook: 1 exception [{}] Error: <text> of message <n>, first ",
    ),
    "stack trace in entries of its lines": (
        lambda served: [
            add(line, 50 - number / 1000, service="wa-webhook")(served)
            for number, line in enumerate(TRACE.splitlines())
        ],
        "wa-webhook: 1 exception [{}] Error: <text> of message <n>, first ",
    ),
    "boot failure": (
        add('worker boot error: Module not found "https://deno.land/x/zod/mod.ts"', service="wa-new"),
        "wa-new: 1 boot failure [{}] worker boot error: Module not found https://deno.land/x/zod/mod.ts, first ",
    ),
    "missing variable": (
        add("Missing environment variable WA_VERIFY_TOKEN", app="wa-webhook"),
        "wa-webhook: 1 entry about a missing environment variable [{}] Missing environment variable",
    ),
    "fatal": (
        add('{"level": "fatal", "message": "out of memory"}', container="wa-webhook"),
        "wa-webhook: 1 entry at fatal [{}] out of memory, first ",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_fails(name: str, served: Served) -> None:
    change, message = FAULTS[name]
    change(served)
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.FAILED, outcome.reason
    begin, end = message.split("{}")
    assert outcome.reason.startswith(begin), outcome.reason
    assert outcome.reason[len(begin) + 8 :].startswith(end), outcome.reason


QUIET: dict[str, Change] = {
    "structured metadata": lambda served: setattr(served.handler, "metadata", True),
    "own probe": add('{"level": "error", "service": "wa-webhook", "event": "easymo-verification-3 refused"}'),
    "older error": add('{"level": "error", "service": "wa-webhook", "event": "OLD"}', 4000),
    "text at a level that Loki detected": add("booted (1 ms)", service="wa-webhook", detected_level="info"),
    "JSON at a level that Loki detected": add('{"msg": "x"}', service="wa-webhook", detected_level="warn"),
    "text at info": add("Listening on http://localhost:9999/", service="wa-webhook", level="info"),
    "a smaller limit of the server": lambda served: setattr(served.handler, "most", 1000),
    "a tenant": lambda served: (setattr(served.handler, "tenant", "easymo"), told(loki_tenant="easymo")(served)),
    "another selector": told(loki_functions='{service=~"wa-.+", job="edge-functions"}'),
}


@pytest.mark.parametrize("name", QUIET)
def test_odd_but_healthy_log_passes(name: str, served: Served) -> None:
    QUIET[name](served)
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.PASSED, outcome.reason


def test_postgres_log_is_a_case_of_its_own(served: Served) -> None:
    told(loki_postgres='{job="postgres"}')(served)
    text = '2026-01-31 12:00:00.123 UTC [71] ERROR:  42P01: relation "public.webhook_dlq" does not exist'
    add(text, job="postgres")(served)
    outcome = served.judge(POSTGRES)
    assert outcome.status is Status.FAILED
    assert "SQLSTATE 42P01" in outcome.reason
    assert "relation public.webhook_dlq does not exist" in outcome.reason


@pytest.mark.parametrize("line", ["sent, errors=0", '{"msg": "sent, errors=0"}'])
def test_guessed_level_is_no_error(line: str, served: Served) -> None:
    """Loki detects the level ``error`` wherever the word is; such an entry is not known to be one."""
    add(line, service="wa-webhook", detected_level="error")(served)
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.UNPROVEN, outcome.reason
    assert "1 line of" in outcome.reason or "1 entry without a known level" in outcome.reason


QUIET_POSTGRES = {
    "timestamp": "2026-01-31 12:00:00.123 UTC",
    "error_severity": "LOG",
    "state_code": "00000",
    "message": "checkpoint starting: time",
}


def test_json_log_of_postgres_is_read(served: Served) -> None:
    """As Postgres's jsonlog writes it: another name of the level, and a time with the name of its zone."""
    told(loki_postgres='{job="postgres"}')(served)
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
    quiet = QUIET_POSTGRES | {"timestamp": now}
    add(json.dumps(quiet), job="postgres")(served)
    outcome = served.judge(POSTGRES)
    assert outcome.status is Status.PASSED, outcome.reason
    assert outcome.judge is not None
    assert not [found for found in outcome.judge.findings if "no entries of" in found]
    fault = quiet | {"error_severity": "ERROR", "state_code": "42501", "message": "permission denied for table x"}
    add(json.dumps(fault), job="postgres")(served)
    add(json.dumps(fault | {"application_name": "easymo-verification"}), job="postgres")(served)
    outcome = served.judge(POSTGRES)
    assert "1 Postgres error at error, SQLSTATE 42501 [" in outcome.reason
    assert outcome.judge is not None
    assert "1 entry that the suite itself caused, not judged" in outcome.judge.findings


def test_answer_that_was_cut_is_noticed(served: Served) -> None:
    """A page full of one moment hides what else that moment has; Loki's own count tells."""
    served.handler.most = 100
    moment = datetime.now(UTC) - timedelta(seconds=50)
    for number in range(150):
        text = json.dumps({"level": "info", "service": "wa-webhook", "event": f"no. {number}"})
        served.handler.further.append((moment, text, {"job": "edge-functions"}))
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.UNPROVEN
    assert "the functions' logs in Loki have 153 entries since the window began, 103 were read" in outcome.reason


def test_pages_are_read_to_the_beginning(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of one instant at the end of a page are read once."""
    monkeypatch.setattr(loki, "PAGE", 100)
    served.handler.most = 100
    now = datetime.now(UTC)
    for number in range(430):
        line = json.dumps({"level": "error", "service": "wa-webhook", "event": f"FAULT no. {number}"})
        served.handler.further.append((now - timedelta(seconds=60 + number // 7), line, {"job": "edge-functions"}))
    logs = served.logs(FUNCTIONS)
    assert (logs.faults, [group.count for group in logs.groups], logs.unread) == (430, [430], "")


def test_more_entries_than_are_read_prove_nothing(served: Served) -> None:
    served.settings = replace(served.settings, limits=Limits(log_lines=1))
    served.handler.most = 2
    loki_page, loki.PAGE = loki.PAGE, 2
    smallest, loki.SMALLEST_PAGE = loki.SMALLEST_PAGE, 1
    try:
        outcome = served.judge(FUNCTIONS)
    finally:
        loki.PAGE, loki.SMALLEST_PAGE = loki_page, smallest
    assert outcome.status is Status.UNPROVEN
    assert "the functions' logs in Loki have 3 entries since the window began, 2 were read" in outcome.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda served: served.write(), 'gives no entry for {job=~".+"} and has no label at all'),
        (
            told(loki_functions='{namespace="easymo"}'),
            'gives no entry for {namespace="easymo"} and has the labels job, level, service',
        ),
        (
            lambda served: (setattr(served.handler, "tenant", "easymo"), told(loki_tenant="other")(served)),
            'Loki for tenant other gives no entry for {job=~".+"} and has no label at all',
        ),
        (lambda served: served.write(entry(4000)), "and has the labels job, level, service"),
    ],
    ids=["empty", "wrong label", "wrong tenant", "old"],
)
def test_no_entry_is_unproven(change: Change, said: str, served: Served) -> None:
    change(served)
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.UNPROVEN
    assert "no entries in the functions' logs in Loki since " in outcome.reason
    assert said in outcome.reason


def test_missing_tenant_is_named(served: Served) -> None:
    served.handler.tenant = "easymo"
    gap = served.gap(FUNCTIONS)
    assert (gap.status, gap.reason) == (Status.UNPROVEN, "Loki wants to know the tenant (HTTP 401: no org id)")
    assert "logs.loki_tenant" in str(gap.advice)


@pytest.mark.parametrize(
    ("refuses", "said"),
    [
        ((400, "parse error at line 1, col 5: syntax error"), "with HTTP 400: parse error at line 1, col 5"),
        ((429, "too many outstanding requests"), "with HTTP 429: too many outstanding requests"),
        ((500, "context deadline exceeded"), "with HTTP 500: context deadline exceeded"),
        ((503, "Ingester not ready"), "with HTTP 503: Ingester not ready"),
    ],
)
def test_plain_text_error_is_an_error(refuses: tuple[int, str], said: str, served: Served) -> None:
    served.handler.refuses = refuses
    gap = served.gap(FUNCTIONS)
    assert gap.status is Status.ERROR
    assert said in gap.reason


def test_selector_that_matches_everything_is_an_error(served: Served) -> None:
    told(loki_functions='{job=~".*"}')(served)
    assert "queries require at least one regexp or equality matcher" in served.gap(FUNCTIONS).reason


def test_metric_query_is_refused_in_words(served: Served) -> None:
    told(loki_functions='rate({job="edge-functions"}[5m])')(served)
    gap = served.gap(FUNCTIONS)
    assert (gap.status, gap.reason) == (Status.ERROR, "Loki answered the query with matrix instead of streams")


@pytest.mark.parametrize("body", ["<html>proxy</html>", "[]", '{"data": {"resultType": "streams", "result": 3}}'])
def test_answer_of_something_else_is_an_error(body: str, served: Served) -> None:
    served.handler = answering(200, body)
    assert served.gap(FUNCTIONS).status is Status.ERROR


def test_service_that_is_away_is_an_error(served: Served) -> None:
    gap = served.gap(FUNCTIONS, Access(loki_url="http://127.0.0.1:9"))
    assert gap.status is Status.ERROR
    assert "no connection to 127.0.0.1:9: connection refused" in gap.reason


def test_run_reads_loki(served: Served, tmp_path: Path) -> None:
    """A whole run; the customer's words are in no file."""
    add('reply "planted words" to +250788123456 refused', service="wa-webhook", level="error")(served)
    environ = environment(served.access("Loki"), EASYMO_BASE_URL="http://127.0.0.1:9")
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", environ=environ)
    assert run.status == 1, run.output
    assert {case["id"]: case["status"] for case in run.check("check-06")["cases"]} == {FUNCTIONS: "failed"}
    shown = [run.output, *(path.read_text() for path in run.folder.rglob("*") if path.is_file())]
    for private in ("planted words", "250788123456"):
        assert not [text for text in shown if private in text]
