"""Ways in which alerting is broken, as changes of canned answers, each with its message."""

from __future__ import annotations

from tests.alerting.canned import Canned, seconds_ago

PENDING, SILENT, RATE = "dlq-pending", "dlq-processor-silent", "webhook-error-rate"
RULE_OF = {PENDING: "HighDLQPendingCount", SILENT: "DLQProcessingFailure", RATE: "WebhookErrorRate"}
SHARE = 'sum(rate(webhook_requests_total{outcome="error"}[5m])) / sum(rate(webhook_requests_total[5m]))'


def changed(alert, **fields):
    """Changes fields of a rule."""
    return alert, lambda canned: canned.rule(RULE_OF[alert]).update(fields)


def query(alert, text, **fields):
    """Changes the query of a rule."""
    return changed(alert, query=text, **fields)


def edit(function, alert=PENDING):
    """Changes anything of the answers."""
    return alert, function


def renamed(canned):
    canned.rules["DlqPendingHigh"] = canned.rules.pop("HighDLQPendingCount") | {"name": "DlqPendingHigh"}


def down(canned):
    canned.metrics.clear()
    canned.targets = [Canned.target("down", "connection refused")]


def down_for_days(canned):
    down(canned)
    canned.before.clear()


def metric_renamed(canned):
    canned.metrics["dlq_pending_total"] = canned.metrics.pop("dlq_pending")


def missing_rule_after_a_failed_reload(canned):
    canned.rules.pop("HighDLQPendingCount")
    reload_failed(canned)


def reload_failed(canned):
    canned.prometheus_metrics = "prometheus_config_last_reload_successful 0\n"


def no_integration(canned):
    canned.routes["receivers"][1] = {"name": "slack"}


def silenced(canned):
    canned.silences = [
        {
            "id": "0815",
            "status": {"state": "active"},
            "createdBy": "jane@example.com",
            "endsAt": "2099-01-01T00:00:00Z",
            "matchers": [{"name": "severity", "value": "warn.*", "isRegex": True, "isEqual": True}],
        }
    ]


def inhibited(canned):
    canned.routes["inhibit_rules"] = [
        {"source_matchers": ["severity=critical"], "target_matchers": ["severity=warning"]}
    ]
    canned.alerts = [
        {"labels": {"alertname": "ClusterDown", "severity": "critical"}, "status": {"state": "active"}}
    ]


def undelivered(canned):
    canned.alertmanager_metrics += (
        'alertmanager_notifications_total{integration="slack"} 7\n'
        'alertmanager_notifications_failed_total{integration="slack",reason="clientError"} 5\n'
        'alertmanager_notifications_failed_total{integration="slack",reason="other"} 2\n'
    )


