"""Check 17 where Grafana manages the alerts: changes of state as annotations, or in its undocumented history."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from fixtures.alert_history.grafana import parsed_text, rows_of
from fixtures.local.functions.http import IncomingRequest, Response
from fixtures.outcome import Status
from fixtures.secret import Secret
from tests.alert_history.past import (
    CASES,
    HOUR,
    INCIDENTS,
    MINUTE,
    OTHERS,
    PENDING,
    RATE,
    SEVERITIES,
    SILENT,
    PastPrometheus,
    day,
    hours_ago,
    judged,
    midnight,
    rule,
)
from tests.outcomes import expect

TOKEN = "glsa_planted99"
NOT_NAMED = {INCIDENTS: (Status.NOT_APPLICABLE, "PagerDuty is not configured")}


@dataclass
class PastGrafana:
    """Answers what the suite asks Grafana about the past."""

    changes: list[tuple[str, float, str, str]] = field(default_factory=list)
    """Alert, time, previous and new state."""
    before: bool = True
    """Whether there is a change before the window too."""
    labels: dict[str, str] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(
        default_factory=lambda: [rule(name, severity) for name, severity in SEVERITIES.items()]
    )
    lines: list[Any] | None = None
    """Rows of the undocumented history, with their times; None where there is none."""
    refused: dict[str, int] = field(default_factory=dict)
    """Path → status."""
    pages: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: IncomingRequest) -> Response:
        """Answer a request."""
        if request.path in self.refused:
            return Response(self.refused[request.path], b'{"message":"no"}')
        if request.path != "/api/health" and request.header(b"authorization") != [f"Bearer {TOKEN}".encode()]:
            return Response(401, b'{"message":"Unauthorized"}')
        given = dict(parse_qsl(request.query.decode()))
        documents = {
            "/api/health": lambda: {"database": "ok", "version": "11.6.0"},
            "/api/prometheus/grafana/api/v1/rules": lambda: {
                "status": "success",
                "data": {"groups": [{"name": "easymo", "file": "EasyMO", "interval": 60, "rules": self.rules}]},
            },
            "/api/annotations": lambda: self._annotations(given),
        }
        if self.lines is not None:
            documents["/api/v1/rules/history"] = lambda: frame(self.lines)
        if request.path not in documents:
            return Response(404, b'{"message":"Not found"}')
        return Response(200, json.dumps(documents[request.path]()).encode())

    def _annotations(self, given: dict[str, str]) -> list[dict[str, Any]]:
        self.pages.append(given)
        start, end, limit = (int(given[name]) for name in ("from", "to", "limit"))
        assert given["type"] == "alert"
        ancient = [("Old", 1000.0, "Normal", "Alerting")] if self.before else []
        found = [
            annotation(number, change, self.labels) for number, change in enumerate([*ancient, *self.changes], 1)
        ]
        found = [one for one in found if start <= one["time"] <= end]
        return sorted(found, key=lambda one: -one["time"])[:limit]


def annotation(number, change, labels):
    """A change as an annotation."""
    alert, at, before, after = change
    text = ", ".join(f"{name}={value}" for name, value in {"alertname": alert, **labels}.items())
    return {
        "id": number,
        "alertId": 7,
        "newState": after,
        "prevState": before,
        "time": round(at * 1000),
        "timeEnd": round(at * 1000),
        "text": f"{alert} {{{text}}} - B=3.000000",
        "tags": [],
        "data": {},
    }


def frame(rows):
    """Rows as the undocumented history gives them."""
    fields = [{"name": name, "type": "other"} for name in ("time", "line", "labels")]
    times = [round(at * 1000) for at, _ in rows]
    return {
        "schema": {"fields": fields},
        "data": {"values": [times, [line for _, line in rows], [{} for _ in rows]]},
    }


def line(alert, before, after, **labels):
    """A row of it."""
    return {"schemaVersion": 1, "previous": before, "current": after, "ruleTitle": alert, "labels": labels}


def fires(alert, start, seconds):
    """The two changes of a firing."""
    return [(alert, start, "Normal", "Alerting"), (alert, start + seconds, "Alerting", "Normal")]


def several(alert, times, start):
    """Firings of ten minutes, twice an hour."""
    return [change for one in range(times) for change in fires(alert, start + one * HOUR / 2, 10 * MINUTE)]


def seen(grafana, prometheus=None, token=TOKEN):
    """Judge Grafana's history."""
    known = {"grafana_token": Secret(token)} if token else {}
    return judged(prometheus, grafana=grafana, **known)


def expect_only(found, expected):
    """All cases pass except these."""
    expect(found, NOT_NAMED | expected)


