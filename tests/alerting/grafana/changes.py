"""Changes of a healthy Grafana, for tables of faults and of odd but right forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fixtures.local.stand_ins.grafana_alerting import (
    GrafanaAlerting,
    query,
    threshold,
)
from tests.alerting.grafana.serving import PENDING, RULE_OF

Change = tuple[str, Callable[[GrafanaAlerting], object]]

DLQ = "max(dlq_pending)"
ERRORS, ALL = 'sum(rate(webhook_requests_total{outcome="error"}[5m]))', "sum(rate(webhook_requests_total[5m]))"
AGE = "time() - max(dlq_processor_last_success_timestamp_seconds)"


def edit(function: Callable[[GrafanaAlerting], object], alert: str = PENDING) -> Change:
    """Change anything."""
    return alert, function


def rule(alert: str = PENDING, /, **fields: object) -> Change:
    """Change fields of a rule."""

    def change(grafana: GrafanaAlerting) -> None:
        for name, value in fields.items():
            assert hasattr(grafana.rules[RULE_OF[alert]], name)
            setattr(grafana.rules[RULE_OF[alert]], name, value)

    return alert, change


def compared(expr: str, kind: str, *numbers: float, alert: str = PENDING) -> Change:
    """Let a rule compare a query with numbers."""
    return rule(alert, data=[query("A", expr), threshold("C", "A", kind, *numbers)])


def no_data(state: str, **fields: object) -> Change:
    """Let a rule have no data, and Grafana make this state of it."""

    def change(grafana: GrafanaAlerting) -> None:
        rule(PENDING, **fields)[1](grafana)
        grafana.rules["HighDLQPendingCount"].has_no_data(state)

    return PENDING, change


def contact_point(name: str, kind: str, **settings: object) -> Callable[[GrafanaAlerting], None]:
    """Change the integration of a contact point."""

    def change(grafana: GrafanaAlerting) -> None:
        one = next(one for one in grafana.contact_points if one["name"] == name)
        one.update(type=kind, settings=settings)

    return change


def silence(value: str = "warn.*", **fields: object) -> dict[str, Any]:
    """A silence in force for a severity."""
    one = {"name": "severity", "value": value, "isRegex": True, "isEqual": True}
    return {
        "id": "0815",
        "status": {"state": "active"},
        "createdBy": "jane@example.com",
        "endsAt": "2099-01-01T00:00:00Z",
        "matchers": [one],
    } | fields


def filtering(grafana: GrafanaAlerting) -> None:
    """A query that returns nothing while the alert should not fire, and Grafana knows that."""
    data = [query("A", f"{DLQ} > 100"), threshold("C", "A", "gt", 0)]
    no_data("Normal (NoData)", no_data_state="OK", data=data)[1](grafana)


def proxy_refused(grafana: GrafanaAlerting) -> None:
    grafana.answers["/api/datasources/proxy/uid/prometheus/api/v1/query"] = (403, {"message": "no"})
