"""Check 7 on dashboards that are unusual and right, and what a pass reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks.test_deploy import test_dlq_dashboard_is_imported as step_41
from checks.test_deploy import test_webhook_dashboard_is_imported as step_42
from fixtures.dashboards.model import Dashboards
from fixtures.dashboards.read import read_dashboards
from fixtures.local.functions.http import Response
from fixtures.local.stand_ins.grafana import Grafana, frames, reply
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Dashboard
from tests.dashboards.building import (
    MIXED,
    OF_DASHBOARD,
    POSTGRES,
    PROMETHEUS,
    answering,
    dashboard,
    error,
    grafana,
    minutes,
    panel,
    several,
    sql,
    target,
    variable,
)

HOUR_MS = 3_600_000


def called(*titles: str) -> Grafana:
    """A Grafana whose dashboards have these titles, the first one with a panel."""
    one = grafana(title=titles[0])
    for number, title in enumerate(titles[1:]):
        one.add(dashboard(uid=f"other{number}", title=title))
    return one


def bare(reference: Any, **more: Any) -> dict[str, Any]:
    """A panel with this reference to a data source, and a query without one."""
    return panel("Bare", {"refId": "A", "expr": "up"}, datasource=reference, **more)


def with_library(model: dict[str, Any], *, status: int = 200, **copied: Any) -> Grafana:
    """A Grafana with a library panel."""
    one = grafana({"id": 4, "title": "Shared", "libraryPanel": {"uid": "lib1", "name": "Shared"}} | copied)
    one.library["lib1"] = model
    if status != 200:
        one.refused["/api/library"] = status
    return one


def with_text_library() -> Grafana:
    """A Grafana with a library panel that is a text."""
    one = grafana(panel(), {"id": 4, "title": "Shared", "libraryPanel": {"uid": "lib1"}})
    one.library["lib1"] = {"type": "text", "title": "Words"}
    return one


def hours_ago(*hours: float) -> list[float]:
    """These times in milliseconds since 1970."""
    return [time.time() * 1000 - hour * HOUR_MS for hour in hours]


def many_dashboards() -> Grafana:
    """A Grafana with more dashboards than one page of a search."""
    one = grafana(uid="zz")
    for number in range(1100):
        one.add({"uid": f"a{number:04}", "title": f"Team {number}"})
    return one


def limited(status: int) -> Grafana:
    """A Grafana that asks for a pause before the first query."""
    one = grafana()
    answer = one.routes["/api/ds/query"]
    waiting = [Response(status, b'{"message": "slow down"}', headers=(("retry-after", "0"),))]
    one.routes["/api/ds/query"] = lambda request: waiting.pop() if waiting else answer(request)
    return one


def unlisted() -> Grafana:
    """A Grafana that does not list its data sources."""
    one = grafana()
    one.refused["/api/frontend"] = 403
    return one


def hidden_version() -> Grafana:
    """A Grafana that hides its version."""
    one = grafana()
    return lambda request: reply(200, {"database": "ok"}) if request.path == "/api/health" else one(request)  # type: ignore[return-value]


FROM_A = {"refId": "B", "datasource": {"type": "__expr__", "uid": "__expr__"}, "type": "reduce", "expression": "A"}

HEALTHY: dict[str, Callable[[], Any]] = {
    "the title in other letters": lambda: called("dlq"),
    "the title with the word dashboard": lambda: called("DLQ Dashboard", "Other"),
    "the title with the product": lambda: called("EasyMO – DLQ", "Postgres"),
    "the title with other words": lambda: called("WhatsApp DLQ overview", "Webhook performance"),
    "the title with hyphens": lambda: called("easymo-dlq-dashboard"),
    "one of that title exactly": lambda: called("DLQ", "DLQ (old)", "Old DLQ dashboard of 2025"),
    "more than one page of dashboards": many_dashboards,
    "a hidden version": hidden_version,
    "data sources not listed": unlisted,
    "a pause that is asked for": lambda: limited(429),
    "an overloaded Grafana": lambda: limited(503),
    "zeros": lambda: answering(minutes(0, 0, 0)),
    "one value": lambda: answering(minutes(7)),
    "one old value": lambda: answering(minutes(7, ends_ago=5 * 3600)),
    "nulls before and between": lambda: answering(minutes(None, 1, None, None, 2, None)),
    "a negative value": lambda: answering(minutes(-1)),
    "values by the hour": lambda: answering(frames(hours_ago(5, 4, 3, 2), [1, 2, 3, 4])),
    "an outage in the past": lambda: answering(
        frames(hours_ago(5, 4.9, *[n / 30 for n in range(60, 0, -1)]), [1] * 62)
    ),
    "true and false": lambda: answering(frames(hours_ago(0.1, 0), [True, False], types="time boolean")),
    "a table of words": lambda: answering(frames(["momo"], ["OPEN"], types="string string"), panel("T", sql())),
    "a table with nulls": lambda: answering(frames(["momo"], [None], types="string number"), panel("T", sql())),
    "a table of old rows": lambda: answering(frames(hours_ago(90, 80), [1, 2]), panel("T", sql())),
    "log lines": lambda: answering(
        frames([{}, {}], hours_ago(2, 1), ["a", "b"], types="other time string"),
        panel("Logs", {"refId": "A", "expr": "{}"}, datasource={"type": "prometheus", "uid": "prometheus"}),
    ),
    "a series that ended": lambda: answering(several(minutes(1, 2), minutes(1, 2, ends_ago=9000))),
    "panels without data": lambda: grafana(
        panel(),
        panel("Words", target("broken"), type="text"),
        {"type": "news", "title": "News"},
        {"type": "dashlist"},
        {"type": "alertlist", "title": "Alerts"},
        {"type": "row", "title": "Row"},
    ),
    "a collapsed row": lambda: grafana({"type": "row", "collapsed": True, "panels": [panel()]}),
    "a very old dashboard": lambda: grafana(rows=[{"title": "R", "panels": [panel(type="graph")]}], panels=[]),
    "no panels key": lambda: answering(minutes(1), rows=[{"panels": [panel()]}], panels=None),
    "a library panel": lambda: with_library(panel("In the library")),
    "a library panel that needs no data": with_text_library,
    "a closed library, with a copy": lambda: with_library(
        {}, status=403, targets=[target()], datasource=PROMETHEUS
    ),
    "mixed data sources": lambda: grafana(
        panel("M", target(), sql(ref_id="B"), {"refId": "C", "expr": "up"}, datasource=MIXED)
    ),
    "mixed, by name": lambda: grafana(panel("M", target(), sql(ref_id="B"), datasource="-- Mixed --")),
    "data of another panel": lambda: grafana(
        panel("First", id=1), panel("Second", {"refId": "A", "panelId": 1}, id=2, datasource=OF_DASHBOARD)
    ),
    "a data source by name": lambda: grafana(bare("Prometheus")),
    "a data source by its name as uid": lambda: grafana(bare({"uid": "Prometheus"})),
    "the default data source": lambda: grafana(bare(None)),
    "the default data source by name": lambda: grafana(bare("default")),
    "a data source by type": lambda: grafana(bare({"type": "prometheus"})),
    "the query's data source": lambda: grafana(panel("Q", sql(), datasource=None)),
    "the panel's before the query's": lambda: grafana(
        panel("Q", target(datasource={"type": "prometheus", "uid": "long gone"}), datasource=PROMETHEUS)
    ),
    "a data source by variable": lambda: grafana(
        bare({"type": "prometheus", "uid": "${ds}"}),
        templating={"list": [variable("ds", "Prometheus", "datasource", query="prometheus")]},
    ),
    "a data source by a variable without a value": lambda: grafana(
        bare("$ds"), templating={"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}]}
    ),
    "an import with a choice": lambda: grafana(
        bare({"type": "prometheus", "uid": "${DS_X}"}),
        templating={"list": [variable("DS_X", "prometheus", "datasource", query="prometheus")]},
    ),
    "an expression": lambda: grafana(panel("E", target(), FROM_A)),
    "an expression on a hidden query": lambda: grafana(panel("E", target(hide=True), FROM_A)),
    "an expression on an expression": lambda: grafana(
        panel("E", target(hide=True), FROM_A | {"hide": True}, FROM_A | {"refId": "C", "expression": "$B * 60"})
    ),
    "a hidden query that is broken": lambda: answering(
        lambda query: error("broken") if query["refId"] == "B" else minutes(1, 2),
        panel("P", target(), target("broken", "B", hide=True)),
    ),
    "a blank query beside a good one": lambda: grafana(panel("P", target(), target("", "B"))),
    "queries without letters": lambda: grafana(
        panel("P", *({"expr": "up"} for _ in range(3)), datasource=PROMETHEUS)
    ),
    "two queries with one letter": lambda: grafana(panel("P", target(), target("up"))),
    "a panel without a title": lambda: grafana(panel("")),
    "a time range of its own": lambda: grafana(panel("P", timeFrom="1h")),
    "yesterday for comparison": lambda: answering(minutes(1, 2, 3, ends_ago=86400), panel("P", timeShift="1d")),
    "today": lambda: grafana(time={"from": "now/d", "to": "now/d"}),
    "a report of yesterday": lambda: answering(
        lambda query: minutes(1, 2, ends_ago=time.time() % 86400 + 60),
        time={"from": "now-1d/d", "to": "now-1d/d"},
        timezone="utc",
    ),
    "dates up to next year": lambda: grafana(
        time={"from": "2026-01-01T00:00:00Z", "to": f"{datetime.now(UTC).year + 1}-01-01T00:00:00Z"}
    ),
    "no time range": lambda: grafana(time=None),
    "a delay of now": lambda: grafana(timepicker={"nowDelay": "1m"}),
    "SQL with a common table expression": lambda: grafana(
        panel("S", sql("-- delete nothing\nWITH x AS (SELECT 1) SELECT 'insert' AS \"update\" FROM x;"))
    ),
    "SQL with macros": lambda: grafana(
        panel(
            "S",
            sql("SELECT $__timeGroup(created_at, $__interval), count(*) FROM a WHERE $__timeFilter(created_at)"),
        )
    ),
    "SQL on the scheduler's tables": lambda: grafana(panel("S", sql("SELECT * FROM cron.job_run_details"))),
    "copies of a repeated panel": lambda: grafana(
        panel("Of $v", target('up{v="$v"}'), repeat="v"),
        panel("Of $v", target("gone"), repeatPanelId=1, datasource={"uid": "gone", "type": "x"}),
        templating={"list": [variable("v", ["a", "b"], multi=True)]},
    ),
    "a repeated row": lambda: grafana(
        {"type": "row", "title": "$v", "repeat": "v", "panels": []},
        panel("P", target('up{v="$v"}')),
        templating={"list": [variable("v", ["a", "b"], multi=True)]},
    ),
    "a variable without a value that no query has": lambda: grafana(
        templating={"list": [{"name": "v", "type": "query", "current": {}}]}
    ),
    "a filter that is not set": lambda: grafana(
        templating={"list": [{"name": "f", "type": "adhoc", "filters": []}]}
    ),
    "a dollar that is no variable": lambda: grafana(
        panel("P", target('label_replace(up, "a", "$1", "b", "(.*)")'))
    ),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_odd_dashboard_passes(case, judged):
    """Unusual, and right."""
    outcome = judged(HEALTHY[case]())
    assert outcome.status is Status.PASSED, outcome.reason


def test_pass_reports_figures_and_source(judged, grafana_access):
    """Panels, queries, values, the newest, the version, and that it is a stand-in."""
    one = grafana(panel("A"), panel("B", target(), sql(ref_id="B"), datasource=MIXED), {"type": "text"})
    one.folders["dlq1"] = "EasyMO"
    outcome = judged(one)
    host = grafana_access.grafana_url.removeprefix("http://")
    first, second = outcome.judge.findings
    assert first == (
        f"dashboard DLQ (uid dlq1) in folder EasyMO, range now-6h to now: a stand-in for Grafana 11.6.0 at {host}"
    )
    assert second.startswith("2 panels with 3 queries returned 9 values in 3 series, the newest of 2")
    rows = outcome.judge.tables[0].rows
    assert [(row["panel"], row["query"], row["returned"], row["values"]) for row in rows] == [
        ("A", "A", "data", 3),
        ("B", "A", "data", 3),
        ("B", "B", "data", 3),
    ]


def test_panel_may_be_empty_but_not_wrong(judged):
    """What the settings allow is no data, and no more."""

    def answer(query: dict[str, Any]) -> Any:
        return (
            frames() if "none" in query["expr"] else error("broken") if "broken" in query["expr"] else minutes(1)
        )

    one = answering(answer, panel("Lost messages", target("none")), panel())
    assert judged(one).status is Status.FAILED
    outcome = judged(one, may_be_empty=("lost  Messages",))
    assert outcome.status is Status.PASSED, outcome.reason
    assert "without data, as may_be_empty allows: Lost messages" in outcome.judge.findings
    other = judged(one, may_be_empty=("Lost messages", "Gone"))
    assert "may_be_empty names Gone, and dashboard DLQ has no such panel" in other.judge.findings
    broken = answering(answer, panel("Lost messages", target("broken")), panel())
    assert judged(broken, may_be_empty=("Lost messages",)).status is Status.FAILED


def test_allowed_age_is_a_setting(judged):
    """A series that stops 20 minutes ago, with 15 and with 30 minutes allowed."""
    one = answering(minutes(1, 2, 3, ends_ago=1200))
    assert judged(one).status is Status.FAILED
    assert judged(one, stale_seconds=1800.0).status is Status.PASSED


def test_notes_beside_a_pass(judged):
    """A series that ended, a warning, a panel with another's data, repetitions beyond those looked at."""
    result = several(minutes(1, 2), minutes(1, 2, ends_ago=9000))
    result["frames"][0]["schema"]["meta"] = {"notices": [{"severity": "warning", "text": "partial data"}]}
    outcome = judged(
        answering(
            result,
            panel("First", id=1),
            panel("Second", {"refId": "A", "panelId": 1}, id=2, datasource=OF_DASHBOARD),
            panel("Of $v", target('up{v="$v"}'), id=3, repeat="v"),
            templating={"list": [variable("v", list("abcdefgh"), multi=True)]},
        )
    )
    assert outcome.status is Status.PASSED, outcome.reason
    findings = "\n".join(outcome.judge.findings)
    assert "dashboard DLQ, panel First (query A): one of 2 series ends at 2" in findings
    assert "panel First (query A): Prometheus (prometheus) warns: partial data" in findings
    assert "panel Second shows the data of panel First" in findings
    assert "3 further repetitions of panels not looked at" in findings


