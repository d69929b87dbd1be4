"""Deployment steps: functions are healthy, alerts reach people (checklist: steps 2.1 to 2.5, 4.1 to 4.6)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import alert_drill
from checks.rules import alerts as alert_rules
from checks.rules import dashboards as dashboard_rules
from checks.rules import health as health_rules
from checks.rules import paging as paging_rules
from fixtures.alerting.model import Alerting
from fixtures.dashboards.model import Dashboards
from fixtures.drill.model import AlertDrill
from fixtures.outcome import Gap
from fixtures.paging.model import Paging
from fixtures.settings.model import Settings
from fixtures.webhooks.model import FunctionHealth

pytestmark = pytest.mark.deploy


@check("step-2.1", "Deploy wa-webhook", criterion="must", area="ci_cd")
def test_wa_webhook_is_deployed(function_health: FunctionHealth, settings: Settings, judge: Judge) -> None:
    health_rules.is_deployed(judge, function_health, health_rules.function_at(0, settings), settings)


@check("step-2.2", "Deploy wa-webhook-unified", criterion="must", area="ci_cd")
def test_wa_webhook_unified_is_deployed(function_health: FunctionHealth, settings: Settings, judge: Judge) -> None:
    health_rules.is_deployed(judge, function_health, health_rules.function_at(1, settings), settings)


@check("step-2.3", "Deploy wa-webhook-core", criterion="must", area="ci_cd")
def test_wa_webhook_core_is_deployed(function_health: FunctionHealth, settings: Settings, judge: Judge) -> None:
    health_rules.is_deployed(judge, function_health, health_rules.function_at(2, settings), settings)


@check("step-2.4", "Deploy dlq-processor", criterion="must", area="ci_cd")
def test_dlq_processor_is_deployed(function_health: FunctionHealth, settings: Settings, judge: Judge) -> None:
    health_rules.is_deployed(judge, function_health, health_rules.function_at(3, settings), settings)


health_endpoints = check("step-2.5", "Verify all health endpoints", criterion="must", area="reliability")


@health_endpoints
def test_health_endpoint_is_healthy(
    edge_function: str, function_health: FunctionHealth, settings: Settings, judge: Judge
) -> None:
    health_rules.is_healthy(judge, function_health, edge_function, settings)


@health_endpoints
def test_certificate_is_good(function_health: FunctionHealth, settings: Settings, judge: Judge) -> None:
    health_rules.certificate_is_good(judge, function_health, settings)


@check("step-4.1", "Import DLQ dashboard to Grafana", criterion="should", area="observability")
def test_dlq_dashboard_is_imported(dashboards: Dashboards, settings: Settings, judge: Judge) -> None:
    dashboard_rules.is_imported(judge, dashboards, 0, settings)


@check("step-4.2", "Import webhook performance dashboard to Grafana", criterion="should", area="observability")
def test_webhook_dashboard_is_imported(dashboards: Dashboards, settings: Settings, judge: Judge) -> None:
    dashboard_rules.is_imported(judge, dashboards, 1, settings)


@check("step-4.3", "Configure PagerDuty integration", criterion="should", area="observability")
def test_pagerduty_is_configured(paging: Paging, alerting_or_gap: Alerting | Gap, judge: Judge) -> None:
    judge.expects("PagerDuty's service takes alerts, and somebody is on call for it.")
    paging_rules.pagerduty_takes_alerts(judge, paging, alerting_or_gap)


@check("step-4.4", "Configure Slack alerting", criterion="should", area="observability")
def test_slack_is_configured(paging: Paging, alerting_or_gap: Alerting | Gap, judge: Judge) -> None:
    judge.expects("Slack takes alerts: its webhook lives, or notifications to it arrive.")
    paging_rules.slack_takes_alerts(judge, paging, alerting_or_gap)


@check("step-4.5", "Test alert notifications", criterion="should", area="observability")
def test_alert_notifications_work(
    test_alert: AlertDrill, alerting_or_gap: Alerting | Gap, settings: Settings, judge: Judge
) -> None:
    judge.expects("A test alert reaches the receivers of a real one and is resolved, or notifications arrived.")
    alert_drill.notifications_work(judge, test_alert, alerting_or_gap, settings)


@check("step-4.6", "Set alert thresholds", criterion="should", area="observability")
def test_alert_thresholds_are_set(alert: str, alerting: Alerting, settings: Settings, judge: Judge) -> None:
    expected = settings.alert(alert)
    judge.expects(
        f"Alert rule {expected.rule} has the threshold, the waiting time and the severity of the settings."
    )
    alert_rules.is_set(judge, expected, alerting, settings)
    judge.shows("Alert rules", alert_rules.as_rows(expected, alerting))