FAULTS = {
    "rule missing": (
        edit(renamed),
        "has no alert rule HighDLQPendingCount among 4 rules; the most similar one is Dlq",
    ),
    "no rules": (edit(lambda canned: canned.rules.clear()), "Prometheus has no alert rule at all"),
    "reload failed": (
        edit(reload_failed),
        "the last configuration reload of Prometheus failed: it goes on with the",
    ),
    "rule missing after a failed reload": (
        edit(missing_rule_after_a_failed_reload),
        "the last configuration reload of Prometheus failed: it goes on with the rules of before",
    ),
    "reload of the routes failed": (
        edit(
            lambda canned: setattr(
                canned, "alertmanager_metrics", "alertmanager_config_last_reload_successful 0\n"
            )
        ),
        "the last configuration reload of Alertmanager failed",
    ),
    "threshold too high": (
        query(PENDING, "max(dlq_pending) > 1000"),
        "HighDLQPendingCount fires at > 1000, by its",
    ),
    "fires at the threshold": (query(PENDING, "max(dlq_pending) >= 100"), "HighDLQPendingCount fires at >= 100"),
    "wrong direction": (query(PENDING, "max(dlq_pending) < 100"), "HighDLQPendingCount fires at < 100"),
    "always fires": (
        query(PENDING, "max(dlq_pending) > bool 100"),
        "compares with `bool`, so that it fires whatever",
    ),
    "a share compared with 5": (
        query(RATE, f"{SHARE} > 5"),
        "WebhookErrorRate compares a share with 5: it is at most 1, so this never fires",
    ),
    "percent compared with 0.05": (
        query(RATE, f"100 * {SHARE} > 0.05"),
        "WebhookErrorRate fires at > 0.05 %, by its",
    ),
    "rate too high": (query(RATE, f"{SHARE} > 0.1"), "WebhookErrorRate fires at > 0.1, by its query"),
    "silence of an hour": (
        query(SILENT, "time() - max(dlq_processor_last_success_timestamp_seconds) > 3600"),
        "DLQProcessingFailure fires after 1 h without a completed pass",
    ),
    "silence twice": (
        changed(SILENT, duration=900),
        "DLQProcessingFailure fires after 30 min without a completed pass, of which it waits 15 min (`for`)",
    ),
    "silence, by a range too long": (
        query(SILENT, "changes(dlq_processor_last_success_timestamp_seconds[1h]) == 0"),
        "DLQProcessingFailure fires after 1 h without a completed pass",
    ),
    "silence, in the wrong direction": (
        query(SILENT, "time() - max(dlq_processor_last_success_timestamp_seconds) < 900"),
        "DLQProcessingFailure fires at < 900, by its query",
    ),
    "waits too long": (changed(PENDING, duration=3600), "HighDLQPendingCount waits 1 h before it fires (`for`)"),
    "wrong severity": (
        changed(PENDING, labels={"severity": "critical"}),
        "alert rule HighDLQPendingCount has severity critical",
    ),
    "no severity": (changed(PENDING, labels={}), "alert rule HighDLQPendingCount has no label severity"),
    "cannot be evaluated": (
        changed(PENDING, health="err", lastError="many-to-many matching not allowed"),
        "HighDLQPendingCount cannot be evaluated: many-to-many matching not allowed",
    ),
    "never evaluated": (
        changed(PENDING, health="unknown", lastEvaluation="0001-01-01T00:00:00Z"),
        "HighDLQPendingCount was never evaluated",
    ),
    "evaluated an hour ago": (
        changed(PENDING, lastEvaluation=seconds_ago(3600)),
        "HighDLQPendingCount was last evaluated 1 h",
    ),
    "exporter down": (edit(down), "the exporter is down: target db:9187 of job easymo: connection refused"),
    "exporter down for days": (edit(down_for_days), "the exporter is down: target db:9187 of job easymo"),
    "metric renamed": (
        edit(metric_renamed),
        "reads dlq_pending, of which there is no series (dlq_pending_total is similar to dlq_pending)",
    ),
    "another job": (
        query(PENDING, 'max(dlq_pending{job="dlq"}) > 100'),
        'HighDLQPendingCount selects nothing: no series of dlq_pending has job="dlq"',
    ),
    "a label that does not exist": (
        query(RATE, SHARE.replace("outcome=", "status=") + " > 0.05"),
        "WebhookErrorRate selects nothing: no series of webhook_requests_total has a label status",
    ),
    "no Alertmanager": (
        edit(lambda canned: canned.alertmanagers.clear()),
        "Prometheus sends its alerts to no Alertmanager",
    ),
    "a receiver without integration": (
        edit(no_integration),
        "the route of HighDLQPendingCount ends at slack (no integration): nothing there notifies anybody",
    ),
    "silenced": (
        edit(silenced),
        "HighDLQPendingCount is held back by silence 0815 of jane until 2099-01-01 00:00:00 UTC",
    ),
    "inhibited": (
        edit(inhibited),
        "HighDLQPendingCount is held back by the firing alert ClusterDown (inhibition)",
    ),
    "nothing is delivered": (edit(undelivered), "all 7 notifications by slack failed since Alertmanager started"),
}
