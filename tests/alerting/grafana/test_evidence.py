"""What is read of Grafana's alerting, and how: GETs only, few of them, and nothing that is secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.judge import Judge
from checks.rules.alerts_state import agrees
from fixtures.alerting.grafana_conditions import UNLIMITED_SECONDS
from fixtures.alerting.model import Alerting, AlertState, Receiver, Selector
from fixtures.alerting.read import together
from fixtures.database.connection import DatabaseConnection
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.local.stand_ins.grafana_alerting import GrafanaAlerting, query, threshold
from fixtures.services.source import ServiceSource
from fixtures.settings.model import Settings
from tests.alerting.grafana.serving import PENDING, RATE, SILENT, alerting_of, evidence_of, judged
from tests.alerting.measured import ago, healthy

NOW = datetime.now(UTC)


def test_healthy_grafana() -> None:
    """Everything that the rules of check 8 look at."""
    grafana = GrafanaAlerting()
    alerting = alerting_of(grafana)
    (source,) = alerting.sources
    assert str(source).startswith("a stand-in for Grafana 11.2.0 at 127.0.0.1:")
    assert (alerting.rules_total, alerting.gaps, alerting.last_reload_ok) == (3, {}, None)
    (rule,) = alerting.alerts[RATE].rules
    assert (rule.name, rule.group, rule.file) == ("WebhookErrorRate", "webhooks", "easymo")
    assert (rule.comparison, rule.threshold, rule.in_percent, rule.ranges_seconds) == (">", 0.05, False, (300,))
    assert (rule.for_seconds, rule.interval_seconds, rule.severity) == (300, 60, "warning")
    assert (rule.health, rule.last_error, rule.state, rule.paused) == ("ok", "", AlertState.INACTIVE, False)
    assert (rule.active_since, rule.gap, rule.value) == (None, None, 4)
    assert rule.last_evaluation is not None
    assert alerting.server_time is not None
    assert timedelta() <= alerting.server_time - rule.last_evaluation < timedelta(minutes=1)
    assert [(one.text, one.series) for one in rule.selectors] == [
        ('webhook_requests_total{outcome="error"}', 1),
        ("webhook_requests_total", 1),
    ]
    route = alerting.alerts[RATE].route
    assert route is not None
    assert (route.receivers, route.obstacles) == ((Receiver("slack", ("slack",)),), ())


def test_requests_only_read() -> None:
    """Each question is asked once."""
    grafana = GrafanaAlerting()
    alerting_of(grafana)
    assert {line.split()[0] for line in grafana.asked} == {"GET"}
    lists = [line for line in grafana.asked if "proxy" not in line]
    assert len(lists) == len(set(lists)) == 10
    assert len(grafana.asked) <= 25


def test_evidence_is_kept() -> None:
    """It is encoded and decoded again, without settings of contact points and without the token."""
    grafana = GrafanaAlerting()
    grafana.contact_points[2]["settings"] = {
        "url": "https://hooks.example/services/T0/B0/very-secret",
        "x": "${A_B}",
    }
    alerting = alerting_of(grafana)
    document = Evidence(Settings(), NOW, {}, {"alerting": alerting}, {})
    text = to_text(plain(document))
    assert decode(text).piece("alerting") == alerting
    assert "very-secret" not in text
    assert "glsa_" not in text
    assert "the unresolved setting x (${A_B})" in text


def test_state_of_a_firing_rule() -> None:
    """Since when its alerts are active; normal ones do not count."""
    grafana = GrafanaAlerting()
    one = grafana.rules["HighDLQPendingCount"]
    one.fires(600)
    assert one.alerts is not None
    one.alerts.append({"labels": {}, "state": "Normal", "activeAt": "2020-01-01T00:00:00Z"})
    (rule,) = alerting_of(grafana).alerts[PENDING].rules
    assert rule.state is AlertState.FIRING
    assert rule.active_since is not None
    assert timedelta(minutes=9) < datetime.now(UTC) - rule.active_since < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ("firing", AlertState.FIRING),
        ("Alerting", AlertState.FIRING),
        ("recovering", AlertState.FIRING),
        ("pending", AlertState.PENDING),
        ("inactive", AlertState.INACTIVE),
        ("Normal", AlertState.INACTIVE),
        ("nodata", AlertState.UNKNOWN),
        ("unheard-of", AlertState.UNKNOWN),
    ],
)
def test_states_in_words_of_prometheus(state: str, known: AlertState) -> None:
    """Grafana's words are translated; a new one is not guessed."""
    grafana = GrafanaAlerting()
    grafana.rules["HighDLQPendingCount"].state = state
    assert alerting_of(grafana).alerts[PENDING].rules[0].state is known


def test_recovery_threshold_keeps_firing() -> None:
    """It may fire below its threshold."""
    grafana = GrafanaAlerting()
    recovery = {"unloadEvaluator": {"type": "lt", "params": [50]}}
    data = [query("A", "max(dlq_pending)"), threshold("C", "A", "gt", 100, **recovery)]
    grafana.rules["HighDLQPendingCount"].data = data
    assert alerting_of(grafana).alerts[PENDING].rules[0].keep_firing_seconds == UNLIMITED_SECONDS


