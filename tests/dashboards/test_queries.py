"""How queries are sent: variables, data sources, ranges and intervals, as a browser writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.dashboards.finding import ListedDashboard, matching
from fixtures.dashboards.interpolation import Interpolation
from fixtures.dashboards.intervals import interval_of
from fixtures.dashboards.reading_sql import why_not_to_run
from fixtures.dashboards.time_range import TimeRange, parsed, range_of, range_of_panel
from fixtures.dashboards.variables import variables_of
from fixtures.outcome import Status
from tests.dashboards.building import grafana, panel, target, variable

NOW = datetime(2026, 3, 31, 12, 34, 56, tzinfo=UTC)  # a Tuesday

ONE = variable("v", "a.b")
MULTI = variable("v", ["a.b", "c'd"], multi=True)
ALL = variable("v", "$__all", includeAll=True)
STORED = ALL | {"options": [{"value": "$__all"}, {"value": "x"}, {"value": "y"}]}

WRITTEN: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "one value": (ONE, "prometheus", 'up{a="$v"}', 'up{a="a.b"}'),
    "in braces": (ONE, "prometheus", 'up{a="${v}"}', 'up{a="a.b"}'),
    "in brackets": (ONE, "prometheus", 'up{a="[[v]]"}', 'up{a="a.b"}'),
    "part of a longer name": (ONE, "prometheus", "$vv $v_x", "$vv $v_x"),
    "one of several": (variable("v", ["a.b"], multi=True), "prometheus", 'up{a=~"$v"}', r'up{a=~"a\\.b"}'),
    "several, as a regular expression": (MULTI, "prometheus", 'up{a=~"$v"}', r"""up{a=~"(a\\.b|c\\'d)"}"""),
    "several, in a form": (MULTI, "prometheus", "${v:pipe}", "a.b|c'd"),
    "several, in brackets with a form": (MULTI, "prometheus", "[[v:csv]]", "a.b,c'd"),
    "several, as regex": (MULTI, "prometheus", "${v:regex}", r"(a\.b|c'd)"),
    "several, in single quotes": (MULTI, "other", "${v:singlequote}", r"'a.b','c\'d'"),
    "several, in double quotes": (MULTI, "other", "${v:doublequote}", '"a.b","c\'d"'),
    "several, as JSON": (MULTI, "other", "${v:json}", '["a.b", "c\'d"]'),
    "several, raw": (MULTI, "prometheus", "${v:raw}", "a.b,c'd"),
    "several, in an unknown form": (MULTI, "prometheus", "${v:strange}", "{a.b,c'd}"),
    "several, as text": (MULTI, "prometheus", "${v:text}", "a.b + c'd"),
    "several, for another source": (MULTI, "graphite", "$v", "{a.b,c'd}"),
    "several, in SQL": (MULTI, "grafana-postgresql-datasource", "IN ($v)", "IN ('a.b','c''d')"),
    "one, in SQL": (variable("v", "it's"), "postgres", "= '$v'", "= 'it''s'"),
    "a number in SQL": (variable("v", 5, "custom"), "postgres", "LIMIT $v", "LIMIT 5"),
    "All": (ALL, "prometheus", 'up{a=~"$v"}', 'up{a=~".*"}'),
    "All, with a value for it": (ALL | {"allValue": "a.+"}, "prometheus", 'up{a=~"$v"}', 'up{a=~"a.+"}'),
    "All, of stored values": (STORED, "prometheus", 'up{a=~"$v"}', 'up{a=~"(x|y)"}'),
    "All, of stored values in SQL": (STORED, "postgres", "IN ($v)", "IN ('x','y')"),
    "All, of a list": (ALL | {"type": "custom", "query": "x, y : z"}, "postgres", "IN ($v)", "IN ('x','z')"),
    "All in an older form": (variable("v", ["$__all"], multi=True, includeAll=True), "prometheus", "$v", ".*"),
    "nothing saved, with All": ({"name": "v", "type": "query", "includeAll": True}, "prometheus", "$v", ".*"),
    "nothing saved, with options": ({"name": "v", "options": [{"value": "q"}]}, "prometheus", "$v", "q"),
    "a constant": ({"name": "v", "type": "constant", "query": "eu"}, "prometheus", "$v", "eu"),
    "a text box": ({"name": "v", "type": "textbox", "query": "words"}, "prometheus", "$v", "words"),
    "an interval": ({"name": "v", "type": "interval", "query": "1m,5m"}, "prometheus", "up[$v]", "up[1m]"),
    "macros of the server": (
        ONE,
        "prometheus",
        "rate(x[$__rate_interval]) $__range",
        "rate(x[$__rate_interval]) $__range",
    ),
    "macros of SQL": (ONE, "postgres", "$__timeFilter(a) $__timeFrom()", "$__timeFilter(a) $__timeFrom()"),
    "the range's ends": (ONE, "postgres", "$__from ${__to} ${__to:date:seconds}", "1000 2500 2"),
    "the range's end as a date": (ONE, "postgres", "${__to:date:iso}", "1970-01-01T00:00:02.500Z"),
    "what is no variable": (ONE, "prometheus", "$1 ${other} [[2]] $$", "$1 ${other} [[2]] $$"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_variables_are_written_as_browsers_do(case):
    """For each kind of data source and form."""
    entry, source_type, text, expected = WRITTEN[case]
    variables = variables_of({"templating": {"list": [entry]}}, {}, "").with_names(__from="1000", __to="2500")
    assert Interpolation(variables, source_type).text(text) == expected


RANGES = {
    "now": (NOW, NOW),
    "now-6h": (datetime(2026, 3, 31, 6, 34, 56, tzinfo=UTC),) * 2,
    "now/d": (datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    "now-1d/d": (datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 3, 30, 23, 59, 59, 999000, tzinfo=UTC)),
    "now/w": (datetime(2026, 3, 30, tzinfo=UTC), datetime(2026, 4, 5, 23, 59, 59, 999000, tzinfo=UTC)),
    "now/h": (
        datetime(2026, 3, 31, 12, tzinfo=UTC),
        datetime(2026, 3, 31, 12, 59, 59, 999000, tzinfo=UTC),
    ),
    "now-1M": (datetime(2026, 2, 28, 12, 34, 56, tzinfo=UTC),) * 2,
    "now/M": (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    "now/Q": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    "now-1y/y": (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    "now-1d+2h": (datetime(2026, 3, 30, 14, 34, 56, tzinfo=UTC),) * 2,
    "2026-03-01T05:00:00.000Z": (datetime(2026, 3, 1, 5, tzinfo=UTC),) * 2,
    "1772323200000": (datetime(2026, 3, 1, tzinfo=UTC),) * 2,
    "now/fy": (None, None),
    "yesterday": (None, None),
    "now-9999y": (None, None),
    "": (None, None),
}


@pytest.mark.parametrize("text", RANGES)
def test_points_of_time_are_parsed(text):
    """As a start, and as an end."""
    assert (parsed(text, NOW, up=False), parsed(text, NOW, up=True)) == RANGES[text]


@pytest.mark.parametrize("value", [None, [], {"a": 1}, True, float("nan"), 10**30, "9" * 40])
def test_strange_points_of_time_are_refused(value):
    """Without an exception."""
    assert parsed(value, NOW, up=False) is None or value is True


def test_panel_may_change_the_range():
    """By a length, a day, and a shift."""
    usual = range_of({}, NOW)
    assert usual == TimeRange(NOW - timedelta(hours=6), NOW)
    assert range_of_panel({"timeFrom": "2h"}, usual, NOW) == TimeRange(NOW - timedelta(hours=2), NOW)
    today = range_of_panel({"timeFrom": "now/d"}, usual, NOW)
    assert (today.start.hour, today.end.hour) == (0, 23)
    shifted = range_of_panel({"timeFrom": "1h", "timeShift": "1d"}, usual, NOW)
    assert shifted == TimeRange(NOW - timedelta(hours=25), NOW - timedelta(hours=24))
    assert range_of_panel({"timeFrom": "tomorrow"}, usual, NOW) is None
    assert range_of_panel({"timeShift": "soon"}, usual, NOW) is None


def test_days_are_those_of_the_dashboards_zone():
    """A dashboard of Kigali begins its day at 22:00 UTC."""
    found = range_of({"timezone": "Africa/Kigali", "time": {"from": "now/d", "to": "now"}}, NOW)
    assert found.start == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert range_of({"timezone": "No/Where", "time": {"from": "now/d", "to": "now"}}, NOW).start.hour == 0


@pytest.mark.parametrize(
    ("hours", "points", "shortest", "prometheus", "expected"),
    [
        (6, 500, "", True, 30_000),
        (1, 500, "", True, 15_000),
        (1, 500, "1s", True, 5_000),
        (1, 500, "", False, 5_000),
        (1, 500, ">1m", True, 60_000),
        (24 * 30, 500, "", True, 3_600_000),
        (24 * 365 * 20, 10, "", True, 365 * 86_400_000),
        (0.0001, 500, "", False, 1),
    ],
)
def test_intervals_are_round(hours, points, shortest, prometheus, expected):
    """By range and points, and no shorter than what is allowed."""
    time_range = TimeRange(NOW - timedelta(hours=hours), NOW)
    assert interval_of(time_range, points, shortest, prometheus=prometheus) == expected


READS = [
    "SELECT 1",
    "select count(*) from webhook_dlq where status = 'delete'",
    "WITH a AS (SELECT 1) SELECT * FROM a;",
    "(SELECT 1) UNION (SELECT 2)",
    "-- update\nSELECT 'drop; table' /* ; delete */",
    'SELECT "into" FROM x',
    "SELECT $__timeGroupAlias(created_at, '5m') FROM x WHERE $__timeFilter(created_at)",
    "SELECT $tag$; delete$tag$",
    "",
]
WRITES = [
    "INSERT INTO a VALUES (1)",
    "SELECT * INTO b FROM a",
    "WITH x AS (UPDATE a SET b = 1 RETURNING 1) SELECT 1",
    "SELECT 1; DROP TABLE a",
    "SELECT 1 FROM a FOR UPDATE",
    "SELECT pg_sleep(100)",
    'SELECT "pg_terminate_backend" (1)',
    "SELECT cron.schedule('a', '* * * * *', 'x')",
    "EXPLAIN ANALYZE DELETE FROM a",
    "VACUUM",
    "SELECT 'it''s' ; UPDATE a SET b = 1",
    "SELECT setval('s', 1)",
]


@pytest.mark.parametrize("sql", READS)
def test_sql_that_reads_is_run(sql):
    """Quotes and comments are no commands."""
    assert why_not_to_run(sql, "postgres") == ""


@pytest.mark.parametrize("sql", WRITES)
def test_sql_that_may_write_is_not_run(sql):
    """Nor what has side effects."""
    assert why_not_to_run(sql, "postgres") != ""


def test_other_dialects_are_not_trusted():
    """Their quotes and comments are others."""
    assert why_not_to_run(r"SELECT '\'; DROP TABLE a; -- '", "mysql") != ""
    assert why_not_to_run("SELECT 1 /*! ; DROP TABLE a */", "mysql") != ""
    assert why_not_to_run("SELECT 1", "mysql") == ""


@pytest.mark.parametrize(
    ("title", "titles", "expected"),
    [
        ("DLQ", ["dlq"], ["dlq"]),
        (
            "Webhook performance",
            ["EasyMO Webhook Performance Dashboard"],
            ["EasyMO Webhook Performance Dashboard"],
        ),
        ("Webhook performance", ["Performance", "Webhook"], []),
        ("Webhook performance", ["webhook_performance"], ["webhook_performance"]),
        ("DLQ", ["DLQ of Meta", "DLQ"], ["DLQ"]),
        ("DLQ", ["A DLQ", "DLQ b"], ["A DLQ", "DLQ b"]),
        ("DLQ", ["DLQs", "MyDLQ"], []),
        ("EasyMO DLQ dashboard", ["dlq"], ["dlq"]),
        ("Dashboard", ["Dashboards", "Other dashboard"], []),
    ],
)
def test_titles_match_by_their_words(title, titles, expected):
    """Exactly, else among other words."""
    listed = [ListedDashboard(str(number), one) for number, one in enumerate(titles)]
    assert [one.title for one in matching(title, listed)] == expected


def test_query_is_sent_as_a_browser_sends_it(judged):
    """With its own fields, the values of variables, the range, the interval; and not what a browser leaves out."""
    one = grafana(
        panel(
            "Rate", target('sum(rate(x{s=~"$s"}[$__rate_interval]))', hide=False, exemplar=True), maxDataPoints=100
        ),
        templating={"list": [variable("s", ["a", "b"], multi=True)]},
        time={"from": "now-1h", "to": "now"},
    )
    outcome = judged(one)
    assert outcome.status is Status.PASSED, outcome.reason
    [body] = one.queries
    assert int(body["to"]) - int(body["from"]) == 3_600_000
    assert body["queries"] == [
        {
            "refId": "A",
            "expr": 'sum(rate(x{s=~"(a|b)"}[$__rate_interval]))',
            "datasource": {"uid": "prometheus", "type": "prometheus"},
            "range": True,
            "exemplar": False,
            "intervalMs": 30_000,
            "maxDataPoints": 100,
        }
    ]


def test_automatic_interval_is_that_of_the_range(judged):
    """A browser computes it: 6 hours in 30 steps are 10 minutes each."""
    auto = variable("interval", "$__auto_interval_interval", "interval", auto=True, auto_count=30, auto_min="10s")
    one = grafana(panel("P", target("rate(x[$interval])")), templating={"list": [auto]})
    assert judged(one).status is Status.PASSED
    assert one.queries[0]["queries"][0]["expr"] == "rate(x[600s])"


def test_uids_are_quoted_in_paths(judged):
    """A uid of a dashboard's JSON cannot choose another path."""
    one = grafana({"id": 3, "title": "Shared", "libraryPanel": {"uid": "../../api/admin/settings?x=1"}}, panel())
    asked = []
    one.routes["/api/"] = lambda request: asked.append(request.path)
    assert judged(one).status is Status.FAILED
    assert asked == []


def test_one_request_for_a_panel(judged):
    """Queries to one data source go together, so that few requests are enough."""
    one = grafana(panel("P", *(target(ref_id=letter) for letter in "ABCDE")))
    assert judged(one).status is Status.PASSED
    assert len(one.queries) == 1
