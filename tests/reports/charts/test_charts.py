"""Charts of the evidence, in files and in Allure's results; a chart never costs the verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from checks.test_daily import test_dlq_is_processing as check_09
from checks.test_daily import test_no_message_is_lost as check_10
from checks.test_daily import test_table_is_not_bloated as check_12
from checks.test_weekly import test_database_stays_below_its_limit as check_16
from checks.test_weekly import test_no_failure_pattern_is_new as check_15
from checks.test_weekly import test_old_dlq_entries_are_archived as check_19
from checks.test_weekly import test_threshold_fits as check_18
from fixtures.history.model import SizeHistory
from fixtures.settings.model import Thresholds
from fixtures.settings.monitoring import WhatIf
from reports.charts import figures
from tests.outcomes import read
from tests.running import environment, run_suite

TESTS = [check_09, check_10, check_12, check_15, check_16, check_18, check_19]
SVG = "{http://www.w3.org/2000/svg}"
WORDS = {
    "dlq-entries": {"entries", "hour (UTC)", "pending", "reprocessed"},
    "messages": {"messages per hour", "hour (UTC)", "received", "processed", "queued in the DLQ"},
    "dead-tuples": {"dead tuples", "whatsapp_messages", "0 %"},
    "thresholds": {"pending entries", "silence (min)", "error rate (%)", "threshold 100 entries", "day (UTC)"},
    "growth": {"MB", "day (UTC)", "database (seeded snapshots)", "projected"},
    "failure-patterns": {"entries", "last 7 days", "7 days before", "WhatsApp API answered <n>"},
    "settled-entries": {"entries", "weeks since they were settled", "reprocessed", "discarded", "30 days"},
}


def test_every_chart_is_drawn_by_a_test():
    """The one of check 17 needs services, and is drawn by ``tests/alert_history``."""
    assert {*WORDS, "alert_history"} == set(figures.CHARTS)


def texts(picture: bytes) -> set[str]:
    """The words in a picture."""
    return {"".join(found.itertext()).strip() for found in ElementTree.fromstring(picture).iter(f"{SVG}text")}


@pytest.fixture
def evidence(any_deployment):
    """The evidence of the daily checks with charts."""
    return read(any_deployment.access, TESTS)


@pytest.mark.parametrize("name", WORDS)
def test_chart_has_units_and_series_names(name, evidence):
    """The background is transparent, so that it suits any page; drawing again gives the same bytes."""
    picture = figures.draw(name, evidence)
    assert texts(picture) >= WORDS[name]
    assert b"fill: #ffffff" not in picture
    assert figures.draw(name, evidence) == picture


@pytest.mark.parametrize("name", WORDS)
def test_chart_without_data_is_drawn(name, any_deployment, evidence):
    """Charts over time without data contain a note."""
    pieces = evidence.pieces
    empty = {
        "dlq_queue": replace(pieces["dlq_queue"], by_hour=()),
        "message_fates": replace(pieces["message_fates"], hours=()),
        "table_statistics": replace(pieces["table_statistics"], tables=()),
        "error_rate_of_the_week": replace(pieces["error_rate_of_the_week"], minute=(), messages=(), failed=()),
        "size_history": SizeHistory(),
        "failure_patterns": replace(pieces["failure_patterns"], patterns=()),
        "archive_state": replace(pieces["archive_state"], entries=()),
    }
    found = texts(figures.draw(name, replace(evidence, pieces=pieces | empty)))
    without_data = ("dlq-entries", "messages", "failure-patterns", "settled-entries")
    assert ("no data in this period" in found) is (name in without_data)
    assert ("no values in this period" in found) is (name == "thresholds")
    assert ("growth is not known yet" in found) is (name == "growth")


@pytest.mark.parametrize(("factor", "words"), [(1.5, "80 % of the limit: "), (99, "(above the chart)")])
def test_limit_is_drawn_if_near(factor, words, evidence):
    """A limit that is far above would hide the growth: it is named instead."""
    limit = round(factor * evidence.pieces["database_sizes"].database)
    weekly = replace(evidence.settings.weekly, database_bytes=limit)
    changed = replace(evidence, settings=replace(evidence.settings, weekly=weekly))
    assert words in " ".join(texts(figures.draw("growth", changed)))


def test_single_hour_and_unknown_status_are_drawn(evidence):
    """One hour can be drawn, and an unknown status has a colour."""
    queue, fates = evidence.pieces["dlq_queue"], evidence.pieces["message_fates"]
    one = replace(queue.by_hour[0], status="parked")
    pieces = evidence.pieces | {
        "dlq_queue": replace(queue, by_hour=(one,)),
        "message_fates": replace(fates, hours=fates.hours[:1]),
    }
    changed = replace(evidence, pieces=pieces)
    assert "parked" in texts(figures.draw("dlq-entries", changed))
    assert figures.draw("messages", changed)


def test_thresholds_old_proposed_and_own_are_drawn(evidence):
    """One panel for each measure whose values were read; far from the values the scale is logarithmic."""
    own = replace(evidence.settings, what_if=(WhatIf("dlq_pending", 4000), WhatIf("dlq_silence", 60)))
    changed = replace(evidence, settings=replace(own, thresholds=Thresholds(dlq_silent_seconds=90_000)))
    found = texts(figures.draw("thresholds", changed))
    assert found >= {"what if 4000 entries", "what if 1 min", "threshold 1 d 1 h", "proposed 10 min", "1000"}
    pieces = {name: piece for name, piece in evidence.pieces.items() if name != "backlog_of_the_week"}
    assert "pending entries" not in texts(figures.draw("thresholds", replace(evidence, pieces=pieces)))
    with pytest.raises(KeyError):
        figures.draw("thresholds", replace(evidence, pieces={}))


def test_run_writes_its_charts(any_deployment, tmp_path):
    """As files beside the verdict, as links in the summary, and as attachments in Allure's results."""
    run = run_suite(tmp_path, "-m", "daily", environ=environment(any_deployment.access))
    assert run.status == 0, run.output
    files = sorted(path.name for path in (tmp_path / "charts").iterdir())
    assert files == ["dead-tuples.svg", "dlq-entries.svg", "messages.svg"]
    summary = (tmp_path / "summary.md").read_text()
    assert all(f"(charts/{name})" in summary for name in files)
    attached = {}
    for path in (tmp_path / "allure-results").glob("*-result.json"):
        result = json.loads(path.read_text())
        for attachment in result.get("attachments", []):
            if attachment["type"] == "image/svg+xml":
                attached[attachment["name"]] = tmp_path / "allure-results" / attachment["source"]
    assert set(attached) == {figures.title(name.removesuffix(".svg")) for name in files}
    for source in attached.values():
        assert ElementTree.fromstring(source.read_bytes()).tag == f"{SVG}svg"


