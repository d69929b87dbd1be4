"""The dashboards to import: Prometheus accepts their queries, and Grafana's way of running them shows data."""

from __future__ import annotations

import json
import re
import time

import pytest

from checks.test_deploy import test_dlq_dashboard_is_imported as step_41
from checks.test_deploy import test_webhook_dashboard_is_imported as step_42
from checks.test_immediate import test_dashboard_shows_data as check_07
from fixtures.local.stand_ins.grafana import Grafana
from fixtures.local.stand_ins.grafana_prometheus import frames_of
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.dashboards.building import TOKEN, dashboard, panel, target
from tests.dashboards.real_prometheus import PROGRAM, prometheus, query
from tests.outcomes import judge, read
from tests.running import ROOT

FOLDER = ROOT / "fixtures" / "local" / "monitoring" / "dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
QUERIES = {
    f"{name}: {panel_['title']} {target_['refId']}": target_
    for name, one in DASHBOARDS.items()
    for panel_ in one["panels"]
    for target_ in panel_["targets"]
}
METRICS = {
    "dlq_pending",
    "dlq_entries",
    "dlq_oldest_pending_age_seconds",
    "dlq_processor_last_success_timestamp_seconds",
    "webhook_requests_total",
}
NAME = re.compile(r"\b(?:dlq|webhook)_\w+")
UNITS = {"short", "s", "percent", "reqps"}

needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="the program prometheus is not installed")


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory):
    """A Prometheus that has just started."""
    with prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_dashboards_are_those_of_the_settings():
    """Found by their titles, without any setting."""
    wanted = [one.title for one in Settings().dashboards]
    assert [DASHBOARDS[name]["title"] for name in ("dlq", "webhook_performance")] == wanted
    assert [DASHBOARDS[name]["uid"] for name in ("dlq", "webhook_performance")] == [
        "easymo-dlq",
        "easymo-webhook-performance",
    ]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_are_whole(name):
    """Ids once, titles, units, thresholds, descriptions; places that do not overlap; one data source."""
    one = DASHBOARDS[name]
    panels = one["panels"]
    assert 6 <= len(panels) <= 8
    assert len({panel_["id"] for panel_ in panels}) == len({panel_["title"] for panel_ in panels}) == len(panels)
    cells = [
        (x, y)
        for panel_ in panels
        for place in [panel_["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    for panel_ in panels:
        assert panel_["description"]
        assert panel_["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel_["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        for target_ in panel_["targets"]:
            assert target_["datasource"] == panel_["datasource"] == {"type": "prometheus", "uid": "prometheus"}
    assert {
        metric for panel_ in panels for t in panel_["targets"] for metric in NAME.findall(t["expr"])
    } <= METRICS


def test_thresholds_are_the_checklists():
    """Pending 100, silence 15 min, error rate 5 %, success rate 99 %."""
    thresholds = Settings().thresholds
    steps = {
        panel_["title"]: [step["value"] for step in panel_["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
        for one in DASHBOARDS.values()
        for panel_ in one["panels"]
    }
    assert steps["Pending messages"] == steps["Pending messages over time"] == [100]
    assert steps["Since the last completed pass"] == steps["Time since the last completed pass"] == [900]
    assert steps["Error rate"] == [1, thresholds.error_rate_alert_percent]
    assert steps["Success rate in the last hour"] == [95, thresholds.success_rate_percent]


@needs_prometheus
@pytest.mark.parametrize("name", QUERIES)
def test_query_returns_data(name, prometheus_url):
    """Also from a Prometheus that has just started, without errors and without NaN."""
    now = int(time.time() * 1000)
    frames = frames_of(prometheus_url, QUERIES[name] | {"intervalMs": 30_000}, now - 6 * 3_600_000, now)
    values = [value for frame in frames for value in frame["data"]["values"][1]]
    assert values
    assert None not in values


@needs_prometheus
def test_dashboards_pass_by_the_real_prometheus(prometheus_url, behind, grafana_access):
    """Check 7 and the steps, as for a deployment."""
    behind.current = Grafana(FOLDER, prometheus_url, TOKEN)
    evidence = read(grafana_access, [check_07, step_41, step_42])
    for name in ("dlq", "webhook-performance"):
        outcome = judge(check_07, evidence, dashboard=name)
        assert outcome.status is Status.PASSED, outcome.reason
        assert "8 panels with " in outcome.judge.findings[1]
    for step in (step_41, step_42):
        assert judge(step, evidence).status is Status.PASSED


@needs_prometheus
def test_faults_by_the_real_prometheus(prometheus_url, behind, grafana_access):
    """A query that cannot be parsed, a metric that nothing writes, NaN: in Prometheus's own words."""
    behind.current = Grafana(None, prometheus_url, TOKEN)
    behind.current.add(
        dashboard(
            panel("Broken", target("sum(")),
            panel("Renamed", target("dlq_pending_count")),
            panel("Nothing by nothing", target("0 * dlq_pending / 0")),
            panel("Good", target("dlq_pending")),
            panel("At once", target("dlq_pending", instant=True, range=False)),
        )
    )
    outcome = judge(check_07, read(grafana_access, [check_07]), dashboard="dlq")
    found = [violation.found for violation in outcome.judge.violations]
    assert found[0].startswith(
        "dashboard DLQ, panel Broken (query A): Prometheus (prometheus) reports an error: bad_data"
    )
    assert "parse error" in found[0]
    assert found[1] == "dashboard DLQ, panel Renamed (query A): no data in its time range"
    assert found[2].startswith("dashboard DLQ, panel Nothing by nothing (query A): only NaN or infinite values")
    assert len(found) == 3


@needs_prometheus
@pytest.mark.parametrize("name", [name for name in QUERIES if "webhook_requests_total" in QUERIES[name]["expr"]])
def test_query_without_traffic_returns_no_nan(name, prometheus_url):
    """A counter that does not move, which a constant metric is here: the rate of errors is 0, not 0 by 0."""
    expression = QUERIES[name]["expr"].replace("webhook_requests_total", "dlq_entries")
    document = query(prometheus_url, "query", query=expression.replace("$__rate_interval", "1m"))
    values = {float(one["value"][1]) for one in document["data"]["result"]}
    assert values <= {0.0, 100.0}
    assert values
