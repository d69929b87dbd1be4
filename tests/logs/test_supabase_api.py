"""Supabase's log API itself: its two generations, errors inside a success, refusals, limits, delays and times."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.local.functions.http import IncomingRequest, Response, answer
from fixtures.local.stand_ins.loki import Loki
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from tests.logs.services import REFERENCE, TOKEN, Served, entry, healthy_project, row

FUNCTIONS, REQUESTS, POSTGRES = "supabase-functions", "supabase-requests", "supabase-postgres"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A project with healthy logs; without pauses."""
    return healthy_project(tmp_path, monkeypatch)


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


def test_count_in_another_form_is_an_error(served: Served) -> None:
    """It is neither an empty log nor a clean one."""
    served.handler.spells = lambda time: "soon"
    gap = served.gap(FUNCTIONS)
    assert gap.status is Status.ERROR
    assert gap.reason.startswith("Supabase's API answered with a count of entries that cannot be read: entries '")
    assert gap.reason.endswith("last 'soon'")


def test_errors_without_their_texts_still_fail(served: Served) -> None:
    """The totals are known, and then the API answers with an error."""
    whole = served.handler

    def failing(request: IncomingRequest) -> Response:
        sql = request.parameter("sql") or ""
        if sql and "count(" not in sql:
            return answer(500, message="Backend error")
        found: Response = whole(request)
        return found

    served.write(entry(60), entry(50, level="error"))
    served.handler = failing
    outcome = served.judge(FUNCTIONS)
    assert outcome.status is Status.FAILED
    assert outcome.reason == "1 error in Supabase's function logs, whose texts were not read"
    assert outcome.judge is not None
    assert "the texts of errors could not be read: Supabase's API" in outcome.judge.doubts[0].reason


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
