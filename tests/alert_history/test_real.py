"""Check 17 with a real Prometheus: its past is made of blocks, its rules are loaded and evaluated now."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from shutil import copy, which

import pytest

from checks.rules.alert_history import as_rows
from fixtures.alert_history.model import HistorySource
from fixtures.local.errors import LocalDeploymentError
from fixtures.local.monitoring_stack import FILES
from fixtures.local.process import free_port
from fixtures.local.stand_ins.alert_history import backfill, openmetrics
from fixtures.outcome import Status
from fixtures.settings.access import Access
from tests.alert_history.past import (
    CASES,
    CHECK_17,
    DAY,
    DOWN,
    HOUR,
    INCIDENTS,
    MINUTE,
    OTHERS,
    PENDING,
    RATE,
    SILENT,
    PastPrometheus,
    day,
    firing,
    flapping,
    hours_ago,
    judged,
    midnight,
)
from tests.outcomes import expect, judge_all, read

SECONDS = 20.0
INTERVAL = 60.0
CONFIGURATION = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
"""
NOT_NAMED = {INCIDENTS: (Status.NOT_APPLICABLE, "PagerDuty is not configured")}

needs_prometheus = pytest.mark.skipif(
    not (which("prometheus") and which("promtool")),
    reason="not installed: prometheus, promtool (Debian: prometheus)",
)


@contextmanager
def prometheus(folder, *flags):
    """A Prometheus with the rules of the example, on the data in the folder; gives its address."""
    copy(FILES / "rules.yml", folder)
    (folder / "prometheus.yml").write_text(CONFIGURATION)
    address = f"127.0.0.1:{free_port()}"
    words = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={address}"]
    process = subprocess.Popen(["prometheus", *words, "--log.level=error", *flags], cwd=folder)
    try:
        until = time.monotonic() + SECONDS
        while not evaluated(address):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def evaluated(address):
    """Whether it evaluated each rule."""
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/rules") as answer:
            text = answer.read()
    except (urllib.error.URLError, OSError):
        return False
    return b"lastEvaluation" in text and b'"0001-' not in text


def seen(url):
    """Read and judge its history: the evidence, and case → outcome."""
    evidence = read(Access(prometheus_url=url), CHECK_17)
    found = judge_all(CHECK_17, evidence)
    outcomes = {key.removeprefix("check-17[").removesuffix("]"): outcome for key, outcome in found.items()}
    return evidence.pieces["alert_history"], outcomes


def week():
    """A week with a firing of an hour, one that flaps, one that goes on through a hole, and an instance each."""
    return [
        firing(PENDING, midnight(3) + 2 * HOUR, HOUR),
        *flapping(RATE, 8, midnight(1)),
        firing(SILENT, hours_ago(9), 99 * HOUR),
        *(firing("HostDown", midnight(2) + HOUR, 2 * HOUR, severity="warning", host=host) for host in "ab"),
    ]


@needs_prometheus
def test_real_prometheus_with_a_past(tmp_path):
    """It says the same as the canned one with the same past."""
    now = time.time()
    hole = (now - 5 * HOUR, now - 4 * HOUR)
    begin = time.monotonic()
    backfill(tmp_path / "data", week(), now - 8 * DAY, now, holes=[hole])
    assert time.monotonic() - begin < SECONDS
    with prometheus(tmp_path, "--query.lookback-delta=61s") as url:
        history, found = seen(url)
    part = f"WebhookErrorRate flaps: it fired 8 times on {day()}, more than 5 times a day"
    faults = {
        CASES[RATE]: (Status.FAILED, part),
        CASES[SILENT]: (Status.FAILED, "DLQProcessingFailure (critical) is not resolved: fires since "),
    }
    expect(found, NOT_NAMED | faults)
    [source] = history.sources
    assert isinstance(source, HistorySource)
    assert (source.source.name, source.holes_total, source.rules_total) == ("Prometheus", 1, 4)
    assert source.source.version
    assert source.covered_seconds == pytest.approx(7 * DAY - HOUR, abs=3 * INTERVAL)
    assert source.holes[0].since.timestamp() == pytest.approx(hole[0], abs=2 * INTERVAL)
    canned = PastPrometheus(week(), holes=[hole])
    expect(judged(canned), NOT_NAMED | faults)
    rows = {row["alert"]: row for row in as_rows(history)}
    assert {name: (row["firings"], row["instances"]) for name, row in rows.items()} == {
        PENDING: (1, 1),
        SILENT: (1, 1),
        RATE: (8, 1),
        "HostDown": (2, 2),
    }
    records = {one.name: one for one in history.alerts}
    assert records[PENDING].seconds == pytest.approx(HOUR, abs=2 * INTERVAL)
    assert records["HostDown"].seconds == pytest.approx(2 * HOUR, abs=2 * INTERVAL)
    assert records[SILENT].seconds == pytest.approx(9 * HOUR, abs=2 * INTERVAL)


@needs_prometheus
def test_real_prometheus_that_is_seconds_old(tmp_path):
    """It fails nothing, and proves nothing."""
    with prometheus(tmp_path) as url:
        _, found = seen(url)
    gap = (Status.UNPROVEN, " of the last 7 days")
    expect(found, NOT_NAMED | dict.fromkeys((*CASES.values(), OTHERS), gap))


@needs_prometheus
def test_real_prometheus_with_a_calm_week(tmp_path):
    """It passes, with the usual settings of Prometheus."""
    now = time.time()
    backfill(tmp_path / "data", [firing(PENDING, midnight(2), HOUR)], now - 8 * DAY, now, interval=2 * INTERVAL)
    with prometheus(tmp_path) as url:
        history, found = seen(url)
    expect(found, NOT_NAMED)
    [record] = history.alerts
    # Blocks do not mark the end of a series.
    assert record.seconds == pytest.approx(HOUR + 3 * MINUTE, abs=3 * INTERVAL)
    assert replace(record.days[0], seconds=0).firings == 1
    assert DOWN in history.sources[0].rules


def test_past_as_openmetrics():
    """Labels are quoted; an alert has a sample where Prometheus has one."""
    odd = firing(PENDING, 60, 120, path='a"b\\c\n')
    text = "".join(openmetrics([odd], 0, 240, holes=[(100, 130)], interval=60))
    assert text.splitlines() == [
        "# TYPE up gauge",
        *(f'up{{job="easymo",instance="exporter"}} 1 {at}.000' for at in (0, 60, 180, 240)),
        "# TYPE ALERTS gauge",
        'ALERTS{alertname="HighDLQPendingCount",alertstate="firing",path="a\\"b\\\\c\\n",severity="warning"} '
        "1 60.000",
        "# EOF",
    ]


@needs_prometheus
def test_past_that_promtool_refuses(tmp_path):
    """With its own words."""
    with pytest.raises(LocalDeploymentError, match="promtool refused the past: "):
        backfill(tmp_path, [firing("x", 0, 60, **{"bad name": "y"})], 0, 120)