def test_rule_of_prometheus_is_looked_up_in_grafana() -> None:
    """Where Prometheus lacks a rule, Grafana's counts, and its name stands with it."""
    prometheus = ServiceSource("Prometheus", "prometheus:9090", "3.1.0")
    grafana = alerting_of(GrafanaAlerting())
    empty = {name: replace(alert, rules=(), route=None) for name, alert in grafana.alerts.items()}
    both = together(Alerting((prometheus,), NOW, alerts=empty, rules_total=2), [PENDING, SILENT], grafana)
    assert [one.name for one in both.sources] == ["Prometheus", "Grafana"]
    assert {name: (len(alert.rules), alert.source) for name, alert in both.alerts.items()} == {
        PENDING: (1, "Grafana"),
        SILENT: (1, "Grafana"),
        RATE: (0, ""),
    }


@pytest.mark.parametrize("role", ["Admin", "Viewer"])
def test_selectors_are_asked_through_grafana(role: str) -> None:
    """Also for a Viewer, who sees the query but not the condition."""
    (rule,) = alerting_of(GrafanaAlerting(role=role)).alerts[PENDING].rules
    assert rule.selectors == (Selector("dlq_pending", "dlq_pending", 1, 1, jobs=("easymo",)),)


def compared(grafana: GrafanaAlerting, pending: int, exceeded_seconds: float = 0) -> Judge:
    """Compare the state of the rule for pending entries with a measurement."""
    settings = Settings()
    alerting = alerting_of(grafana)
    measured = healthy(pending=pending, exceeded_since=ago(exceeded_seconds / 60) if exceeded_seconds else None)
    judge = Judge()
    connection = DatabaseConnection("easymo", "postgres", "17", 0.0)
    agrees(judge, settings.alert(PENDING), alerting, measured, connection, settings=settings)
    return judge


@pytest.mark.parametrize("role", ["Admin", "Viewer"])
def test_state_is_compared_with_the_database(role: str) -> None:
    """Whatever the token's role: the state is shown to everybody."""
    quiet, firing = GrafanaAlerting(role=role), GrafanaAlerting(role=role)
    firing.rules["HighDLQPendingCount"].fires()
    assert compared(quiet, 3).violations == []
    assert compared(firing, 250, 3600).violations == []
    (missed,) = compared(quiet, 250, 3600).violations
    assert missed.found.startswith("HighDLQPendingCount is inactive")
    assert "though 250 entries are pending, more than 100 since " in missed.found
    (wrong,) = compared(firing, 3).violations
    assert wrong.found.startswith("HighDLQPendingCount fires since ")
    assert "though 3 entries are pending (threshold 100)" in wrong.found


def test_state_without_data_is_not_compared() -> None:
    """The check of the rule itself names the cause."""
    grafana = GrafanaAlerting()
    grafana.rules["HighDLQPendingCount"].has_no_data("Alerting (NoData)")
    judge = compared(grafana, 3)
    assert (judge.violations, judge.doubts, judge.asked) == ([], [], 0)


ODD_DOCUMENTS = {
    "rules without fields": (
        "/api/prometheus/grafana/api/v1/rules",
        {"data": {"groups": [{"rules": [{}, 3]}, 4]}},
    ),
    "definitions without fields": ("/api/v1/provisioning/alert-rules", [{}, 3, {"uid": None, "data": [None, {}]}]),
    "rules as an object": ("/api/v1/provisioning/alert-rules", {"a": 1}),
    "contact points without fields": ("/api/v1/provisioning/contact-points", [{}, 3, {"name": "slack"}]),
    "policies without fields": ("/api/v1/provisioning/policies", {"routes": [{}, {"object_matchers": None}]}),
    "policies with other routes": ("/api/v1/provisioning/policies", {"receiver": "slack", "routes": [3]}),
    "timings without fields": ("/api/v1/provisioning/mute-timings", [{}, {"name": "x", "time_intervals": [3]}]),
    "silences without fields": (
        "/api/alertmanager/grafana/api/v2/silences",
        [{}, {"status": {"state": "active"}}],
    ),
    "alerts without fields": ("/api/alertmanager/grafana/api/v2/alerts", [{}, {"labels": None, "status": None}]),
    "choice of another form": ("/api/v1/ngalert", ["external"]),
    "health of another form": ("/api/health", ["ok"]),
}


@pytest.mark.parametrize("case", ODD_DOCUMENTS)
def test_odd_documents_end_in_an_outcome(case: str) -> None:
    """None of them ends in another exception than the one for an answer that cannot be used."""
    path, document = ODD_DOCUMENTS[case]
    grafana = GrafanaAlerting()
    grafana.answers[path] = (200, document)
    assert evidence_of(grafana) is not None
    assert "fault of the suite" not in judged(grafana).reason
