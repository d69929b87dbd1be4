"""Check 8 with Grafana-managed alerts: each way in which they are broken is named."""

from __future__ import annotations

import pytest

from fixtures.local.stand_ins.grafana_alerting import (
    GrafanaAlerting,
    classic,
    expression,
    query,
    sql,
    threshold,
    time_ago,
)
from fixtures.outcome import Status
from tests.alerting.grafana.changes import (
    AGE,
    ALL,
    DLQ,
    ERRORS,
    Change,
    compared,
    contact_point,
    edit,
    filtering,
    no_data,
    rule,
    silence,
)
from tests.alerting.grafana.serving import RATE, SILENT, judged
from tests.outcomes import assert_outcome


def renamed(grafana: GrafanaAlerting) -> None:
    grafana.rules["HighDLQPendingCount"].title = "High DLQ pending count"


def inhibited(grafana: GrafanaAlerting) -> None:
    own = {"alertname": "HighDLQPendingCount", "severity": "warning"}
    grafana.rules["HighDLQPendingCount"].fires()
    grafana.alerts = [
        {"labels": own, "fingerprint": "a", "status": {"state": "suppressed", "inhibitedBy": ["b"]}},
        {"labels": {"alertname": "ClusterDown"}, "fingerprint": "b", "status": {"state": "active"}},
    ]


def always_muted(grafana: GrafanaAlerting) -> None:
    grafana.policies["routes"][1]["mute_time_intervals"] = ["always"]
    grafana.mute_timings = [{"name": "always", "time_intervals": [{}]}]


def metric_missing(grafana: GrafanaAlerting) -> None:
    filtering(grafana)
    grafana.metrics = ("dlq_pending_total",)


def root_route(grafana: GrafanaAlerting) -> None:
    grafana.policies["routes"][1]["object_matchers"] = [["severity", "=", "warn"]]


CAN_NOT = "the route of HighDLQPendingCount ends at a receiver that cannot notify: "
NOT_EVALUATED = "alert rule HighDLQPendingCount cannot be evaluated: "
SCOPE = "; only Grafana-managed rules were looked at, not those of a Prometheus, Loki or Mimir behind Grafana"