def test_a_wrong_clock_of_this_machine_changes_nothing(behind, grafana_access):
    """Ranges end now by Grafana's clock."""
    behind.current = grafana()
    settings = Settings(dashboards=(Dashboard("dlq", title="DLQ"),))
    wrong = datetime.now(UTC) + timedelta(days=2)
    found = asyncio.run(read_dashboards(settings, grafana_access, wrong))
    assert isinstance(found, Dashboards)
    assert abs(found.clock_difference_seconds - 2 * 86400) < 5
    [query] = behind.current.queries
    assert abs(int(query["to"]) / 1000 - time.time()) < 5


def test_a_wrong_clock_is_reported(judged, monkeypatch):
    """With the figure."""
    monkeypatch.setattr("fixtures.dashboards.read._clock", lambda reply, now: now - timedelta(hours=3, seconds=1))
    outcome = judged(answering(minutes(1, 2, ends_ago=3 * 3600 + 1)))
    assert outcome.status is Status.PASSED, outcome.reason
    assert outcome.judge.findings[1].startswith("this machine's clock is 3 h 1 s ahead of Grafana's")


def test_steps_require_the_first_and_second_dashboard(judged):
    """They exist, and their panels have queries; whether these return data is check 7's."""
    one = answering(frames())
    one.add(
        dashboard(panel("Lost", datasource={"type": "prometheus", "uid": "${DS_X}"}), uid="w", title="Webhooks")
    )
    settings = Settings(
        dashboards=(Dashboard("dlq", title="DLQ"), Dashboard("webhook", title="Webhooks"), Dashboard("x", uid="x"))
    )
    first = judged(one, step_41, settings=settings)
    assert first.status is Status.PASSED, first.reason
    assert first.judge.findings[1] == "1 panel with 1 query"
    second = judged(one, step_42, settings=settings)
    assert second.status is Status.FAILED
    assert second.reason.startswith(
        "dashboard Webhooks, panel Lost (query A): the data source ${DS_X} is a placeholder"
    )
    missing = judged(one, step_42, settings=replace(settings, dashboards=settings.dashboards[::2]))
    assert missing.status is Status.FAILED
    assert missing.reason.startswith("Grafana has no dashboard with uid x among 2 dashboards")
    assert missing.judge.violations[0].advice.startswith("import its JSON in Grafana")
    alone = judged(one, step_42, settings=replace(settings, dashboards=settings.dashboards[:1]))
    assert (alone.status, alone.reason) == (Status.NOT_APPLICABLE, "the settings name only 1 dashboard")


def test_nothing_is_sent_that_writes(judged):
    """Whatever the dashboard has, only queries that read reach Grafana, and nothing of it is changed."""
    one = grafana(
        panel("R", sql("SELECT 1")),
        panel("W", sql("DROP TABLE webhook_dlq")),
        panel("H", sql("DELETE FROM webhook_dlq", hide=True), FROM_A, datasource=MIXED),
    )
    judged(one)
    sent = [query.get("rawSql") for body in one.queries for query in body["queries"]]
    assert sent == ["SELECT 1"]
    assert POSTGRES["uid"] == one.queries[0]["queries"][0]["datasource"]["uid"]