def test_calm_week_passes():
    """With a change before the window as proof that Grafana keeps them."""
    found = seen(PastGrafana())
    expect_only(found, {})
    did_not, by, loaded = found[CASES[SILENT]].judge.findings
    assert did_not == "DLQProcessingFailure did not fire"
    assert by.startswith("by a stand-in for Grafana 11.6.0 at 127.0.0.1:")
    assert loaded.startswith("its rule is loaded in Grafana, and was last evaluated at ")


FAULTS = {
    "an alert flaps": (
        lambda: PastGrafana(several(RATE, 7, midnight())),
        {CASES[RATE]: f"WebhookErrorRate flaps: it fired 7 times on {day()}, more than 5 times a day"},
    ),
    "a critical alert is not resolved": (
        lambda: PastGrafana([(SILENT, hours_ago(30), "Normal", "Alerting")]),
        {CASES[SILENT]: "DLQProcessingFailure (critical) is not resolved: fires since "},
    ),
    "pending first": (
        lambda: PastGrafana(
            [(SILENT, hours_ago(31), "Normal", "Pending"), (SILENT, hours_ago(30.5), "Pending", "Alerting")]
        ),
        {CASES[SILENT]: " UTC, for 1 d 6 h"},
    ),
    "without data, and so firing": (
        lambda: PastGrafana([(SILENT, hours_ago(3), "Normal", "Alerting (NoData)")]),
        {CASES[SILENT]: "(critical) is not resolved"},
    ),
    "since before the window": (
        lambda: PastGrafana(
            rules=[
                rule(PENDING),
                rule(RATE),
                rule(
                    SILENT,
                    "critical",
                    alerts=[{"state": "Alerting", "labels": {}, "activeAt": "2026-01-01T00:00:00Z"}],
                ),
            ]
        ),
        {CASES[SILENT]: "is not resolved: fires at least since "},
    ),
    "another alert flaps": (
        lambda: PastGrafana(several("DiskFull", 6, midnight()), labels={"host": "a"}),
        {OTHERS: f"DiskFull flaps: it fired 6 times on {day()}"},
    ),
    "in the undocumented history": (
        lambda: PastGrafana(
            before=False,
            lines=[(at, line(alert, one, two)) for alert, at, one, two in several(RATE, 7, midnight())],
        ),
        {CASES[RATE]: f"WebhookErrorRate flaps: it fired 7 times on {day()}"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault):
    """In its own case alone."""
    grafana, expected = FAULTS[fault]
    expect_only(seen(grafana()), {case: (Status.FAILED, part) for case, part in expected.items()})


ODD_BUT_HEALTHY = {
    "it began before the window": lambda: PastGrafana([(SILENT, hours_ago(30), "Alerting", "Normal")]),
    "it recovers": lambda: PastGrafana(
        [
            (SILENT, hours_ago(9), "Normal", "Alerting"),
            (SILENT, hours_ago(8), "Alerting", "Recovering"),
            (SILENT, hours_ago(7), "Recovering", "Normal"),
        ]
    ),
    "without data": lambda: PastGrafana(
        [(SILENT, hours_ago(9) + one, "Normal", "NoData") for one in range(0, 9000, 600)]
    ),
    "states in small letters": lambda: PastGrafana(
        [(RATE, hours_ago(9), "ok", "alerting"), (RATE, hours_ago(8), "alerting", "ok")]
    ),
}


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_past_passes(variant):
    found = seen(ODD_BUT_HEALTHY[variant]())
    expect_only(found, {})
    if variant == "it recovers":
        [said, *_] = found[CASES[SILENT]].judge.findings
        assert said.startswith("DLQProcessingFailure fired once, for 2 h from ")


ANNOTATIONS, RULES = "/api/annotations", "/api/prometheus/grafana/api/v1/rules"
EVERY = (*CASES.values(), OTHERS)
UNREADABLE = {
    "no change of any time": (
        lambda: PastGrafana(before=False),
        Status.UNPROVEN,
        "Grafana shows no change of an alert's state, of whatever time: whether it keeps a history is not known",
    ),
    "no right to the annotations": (
        lambda: PastGrafana(refused={ANNOTATIONS: 403}),
        Status.UNPROVEN,
        "Grafana does not permit GET /api/annotations with the token of EASYMO_GRAFANA_TOKEN (HTTP 403)",
    ),
    "no right to the rules": (
        lambda: PastGrafana(refused={RULES: 403}),
        Status.UNPROVEN,
        "Grafana does not permit GET /api/prometheus/grafana/api/v1/rules",
    ),
    "a fault of Grafana": (
        lambda: PastGrafana(refused={ANNOTATIONS: 500}),
        Status.ERROR,
        "answered GET /api/annotations with HTTP 500",
    ),
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_history_that_cannot_be_read(reason):
    grafana, status, part = UNREADABLE[reason]
    expect_only(seen(grafana()), dict.fromkeys(EVERY, (status, part)))


def test_without_a_token():
    """Unproven; with a wrong one, an error."""
    part = "Grafana requires a token, and EASYMO_GRAFANA_TOKEN is not set"
    expect_only(seen(PastGrafana(), token=""), dict.fromkeys(EVERY, (Status.UNPROVEN, part)))
    found = seen(PastGrafana(), token="glsa_another")
    expect_only(found, dict.fromkeys(EVERY, (Status.ERROR, "with HTTP 401")))
    assert "glsa_another" not in found[OTHERS].reason


def test_grafana_with_dashboards_only():
    """Prometheus has the history; Grafana's annotations are not asked for."""
    grafana = PastGrafana(rules=[], refused={ANNOTATIONS: 500})
    found = seen(grafana, PastPrometheus())
    expect_only(found, {})
    assert found[OTHERS].judge.findings[-1].endswith(" has no alert rules of its own")
    switched_off = seen(PastGrafana(refused={RULES: 404, ANNOTATIONS: 500}), PastPrometheus())
    expect_only(switched_off, {})


def test_alerts_in_both():
    """Each alert is judged by the service that has its rule."""
    prometheus = PastPrometheus(rules=[rule(PENDING), rule(RATE)])
    grafana = PastGrafana([(SILENT, hours_ago(5), "Normal", "Alerting")], rules=[rule(SILENT, "critical")])
    found = seen(grafana, prometheus)
    expect_only(found, {CASES[SILENT]: (Status.FAILED, "DLQProcessingFailure (critical) is not resolved")})
    assert "Prometheus" in found[CASES[PENDING]].judge.findings[1]


def test_grafana_that_may_have_the_rule_is_named():
    """A rule that Prometheus lacks may be in the Grafana that could not be read."""
    prometheus = PastPrometheus(rules=[rule(PENDING), rule(RATE)])
    found = seen(PastGrafana(refused={RULES: 403}), prometheus)
    gap = (Status.UNPROVEN, "Grafana does not permit GET /api/prometheus/grafana/api/v1/rules")
    expect_only(found, {CASES[SILENT]: gap, OTHERS: gap})


def test_many_changes_come_page_by_page():
    """The oldest of one page begins the next; none is lost or counted twice."""
    changes = [
        (f"A{number}", hours_ago(20) + number // 3, "Normal", "Alerting") for number in range(2500)
    ] + fires(RATE, hours_ago(30), HOUR)
    grafana = PastGrafana(changes)
    found = seen(grafana)
    assert found[CASES[RATE]].judge.findings[0].startswith("WebhookErrorRate fired once, for 1 h from ")
    assert [one["limit"] for one in grafana.pages] == ["1000"] * 3
    assert "2501 alerts fired, of which 200 were looked at" in found[OTHERS].reason


def test_rows_of_another_form_are_counted():
    """The history is undocumented: what is not understood is left out, and said."""
    now = time.time()
    rows = [
        (now - 7200, line(RATE, "Normal", "Alerting")),
        (now - 3600, json.dumps(line(RATE, "Alerting", "Normal"))),
    ]
    odd = [(now - 60, "{"), (now - 60, 7), (now - 60, {"previous": "x"})]
    found = seen(PastGrafana(before=False, lines=rows + odd))
    assert found[CASES[RATE]].judge.findings[0].startswith("WebhookErrorRate fired once, for 1 h from ")
    said = "3 entries of Grafana's /api/v1/rules/history have another form and were left out"
    assert said in found[CASES[RATE]].judge.findings


@pytest.mark.parametrize(
    "odd", [None, [], "x", {"schema": 1}, {"schema": {"fields": [{"name": "time"}]}}, {"data": []}]
)
def test_frame_of_another_form_gives_nothing(odd):
    assert rows_of(odd) == ([], 0)
    assert rows_of({"results": odd}) == ([], 0)


@pytest.mark.parametrize(
    ("text", "title", "labels"),
    [
        ("High {alertname=High, team=a} - B=3.0", "High", {"alertname": "High", "team": "a"}),
        ("Odd {one} title {alertname=x, a=b, c} - No data", "Odd {one} title", {"alertname": "x", "a": "b, c"}),
        ("Other {a=1}", "Other", {"a": "1"}),
        ("{alertname=Legacy, a=1} - Alerting", "Legacy", {"alertname": "Legacy", "a": "1"}),
        ("no labels", "", {"text": "no labels"}),
        (None, "", {}),
        ("", "", {}),
    ],
)
def test_text_of_an_annotation(text, title, labels):
    """Title and labels, also of a rule whose title has braces."""
    assert parsed_text(text, ["High", "Odd {one} title"]) == (title, tuple(sorted(labels.items())))
