"""Whole runs of check 7 and of steps 4.1 and 4.2 against the stand-in: verdict, words, privacy."""

from __future__ import annotations

from pathlib import Path

from fixtures.local.stand_ins.grafana import Grafana
from tests.dashboards.building import TOKEN, answering, dashboard, error, grafana, minutes, panel
from tests.running import Run, environment, run_suite

FOLDER = Path(__file__).parents[2] / "fixtures" / "local" / "monitoring" / "dashboards"
PHONE = "250788123456"


def run(folder: Path, url: str, *arguments: str, token: str = TOKEN) -> Run:
    """A run that looks at dashboards only."""
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9", EASYMO_GRAFANA_URL=url, EASYMO_GRAFANA_TOKEN=token)
    return run_suite(folder / "report", *arguments, environ=environ)


def imported(answer) -> Grafana:
    """A Grafana with the dashboards to import, whose data source gives this."""
    one = Grafana(FOLDER, "", TOKEN)
    one.canned = lambda query: answer
    return one


def test_dashboards_with_data_are_go(behind, tmp_path):
    """The reports say how much was seen, and that it was by a stand-in."""
    behind.current = imported(minutes(1, 2, 3))
    done = run(tmp_path, behind.url, "-m", "immediate", "-k", "dashboard")
    assert done.status == 0, done.output
    assert done.verdict["verdict"] == "go"
    cases = {case["id"]: case["status"] for case in done.check("check-07")["cases"]}
    assert cases == {"dlq": "passed", "webhook-performance": "passed"}
    evidence = (done.folder / "evidence.json").read_text()
    assert "Pending messages over time" in evidence
    assert len(evidence) < 60_000
    page = (done.folder / "index.html").read_text()
    assert "8 panels with 9 queries returned 27 values" in page
    assert "a stand-in for Grafana 11.6.0" in page


def test_broken_panel_is_a_concern_and_private(behind, tmp_path):
    """A should that fails does not stop the release; no word of a customer and no token is in any file."""
    behind.current = answering(
        error(f'bad input "planted words" for +{PHONE} by {TOKEN}'), panel("Sent to customers")
    )
    done = run(tmp_path, behind.url, "-m", "immediate", "-k", "dashboard and dlq")
    assert done.status == 1, done.output
    assert done.verdict["verdict"] == "concerns"
    [case] = done.check("check-07")["cases"]
    assert (case["id"], case["status"]) == ("dlq", "failed")
    assert (
        "dashboard DLQ, panel Sent to customers (query A): Prometheus (prometheus) reports an error"
        in case["reason"]
    )
    shown = [done.output, *(path.read_text() for path in done.folder.rglob("*") if path.is_file())]
    for private in (PHONE, TOKEN, "planted words"):
        assert not [text for text in shown if private in text]


def test_steps_are_judged_by_the_same_evidence(behind, tmp_path):
    """One dashboard is there, the other is not."""
    behind.current = grafana()
    behind.current.add(dashboard(panel(), uid="w", title="Webhooks: performance (2026)"))
    done = run(tmp_path, behind.url, "-m", "deploy", "-k", "dashboard")
    assert done.statuses == {"step-4.1": "passed", "step-4.2": "failed"}
    [case] = done.check("step-4.2")["cases"]
    assert 'no dashboard with the title "Webhook performance" among 2 dashboards' in case["reason"]
    assert "Webhooks: performance (2026) (uid w)" in case["reason"]


def test_without_grafana_nothing_is_proven(behind, tmp_path):
    """And the verdict of a should that is unproven is go."""
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9")
    done = run_suite(tmp_path / "report", "-m", "immediate", "-k", "dashboard", environ=environ)
    assert done.verdict["verdict"] == "go"
    assert done.statuses == {"check-07": "unproven"}
    assert "set EASYMO_GRAFANA_URL, EASYMO_PROMETHEUS_URL and EASYMO_ALERTMANAGER_URL" in " ".join(
        done.output.split()
    )


def test_evidence_can_be_replayed(behind, tmp_path):
    """With the same words, without Grafana."""
    behind.current = answering(error("down"), panel("P"))
    first = run(tmp_path, behind.url, "-m", "immediate", "-k", "dashboard and dlq")
    behind.current = None
    again = run_suite(
        tmp_path / "again",
        *("-m", "immediate", "-k", "dashboard and dlq", f"--replay={first.folder / 'evidence.json'}"),
        environ=environment(),
    )
    assert again.check("check-07")["cases"] == first.check("check-07")["cases"]
