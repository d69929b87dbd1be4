"""Check 6 from Supabase's log API: both generations, its odd answers, healthy and faulty logs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.local.functions.http import IncomingRequest, Response, answer
from fixtures.local.stand_ins.loki import Loki
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.local.stand_ins.supabase_logs import SupabaseLogs
from fixtures.logs import supabase
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from tests.logs.services import REFERENCE, TOKEN, Change, Served, entry
from tests.running import environment, run_suite

FUNCTIONS, REQUESTS, POSTGRES = "supabase-functions", "supabase-requests", "supabase-postgres"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A project with healthy logs; without pauses."""
    monkeypatch.setattr(supabase, "PAUSE_SECONDS", 0.01)
    log = tmp_path / "functions.log"
    found = Served(log, SupabaseLogs(log, REFERENCE), "EASYMO_SUPABASE_API_URL")
    found.write(entry(600), entry(120, level="warning", status=404), entry(60, service="dlq-processor"))
    return found


def row(source: str, seconds_ago: float = 50, **columns: Any) -> dict[str, Any]:
    """A further entry of the log store."""
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {"source": source, "time": time, "event_message": "", **columns}


def add(source: str, **columns: Any) -> Change:
    """Add an entry to the log store."""
    return lambda served: served.handler.further.append(row(source, **columns))


def postgres(severity: str, message: str, sqlstate: str = "42P01", application: str = "postgrest") -> Change:
    return add(
        "postgres_logs", severity=severity, sqlstate=sqlstate, application=application, event_message=message
    )


def structured(**fields: Any) -> Change:
    """An entry that a function wrote as JSON with ``console.log``."""
    text = json.dumps({"service": "wa-webhook-core", "event": "REPLY_FAILED", **fields})
    return add("function_logs", function_id="id-of-wa-webhook-core", level="log", event_message=text)


def test_healthy_logs_pass_and_name_their_source(served: Served) -> None:
    access = served.access("Supabase's API")
    logs = served.read(access)
    assert [logs.of(case).entries for case in (FUNCTIONS, REQUESTS, POSTGRES)] == [3, 3, 3]
    assert [logs.of(case).faults for case in (FUNCTIONS, REQUESTS, POSTGRES)] == [0, 0, 0]
    for case, words in ((FUNCTIONS, "function logs"), (REQUESTS, "log of requests to functions")):
        outcome = served.judge(case)
        assert outcome.status is Status.PASSED, outcome.reason
        assert outcome.judge is not None
        assert outcome.judge.findings[0].startswith(f"Supabase's {words}: 3 entries since ")
        assert "by a stand-in for Supabase's API at 127.0.0.1:" in outcome.judge.findings[0]


def test_healthy_day_costs_two_requests(served: Served) -> None:
    """The totals, and the names of the functions; error entries are asked for only where the totals have some."""
    served.read()
    assert len(served.handler.requests) == 1


