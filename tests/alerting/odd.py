"""Alerting that is unusual, and works: changes of canned answers, each with a finding."""

from __future__ import annotations

from tests.alerting.canned import Canned
from tests.alerting.faults import PENDING, RATE, SHARE, SILENT, changed, edit, query, silenced


def two_targets(canned):
    canned.targets.append(Canned.target("down", "timeout", instance="db:9188"))


def another_exporter_is_down(canned):
    canned.targets.append(Canned.target("down", "timeout", job="node"))


def no_error_yet(canned):
    canned.metrics["webhook_requests_total"] = canned.metrics["webhook_requests_total"][:1]


def two_levels(canned):
    more = dict(
        canned.rule("HighDLQPendingCount"), query="max(dlq_pending) > 500", labels={"severity": "critical"}
    )
    canned.more_rules = [more]


def silenced_elsewhere(canned):
    silenced(canned)
    canned.silences[0]["matchers"][0]["value"] = "critical"


def silence_expired(canned):
    silenced(canned)
    canned.silences[0]["status"]["state"] = "expired"


def some_undelivered(canned):
    canned.alertmanager_metrics += (
        'alertmanager_notifications_total{integration="slack"} 7\n'
        'alertmanager_notifications_failed_total{integration="slack"} 2\n'
        'alertmanager_notifications_total{integration="email"} 9\n'
        'alertmanager_notifications_failed_total{integration="email"} 9\n'
    )


def muted_at_night(canned):
    canned.routes["route"]["routes"][1]["mute_time_intervals"] = ["nights"]


def recorded(canned):
    canned.rule("HighDLQPendingCount")["query"] = "easymo:dlq_pending:max > 100"
    canned.metrics["easymo:dlq_pending:max"] = [({}, 4)]


def by_external_label(canned):
    canned.configuration["global"]["external_labels"] = {"env": "production"}
    canned.routes["receivers"].append({"name": "nobody"})
    canned.routes["route"] |= {
        "receiver": "nobody",
        "routes": [{"match": {"env": "production"}, "receiver": "slack"}],
    }


def by_label_of_the_metric(canned):
    canned.rule("HighDLQPendingCount")["query"] = "dlq_pending > 100"
    canned.routes["receivers"].append({"name": "nobody"})
    canned.routes["route"] |= {"receiver": "nobody", "routes": [{"match": {"job": "easymo"}, "receiver": "slack"}]}


def by_label_of_the_firing_alert(canned):
    canned.fires("HighDLQPendingCount")
    rule = canned.rule("HighDLQPendingCount")
    rule["state"] = "pending"
    rule["labels"]["team"] = "{{ $labels.team }}"
    rule["alerts"][0]["labels"]["team"] = "web"
    canned.routes["receivers"].append({"name": "nobody"})
    canned.routes["route"] |= {"receiver": "nobody", "routes": [{"match": {"team": "web"}, "receiver": "slack"}]}


def own_metrics_hidden(canned):
    canned.answers["/prom/metrics"] = (404, b"")
    canned.metrics["prometheus_config_last_reload_successful"] = [({}, 1)]


def no_own_metrics_at_all(canned):
    canned.answers |= {"/prom/metrics": (404, b""), "/am/metrics": (403, b"")}


def no_configuration_shown(canned):
    canned.answers["/prom/api/v1/status/config"] = (403, b"forbidden")


def relabelled(canned):
    canned.configuration["alerting"] = {"alert_relabel_configs": [{"action": "labeldrop", "regex": "x"}]}


ODD_BUT_HEALTHY = {
    "as it is": (edit(lambda canned: None), "HighDLQPendingCount reaches slack (slack)"),
    "silence, as it is": (edit(lambda canned: None, SILENT), "DLQProcessingFailure reaches pagerduty (pagerduty)"),
    "rate, as it is": (edit(lambda canned: None, RATE), "WebhookErrorRate is inactive, evaluated"),
    "in percent": (query(RATE, f"100 * {SHARE} > 5"), "inactive"),
    "by the successes": (query(RATE, f"{SHARE} < 0.95"), "inactive"),
    "by a product": (query(RATE, "sum(webhook_requests_total) > 0.05 * sum(webhook_requests_total)"), "inactive"),
    "with at least 101": (query(PENDING, "max(dlq_pending) >= 101"), "inactive"),
    "waits as long as it may": (changed(PENDING, duration=900), "inactive"),
    "silence, by a range": (
        query(SILENT, "changes(dlq_processor_last_success_timestamp_seconds[15m]) == 0"),
        "inactive",
    ),
    "silence, by threshold and for": (
        query(SILENT, "time() - max(dlq_processor_last_success_timestamp_seconds) > 600", duration=300),
        "inactive",
    ),
    "silence, in minutes": (
        query(SILENT, "(time() - max(dlq_processor_last_success_timestamp_seconds)) / 60 > 15"),
        "inactive",
    ),
    "silence, by absence": (query(SILENT, "absent_over_time(dlq_passes_total[15m])"), "inactive"),
    "a recording rule": (edit(recorded), "inactive"),
    "no error yet": (edit(no_error_yet, RATE), 'no series yet of webhook_requests_total{outcome="error"}, though'),
    "one of two exporters is down": (
        edit(two_targets),
        "one of several targets is down: target db:9188 of job easymo",
    ),
    "another exporter is down": (edit(another_exporter_is_down), "inactive"),
    "two levels": (
        edit(two_levels),
        "2 rules have the name HighDLQPendingCount; judged is the one that fits best",
    ),
    "another alert is silenced": (edit(silenced_elsewhere), "inactive"),
    "a silence that expired": (edit(silence_expired), "inactive"),
    "some notifications failed": (edit(some_undelivered), "2 of 7 notifications by slack failed"),
    "muted at night": (edit(muted_at_night), "not evaluated: the time intervals nights"),
    "routed by an external label": (edit(by_external_label), "HighDLQPendingCount reaches slack (slack)"),
    "routed by a label of the metric": (edit(by_label_of_the_metric), "HighDLQPendingCount reaches slack (slack)"),
    "routed by a label of the alert": (
        edit(by_label_of_the_firing_alert),
        "HighDLQPendingCount reaches slack (slack)",
    ),
    "Prometheus scrapes itself": (edit(own_metrics_hidden), "inactive"),
    "no metrics of their own": (
        edit(no_own_metrics_at_all),
        "not looked at: it is not known whether Prometheus took its last configuration",
    ),
    "no configuration shown": (edit(no_configuration_shown), "so its external labels are not known"),
    "alerts are relabelled": (edit(relabelled), "(alert_relabel_configs), which was not evaluated"),
}
