"""Trends: one file per target and selection, one line per run, and identities that are stable across runs."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.html import history
from reports.html.history import RunIdentity, file_safe
from tests.reports.html.browser import Browser
from tests.reports.html.conftest import CHECKS, skip_without_generator
from tests.reports.html.rendering import render
from tests.reports.nested import Run, project, run

MOMENT = datetime(2025, 11, 27, 12, 0, tzinfo=UTC)
RUN = RunIdentity("production", "immediate", MOMENT)


def point(moment: datetime = MOMENT, **cases: str) -> dict[str, Any]:
    """A run as Allure appends it."""
    results = {
        name: {"id": name, "name": name, "status": status, "historyId": name, "labels": [1], "message": "x" * 999}
        for name, status in cases.items()
    }
    return {
        "uuid": f"random-{moment.isoformat()}",
        "name": "go",
        "timestamp": int(moment.timestamp() * 1000),
        "knownTestCaseIds": [],
        "testResults": results,
        "metrics": {},
        "url": "",
    }


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("production", "production"),
        ("eu-west_1", "eu-west_1"),
        ("project.supabase.co", "project.supabase.co"),
        ("Production", "production-"),
        ("local (native)", "local-native-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("a/b", "a-b-"),
        ("a\\b", "a-b-"),
        ("ü", ""),
        ("", "e3b0c442"),
        (".", ""),
        ("x" * 300, "x" * 60 + "-"),
    ],
)
def test_name_becomes_part_of_a_file_name(name: str, safe: str) -> None:
    made = file_safe(name, ".")
    assert made.startswith(safe) if safe != name else made == safe
    assert len(made) <= 69
    assert made.strip(".-") == made
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_different_names_never_share_a_file() -> None:
    names = ["a b", "a-b", "a/b", "A-b", "a.b", "a", "", " ", "x" * 61, "x" * 62, "a--b", "-a"]
    files = {RunIdentity(target, selection, MOMENT).file_name for target in names for selection in names}
    assert len(files) == len(names) ** 2
    assert len({file.lower() for file in files}) == len(files)


def test_selection_in_a_file_name_has_no_dot() -> None:
    """A dot could also belong to the target, and two histories would share a file."""
    assert RunIdentity("a.b", "c", MOMENT).file_name == "a.b.c.jsonl"
    assert RunIdentity("a", "b.c", MOMENT).file_name.startswith("a.b-c-")


def test_run_is_added_once_at_its_time(tmp_path: Path) -> None:
    """Rendering a run again replaces its line and keeps its time."""
    file = tmp_path / "deep" / RUN.file_name
    first = history.with_run([], point(a="passed"), RUN)
    again = history.with_run(first, point(MOMENT + timedelta(hours=9), a="failed"), RUN)
    assert len(again) == 1
    assert (again[0]["uuid"], again[0]["timestamp"]) == (RUN.uuid, RUN.timestamp)
    later = replace(RUN, started_at=MOMENT + timedelta(days=1))
    both = history.with_run(again, point(a="passed"), later)
    history.write(file, both)
    assert history.read(file) == (both, 0)
    assert [found["uuid"] for found in history.before(both, later)] == [RUN.uuid]
    assert history.before(both, RUN) == []


def test_older_run_rendered_later_sorts_first() -> None:
    newer = replace(RUN, started_at=MOMENT + timedelta(days=1))
    points = history.with_run(history.with_run([], point(), newer), point(), RUN)
    assert [found["uuid"] for found in points] == [RUN.uuid, newer.uuid]


def test_identity_has_target_selection_and_time() -> None:
    others = [
        replace(RUN, target="staging"),
        replace(RUN, selection="daily"),
        replace(RUN, started_at=MOMENT + timedelta(seconds=1)),
    ]
    assert len({RUN.uuid, *(other.uuid for other in others)}) == 4


def test_labels_and_long_messages_are_not_kept() -> None:
    """The history has only what reports of later runs need."""
    (kept,) = history.with_run([], point(a="failed"), RUN)
    assert "labels" not in kept["testResults"]["a"]
    assert len(kept["testResults"]["a"]["message"]) == history.LONGEST_MESSAGE


def test_oldest_runs_are_dropped(tmp_path: Path) -> None:
    points = [point(MOMENT + timedelta(hours=number)) for number in range(history.LIMIT + 20)]
    history.write(tmp_path / "runs.jsonl", points)
    found, _ = history.read(tmp_path / "runs.jsonl")
    assert found == points[20:]


def test_report_shows_the_newest_earlier_runs() -> None:
    points = [point(MOMENT - timedelta(hours=number)) for number in range(90, -5, -1)]
    shown = history.before(points, RUN)
    assert len(shown) == history.SHOWN
    assert [found["timestamp"] for found in shown] == [
        int((MOMENT - timedelta(hours=number)).timestamp() * 1000) for number in range(history.SHOWN, 0, -1)
    ]


@pytest.mark.parametrize(
    "line", ["not json", "[]", "{}", '{"uuid": "x", "testResults": [], "timestamp": 1}', '{"uuid": 1}', "\x00"]
)
def test_invalid_line_is_skipped_and_counted(tmp_path: Path, line: str) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text(f"{line}\n{json.dumps(point())}\n\n", encoding="utf-8")
    assert history.read(file) == ([point()], 1)


def test_missing_file_has_no_runs(tmp_path: Path) -> None:
    assert history.read(tmp_path / "none.jsonl") == ([], 0)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs of the same checks; the second a second later, with workers, and with one fault fixed."""
    folder = tmp_path_factory.mktemp("runs")
    first = run(project(folder / "first", CHECKS))
    started = datetime.fromisoformat(first.verdict["started_at"])
    time.sleep(max(0.0, 1.1 - (datetime.now(UTC) - started).total_seconds()))
    mended = CHECKS.replace('dlq_table == "webhook_dlq"', "True")
    return [first, run(project(folder / "second", mended), "-n", "2")]


