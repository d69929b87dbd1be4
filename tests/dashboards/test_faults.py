"""Check 7 on faulty dashboards: what fails, is unproven or an error, and with which words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fixtures.local.functions.http import Response
from fixtures.local.stand_ins.grafana import Grafana, frames, reply
from fixtures.outcome import Status
from tests.dashboards.building import (
    POSTGRES,
    PROMETHEUS,
    dashboard,
    error,
    grafana,
    minutes,
    panel,
    sql,
    target,
    variable,
)

MIXED = {"uid": "-- Mixed --", "type": "datasource"}
OF_DASHBOARD = {"uid": "-- Dashboard --", "type": "datasource"}


def answering(answer: Callable[[dict[str, Any]], Any], *panels: dict[str, Any], **more: Any) -> Grafana:
    """A Grafana whose data sources answer like this."""
    one = grafana(*panels, **more)
    one.canned = answer
    return one


def refusing(path: str, status: int, *panels: dict[str, Any]) -> Grafana:
    """A Grafana that refuses a path."""
    one = grafana(*panels)
    one.refused[path] = status
    return one


def routed(path: str, status: int, document: Any, *panels: dict[str, Any]) -> Grafana:
    """A Grafana that answers a path with this."""
    one = grafana(*panels)
    one.routes[path] = lambda request: reply(status, document)
    return one


def titled(*titles: str, folder: str = "") -> Grafana:
    """A Grafana with empty dashboards of these titles only."""
    one = grafana()
    one.dashboards.clear()
    for number, title in enumerate(titles):
        one.add(dashboard(uid=f"u{number}", title=title), folder)
    return one


def stopped(query: dict[str, Any]) -> Any:
    """Three hours without a value."""
    return minutes(1, 2, 3, ends_ago=3 * 3600)


FAULTS: dict[str, tuple[Callable[[], Grafana], str]] = {
    "a query with an error": (
        lambda: answering(lambda query: error("invalid parameter: 1:8: parse error"), panel("Errors")),
        "dashboard DLQ, panel Errors (query A): Prometheus (prometheus) reports an error: invalid parameter: 1:8: "
        "parse error",
    ),
    "an error in a 207": (
        lambda: routed("/api/ds/query", 207, {"results": {"A": {"error": "too many samples", "status": 500}}}),
        "panel Pending (query A): Prometheus (prometheus) reports an error: too many samples",
    ),
    "an error in a 200": (
        lambda: routed("/api/ds/query", 200, {"results": {"A": {"error": "no such host", "frames": []}}}),
        "panel Pending (query A): Prometheus (prometheus) reports an error: no such host",
    ),
    "an error that is an object": (
        lambda: routed("/api/ds/query", 200, {"results": {"A": {"error": {"message": "broken"}}}}),
        "reports an error: broken",
    ),
    "a refused request": (
        lambda: routed("/api/ds/query", 400, {"message": "unknown query type"}),
        "panel Pending (query A): Grafana refuses it: unknown query type",
    ),
    "an expression that cannot be parsed": (
        lambda: grafana(panel("Sum", {"refId": "B", "datasource": {"uid": "__expr__"}, "expression": "$Z + 1"})),
        "panel Sum (query B): Grafana refuses it: failed to parse expression",
    ),
    "one error in three panels": (
        lambda: answering(
            lambda query: error("down"), *(panel(f"P{n}", target(), target(ref_id="B")) for n in "123")
        ),
        "dashboard DLQ, panels P1 (queries A, B), P2 (queries A, B), P3 (queries A, B): "
        "Prometheus (prometheus) reports an error: down",
    ),
    "SQL without a text": (
        lambda: grafana(panel("Count", {"refId": "A", "format": "table"}, datasource=POSTGRES)),
        "panel Count (query A): Grafana skips it, its answer has no entry for the query",
    ),
    "no series": (
        lambda: answering(lambda query: {"frames": []}),
        "dashboard DLQ, panel Pending (query A): no data in its time range",
    ),
    "a frame without columns": (lambda: answering(lambda query: frames()), "no data in its time range"),
    "a frame without rows": (lambda: answering(lambda query: frames([], [])), "no data in its time range"),
    "nulls only": (lambda: answering(lambda query: minutes(None, None)), "no data in its time range"),
    "NaN only": (
        lambda: answering(
            lambda query: {
                "frames": [
                    {
                        "schema": {"fields": [{"type": "time"}, {"type": "number"}]},
                        "data": {"values": [[1, 2], [None, None]], "entities": [None, {"NaN": [0, 1]}]},
                    }
                ]
            }
        ),
        "panel Pending (query A): only NaN or infinite values, as a division by zero gives, for example a rate",
    ),
    "a table without rows": (
        lambda: answering(lambda query: frames([], [], types="string number"), panel("T", sql())),
        "panel T (query A): no data in its time range",
    ),
    "one of two queries is empty": (
        lambda: answering(
            lambda query: frames() if query["refId"] == "B" else minutes(1, 2),
            panel("Two", target(), target("x", "B")),
        ),
        "dashboard DLQ, panel Two (query B): no data in its time range",
    ),
    "no query": (
        lambda: grafana(panel(), panel("Empty", targets=[])),
        "dashboard DLQ, panel Empty: it has no query",
    ),
    "a query without a text": (lambda: grafana(panel("Blank", target(" "))), "panel Blank: its query has no text"),
    "all queries hidden": (
        lambda: grafana(panel("Dark", target(hide=True), target(ref_id="B", hide=True))),
        "panel Dark: all its queries are switched off",
    ),
    "data that stops": (
        lambda: answering(stopped, panel("Old")),
        "dashboard DLQ, panel Old (query A): the newest value is of ",
    ),
    "nulls after the data": (
        lambda: answering(lambda query: minutes(*[5] * 9, *[None] * 60)),
        "1 h before the end of its time range",
    ),
    "data of the future": (
        lambda: answering(lambda query: minutes(1, 2, ends_ago=-7200)),
        "panel Pending (query A): all values are dated in the future",
    ),
    "a data source that is gone": (
        lambda: grafana(panel("Lost", datasource={"type": "prometheus", "uid": "old"})),
        "panel Lost (query A): Grafana answers HTTP 404: data source not found",
    ),
    "a data source that was renamed": (
        lambda: grafana(panel("Lost", {"refId": "A", "expr": "up"}, datasource="Prom old")),
        "panel Lost (query A): the data source Prom old does not exist (Grafana has Postgres, Prometheus)",
    ),
    "a type of data source that is gone": (
        lambda: grafana(panel("Lost", {"refId": "A", "expr": "up"}, datasource={"type": "loki"})),
        "no data source of type loki exists",
    ),
    "an import without a choice": (
        lambda: grafana(panel("Lost", datasource={"type": "prometheus", "uid": "${DS_PROMETHEUS}"})),
        "panel Lost (query A): the data source ${DS_PROMETHEUS} is a placeholder: the dashboard was imported "
        "without choosing one",
    ),
    "a random walk": (
        lambda: grafana(panel("Walk", {"refId": "A"}, datasource={"type": "datasource", "uid": "grafana"})),
        "panel Walk (query A): -- Grafana -- makes its data up",
    ),
    "test data": (
        lambda: grafana(panel("Walk", {"refId": "A"}, datasource={"type": "testdata", "uid": "x"})),
        "panel Walk (query A): x makes its data up",
    ),
    "data of a panel that is gone": (
        lambda: grafana(panel("Copy", {"refId": "A", "panelId": 77}, datasource=OF_DASHBOARD)),
        "panel Copy: it shows the data of another panel, which the dashboard does not have",
    ),
    "a library panel that is gone": (
        lambda: grafana({"id": 3, "title": "Shared", "libraryPanel": {"uid": "lib1", "name": "Shared"}}),
        "panel Shared: it is a library panel, and the library has none with uid lib1",
    ),
    "a fault in a collapsed row": (
        lambda: answering(
            lambda query: frames(),
            {"type": "row", "title": "More", "collapsed": True, "panels": [panel("Inside")]},
        ),
        "dashboard DLQ, panel Inside (query A): no data",
    ),
    "a fault in a very old dashboard": (
        lambda: answering(lambda query: frames(), rows=[{"panels": [panel("Ancient")]}], panels=[]),
        "dashboard DLQ, panel Ancient (query A): no data",
    ),
    "one value of a repeated panel": (
        lambda: answering(
            lambda query: frames() if "momo" in query["expr"] else minutes(1, 2),
            panel("Of $service", target('up{service="$service"}'), repeat="service"),
            templating={"list": [variable("service", ["wa", "momo"], multi=True)]},
        ),
        "dashboard DLQ, panel Of momo (query A): no data",
    ),
    "a range of dates": (
        lambda: grafana(time={"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-02T00:00:00.000Z"}),
        "the time range of dashboard DLQ was saved with dates: 2026-01-01T00:00:00.000Z to 2026-01-02",
    ),
    "no panels": (lambda: grafana(panels=[]), "dashboard DLQ has no panel with a query"),
    "texts only": (
        lambda: grafana({"type": "text", "title": "Hello"}),
        "dashboard DLQ has no panel with a query (1 panel of texts and lists)",
    ),
    "no such dashboard": (
        lambda: titled("DLW", "Webhook performance", "Postgres"),
        'Grafana has no dashboard with the title "DLQ" among the 3 dashboards that the token may see; '
        "the nearest: DLW (uid u0)",
    ),
    "deleted after the search": (
        lambda: routed("/api/dashboards/uid/", 404, {"message": "Dashboard not found"}),
        "Grafana has no dashboard",
    ),
}

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
    "a library that ends with 500": (
        lambda: refusing("/api/library", 500, {"id": 3, "title": "Shared", "libraryPanel": {"uid": "lib1"}}),
        "panel Shared: Grafana (127.0.0.1:",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_fails(fault, judged):
    """Each with its message."""
    build, part = FAULTS[fault]
    outcome = judged(build())
    assert (outcome.status, part in outcome.reason) == (Status.FAILED, True), outcome.reason
    assert all(one.expected and one.why and one.advice for one in outcome.judge.violations)


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
        "no dashboard was looked at: EASYMO_GRAFANA_URL is not set (set EASYMO_GRAFANA_URL to Grafana's address, "
        "and EASYMO_GRAFANA_TOKEN to the token of a service account with the role Viewer)"
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


def test_unknown_uid_fails(judged):
    """A uid is exact."""
    outcome = judged(grafana(), title=None, uid="nosuch")
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith(
        "Grafana has no dashboard with uid nosuch among the 1 dashboard that the token"
    )


def test_ambiguity_is_settled_by_the_uid(judged):
    """As its advice says."""
    one = titled("DLQ")
    one.add(dashboard(panel(), uid="right"))
    first = judged(one)
    assert first.status is Status.UNPROVEN
    assert "set uid to that of the one that is meant, in the entry dlq of [[dashboards]]" in str(first.advice)
    assert judged(one, uid="right").status is Status.PASSED


def test_stopped_data_is_described(judged):
    """Times, what was expected, and what to do."""
    outcome = judged(answering(stopped, panel("Old"), panel("Older")))
    [violation] = outcome.judge.violations
    assert violation.found.startswith(
        "dashboard DLQ, panels Old (query A), Older (query A): the newest value is of "
    )
    assert " UTC, 3 h " in violation.found
    assert violation.found.endswith("before the end of its time range")
    assert violation.expected == "values of the last 15 min"
    assert violation.advice == "start what writes these figures, or the job that collects them, again"


def test_slow_data_source_is_an_error(judged):
    """What else was read is kept, and the run ends in time."""
    from fixtures.settings.model import Settings
    from fixtures.settings.monitoring import Dashboard

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


def test_faults_outweigh_doubts_and_errors(judged):
    """What could not be read is still mentioned."""

    def mixed(query):
        return error("down") if query["refId"] == "A" else minutes(1, 2)

    outcome = judged(answering(mixed, panel(), panel("W", sql("DELETE FROM a"))))
    assert outcome.status is Status.FAILED
    assert outcome.reason.endswith("reports an error: down")
    assert [doubt.reason for doubt in outcome.judge.doubts] == [
        "dashboard DLQ, panel W (query A) was not run: its SQL does not begin with SELECT or WITH"
    ]


def test_texts_of_data_sources_are_masked_and_cut(judged):
    """They may quote a row."""
    words = 'invalid input "hello my dear" for +250788123456 by glsa_planted_token_of_the_tests ' + "x y " * 200
    outcome = judged(answering(lambda query: error(words)))
    for private in ("hello", "788123456", "planted"):
        assert private not in outcome.reason
    assert len(outcome.reason) < 400


def test_mixed_data_sources_fail_apart(judged):
    """The one that is gone does not take the other with it."""
    gone = {"type": "loki", "uid": "gone"}
    one = grafana(
        panel("Both", target(), {"refId": "B", "expr": "x", "datasource": gone}, datasource=MIXED),
        panel("P", target()),
    )
    outcome = judged(one)
    assert outcome.reason == "dashboard DLQ, panel Both (query B): Grafana answers HTTP 404: data source not found"
    assert PROMETHEUS["uid"] in str(one.queries)
