"""Check 7 where it cannot look, or may not: what is unproven or an error, and with which words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fixtures.local.functions.http import Response
from fixtures.local.stand_ins.grafana import Grafana, reply
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Dashboard
from tests.dashboards.building import (
    MIXED,
    answering,
    dashboard,
    grafana,
    minutes,
    panel,
    refusing,
    routed,
    sql,
    target,
    titled,
    variable,
)

UNPROVEN: dict[str, tuple[Callable[[], Grafana], str]] = {
    "two of that title": (
        lambda: titled("DLQ", "dlq", folder="Team"),
        'several dashboards have "DLQ" in their title: DLQ in folder Team (uid u0); dlq in folder Team (uid u1)',
    ),
    "two with further words": (
        lambda: titled("DLQ staging", "DLQ production"),
        "DLQ staging (uid u0); DLQ production (uid u1)",
    ),
    "nothing to be seen": (
        titled,
        "Grafana shows the token no dashboards: it has none, or the token may",
    ),
    "no permission to search": (
        lambda: refusing("/api/search", 403),
        "Grafana does not let the token list dashboards (HTTP 403)",
    ),
    "no permission for the dashboard": (
        lambda: refusing("/api/dashboards", 403),
        "Grafana does not let the token read the dashboard dlq (HTTP 403)",
    ),
    "no permission to query": (
        lambda: refusing("/api/ds/query", 403),
        "dashboard DLQ, panel Pending (query A) was not run: Grafana refuses to run it (HTTP 403) (give the "
        "service account of EASYMO_GRAFANA_TOKEN the role Viewer, or the permission datasources:query for this "
        "data source)",
    ),
    "no permission for the library": (
        lambda: refusing("/api/library", 403, {"id": 3, "title": "Shared", "libraryPanel": {"uid": "lib1"}}),
        "panel Shared: Grafana does not let the token read the library panel lib1 (HTTP 403)",
    ),
    "a variable without a value": (
        lambda: grafana(
            panel("By service", target('up{service="$service"}')),
            templating={"list": [{"name": "service", "type": "query", "current": {}}]},
        ),
        "panel By service (query A) was not run: the variable $service has no saved value",
    ),
    "All of values that are not stored, in SQL": (
        lambda: grafana(
            panel("By service", sql("SELECT 1 WHERE service IN ($service)")),
            templating={"list": [variable("service", "$__all", includeAll=True)]},
        ),
        "was not run: the values of the variable $service are not stored in the dashboard",
    ),
    "who looks": (
        lambda: grafana(panel("Mine", target('up{user="${__user.login}"}'))),
        "was not run: the variable $__user has no saved value",
    ),
    "a variable without a data source": (
        lambda: grafana(
            panel("Where", {"refId": "A", "expr": "up"}, datasource={"uid": "$ds"}),
            templating={"list": [{"name": "ds", "type": "datasource", "query": "loki"}]},
        ),
        "the variable $ds names the data source and has no saved value",
    ),
    "a filter on every query": (
        lambda: grafana(templating={"list": [{"name": "f", "type": "adhoc", "filters": [{"key": "a"}]}]}),
        "was not run: the browser adds the filter $f to it",
    ),
    "SQL that writes": (
        lambda: grafana(panel("W", sql("DELETE FROM webhook_dlq RETURNING 1"))),
        "panel W (query A) was not run: its SQL does not begin with SELECT or WITH",
    ),
    "SQL that writes within": (
        lambda: grafana(panel("W", sql("WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x"))),
        "was not run: its SQL has the word DELETE",
    ),
    "SQL with two statements": (
        lambda: grafana(panel("W", sql("SELECT 1; SELECT 2"))),
        "was not run: its SQL has several statements",
    ),
    "SQL that calls a job": (
        lambda: grafana(panel("W", sql("SELECT process_dlq_entries()"))),
        "was not run: its SQL calls process_dlq_entries",
    ),
    "SQL that sends": (
        lambda: grafana(panel("W", sql("SELECT net.http_get('http://x')"))),
        "was not run: its SQL calls net.http_get",
    ),
    "an unknown kind of data source": (
        lambda: grafana(
            panel("I", {"refId": "A", "url": "http://x"}, datasource={"type": "infinity", "uid": "i"})
        ),
        "the suite does not know whether a query to infinity only reads",
    ),
    "an expression on what is not run": (
        lambda: grafana(
            panel(
                "E",
                sql("DELETE FROM a", hide=True),
                {"refId": "B", "datasource": {"uid": "__expr__"}, "type": "reduce", "expression": "A"},
                datasource=MIXED,
            )
        ),
        "panel E (query B) was not run: it needs query A, which is not run",
    ),
    "too many panels": (
        lambda: grafana(*(panel(f"P{number}", id=number) for number in range(63))),
        "dashboard DLQ has 3 panels beyond those that were looked at",
    ),
    "schema v2": (
        lambda: grafana(elements={"panel-1": {}}, layout={}),
        "the panels of dashboard DLQ are not known: it is stored in the schema v2",
    ),
    "schema v2, refused": (
        lambda: routed("/api/dashboards/uid/", 406, {"message": "dashboard api version not supported"}),
        "the panels of dashboard dlq are not known: it is stored in the schema v2",
    ),
    "a range that cannot be parsed": (
        lambda: grafana(time={"from": "now-1fy/fy", "to": "now"}),
        "panel Pending: its time range cannot be parsed, so its queries were not run",
    ),
    "names of data sources that are not shown": (
        lambda: refusing("/api/frontend", 403, panel("N", {"refId": "A", "expr": "up"}, datasource="Prometheus")),
        "Grafana shows the token no data sources, so the panel's is not known",
    ),
}

ERRORS: dict[str, tuple[Callable[[], Any], str]] = {
    "Grafana's database is away": (
        lambda: refusing("/api/health", 503),
        "Grafana reports that its own database is failing (HTTP 503)",
    ),
    "another program": (
        lambda: lambda request: Response(200, b"<html>welcome</html>", "text/html"),
        "answered GET /api/health with text that is not JSON: <html>welcome</html>",
    ),
    "another API": (
        lambda: lambda request: reply(200, {"status": "up"}),
        "answered GET /api/health with JSON that is not Grafana's",
    ),
    "a redirect to a login": (
        lambda: lambda request: Response(302, b"", headers=(("location", "https://sso.example/login"),)),
        "answered GET /api/health with HTTP 302, a redirect to sso.example",
    ),
    "queries that end with 500": (
        lambda: routed("/api/ds/query", 500, {"message": "An error occurred within the plugin"}),
        "panel Pending (query A): Grafana (127.0.0.1:",
    ),
    "a dashboard that ends with 500": (
        lambda: routed("/api/dashboards/uid/", 500, {"message": "Internal server error"}),
        "answered GET /api/dashboards/uid/dlq1 with HTTP 500",
    ),
    "a dashboard that is listed and not there": (
        lambda: routed("/api/dashboards/uid/", 404, {"message": "Dashboard not found"}),
        "answered GET /api/dashboards/uid/dlq1 with HTTP 404",
    ),
    "a library that ends with 500": (
        lambda: refusing("/api/library", 500, {"id": 3, "title": "Shared", "libraryPanel": {"uid": "lib1"}}),
        "panel Shared: Grafana (127.0.0.1:",
    ),
}


@pytest.mark.parametrize("doubt", UNPROVEN)
def test_what_cannot_be_seen_is_unproven(doubt, judged):
    """Each with its message, and what would prove it."""
    build, part = UNPROVEN[doubt]
    outcome = judged(build())
    assert (outcome.status, part in outcome.reason) == (Status.UNPROVEN, True), outcome.reason
    assert outcome.advice


@pytest.mark.parametrize("trouble", ERRORS)
def test_trouble_is_an_error(trouble, judged):
    """Each with its message."""
    build, part = ERRORS[trouble]
    outcome = judged(build())
    assert (outcome.status, part in outcome.reason) == (Status.ERROR, True), outcome.reason
    assert outcome.gap


def test_without_an_address_nothing_is_looked_at(judged):
    """And it says which variables are missing."""
    outcome = judged(grafana(), access={"grafana_url": None})
    assert outcome.status is Status.UNPROVEN
    assert outcome.reason == (
        "neither EASYMO_GRAFANA_URL nor EASYMO_PROMETHEUS_URL is set "
        "(set EASYMO_GRAFANA_URL, EASYMO_PROMETHEUS_URL and EASYMO_ALERTMANAGER_URL)"
    )
    outcome = judged(grafana(), access={"grafana_url": None, "prometheus_url": "http://127.0.0.1:9"})
    assert outcome.reason == (
        "no dashboard was looked at: EASYMO_GRAFANA_URL is not set "
        "(set EASYMO_GRAFANA_URL and EASYMO_GRAFANA_TOKEN)"
    )


def test_without_a_token_grafana_shows_nothing(judged):
    """Unproven, because a token is no more than not set."""
    outcome = judged(grafana(), access={"grafana_token": None})
    assert outcome.status is Status.UNPROVEN
    assert outcome.reason.startswith(
        "Grafana does not list dashboards without a token: EASYMO_GRAFANA_TOKEN is not set"
    )


def test_wrong_token_is_an_error_without_the_token(judged):
    """A token that is set and not accepted."""
    one = grafana()
    one.token = "another"
    outcome = judged(one)
    assert outcome.status is Status.ERROR
    assert "answered GET /api/search with HTTP 401" in outcome.reason
    assert "Invalid API key" in outcome.reason
    assert outcome.gap == "look whether the credential for Grafana is still valid"
    assert "planted" not in outcome.reason


def test_no_grafana_is_an_error(judged):
    """Nobody listens."""
    outcome = judged(grafana(), access={"grafana_url": "http://127.0.0.1:9"})
    assert outcome.status is Status.ERROR
    assert "Grafana (127.0.0.1:9) could not be read: no connection to 127.0.0.1:9" in outcome.reason


def test_ambiguity_is_settled_by_the_uid(judged):
    """As its advice says."""
    one = titled("DLQ")
    one.add(dashboard(panel(), uid="right"))
    first = judged(one)
    assert first.status is Status.UNPROVEN
    assert "set uid to that of the one that is meant, in the entry dlq of [[dashboards]]" in str(first.advice)
    assert judged(one, uid="right").status is Status.PASSED


def test_slow_data_source_is_an_error(judged):
    """What else was read is kept, and the run ends in time."""

    def slow(query):
        time.sleep(0 if query["refId"] == "A" else 3)
        return minutes(1, 2)

    settings = Settings(dashboards=(Dashboard("dlq", title="DLQ"),))
    limits = replace(settings.limits, service_total_seconds=1.2, service_request_timeout_seconds=5)
    began = time.monotonic()
    outcome = judged(
        answering(slow, panel("Quick"), panel("Slow", target(ref_id="B"))),
        settings=replace(settings, limits=limits),
    )
    assert time.monotonic() - began < 2.5
    assert outcome.status is Status.ERROR
    assert outcome.reason == (
        "dashboard DLQ, panel Slow (query B): it had no result when the time for Grafana was over"
    )
    assert "raise limits.service_total_seconds" in str(outcome.advice)
    assert "1 panel" not in outcome.judge.findings[1]
