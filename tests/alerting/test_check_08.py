"""Check 8 by the answers of Prometheus and Alertmanager: each way in which alerting is broken is named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checks.test_deploy import test_alert_thresholds_are_set as step_4_6
from checks.test_immediate import test_alert_triggers as check_8
from fixtures.alerting import prometheus
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from tests.alerting.canned import PLACE, Canned, seconds_ago, serving
from tests.outcomes import assert_outcome, judge, read

PENDING, SILENT, RATE = "dlq-pending", "dlq-processor-silent", "webhook-error-rate"
RULE_OF = {PENDING: "HighDLQPendingCount", SILENT: "DLQProcessingFailure", RATE: "WebhookErrorRate"}
SHARE = 'sum(rate(webhook_requests_total{outcome="error"}[5m])) / sum(rate(webhook_requests_total[5m]))'


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch):
    """Canned answers do not change."""
    monkeypatch.setattr(prometheus, "SETTLE_SECONDS", 0.0)


def judged(canned, alert=PENDING, settings=None, test=check_8, without=()):
    """Read the answers and judge one alert."""
    with serving(canned) as access:
        evidence = read(replace(access, **dict.fromkeys(without)), [test], settings)
    return judge(test, evidence, alert=alert)


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


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault):
    """It fails the check once, in the words of its cause."""
    (alert, change), part = FAULTS[fault]
    canned = Canned()
    change(canned)
    outcome = judged(canned, alert)
    assert_outcome(outcome, Status.FAILED, part)
    assert len(outcome.judge.violations) == 1, outcome.reason


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
    "it fires": (edit(lambda canned: canned.fires("HighDLQPendingCount")), "HighDLQPendingCount is firing"),
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


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy(variant):
    """It passes, and says what it found, with the source."""
    (alert, change), part = ODD_BUT_HEALTHY[variant]
    canned = Canned()
    change(canned)
    outcome = judged(canned, alert)
    assert_outcome(outcome, Status.PASSED)
    found = "; ".join(outcome.judge.findings)
    assert part in found, found
    assert "by Prometheus 3.1.0 at 127.0.0.1:" in found


STEP_4_6 = {
    "threshold too high": "HighDLQPendingCount fires at > 1000",
    "rate too high": "WebhookErrorRate fires at > 0.1",
    "silence twice": "DLQProcessingFailure fires after 30 min",
    "waits too long": "HighDLQPendingCount waits 1 h before it fires",
    "wrong severity": "HighDLQPendingCount has severity critical",
    "rule missing": "has no alert rule HighDLQPendingCount",
}


@pytest.mark.parametrize("fault", STEP_4_6)
def test_step_finds_the_same_faults_of_the_settings(fault):
    """Step 4.6 has the words of check 8."""
    (alert, change), part = FAULTS[fault]
    canned = Canned()
    change(canned)
    assert_outcome(judged(canned, alert, test=step_4_6), Status.FAILED, STEP_4_6[fault], part)


@pytest.mark.parametrize("fault", ["exporter down", "evaluated an hour ago", "silenced", "no Alertmanager"])
def test_step_leaves_the_rest_to_check_8(fault):
    """The step is about the settings of the alerts only."""
    (alert, change), _ = FAULTS[fault]
    canned = Canned()
    change(canned)
    assert_outcome(judged(canned, alert, test=step_4_6), Status.PASSED)


@pytest.mark.parametrize("alert", RULE_OF)
def test_one_cause_has_the_same_words(alert):
    """A failed reload, an exporter that is down, and no Alertmanager are told alike for every alert."""
    for change, words in (
        (reload_failed, "the last configuration reload of Prometheus failed: it goes on with the rules of before"),
        (down, "the exporter is down: target db:9187 of job easymo: connection refused"),
        (lambda canned: canned.alertmanagers.clear(), "Prometheus sends its alerts to no Alertmanager"),
        (lambda canned: canned.rules.clear(), "Prometheus has no alert rule at all"),
    ):
        canned = Canned()
        change(canned)
        assert judged(canned, alert).reason == words


UNPROVEN = {
    "threshold unknown": (
        query(PENDING, "max(dlq_pending) > scalar(limits)"),
        "the threshold of alert rule HighDLQPendingCount could not be read from its query max(dlq_pending) > ",
    ),
    "share or percentage": (
        query(RATE, "max(webhook_error_rate) > 5"),
        "it is not known whether its metric is a share or a percentage",
    ),
}


@pytest.mark.parametrize("case", UNPROVEN)
def test_what_is_not_understood_is_unproven(case):
    """Not passed, and not failed."""
    (alert, change), part = UNPROVEN[case]
    canned = Canned()
    change(canned)
    canned.metrics |= {"limits": [(PLACE, 100)], "webhook_error_rate": [(PLACE, 1)]}
    assert_outcome(judged(canned, alert), Status.UNPROVEN, part)


def test_without_alertmanager_the_routes_are_unproven():
    """A fault is found nevertheless."""
    canned = Canned()
    outcome = judged(canned, without=["alertmanager_url"])
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        "the way of the alerts to their receivers was not looked at: EASYMO_ALERTMANAGER_URL is not set",
        "set EASYMO_ALERTMANAGER_URL to the address of Alertmanager",
    )
    canned.rule("HighDLQPendingCount")["labels"] = {"severity": "info"}
    assert_outcome(judged(canned, without=["alertmanager_url"]), Status.FAILED, "has severity info")


def test_without_any_service_it_is_unproven():
    """With words that say what to set."""
    outcome = judge(check_8, read(Access(), [check_8]), alert=PENDING)
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        "neither EASYMO_PROMETHEUS_URL nor EASYMO_GRAFANA_URL is set",
        "set EASYMO_PROMETHEUS_URL and EASYMO_ALERTMANAGER_URL",
    )


ERRORS = {
    "Prometheus: a login page": ("/prom/api/v1/rules", 302, b"", "answered GET /api/v1/rules with HTTP 302"),
    "Prometheus: HTML": (
        "/prom/api/v1/rules",
        200,
        b"<html>",
        "answered GET /api/v1/rules with text that is not JSON",
    ),
    "Prometheus: another service": ("/prom/api/v1/rules", 200, b"[]", "with JSON of another form"),
    "Prometheus: no success": ("/prom/api/v1/rules", 200, b'{"status": "error"}', "with JSON of another form"),
    "Prometheus: no queries": ("/prom/api/v1/query", 422, b"no", "answered GET /api/v1/query with HTTP 422: no"),
    "Prometheus: no Alertmanagers": (
        "/prom/api/v1/alertmanagers",
        403,
        b"",
        "GET /api/v1/alertmanagers with HTTP 403",
    ),
    "Alertmanager: HTML": ("/am/api/v2/status", 200, b"<html>", "Alertmanager (127.0.0.1:"),
    "Alertmanager: no configuration": ("/am/api/v2/status", 200, b"{}", "without a configuration"),
    "Alertmanager: other routes": (
        "/am/api/v2/status",
        200,
        json.dumps({"config": {"original": "receivers: []"}}).encode(),
        "could not be read: the configuration, which has no route",
    ),
    "Alertmanager: a matcher": (
        "/am/api/v2/status",
        200,
        json.dumps({"config": {"original": "route: {receiver: a, routes: [{matchers: [x]}]}"}}).encode(),
        "could not be followed: the matcher x is not understood",
    ),
    "Alertmanager: silences": ("/am/api/v2/silences", 500, b"", "answered GET /api/v2/silences with HTTP 500"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_answers_that_cannot_be_used_are_errors(case):
    """A service that is configured and does not answer as it should: the suite could not look."""
    path, status, body, part = ERRORS[case]
    canned = Canned()
    canned.answers[path] = (status, body)
    assert_outcome(judged(canned), Status.ERROR, part)


def test_nobody_listens():
    """The same words for each alert."""
    access = Access(prometheus_url="http://127.0.0.1:1", alertmanager_url="http://127.0.0.1:1")
    evidence = read(access, [check_8])
    outcomes = [judge(check_8, evidence, alert=alert) for alert in RULE_OF]
    assert {outcome.status for outcome in outcomes} == {Status.ERROR}
    [reason] = {outcome.reason for outcome in outcomes}
    assert reason.startswith("Prometheus (127.0.0.1:1) could not be read: no connection to 127.0.0.1:1")


def test_receivers_of_the_settings():
    """Each named receiver must be reached, and notify."""
    settings = Settings(alerts=(Alert(PENDING, "HighDLQPendingCount", "warning", receivers=("slack", "mail")),))
    canned = Canned()
    canned.routes["receivers"].append({"name": "mail"})
    outcome = judged(canned, settings=settings)
    assert_outcome(outcome, Status.FAILED, "the route of HighDLQPendingCount ends at slack (slack), not at mail")
    canned.routes["route"]["routes"].insert(0, {"receiver": "mail", "continue": True})
    outcome = judged(canned, settings=settings)
    assert_outcome(outcome, Status.FAILED, "the receiver mail of HighDLQPendingCount has no integration")
    canned.routes["receivers"][2]["email_configs"] = [{"to": "a"}]
    assert_outcome(judged(canned, settings=settings), Status.PASSED)


def test_thresholds_are_those_of_the_settings():
    """The rule must have what the settings say."""
    settings = Settings()
    settings = replace(settings, thresholds=replace(settings.thresholds, dlq_pending=50))
    assert_outcome(judged(Canned(), settings=settings), Status.FAILED, "HighDLQPendingCount fires at > 100")


def test_alert_that_measures_nothing_known():
    """Then its threshold is not judged, and everything else is."""
    settings = Settings(alerts=(Alert("own", "Own", "warning"),))
    canned = Canned()
    canned.more_rules = [dict(canned.rule("HighDLQPendingCount"), name="Own", query="max(dlq_pending) > 7")]
    assert_outcome(judged(canned, "own", settings), Status.PASSED)
    canned.more_rules[0]["duration"] = 7200
    assert_outcome(judged(canned, "own", settings), Status.FAILED, "Own waits 2 h before it fires")


def test_requests_are_few_and_only_read():
    """Fewer than 50, each query once; credentials and people stay out of the evidence."""
    canned = Canned()
    canned.targets = [Canned.target("down", 'Get "http://user:hunter2@db:9187/metrics": refused')]
    silenced(canned)
    with serving(canned) as access:
        evidence = read(access, [check_8])
    assert len(canned.paths) < 50
    queries = [path for path in canned.paths if "/query?" in path]
    assert len(queries) == len(set(queries))
    assert "hunter2" not in str(evidence)
    assert "example.com" not in str(evidence)