def test_replay_with_workers_draws_the_same_charts(any_deployment, tmp_path):
    """A chart is drawn from the evidence alone, so a replay draws the same bytes."""
    environ = environment(any_deployment.access)
    first = run_suite(tmp_path / "one", "-m", "daily", "-k", "dlq", environ=environ)
    evidence = str(tmp_path / "one" / "evidence.json")
    again = run_suite(tmp_path / "two", "-m", "daily", "-k", "dlq", "-n", "2", f"--replay={evidence}")
    assert (first.status, again.status) == (0, 0), again.output
    pictures = [(tmp_path / name / "charts" / "dlq-entries.svg").read_bytes() for name in ("one", "two")]
    assert pictures[0] == pictures[1]


def test_without_matplotlib_the_summary_has_a_hint(any_deployment, tmp_path):
    """Charts are optional: without matplotlib the summary has the command to install it."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "matplotlib.py").write_text("raise ImportError('hidden')\n")
    environ = environment(any_deployment.access, PYTHONPATH=str(hidden))
    run = run_suite(tmp_path / "out", "-m", "daily", "-k", "dlq", environ=environ)
    assert run.status == 0, run.output
    assert not (tmp_path / "out" / "charts").exists()
    hint = "charts need matplotlib: pip install -c requirements.lock -e '.[charts]'"
    assert hint in (tmp_path / "out" / "summary.md").read_text()


def test_matplotlib_is_imported_only_to_draw():
    """Runs without charts start quickly."""
    code = (
        "import sys, checks.test_daily, reports.charts.gallery, reports.charts.figures; "
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
