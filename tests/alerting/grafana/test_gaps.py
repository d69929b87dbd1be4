"""Check 8 with a token of a lower role, and with a Grafana that does not answer everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from checks.test_deploy import test_alert_thresholds_are_set as step_4_6
from fixtures.local.stand_ins.grafana_alerting import (
    TOKEN,
    GrafanaAlerting,
)
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.alerting.grafana.changes import (
    DLQ,
    compared,
    filtering,
    proxy_refused,
)
from tests.alerting.grafana.serving import judged
from tests.alerting.grafana.test_faults import FAULTS
from tests.outcomes import assert_outcome

ROLE = (
    "thresholds and routes of Grafana's alerts were not read: Grafana shows them to role Admin, or with "
    "permission alert.provisioning:read, which the token in EASYMO_GRAFANA_TOKEN lacks (HTTP 403)"
)


def test_viewer_leaves_threshold_and_way_unproven() -> None:
    """The gap names the role, once; the healthy rest is no violation."""
    outcome = judged(GrafanaAlerting(role="Viewer"))
    assert_outcome(outcome, Status.UNPROVEN, ROLE)
    assert outcome.reason.count(ROLE) == 1
    assert str(outcome.advice) == "give its service account role Admin, or the permission alert.provisioning:read"
    assert outcome.judge is not None
    assert "HighDLQPendingCount reaches unknown" in outcome.judge.findings
    assert_outcome(judged(GrafanaAlerting(role="Viewer"), test=step_4_6), Status.UNPROVEN, ROLE)


@pytest.mark.parametrize(
    "fault",
    [
        *(
            "rule missing",
            "waits too long",
            "wrong severity",
            "an error",
            "never evaluated",
            "evaluated an hour ago",
        ),
        *("silenced", "silenced by its title", "inhibited"),
    ],
)
def test_viewer_sees_state_and_health(fault: str) -> None:
    """What a Viewer may see fails as it does for an Admin."""
    (alert, change), part = FAULTS[fault]
    grafana = GrafanaAlerting(role="Viewer")
    change(grafana)
    assert_outcome(judged(grafana, alert), Status.FAILED, part)


@pytest.mark.parametrize("role", ["Viewer", "Admin"])
def test_viewer_sees_missing_metrics(role: str) -> None:
    """The query is shown to everybody, and the metrics are asked through Grafana."""
    grafana = GrafanaAlerting(role=role, metrics=("other",))
    assert_outcome(
        judged(grafana), Status.FAILED, "HighDLQPendingCount reads dlq_pending, of which there is no series"
    )


def unknown_metrics(grafana: GrafanaAlerting) -> None:
    filtering(grafana)
    proxy_refused(grafana)


NOT_READ: dict[str, tuple[Callable[[GrafanaAlerting], object], Status, str]] = {
    "token refused": (
        lambda grafana: setattr(grafana, "token", "another"),
        Status.ERROR,
        'answered GET /api/prometheus/grafana/api/v1/rules with HTTP 401: {"message": "Invalid API key"',
    ),
    "no permission": (
        lambda grafana: setattr(grafana, "role", ""),
        Status.UNPROVEN,
        "the alert rules in Grafana were not read: the token in EASYMO_GRAFANA_TOKEN lacks the permission",
    ),
    "another service": (
        lambda grafana: grafana.answers.update({"/api/prometheus/grafana/api/v1/rules": (200, {"data": []})}),
        Status.ERROR,
        "answered GET /api/prometheus/grafana/api/v1/rules with JSON of another form",
    ),
    "another address": (
        lambda grafana: grafana.answers.update(
            {"/api/health": (404, None), "/api/prometheus/grafana/api/v1/rules": (404, "not found")}
        ),
        Status.ERROR,
        "answered GET /api/prometheus/grafana/api/v1/rules with HTTP 404",
    ),
    "policies broken": (
        lambda grafana: grafana.answers.update({"/api/v1/provisioning/policies": (500, "boom")}),
        Status.ERROR,
        "answered GET /api/v1/provisioning/policies with HTTP 500",
    ),
    "policies of another form": (
        lambda grafana: grafana.policies.update(routes=[{"object_matchers": ["x"]}]),
        Status.ERROR,
        "the notification policies of Grafana could not be followed: a matcher of another form is not understood",
    ),
    "silences forbidden": (
        lambda grafana: grafana.answers.update({"/api/alertmanager/grafana/api/v2/silences": (403, {})}),
        Status.UNPROVEN,
        "the silences in Grafana were not read: the token in EASYMO_GRAFANA_TOKEN lacks the permission (HTTP 403)",
    ),
    "external Alertmanagers": (
        lambda grafana: setattr(grafana, "managers", "external"),
        Status.UNPROVEN,
        "Grafana sends its alerts to external Alertmanagers, so that its own policies do not decide",
    ),
    "condition not understood": (
        compared(DLQ, "no_value")[1],
        Status.UNPROVEN,
        "the threshold of alert rule HighDLQPendingCount could not be read from its queries: its comparison ",
    ),
    "definition not found": (
        lambda grafana: grafana.answers.update({"/api/v1/provisioning/alert-rules": (200, [])}),
        Status.UNPROVEN,
        "the threshold of alert rule HighDLQPendingCount was not read: GET /api/v1/provisioning/alert-rules has ",
    ),
    "no data, and metrics cannot be asked": (
        unknown_metrics,
        Status.UNPROVEN,
        "the last evaluation of alert rule HighDLQPendingCount showed no data, and whether its metrics exist",
    ),
}


@pytest.mark.parametrize("case", NOT_READ)
def test_part_that_cannot_be_read(case: str) -> None:
    """Unproven without permission, an error if Grafana fails."""
    change, status, part = NOT_READ[case]
    grafana = GrafanaAlerting()
    change(grafana)
    assert_outcome(judged(grafana), status, part)


def test_no_token() -> None:
    """Grafana requires one; with anonymous access, none is needed."""
    unproven = judged(GrafanaAlerting(), token=None)
    assert_outcome(unproven, Status.UNPROVEN, "Grafana requires a token, and EASYMO_GRAFANA_TOKEN is not set")
    assert_outcome(judged(GrafanaAlerting(token=None), token=None), Status.PASSED)


def test_alert_without_a_measure_needs_no_threshold() -> None:
    """For any other alert, the rule's condition is its own matter."""
    alerts = (replace(Settings().alerts[0], measures=None),)
    grafana = GrafanaAlerting()
    compared(DLQ, "gt", 7)[1](grafana)
    assert_outcome(judged(grafana, settings=replace(Settings(), alerts=alerts)), Status.PASSED)


def test_expected_receivers() -> None:
    """The settings may name them."""
    alerts = (replace(Settings().alerts[0], receivers=("pagerduty",)),)
    outcome = judged(GrafanaAlerting(), settings=replace(Settings(), alerts=alerts))
    assert_outcome(
        outcome, Status.FAILED, "the route of HighDLQPendingCount ends at slack (slack), not at pagerduty"
    )


def test_token_is_in_no_message() -> None:
    """Nor in the evidence."""
    grafana = GrafanaAlerting()
    grafana.answers["/api/v1/provisioning/policies"] = (500, {"message": f"Bearer {TOKEN}"})
    outcome = judged(grafana)
    assert TOKEN not in outcome.reason
    assert "***" in outcome.reason
