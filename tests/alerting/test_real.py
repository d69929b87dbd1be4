"""Check 8 and step 4.6 with real Prometheus, Alertmanager and exporter on a real deployment."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from checks.test_deploy import test_alert_thresholds_are_set as is_set
from checks.test_immediate import test_alert_triggers as triggers
from fixtures.outcome import Status
from tests.alerting.variants import NAMES, PENDING, RATE, SILENT, expecting
from tests.outcomes import expect, judge_all, read

ALL = [triggers, is_set]
CHECK_8 = [triggers]
ALERTS = tuple(NAMES.values())

BACKLOG = """
INSERT INTO webhook_dlq (service, payload, status, next_retry_at, created_at)
SELECT 'wa-webhook', '{}', 'pending', now() + interval '1 h', now() - interval '30 min'
FROM generate_series(1, 200);
"""
SILENCE = """
DELETE FROM dlq_processing_log WHERE status = 'completed' AND processed_at > now() - interval '30 min';
UPDATE webhook_dlq
SET last_retry_at = last_retry_at - interval '1 h', reprocessed_at = reprocessed_at - interval '1 h'
WHERE greatest(last_retry_at, reprocessed_at) > now() - interval '1 h';
"""
MESSAGES = """
INSERT INTO processed_webhook_messages (whatsapp_message_id, processed, created_at)
SELECT 'wamid.' || n, true, now() - n * interval '1 s' FROM generate_series(1, 400) AS n;
INSERT INTO webhook_dlq (service, payload, status, created_at, updated_at)
SELECT 'wa-webhook', '{}', 'discarded', now() - n * interval '4 s', now() - n * interval '4 s'
FROM generate_series(1, 100) AS n;
"""


def outcomes(monitoring, tests=CHECK_8, ending=""):
    """Judge all cases, with the variants of this ending as the expected rules."""
    return judge_all(tests, read(monitoring.access, tests, expecting(ending)))


def failing(parts):
    """The expectation that these alerts fail."""
    return {f"check-08[{alert}]": (Status.FAILED, part) for alert, part in parts.items()}


def test_healthy(monitoring):
    """Every case passes, and says what it found with the sources."""
    found = outcomes(monitoring, ALL)
    expect(found, {})
    pending = found["check-08[dlq-pending]"].judge.findings
    assert pending[0].startswith("by Prometheus 2")
    assert "and Alertmanager 0" in pending[0]
    assert pending[1].startswith("HighDLQPendingCount is inactive, evaluated ")
    assert pending[1].endswith("; its value is 4")
    silent = found["check-08[dlq-processor-silent]"].judge.findings
    assert "DLQProcessingFailure reaches pagerduty (pagerduty)" in silent
    assert silent[-1].startswith("DLQProcessingFailure is inactive; in the database the last pass completed ")


def test_each_alert_fires_by_what_it_is_for(monitoring, changed):
    """A backlog, silence and errors in the database: all three fire, notify, and pass as firing rightly."""
    monitoring.inbox.documents.clear()
    changed(BACKLOG + SILENCE + MESSAGES)
    names = {f"{name}AtOnce": alert for name, alert in NAMES.items()}
    monitoring.wait_until(lambda: all(monitoring.states()[name] == "firing" for name in names), "not all fire")
    found = outcomes(monitoring, ending="AtOnce")
    expect(found, {})
    for name, alert in names.items():
        assert f"{name} fires rightly: see to its cause" in found[f"check-08[{alert}]"].judge.findings
    monitoring.wait_until(lambda: notified(monitoring).keys() >= names.keys(), "nobody was told")
    told = notified(monitoring)
    assert {name: told[name] for name in names} == {
        f"{PENDING}AtOnce": "/slack",
        f"{SILENT}AtOnce": "/pagerduty",
        f"{RATE}AtOnce": "/slack",
    }


def notified(monitoring):
    """Alert → the address that was told of it."""
    told = [(path, re.findall(r"\w+", str(document))) for path, document in monitoring.inbox.documents]
    return {name: path for name in monitoring.states() for path, words in told if name in words}


def test_wrong_settings(monitoring):
    """A waiting time, a threshold and a severity, in check 8 and in step 4.6."""
    messages = {
        "dlq-pending": "HighDLQPendingCountWrong waits 1 h before it fires (`for`)",
        "dlq-processor-silent": "DLQProcessingFailureWrong fires after 30 min without a completed pass",
        "webhook-error-rate": "alert rule WebhookErrorRateWrong has severity critical",
    }
    expected = failing(messages) | {
        f"step-4.6[{alert}]": (Status.FAILED, part) for alert, part in messages.items()
    }
    expect(outcomes(monitoring, ALL, "Wrong"), expected)


def test_rules_that_cannot_fire(monitoring):
    """A job and a metric that do not exist, and a query with an error."""
    messages = {
        "dlq-pending": 'HighDLQPendingCountBroken selects nothing: no series of dlq_pending has job="dlq"',
        "dlq-processor-silent": "DLQProcessingFailureBroken reads dlq_processor_last_success_timestamp, of which "
        "there is no series (dlq_processor_last_success_timestamp_seconds is similar to ",
        "webhook-error-rate": "WebhookErrorRateBroken cannot be evaluated: found duplicate series",
    }
    monitoring.wait_until(lambda: monitoring.health("WebhookErrorRateBroken") == "err")
    expect(outcomes(monitoring, ending="Broken"), failing(messages))


def test_rule_missing(monitoring):
    """The most similar name is said."""
    part = (
        "Prometheus has no alert rule HighDLQPendingCountS among 13 rules; the most similar one is HighDLQPendingC"
    )
    found = outcomes(monitoring, [*CHECK_8, is_set], "S")
    assert part in found["check-08[dlq-pending]"].reason
    assert part in found["step-4.6[dlq-pending]"].reason
    assert {one.status for one in found.values()} == {Status.FAILED}


def test_exporter_down(monitoring):
    """One message for the three alerts; the example's own rule notices it."""
    monitoring.stop_part("exporter")
    try:
        monitoring.wait_until(lambda: monitoring.states()["EasyMOExporterDown"] == "pending")
        monitoring.wait_until(lambda: "connection refused" in str(monitoring.ask("/api/v1/targets")))
        found = outcomes(monitoring)
    finally:
        monitoring.start_part("exporter")
    expect(found, failing(dict.fromkeys(ALERTS, "the exporter is down: target 127.0.0.1:")))
    [reason] = {found[f"check-08[{alert}]"].reason for alert in ALERTS}
    assert "connection refused" in reason


