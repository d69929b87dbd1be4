"""Check 8 by the answers of Prometheus and Alertmanager: each way in which alerting is broken is named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checks.test_deploy import test_alert_thresholds_are_set as step_4_6
from checks.test_immediate import test_alert_triggers as check_8
from fixtures.outcome import Status
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from tests.alerting.canned import PLACE, Canned, serving
from tests.alerting.faults import (
    FAULTS,
    PENDING,
    RATE,
    RULE_OF,
    down,
    query,
    reload_failed,
    silenced,
)
from tests.alerting.measured import healthy, with_measured
from tests.alerting.odd import ODD_BUT_HEALTHY
from tests.outcomes import assert_outcome, judge, read

pytestmark = pytest.mark.usefixtures("no_settling")


def judged(canned, alert=PENDING, settings=None, test=check_8, *, without=(), measured=None):
    """Read the answers and judge one alert."""
    with serving(canned) as access:
        evidence = read(replace(access, **dict.fromkeys(without)), [test], settings)
    return judge(test, with_measured(evidence, measured or healthy()), alert=alert)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault):
    """It fails the check once, in the words of its cause."""
    (alert, change), part = FAULTS[fault]
    canned = Canned()
    change(canned)
    outcome = judged(canned, alert)
    assert_outcome(outcome, Status.FAILED, part)
    assert len(outcome.judge.violations) == 1, outcome.reason


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
        "neither EASYMO_GRAFANA_URL nor EASYMO_PROMETHEUS_URL is set",
        "set EASYMO_GRAFANA_URL, EASYMO_PROMETHEUS_URL and EASYMO_ALERTMANAGER_URL",
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