FAULTS: dict[str, tuple[Change, str]] = {
    "rule missing": (
        edit(renamed),
        "Grafana has no alert rule HighDLQPendingCount among 3 rules; the most similar one is "
        + "High DLQ pending count"
        + SCOPE,
    ),
    "no rules": (edit(lambda grafana: grafana.rules.clear()), "Grafana has no alert rule at all" + SCOPE),
    "switched off": (
        edit(
            lambda grafana: grafana.answers.update(
                {"/api/prometheus/grafana/api/v1/rules": (404, {"message": "Not found"})}
            )
        ),
        "Grafana has no alert rule at all" + SCOPE,
    ),
    "only a recording rule": (
        rule(recording=True),
        "Grafana has no alert rule HighDLQPendingCount among 2 rules" + SCOPE,
    ),
    "threshold too high": (
        compared(DLQ, "gt", 1000),
        "alert rule HighDLQPendingCount fires at > 1000, by its query max(dlq_pending) > 1000",
    ),
    "fires at the threshold": (compared(DLQ, "gte", 100), "HighDLQPendingCount fires at >= 100, by its query max"),
    "wrong direction": (compared(DLQ, "lt", 100), "HighDLQPendingCount fires at < 100, by its query max"),
    "within a range only": (
        compared(DLQ, "within_range", 100, 200),
        "HighDLQPendingCount fires at within_range 100, by its query max(dlq_pending) within_range 100 to 200",
    ),
    "no comparison": (
        rule(data=[query("C", DLQ)]),
        "HighDLQPendingCount fires at != 0, by its query max(dlq_pending)",
    ),
    "too high in PromQL": (
        compared(f"{DLQ} > 1000", "gt", 0),
        "HighDLQPendingCount fires at > 1000, by its query (max(dlq_pending) > 1000) > 0",
    ),
    "too high in a classic condition": (
        rule(data=[query("A", DLQ), classic("C", ("A", "last", "gt", 1000))]),
        "HighDLQPendingCount fires at > 1000, by its query max(dlq_pending) > 1000",
    ),
    "too high in SQL": (
        rule(data=[sql("A", "SELECT count(*) FROM webhook_dlq"), threshold("C", "A", "gt", 1000)]),
        "HighDLQPendingCount fires at > 1000, by its query (SELECT count(*) FROM webhook_dlq) > 1000",
    ),
    "a share compared with 5": (
        compared(f"{ERRORS} / {ALL}", "gt", 5, alert=RATE),
        "WebhookErrorRate compares a share with 5: it is at most 1, so this never fires",
    ),
    "percent compared with 0.05": (
        rule(
            RATE,
            data=[query("A", ERRORS), query("B", ALL), expression("C", "math", "100 * $A / $B > 0.05")],
        ),
        "WebhookErrorRate fires at > 0.05 %, by its query 100 * sum(",
    ),
    "silence of an hour": (
        compared(AGE, "gt", 3600, alert=SILENT),
        "DLQProcessingFailure fires after 1 h without a completed pass",
    ),
    "silence, with a condition that returns 0": (
        compared("changes(dlq_processor_last_success_timestamp_seconds[15m]) == 0", "gt", 0, alert=SILENT),
        "DLQProcessingFailure does not fire when it should: where its comparison == 0 holds, its query returns "
        "the value itself; where that is 0, Grafana does not fire",
    ),
    "successes, with a condition that may return 0": (
        rule(RATE, data=[query("C", f"1 - {ERRORS} / {ALL} < 0.95")]),
        "WebhookErrorRate does not fire when it should: where its comparison < 0.95 holds, its query returns the",
    ),
    "waits too long": (
        rule(waits_seconds=3600.0),
        "alert rule HighDLQPendingCount waits 1 h before it fires (`for`)",
    ),
    "waits too long, by the definition": (
        rule(waits_seconds=0, waits="1h"),
        "alert rule HighDLQPendingCount waits 1 h before it fires (`for`)",
    ),
    "wrong severity": (rule(labels={"severity": "info"}), "alert rule HighDLQPendingCount has severity info"),
    "no severity": (
        edit(lambda grafana: (rule(labels={})[1](grafana), grafana.policies.update(receiver="slack"))),
        "alert rule HighDLQPendingCount has no label severity",
    ),
    "paused": (
        rule(paused=True, alerts=[], last_evaluation="0001-01-01T00:00:00Z"),
        "alert rule HighDLQPendingCount is paused",
    ),
    "an error": (
        rule(health="error", last_error="failed to query data: dial tcp http://u:p@db: connection refused"),
        NOT_EVALUATED + "failed to query data: dial tcp http://***@db: connection refused",
    ),
    "an error that is taken for well": (
        rule(health="error", last_error="timeout", alerts=[{"labels": {}, "state": "Normal (Error)"}]),
        NOT_EVALUATED + "timeout",
    ),
    "an error that fires": (
        rule(
            health="error",
            last_error="timeout",
            state="firing",
            alerts=[{"labels": {}, "state": "Alerting (Error)"}],
        ),
        NOT_EVALUATED + "timeout",
    ),
    "data source missing": (
        edit(lambda grafana: setattr(grafana, "data_sources", ("database",))),
        NOT_EVALUATED + "its data source prometheus is missing",
    ),
    "data source of an import": (
        rule(data=[query("A", DLQ, uid="${DS_PROMETHEUS}"), threshold("C", "A", "gt", 100)]),
        NOT_EVALUATED + "its data source ${DS_PROMETHEUS} is missing",
    ),
    "no data": (no_data("NoData"), NOT_EVALUATED + "its queries return no data (noDataState NoData)"),
    "no data, taken for well": (
        no_data("Normal (NoData)", no_data_state="OK"),
        NOT_EVALUATED + "its queries return no data (noDataState OK)",
    ),
    "no data, that fires": (
        no_data("Alerting (NoData)", no_data_state="Alerting"),
        NOT_EVALUATED + "its queries return no data (noDataState Alerting)",
    ),
    "no data because it compares": (
        no_data("NoData", data=[query("A", f"{DLQ} > 100"), threshold("C", "A", "gt", 0)]),
        NOT_EVALUATED + "its query compares, so that it returns nothing while the alert should not fire; Grafana "
        "takes that for missing data (noDataState NoData)",
    ),
    "never evaluated": (
        rule(last_evaluation="0001-01-01T00:00:00Z", alerts=[]),
        "alert rule HighDLQPendingCount was never evaluated",
    ),
    "evaluated an hour ago": (rule(last_evaluation=time_ago(3600)), "HighDLQPendingCount was last evaluated 1 h"),
    "metric missing though it compares": (
        edit(metric_missing),
        "alert rule HighDLQPendingCount reads dlq_pending, of which there is no series",
    ),
    "no such contact point": (
        edit(lambda grafana: grafana.policies["routes"][1].update(receiver="ops")),
        CAN_NOT + "ops: Grafana has no contact point of that name with an integration",
    ),
    "a contact point of the rule's own that is missing": (
        rule(settings={"receiver": "nobody"}),
        CAN_NOT + "nobody: Grafana has no contact point of that name with an integration",
    ),
    "the address that Grafana comes with": (
        edit(root_route),
        CAN_NOT + "grafana-default-email: its email has the example address that Grafana comes with",
    ),
    "unresolved setting": (
        edit(contact_point("slack", "slack", url="${SLACK_WEBHOOK_URL}")),
        CAN_NOT + "slack: its slack has the unresolved setting url (${SLACK_WEBHOOK_URL})",
    ),
    "unresolved provider": (
        edit(contact_point("slack", "webhook", url="https://x/$__env{HOOK}")),
        CAN_NOT + "slack: its webhook has the unresolved setting url ($__env{HOOK})",
    ),
    "no address": (
        edit(contact_point("slack", "slack", recipient="#alerts")),
        CAN_NOT + "slack: its slack has no url or token",
    ),
    "silenced": (
        edit(lambda grafana: grafana.silences.append(silence())),
        "HighDLQPendingCount is held back by silence 0815 of jane until 2099-01-01 00:00:00 UTC",
    ),
    "silenced by its title": (
        edit(
            lambda grafana: grafana.silences.append(
                silence(matchers=[{"name": "alertname", "value": "HighDLQPendingCount", "isRegex": False}])
            )
        ),
        "HighDLQPendingCount is held back by silence 0815 of jane",
    ),
    "inhibited": (
        edit(inhibited),
        "HighDLQPendingCount is held back by the firing alert ClusterDown (inhibition)",
    ),
    "always muted": (
        edit(always_muted),
        "HighDLQPendingCount is held back by mute timing without a limit, always",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_grafana_is_named(fault: str) -> None:
    """It fails the check once, in the words of its cause."""
    (alert, change), part = FAULTS[fault]
    grafana = GrafanaAlerting()
    change(grafana)
    outcome = judged(grafana, alert)
    assert_outcome(outcome, Status.FAILED, part)
    assert outcome.judge is not None
    assert len(outcome.judge.violations) == 1, outcome.reason


def test_advice_for_a_missing_rule() -> None:
    """The name to set if it is another one; else what to create, in Grafana and not in Prometheus."""
    grafana = GrafanaAlerting()
    renamed(grafana)
    assert str(judged(grafana).advice) == (
        'if it is this rule, set rule = "High DLQ pending count" for alert dlq-pending in deployment.toml; else '
        "create the rule in Grafana: docs/monitoring.md has its query, its threshold and its labels"
    )