FAULTS: dict[str, tuple[Change, str, str]] = {
    "error level": (
        add("function_logs", function_id="id-of-wa-webhook", level="error", event_message="socket hang up 12"),
        FUNCTIONS,
        "wa-webhook: 1 entry at error [{}] socket hang up <n>, first ",
    ),
    "boot failure at no level": (
        add(
            "function_logs",
            function_id="id-of-wa-webhook-core",
            event_type="BootFailure",
            event_message='worker boot error: Module not found "https://deno.land/x/zod/mod.ts"',
        ),
        FUNCTIONS,
        "wa-webhook-core: 1 boot failure [{}] worker boot error: Module not found ",
    ),
    "uncaught exception": (
        add("function_logs", function_id="id-of-wa-webhook", event_type="UncaughtException", event_message="boom"),
        FUNCTIONS,
        "wa-webhook: 1 exception [{}] boom, first ",
    ),
    "error in a structured entry": (
        structured(level="error", error="timeout after 3000 ms"),
        FUNCTIONS,
        "wa-webhook-core: 1 entry at error [{}] REPLY_FAILED, timeout after <n> ms, first ",
    ),
    "status in a structured entry": (
        structured(level="info", status=502),
        FUNCTIONS,
        "wa-webhook-core: 1 entry at info, status 502 [{}] REPLY_FAILED [server error], first ",
    ),
    "level of pino in a structured entry": (
        structured(level=50, event="REPLY_REFUSED"),
        FUNCTIONS,
        "wa-webhook-core: 1 entry at 50 [{}] REPLY_REFUSED, first ",
    ),
    "level in upper case in a structured entry": (
        structured(severity="ERROR", event="REPLY_REFUSED"),
        FUNCTIONS,
        "wa-webhook-core: 1 entry at error [{}] REPLY_REFUSED, first ",
    ),
    "boot failure at a quiet level": (
        add(
            "function_logs",
            function_id="id-of-wa-webhook",
            level="info",
            event_message="worker boot error: x is not a function",
        ),
        FUNCTIONS,
        "wa-webhook: 1 boot failure at info [{}] worker boot error: x is not a function, first ",
    ),
    "missing variable": (
        add(
            "function_logs",
            function_id="id-of-wa-webhook",
            level="error",
            event_message="Missing environment variable WA_VERIFY_TOKEN",
        ),
        FUNCTIONS,
        "wa-webhook: 1 entry about a missing environment variable at error [{}] Missing environment variable WA_",
    ),
    "request with 500": (
        lambda served: served.write(entry(60, status=500, level="info", event="DONE")),
        REQUESTS,
        "wa-webhook: 1 failed request, status 500 [{}] requests were answered with HTTP <n>, first ",
    ),
    "resource limit": (
        lambda served: served.write(entry(60, status=546), entry(50, status=546), entry(40)),
        REQUESTS,
        "wa-webhook: 2 failed requests, status 546 [{}] requests were answered with HTTP <n>, first ",
    ),
    "Postgres error": (
        postgres("ERROR", 'relation "public.webhook_dlq" does not exist'),
        POSTGRES,
        "postgres: 1 Postgres error at error, SQLSTATE 42P01 [{}] relation public.webhook_dlq does not",
    ),
    "Postgres is full": (
        postgres("PANIC", "could not write to file: No space left on device", "53100"),
        POSTGRES,
        "postgres: 1 Postgres error at panic, SQLSTATE 53100 [{}] could not write to file: No space left",
    ),
    "too many connections": (
        postgres("FATAL", "remaining connection slots are reserved", "53300"),
        POSTGRES,
        "postgres: 1 Postgres error at fatal, SQLSTATE 53300 [{}] remaining connection slots are reserved, first ",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_fails_its_case(name: str, served: Served) -> None:
    change, case, message = FAULTS[name]
    change(served)
    outcome = served.judge(case)
    assert outcome.status is Status.FAILED, outcome.reason
    begin, end = message.split("{}")
    assert outcome.reason.startswith(begin), outcome.reason
    assert outcome.reason[len(begin) + 8 :].startswith(end), outcome.reason


QUIET: dict[str, tuple[Change, str]] = {
    "own probe": (
        add(
            "function_logs",
            function_id="id-of-wa-webhook",
            level="error",
            event_message="signature of easymo-verification-7 is wrong",
        ),
        FUNCTIONS,
    ),
    "own statement": (postgres("ERROR", "canceling statement", "57014", "easymo-verification"), POSTGRES),
    "shutdown": (
        add("function_logs", function_id="id-of-wa-webhook", event_type="Shutdown", event_message="shutdown"),
        FUNCTIONS,
    ),
    "Postgres warning": (postgres("WARNING", "there is no transaction in progress", "25P01"), POSTGRES),
    "404": (lambda served: served.write(entry(60, status=404)), REQUESTS),
    "older error": (
        lambda served: served.handler.further.append(
            row("function_logs", 4000, function_id="id-of-wa-webhook", level="error", event_message="old")
        ),
        FUNCTIONS,
    ),
    "own request": (
        lambda served: served.write(entry(60), entry(50, status=500, request_id="easymo-verification-7f")),
        REQUESTS,
    ),
    "error inside an entry": (structured(level="info", last={"level": "error", "status": 503}), FUNCTIONS),
    "text that quotes an error": (
        add(
            "function_logs",
            function_id="id-of-wa-webhook",
            level="log",
            event_message='retried after {"status": 503}',
        ),
        FUNCTIONS,
    ),
    "text with the word error": (
        add("function_logs", function_id="id-of-wa-webhook", level="log", event_message="0 errors found"),
        FUNCTIONS,
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_harmless_entries_pass(name: str, served: Served) -> None:
    change, case = QUIET[name]
    change(served)
    outcome = served.judge(case)
    assert outcome.status is Status.PASSED, outcome.reason


def test_more_errors_than_one_page(served: Served) -> None:
    """Each is grouped once, though the pages overlap when entries arrive meanwhile."""
    served.handler.further += [
        row("function_logs", 50 + n / 100, function_id="id-of-wa-webhook", level="error", event_message=f"no. {n}")
        for n in range(2300)
    ]
    logs = served.logs(FUNCTIONS)
    assert (logs.faults, [group.count for group in logs.groups]) == (2300, [2300])
    assert logs.groups[0].last - logs.groups[0].first > timedelta(seconds=22)


def test_functions_without_names_keep_their_ids(served: Served) -> None:
    served.handler.functions_status = 403
    assert {count.service for count in served.logs(FUNCTIONS).counts} == {
        "id-of-wa-webhook",
        "id-of-dlq-processor",
    }


@pytest.mark.parametrize(
    "spells",
    [
        lambda time: f"{time:%Y-%m-%dT%H:%M:%S.%f}",
        lambda time: f"{time:%Y-%m-%d %H:%M:%S.%f}",
        lambda time: int(time.timestamp() * 1e6),
        lambda time: f"{time:%Y-%m-%dT%H:%M:%S.%fZ}",
        lambda time: str(int(time.timestamp() * 1e6)),
    ],
    ids=["no zone", "space", "microseconds", "zone", "microseconds as text"],
)
def test_times_are_read_in_every_form(spells: Any, served: Served) -> None:
    served.handler.spells = spells
    served.handler.further.append(
        row("function_logs", 50, function_id="id-of-wa-webhook", level="error", event_message="boom")
    )
    logs = served.logs(FUNCTIONS)
    assert logs.newest is not None
    assert abs((datetime.now(UTC) - logs.newest).total_seconds() - 50) < 20
    assert abs((datetime.now(UTC) - logs.groups[0].last).total_seconds() - 50) < 20


def test_generation_before_is_read(served: Served) -> None:
    """404 from the present endpoint is no empty log."""
    served.handler.generation = "before"
    served.handler.further.append(
        row("function_logs", 50, function_id="id-of-wa-webhook", level="error", event_message="boom")
    )
    logs = served.read()
    assert [logs.of(case).entries for case in (FUNCTIONS, REQUESTS, POSTGRES)] == [4, 3, 3]
    assert [group.pattern for group in logs.of(FUNCTIONS).groups] == ["boom"]
    assert any(
        "from function_logs as t cross join unnest(t.metadata) as m" in sql for sql in served.handler.requests
    )


def test_neither_generation_is_an_error(served: Served) -> None:
    served.handler.generation = "none"
    gap = served.gap(FUNCTIONS)
    assert gap.status is Status.ERROR
    assert gap.reason == (
        f"Supabase's API has no logs for project {REFERENCE}: /analytics/endpoints/logs answered HTTP 404, "
        "/analytics/endpoints/logs.all HTTP 410"
    )
    assert "EASYMO_PROJECT_REF" in str(gap.advice)


def test_error_inside_a_success_is_retried(served: Served) -> None:
    served.handler.errors = 2
    assert served.logs(FUNCTIONS).entries == 3


def test_error_that_stays_is_no_empty_log(served: Served) -> None:
    served.handler.errors = 9
    gap = served.gap(FUNCTIONS)
    assert gap.status is Status.ERROR
    assert gap.reason.endswith("with HTTP 200, 3 times with an error: Backend error! Retry your query")


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (
            401,
            Status.ERROR,
            "/v1/projects/abcdefghijklmnopqrst/analytics/endpoints/logs with HTTP 401",
        ),
        (402, Status.UNPROVEN, "Supabase's API gives no logs on the project's plan (HTTP 402)"),
        (403, Status.UNPROVEN, "Supabase's API does not let this token read the logs (HTTP 403)"),
        (500, Status.ERROR, "with HTTP 500"),
    ],
)
def test_refusals_are_told_apart(status: int, outcome: Status, reason: str, served: Served) -> None:
    served.handler.refuses = status
    gaps = served.read().gaps
    gap = gaps[FUNCTIONS]
    assert gap.status is outcome
    assert reason in gap.reason
    assert gaps[REQUESTS] == gaps[POSTGRES]
    assert (gaps[POSTGRES].status, gaps[POSTGRES].reason, gaps[POSTGRES].cause) == (
        outcome,
        "Supabase's logs could not be read; case supabase-functions of check 6 names the cause",
        "check-06",
    )
    if status == 403:
        assert "analytics_logs_read" in str(gap.advice)
    assert TOKEN not in gap.reason


def test_rate_limit_is_waited_for(served: Served) -> None:
    served.handler.limited = 2
    assert served.logs(FUNCTIONS).entries == 3


def test_late_entries_are_waited_for(served: Served) -> None:
    """The log store gets entries some time after they are written."""
    served.handler.empty = 2
    assert served.logs(FUNCTIONS).entries == 3


def test_empty_logs_prove_nothing(served: Served) -> None:
    served.write()
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.UNPROVEN
    assert "no entries in Supabase's function logs since " in outcome.reason
    assert "new entries take up to some minutes until they can be read" in outcome.reason


def test_days_are_asked_for_one_by_one(served: Served) -> None:
    """The API takes 24 hours; a range of more is refused."""
    served.settings = replace(served.settings, deployed_at=datetime.now(UTC) - timedelta(days=3, hours=5))
    served.write(entry(60), entry(2 * 86400), entry(4 * 86400))
    served.handler.further.append(
        row("function_logs", 3 * 86400, function_id="id-of-wa-webhook", level="error", event_message="boom")
    )
    logs = served.logs(FUNCTIONS)
    assert (logs.entries, logs.faults, logs.unread) == (3, 1, "")
    assert sum("count()" in sql for sql in served.handler.requests) == 4


def test_window_beyond_a_week_is_not_read_whole(served: Served) -> None:
    served.settings = replace(served.settings, deployed_at=datetime.now(UTC) - timedelta(days=9))
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.UNPROVEN
    assert "were not asked for: at most 7 days are" in outcome.reason


def test_project_is_known_from_the_base_url(served: Served) -> None:
    known = served.access("Supabase's API")
    access = replace(known, project_ref=None, base_url=f"https://{REFERENCE}.supabase.co")
    assert served.read(access).of(FUNCTIONS).entries == 3
    gap = served.gap(FUNCTIONS, replace(access, base_url="https://functions.easymo.example"))
    assert (gap.status, gap.reason) == (
        Status.UNPROVEN,
        "Supabase's logs were not read: EASYMO_PROJECT_REF is not set, and the base URL names no project",
    )


def test_service_that_is_away_is_an_error(served: Served) -> None:
    access = replace(served.access("Supabase's API"), supabase_api_url="http://127.0.0.1:9")
    gap = served.gap(FUNCTIONS, access)
    assert gap.status is Status.ERROR
    assert "no connection to 127.0.0.1:9: connection refused" in gap.reason


def test_slow_service_costs_the_other_one_nothing(served: Served, tmp_path: Path) -> None:
    """Each service has its own time."""

    def slow(request: IncomingRequest) -> Response:
        time.sleep(1.5)
        return answer(200, result=[])

    served.settings = replace(
        served.settings, limits=Limits(service_request_timeout_seconds=2.0, service_total_seconds=1.0)
    )
    supabase_url = start_stand_in("Supabase's API", slow)
    loki_url = start_stand_in("Loki", Loki(served.log))
    known = replace(served.access("Supabase's API"), supabase_api_url=supabase_url, loki_url=loki_url)
    found = served.read(known)
    assert found.of("loki-functions").entries == 3
    assert (found.gaps[FUNCTIONS].status, found.gaps[FUNCTIONS].reason) == (
        Status.ERROR,
        "Supabase's logs could not be read within 0.9 s",
    )


def test_run_reads_supabase(served: Served, tmp_path: Path) -> None:
    """A whole run: a case for each kind of log, the customer's words in no file."""
    served.handler.further.append(
        row(
            "function_logs",
            50,
            function_id="id-of-wa-webhook",
            level="error",
            event_message='reply "planted words" to +250788123456 refused',
        )
    )
    access: Access = served.access("Supabase's API")
    environ = environment(access, EASYMO_BASE_URL="http://127.0.0.1:9")
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", environ=environ)
    assert run.status == 1, run.output
    statuses = {case["id"]: case["status"] for case in run.check("check-06")["cases"]}
    assert statuses == {FUNCTIONS: "failed", REQUESTS: "passed", POSTGRES: "passed"}
    shown = [run.output, *(path.read_text() for path in run.folder.rglob("*") if path.is_file())]
    for private in ("planted words", "250788123456", TOKEN):
        assert not [text for text in shown if private in text]