SILENCE_OF_JANE = {
    "matchers": [{"name": "alertname", "value": "WebhookErrorRate", "isRegex": False}],
    "startsAt": "2020-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "jane",
    "comment": "",
}
OUTAGE = {"labels": {"alertname": "ClusterDown", "severity": "critical", "team": "platform"}}


def test_alerts_that_are_held_back(monitoring):
    """A receiver without integration, a silence, and an inhibition."""
    document = yaml.safe_load(monitoring.alertmanager)
    document["receivers"].append({"name": "nobody"})
    document["route"]["routes"].insert(0, {"receiver": "nobody", "matchers": ["alertname=DLQProcessingFailure"]})
    document["inhibit_rules"] = [
        {"source_matchers": ["team=platform"], "target_matchers": ["alertname=HighDLQPendingCount"]}
    ]
    monitoring.route_by(yaml.safe_dump(document))
    silence = monitoring.ask("/api/v2/silences", "alertmanager", "POST", SILENCE_OF_JANE)["silenceID"]
    try:
        monitoring.ask("/api/v2/alerts", "alertmanager", "POST", [OUTAGE])
        monitoring.wait_until(lambda: "ClusterDown" in str(monitoring.ask("/api/v2/alerts", "alertmanager")))
        found = outcomes(monitoring)
    finally:
        monitoring.ask(f"/api/v2/silence/{silence}", "alertmanager", "DELETE")
        monitoring.ask("/api/v2/alerts", "alertmanager", "POST", [OUTAGE | {"endsAt": "2021-01-01T00:00:00Z"}])
    messages = {
        "dlq-processor-silent": "ends at nobody (no integration): nothing there notifies anybody",
        "webhook-error-rate": f"is held back by silence {silence} of jane until 2099-01-01 00:00:00 UTC",
        "dlq-pending": "is held back by the firing alert ClusterDown (inhibition)",
    }
    expect(found, {f"check-08[{alert}]": (Status.FAILED, part) for alert, part in messages.items()})


@pytest.mark.parametrize("pending", [500, 0], ids=["fires while healthy", "quiet while over"])
def test_state_against_the_database(pending, monitoring, changed):
    """An exporter that gives another number than the database has."""
    own = "select count(*)::float8 as pending,"
    assert own in monitoring.queries
    monitoring.answer(monitoring.queries.replace(own, f"select {pending}::float8 as pending,"))
    if not pending:
        changed(BACKLOG)
    state = "firing" if pending else "inactive"
    monitoring.wait_until(lambda: monitoring.value("dlq_pending") == pending)
    monitoring.wait_until(lambda: monitoring.states()["HighDLQPendingCountAtOnce"] == state)
    part = (
        "(the monitoring has 500), though 4 entries are pending (threshold 100)"
        if pending
        else "is inactive (the monitoring has 0), though 204 entries are pending, more than 100 since"
    )
    expect(outcomes(monitoring, ending="AtOnce"), {"check-08[dlq-pending]": (Status.FAILED, part)})


def test_without_the_database_the_states_are_unproven(monitoring):
    """The rest is judged: what it found is said."""
    access = replace(monitoring.access, database=None)
    gap = (Status.UNPROVEN, "the state was not compared with the database: the database was not looked at: ")
    expect(judge_all(CHECK_8, read(access, CHECK_8)), {f"check-08[{alert}]": gap for alert in ALERTS})


def test_reload_failed_and_no_alertmanager(monitoring):
    """Prometheus goes on with the rules of before, and sends nothing: each is said once, alike for every alert."""
    monitoring.spoilt = True
    monitoring.notifies = False
    monitoring.rules = monitoring.rules.replace("max(dlq_pending) > 100", "max(dlq_pending) >")
    monitoring.reload("prometheus")
    monitoring.wait_until(lambda: not monitoring.ask("/api/v1/alertmanagers")["data"]["activeAlertmanagers"])
    found = outcomes(monitoring)
    words = "the last configuration reload of Prometheus failed: it goes on with the rules of before"
    expect(found, failing(dict.fromkeys(ALERTS, f"{words}; Prometheus sends its alerts to no Alertmanager")))
