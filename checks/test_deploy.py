"""Deployment steps: functions are deployed and healthy, dashboards are imported (checklist: steps 2.1 to 4.2)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import dashboards as dashboard_rules
from checks.rules import health as health_rules
from fixtures.dashboards.model import Dashboards
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