def identities(of: Run) -> dict[str, tuple[str, str]]:
    """Name of a case → its identity in Allure."""
    return {name: (result["historyId"], result["testCaseId"]) for name, result in of.allure.items()}


def test_case_identity_is_the_same_in_every_run(two_runs: list[Run]) -> None:
    """Identities do not depend on time, folder or workers; a changed identity would lose the case's history."""
    first, second = map(identities, two_runs)
    assert len(first) == 8
    assert first == second
    assert len({history_id for history_id, _ in first.values()}) == len(first)


def test_rendering_again_adds_nothing_to_trends(two_runs: list[Run], tmp_path: Path, page: Browser) -> None:
    """Each run is one line of the history, and the report shows the runs before it."""
    first, second = two_runs
    file = tmp_path / "nested.example.all.jsonl"
    for of, runs in ((first, 1), (second, 2), (second, 2), (first, 1)):
        done = render(of.folder, tmp_path)
        skip_without_generator(done.returncode, done.stderr)
        assert done.returncode == 0, done.stderr
        assert f"trends over {runs} run" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["name"] for line in lines] == ["no-go · nested.example · all"] * 2
    assert len({line["uuid"] for line in lines}) == 2
    page.open_report(second.folder / "report.html")
    page.show_case("Check 1 · DLQ tables exist and accessible [dlq_processing_log]")
    assert "History\n1\n" in page.text(), "its outcome in the earlier run"
    page.show_charts()
    assert "Cases by outcome, run by run" in page.text()


def test_case_that_fails_again_is_not_flaky(two_runs: list[Run], tmp_path: Path, page: Browser) -> None:
    """Allure calls a case flaky that failed, passed and fails again; for a deployment this is a real failure."""
    failing, _ = two_runs
    done = render(failing.folder, tmp_path)
    skip_without_generator(done.returncode, done.stderr)
    file = tmp_path / "nested.example.all.jsonl"
    point = json.loads(file.read_text(encoding="utf-8"))
    held = {identity: case | {"status": "passed"} for identity, case in point["testResults"].items()}
    before = [
        point | {"uuid": "failed", "timestamp": point["timestamp"] - 2000},
        point | {"uuid": "held", "timestamp": point["timestamp"] - 1000, "testResults": held},
    ]
    file.write_text("".join(f"{json.dumps(earlier)}\n" for earlier in before), encoding="utf-8")
    assert "trends over 3 runs" in render(failing.folder, tmp_path).stdout
    page.open_report(failing.folder / "report.html")
    assert page.evaluate("document.querySelectorAll('[data-testid=tree-leaf-flaky]').length") > 0, (
        "Allure does mark it"
    )
    assert "flaky" not in page.text().lower()
    page.show_case("Check 1 · DLQ tables exist and accessible [dlq_processing_log]")
    assert "flaky" not in page.text().lower()
    assert "History\n2\n" in page.text()
