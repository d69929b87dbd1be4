"""One stand-in for all tests of a process; each test gives its own answers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from typing import Any

from checks.test_immediate import test_alert_triggers as check_8
from fixtures.alerting.grafana import read_grafana_alerting
from fixtures.alerting.model import Alerting
from fixtures.local.functions.http import Handler, IncomingRequest, Response
from fixtures.local.stand_ins.grafana_alerting import TOKEN, GrafanaAlerting
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.outcome import Gap
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from tests.alerting.measured import ago, healthy, with_measured
from tests.outcomes import Outcome, judge, read

PENDING, SILENT, RATE = "dlq-pending", "dlq-processor-silent", "webhook-error-rate"
RULE_OF = {PENDING: "HighDLQPendingCount", SILENT: "DLQProcessingFailure", RATE: "WebhookErrorRate"}


class Switch:
    """Hands requests to the answers of the present test."""

    def __init__(self) -> None:
        self.handler: Handler = GrafanaAlerting()

    def __call__(self, request: IncomingRequest) -> Response:
        return self.handler(request)


@cache
def _started() -> tuple[Switch, str]:
    switch = Switch()
    return switch, start_stand_in("Grafana", switch)


def access_to(handler: Handler, token: str | None = TOKEN) -> Access:
    """Let the stand-in answer by this handler; return how it is reached."""
    switch, url = _started()
    switch.handler = handler
    return Access(grafana_url=url, grafana_token=Secret(token) if token else None)


def evidence_of(grafana: Handler, settings: Settings | None = None, token: str | None = TOKEN) -> Alerting | Gap:
    """Read the alerting."""
    access = access_to(grafana, token)
    return asyncio.run(read_grafana_alerting(settings or Settings(), access, datetime.now(UTC)))


def alerting_of(grafana: Handler, settings: Settings | None = None) -> Alerting:
    """Read the alerting, which is there."""
    found = evidence_of(grafana, settings)
    assert isinstance(found, Alerting), found
    return found


def judged(
    grafana: Handler,
    alert: str = PENDING,
    settings: Settings | None = None,
    *,
    test: Any = check_8,
    token: str | None = TOKEN,
) -> Outcome:
    """Read the alerting as a run does, and judge one alert beside a database that agrees with its state."""
    evidence = read(access_to(grafana, token), [test], settings)
    fires = isinstance(grafana, GrafanaAlerting) and any(one.state == "firing" for one in grafana.rules.values())
    measured = healthy(pending=250, exceeded_since=ago(120)) if fires else healthy()
    return judge(test, with_measured(evidence, measured), alert=alert)
