"""Check 7 on faulty dashboards: what fails, is unproven or an error, and with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.local.stand_ins.grafana import Grafana, frames
from fixtures.outcome import Status
from tests.dashboards.building import (
    MIXED,
    OF_DASHBOARD,
    POSTGRES,
    PROMETHEUS,
    answering,
    error,
    grafana,
    minutes,
    panel,
    routed,
    sql,
    target,
    titled,
    variable,
)


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
        "before the end of its time range",
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
        'Grafana has no dashboard with the title "DLQ" among 3 dashboards that the token may see; '
        "the nearest: DLW (uid u0)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_fails(fault, judged):
    """Each with its message."""
    build, part = FAULTS[fault]
    outcome = judged(build())
    assert (outcome.status, part in outcome.reason) == (Status.FAILED, True), outcome.reason
    assert all(one.expected and one.why and one.advice for one in outcome.judge.violations)


def test_unknown_uid_fails(judged):
    """A uid is exact."""
    outcome = judged(grafana(), title=None, uid="nosuch")
    assert outcome.status is Status.FAILED
    assert outcome.reason.startswith("Grafana has no dashboard with uid nosuch among 1 dashboard that the token")


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
