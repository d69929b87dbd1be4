"""Check 8 with Grafana-managed alerts: each way in which they are broken is named, and odd but right ones pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from checks.test_deploy import test_alert_thresholds_are_set as step_4_6
from fixtures.alerting.grafana import REDACTED
from fixtures.local.stand_ins.grafana_alerting import (
    TOKEN,
    GrafanaAlerting,
    ManagedRule,
    classic,
    expression,
    query,
    sql,
    threshold,
    time_ago,
)
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.alerting.grafana.serving import PENDING, RATE, RULE_OF, SILENT, judged
from tests.outcomes import assert_outcome

Change = tuple[str, Callable[[GrafanaAlerting], object]]

DLQ = "max(dlq_pending)"
ERRORS, ALL = 'sum(rate(webhook_requests_total{outcome="error"}[5m]))', "sum(rate(webhook_requests_total[5m]))"
AGE = "time() - max(dlq_processor_last_success_timestamp_seconds)"


def edit(function: Callable[[GrafanaAlerting], object], alert: str = PENDING) -> Change:
    """Change anything."""
    return alert, function


def rule(alert: str = PENDING, /, **fields: object) -> Change:
    """Change fields of a rule."""

    def change(grafana: GrafanaAlerting) -> None:
        for name, value in fields.items():
            assert hasattr(grafana.rules[RULE_OF[alert]], name)
            setattr(grafana.rules[RULE_OF[alert]], name, value)

    return alert, change


def compared(expr: str, kind: str, *numbers: float, alert: str = PENDING) -> Change:
    """Let a rule compare a query with numbers."""
    return rule(alert, data=[query("A", expr), threshold("C", "A", kind, *numbers)])


def no_data(state: str, **fields: object) -> Change:
    """Let a rule have no data, and Grafana make this state of it."""

    def change(grafana: GrafanaAlerting) -> None:
        rule(PENDING, **fields)[1](grafana)
        grafana.rules["HighDLQPendingCount"].has_no_data(state)

    return PENDING, change


def contact_point(name: str, kind: str, **settings: object) -> Callable[[GrafanaAlerting], None]:
    """Change the integration of a contact point."""

    def change(grafana: GrafanaAlerting) -> None:
        one = next(one for one in grafana.contact_points if one["name"] == name)
        one.update(type=kind, settings=settings)

    return change


def silence(value: str = "warn.*", **fields: object) -> dict[str, Any]:
    """A silence in force for a severity."""
    one = {"name": "severity", "value": value, "isRegex": True, "isEqual": True}
    return {
        "id": "0815",
        "status": {"state": "active"},
        "createdBy": "jane@example.com",
        "endsAt": "2099-01-01T00:00:00Z",
        "matchers": [one],
    } | fields


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


def filtering(grafana: GrafanaAlerting) -> None:
    """A query that returns nothing while the alert should not fire, and Grafana knows that."""
    data = [query("A", f"{DLQ} > 100"), threshold("C", "A", "gt", 0)]
    no_data("Normal (NoData)", no_data_state="OK", data=data)[1](grafana)


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


def other_folder(grafana: GrafanaAlerting) -> None:
    other = ManagedRule(
        "HighDLQPendingCount",
        [query("A", "max(other_pending)"), threshold("C", "A", "gt", 7)],
        labels={"severity": "info"},
        folder="another team",
    )
    grafana.more_rules.append(other)


def without_uids(grafana: GrafanaAlerting) -> None:
    """As versions of Grafana before 11 answer."""
    other_folder(grafana)
    grafana.more_rules[0].group = "others"
    for one in (*grafana.rules.values(), *grafana.more_rules):
        shown = one.with_state
        later = ("uid", "folderUid", "queriedDatasourceUIDs", "type")

        def earlier(shown: Callable[[], dict[str, Any]] = shown, later: tuple[str, ...] = later) -> dict[str, Any]:
            return {key: value for key, value in shown().items() if key not in later}

        one.with_state = earlier  # type: ignore[method-assign]


def also_elsewhere(grafana: GrafanaAlerting) -> None:
    grafana.policies["routes"].insert(
        0, {"receiver": "pagerduty", "object_matchers": [["grafana_folder", "=", "easymo"]], "continue": True}
    )


def nested(grafana: GrafanaAlerting) -> None:
    grafana.policies["routes"] = [
        {
            "receiver": "pagerduty",
            "object_matchers": [["grafana_folder", "=~", "easy.*"]],
            "routes": [
                {"receiver": "slack", "matchers": ['severity="warning"'], "object_matchers": [["x", "!~", ".+"]]}
            ],
        }
    ]


def muted_at_night(grafana: GrafanaAlerting) -> None:
    grafana.policies["routes"][1]["mute_time_intervals"] = ["nights"]
    times = [{"start_time": "22:00", "end_time": "24:00"}]
    grafana.mute_timings = [{"name": "nights", "time_intervals": [{"times": times}]}]


def by_label_of_the_alert(grafana: GrafanaAlerting) -> None:
    one = grafana.rules["HighDLQPendingCount"]
    one.labels["team"] = "{{ $labels.team }}"
    one.fires()
    assert one.alerts is not None
    one.alerts[0]["labels"] = one.instance | {"team": "web"}
    grafana.policies["routes"][1]["object_matchers"] = [["team", "=", "web"]]


def proxy_refused(grafana: GrafanaAlerting) -> None:
    grafana.answers["/api/datasources/proxy/uid/prometheus/api/v1/query"] = (403, {"message": "no"})


SHOWN = "HighDLQPendingCount is inactive, evaluated "
TO_SLACK = "HighDLQPendingCount reaches slack (slack)"

ODD_BUT_HEALTHY: dict[str, tuple[Change, str]] = {
    "as it is": (edit(lambda grafana: None), SHOWN),
    "way, as it is": (edit(lambda grafana: None), TO_SLACK),
    "silence, as it is": (
        edit(lambda grafana: None, SILENT),
        "DLQProcessingFailure reaches pagerduty (pagerduty)",
    ),
    "rate, as it is": (edit(lambda grafana: None, RATE), "WebhookErrorRate reaches slack (slack)"),
    "it fires": (edit(lambda grafana: grafana.rules["HighDLQPendingCount"].fires()), "Count is firing, evaluated"),
    "it waits": (
        edit(lambda grafana: grafana.rules["HighDLQPendingCount"].fires(60, "Pending")),
        "HighDLQPendingCount is pending, evaluated",
    ),
    "it recovers": (rule(state="recovering"), "HighDLQPendingCount is firing, evaluated"),
    "at least 101": (compared(DLQ, "gte", 101), SHOWN),
    "outside of 0 to 100": (compared(DLQ, "outside_range", 0, 100), SHOWN),
    "in PromQL": (compared(f"{DLQ} > bool 100", "gt", 0), SHOWN),
    "in PromQL, without data": (edit(filtering), SHOWN),
    "in SQL": (
        rule(data=[sql("A", "SELECT count(*) FROM webhook_dlq"), threshold("C", "A", "gt", 100)]),
        SHOWN,
    ),
    "a classic condition": (rule(data=[query("A", DLQ), classic("C", ("A", "max", "gt", 100))]), SHOWN),
    "in percent": (
        rule(
            RATE,
            data=[
                query("A", f"{ERRORS} / {ALL}"),
                expression("B", "math", "$A * 100"),
                threshold("C", "B", "gt", 5),
            ],
        ),
        "WebhookErrorRate is inactive",
    ),
    "by the successes": (
        rule(RATE, data=[query("A", f"1 - {ERRORS} / {ALL}"), threshold("C", "A", "lt", 0.95)]),
        "WebhookErrorRate is inactive",
    ),
    "silence in minutes": (
        compared(f"({AGE}) / 60", "gt", 15, alert=SILENT),
        "DLQProcessingFailure is inactive",
    ),
    "silence, by threshold and for": (
        rule(SILENT, data=[query("A", AGE), threshold("C", "A", "gt", 600)], waits_seconds=300.0),
        "DLQProcessingFailure is inactive",
    ),
    "silence, by absence": (
        compared("absent_over_time(dlq_passes_total[15m])", "gt", 0, alert=SILENT),
        "DLQProcessingFailure is inactive",
    ),
    "two rules of one title": (
        edit(other_folder),
        "2 rules have the name HighDLQPendingCount; judged is the one that fits best",
    ),
    "an older Grafana": (edit(without_uids), SHOWN),
    "its own contact point": (rule(settings={"receiver": "pagerduty"}), "reaches pagerduty (pagerduty)"),
    "two receivers": (edit(also_elsewhere), "HighDLQPendingCount reaches pagerduty (pagerduty), slack (slack)"),
    "nested policies": (edit(nested), TO_SLACK),
    "a contact point with two integrations": (
        edit(
            lambda grafana: grafana.contact_points.append(
                {"uid": "4", "name": "slack", "type": "email", "settings": {"addresses": "ops@example.com"}}
            )
        ),
        "HighDLQPendingCount reaches slack (slack, email)",
    ),
    "a kind of integration that is not known": (
        edit(contact_point("slack", "carrier-pigeon", loft="north", text="$5")),
        "HighDLQPendingCount reaches slack (carrier-pigeon)",
    ),
    "routed by a label of the alert": (edit(by_label_of_the_alert), TO_SLACK),
    "muted at night": (edit(muted_at_night), "not evaluated: the time intervals nights"),
    "another alert is silenced": (edit(lambda grafana: grafana.silences.append(silence("critical"))), TO_SLACK),
    "a silence that expired": (
        edit(lambda grafana: grafana.silences.append(silence(status={"state": "expired"}))),
        TO_SLACK,
    ),
    "metrics cannot be asked": (edit(proxy_refused), SHOWN),
    "version hidden": (edit(lambda grafana: setattr(grafana, "version", "")), SHOWN),
    "secret settings": (edit(lambda grafana: None), REDACTED),
}


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_grafana(variant: str) -> None:
    """It passes, and says what it found, with the source."""
    (alert, change), part = ODD_BUT_HEALTHY[variant]
    grafana = GrafanaAlerting()
    change(grafana)
    outcome = judged(grafana, alert)
    assert_outcome(outcome, Status.PASSED)
    assert outcome.judge is not None
    found = "; ".join(outcome.judge.findings)
    assert part in found, found
    assert "by a stand-in for Grafana" in found


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
