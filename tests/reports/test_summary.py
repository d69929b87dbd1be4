"""The summary, GitHub's step summary and annotations, and the merging of equal findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.outcome import Status, Violation
from reports import findings, summary
from reports.case import Case, Doubt
from reports.ci import github
from reports.verdict import RunResult, results
from tests.reports.nested import project, run

MOMENT = datetime(2025, 11, 27, 12, 0, tzinfo=UTC)
KNOWN = Case(
    check="check-01", title="Tables | and | pipes", criterion="must", area="database", page="docs/x.md",
    id="webhook_dlq", test="test_tables", node="checks/test_x.py::test_tables",
)  # fmt: skip


def result_of(*cases: Case) -> RunResult:
    return RunResult("production", "immediate", MOMENT, MOMENT, results(cases))


def failed(check: str = "check-01", criterion: str = "must", found: str = "gone", **more: object) -> Case:
    known = replace(KNOWN, check=check, criterion=criterion, status=Status.FAILED, reason=found)
    return replace(known, violations=(Violation(found, "there", "lost", "push"),), **more)


def test_markdown_in_text_is_escaped() -> None:
    hostile = "*/5 * * * * | <script>alert(1)</script> `x` [link](http://x) __init__\n# heading"
    text = summary.markdown(result_of(failed(found=hostile)))
    assert "<script>" not in text
    assert "\n# heading" not in text
    assert r"\*/5 \* \* \* \* \| &lt;script&gt;" in text
    rows = [line for line in text.splitlines() if line.startswith("| Check 1")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [6]


def test_long_summary_is_cut_with_a_note() -> None:
    many = [failed(found=f"{number} " + "é" * 500, id=str(number)) for number in range(4000)]
    text = summary.markdown(result_of(*many))
    assert summary.LIMIT - 2000 < len(text.encode()) <= summary.LIMIT
    assert text.startswith("# Verdict: no-go")
    assert text.endswith(summary.CUT)


def test_equal_violations_are_one_fault() -> None:
    (check,) = result_of(failed(id="a"), failed(id="b"), failed(id="c", found="other")).checks
    assert [(fault.cases, fault.found) for fault in findings.faults(check)] == [
        (("a", "b"), "gone"),
        (("c",), "other"),
    ]


def test_equal_errors_are_one_cause() -> None:
    """Sixty cases that could not reach the database have one cause."""
    cases = [
        replace(
            KNOWN,
            check=f"check-{number % 12:02d}",
            id=str(number),
            status=Status.ERROR,
            reason="refused",
            advice="start",
        )
        for number in range(60)
    ]
    (cause,) = findings.errors(result_of(*cases))
    assert (cause.reason, cause.help, cause.cases, len(cause.checks)) == ("refused", "start", 60, 12)


def test_unproven_cases_are_grouped_by_proof() -> None:
    unproven = replace(KNOWN, status=Status.UNPROVEN, reason="no url", doubts=(Doubt("no url", "set it"),))
    causes = findings.unproven(result_of(unproven, replace(unproven, check="check-04", criterion="nice")))
    assert causes == (findings.Cause("no url", "set it", ("Check 1 (must)", "Check 4 (nice)"), 2),)


def test_annotations_are_the_worst_ten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    cases = [failed(f"check-{number:02d}", "should") for number in range(1, 13)]
    cases.append(replace(KNOWN, check="check-18", status=Status.UNPROVEN, reason="no rows"))
    cases.append(failed("check-19", "must", "50% lost:\nall, of them", title="Old, and: reviewed"))
    lines = list(github.commands(result_of(*cases)))
    assert len(lines) == 10
    assert lines[:3] == [
        "::error title=Check 19 failed (must)%3A Old%2C and%3A reviewed::50%25 lost:%0Aall, of them",
        "::warning title=Check 18 unproven (must)%3A Tables | and | pipes::no rows",
        "::error title=Check 1 failed (should)%3A Tables | and | pipes::gone",
    ]


def test_no_annotations_outside_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert list(github.commands(result_of(failed()))) == []


def test_step_summary_stays_within_githubs_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    file.write_text("earlier\n")
    github.append_step_summary("# Verdict\n")
    assert file.read_text() == "earlier\n# Verdict\n"
    file.write_text("x" * (summary.LIMIT - 500))
    github.append_step_summary("line\n" * 1000)
    assert file.stat().st_size <= summary.LIMIT
    assert file.read_text().endswith(summary.CUT)
    file.write_text("x" * summary.LIMIT)
    github.append_step_summary("# Verdict\n")
    assert file.stat().st_size == summary.LIMIT


GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "easymo/verification",
    "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
    "GITHUB_RUN_ID": "19731234567",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_WORKFLOW": "verify",
}
FAILING = """
@check(2, "Cron", criterion="must", area="database")
def test_cron(judge):
    judge.requires(False, "off")
"""


@pytest.mark.parametrize(
    "options", [(), ("-p", "no:terminal"), ("-q", "-n", "2")], ids=["terminal", "none", "quiet"]
)
def test_run_on_github_has_annotations_and_links(tmp_path: Path, options: tuple[str, ...]) -> None:
    step = tmp_path / "step.md"
    finished = run(project(tmp_path, FAILING), *options, variables=GITHUB | {"GITHUB_STEP_SUMMARY": str(step)})
    assert "::error title=Check 2 failed (must)%3A Cron::off" in finished.output.splitlines()
    run_page = "https://github.example/easymo/verification/actions/runs/19731234567"
    here, there = "[index.html](index.html)", f"[artefacts of the run]({run_page}#artifacts)"
    assert here in finished.summary
    assert step.read_text() == finished.summary.replace(here, there)
    executor = (finished.folder / "allure-results" / "executor.json").read_text()
    assert '"buildUrl": "https://github.example/easymo/verification/actions/runs/19731234567"' in executor
    (result,) = finished.allure.values()
    commit = GITHUB["GITHUB_SHA"]
    page = f"https://github.example/easymo/verification/blob/{commit}/docs/checks/check-02.md"
    assert [link["url"] for link in result["links"]] == [page]
    assert f"\n[What this check proves, and how]({page})\n" in finished.summary


def test_unwritten_report_fails_the_run(tmp_path: Path) -> None:
    """The verdict stays go, the exit status is 1, and a sentence names the report."""
    passing = FAILING.replace("False", "True")
    finished = run(project(tmp_path, passing), variables={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "step.md")})
    assert finished.status == 1
    assert finished.verdict["verdict"] == "go"
    assert "the summary of the GitHub step could not be written: No such file or directory" in finished.output
