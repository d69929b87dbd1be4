"""Check 8 with Grafana-managed alerts in forms that are odd, and right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.alerting.grafana import REDACTED
from fixtures.local.stand_ins.grafana_alerting import (
    GrafanaAlerting,
    ManagedRule,
    classic,
    expression,
    query,
    sql,
    threshold,
)
from fixtures.outcome import Status
from tests.alerting.grafana.changes import (
    AGE,
    ALL,
    DLQ,
    ERRORS,
    Change,
    compared,
    contact_point,
    edit,
    filtering,
    no_data,
    proxy_refused,
    rule,
    silence,
)
from tests.alerting.grafana.serving import RATE, SILENT, judged
from tests.outcomes import assert_outcome


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


def told_apart_by_folder(grafana: GrafanaAlerting) -> None:
    """Rules without uids, of one title and in groups of one name."""
    without_uids(grafana)
    grafana.more_rules[0].group = "dlq"


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


def filtering_in_sql(grafana: GrafanaAlerting) -> None:
    text = "SELECT service, count(*) FROM webhook_dlq GROUP BY service HAVING count(*) > 100"
    no_data("Normal (NoData)", no_data_state="OK", data=[sql("C", text)])[1](grafana)


SINCE_PASS = "SELECT extract(epoch from now() - max(processed_at)) AS age FROM dlq_processing_log"
PASSES = "SELECT count(*) FROM dlq_processing_log WHERE processed_at > now() - interval '15 minutes'"
FAILED_PERCENT = "SELECT 100.0 * failed / nullif(failed + succeeded, 0) FROM webhook_rates"

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
    "in SQL that filters, without data": (edit(filtering_in_sql), SHOWN),
    "silence in SQL": (
        rule(SILENT, data=[sql("A", SINCE_PASS), threshold("C", "A", "gt", 900)]),
        "DLQProcessingFailure is inactive",
    ),
    "silence in SQL, in minutes": (
        rule(SILENT, data=[sql("A", SINCE_PASS.replace(")) AS", ")) / 60 AS")), threshold("C", "A", "gt", 15)]),
        "DLQProcessingFailure is inactive",
    ),
    "silence in SQL, by a count": (
        rule(SILENT, data=[sql("A", PASSES), threshold("C", "A", "lt", 1)]),
        "DLQProcessingFailure is inactive",
    ),
    "rate in SQL, in percent": (
        rule(RATE, data=[sql("A", FAILED_PERCENT), threshold("C", "A", "gt", 5)]),
        "WebhookErrorRate is inactive",
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
    "rules that only their folders tell apart": (edit(told_apart_by_folder), SHOWN),
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
