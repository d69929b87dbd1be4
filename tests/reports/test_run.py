"""Whole runs: every phase and outcome, with and without pytest-xdist, read from the written files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.reports.nested import Run, project, run

CHECKS = """
@check(1, "DLQ tables exist and accessible", criterion="must", area="database")
@pytest.mark.parametrize("dlq_table", ["webhook_dlq", "dlq_processing_log"])
def test_tables(dlq_table, judge):
    judge.expects("Table exists.")
    judge.finds("it has 5 rows")
    judge.shows("Columns", [{"column": f"c{n}", "type": "text"} for n in range(30)], limit=2)
    judge.requires(dlq_table == "webhook_dlq", f"{dlq_table} does not exist", expected="it exists",
                   why="messages get lost", advice="supabase db push")
    judge.cannot_tell("its rows cannot be counted", "GRANT SELECT")

@check(2, "Cron jobs are active", criterion="must", area="reliability")
def test_cron(judge):
    raise CouldNotLook("no connection to 127.0.0.1:5432: connection refused", "start it")

@check(3, "First pass", criterion="must", area="reliability")
def test_pass(judge):
    raise CouldNotLook("no connection to 127.0.0.1:5432: connection refused", "start it")

@check(4, "Signatures", criterion="must", area="security")
def test_signatures(judge):
    pytest.skip("no app secret")

@check(5, "Success rate", criterion="should", area="reliability")
def test_rate(judge):
    raise RuntimeError("division by nobody")

@check(6, "No errors in logs", criterion="must", area="observability")
def test_logs():
    assert 2 + 2 == 5, "the sum is off"

@check(7, "Dashboards", criterion="should", area="observability")
def test_vacuous(judge):
    judge.expects("anything at all")

@check(8, "Alerts", criterion="should", area="observability")
def test_passes(judge):
    judge.requires(True, "never shown")

@check(13, "Partitions", criterion="nice", area="database")
def test_partitions(judge):
    raise NotApplicable("partitioning is not enabled")

@pytest.fixture
def gap(request):
    raise request.param

@check(9, "Setup decides", criterion="should", area="database")
@pytest.mark.parametrize("gap", [
    CheckFailed(Violation("the table is missing", advice="supabase db push")),
    Unproven("no traffic", "wait for some"),
    CouldNotLook("a timeout"),
    NotApplicable("nothing there"),
    ValueError("a bug"),
], ids=["failed", "unproven", "look", "none", "bug"], indirect=True)
def test_setup(gap, judge):
    pass

@pytest.fixture
def untidy():
    yield
    raise OSError("disk full")

@check(10, "Teardown counts", criterion="should", area="database")
@pytest.mark.parametrize("fails", [False, True])
def test_teardown(untidy, judge, fails):
    judge.requires(not fails, "lost 3 messages")

@check(11, "A violation outweighs what comes after it", criterion="should", area="database")
@pytest.mark.parametrize("then", [Unproven("cannot see the rest"), RuntimeError("a bug")], ids=["doubt", "bug"])
def test_violated(judge, then):
    judge.requires(False, "the breaker is open")
    raise then

@check(12, "An expected failure is a failure", criterion="should", area="database")
@pytest.mark.xfail(reason="known")
def test_expected(judge):
    judge.requires(False, "dead tuples")
"""

STATUSES = {
    "test_tables[webhook_dlq]": "unproven",
    "test_tables[dlq_processing_log]": "failed",
    "test_cron": "error",
    "test_pass": "error",
    "test_signatures": "unproven",
    "test_rate": "error",
    "test_logs": "failed",
    "test_vacuous": "error",
    "test_passes": "passed",
    "test_partitions": "not_applicable",
    "test_setup[failed]": "failed",
    "test_setup[unproven]": "unproven",
    "test_setup[look]": "error",
    "test_setup[none]": "not_applicable",
    "test_setup[bug]": "error",
    "test_teardown[False]": "error",
    "test_teardown[True]": "failed",
    "test_violated[doubt]": "failed",
    "test_violated[bug]": "failed",
    "test_expected": "failed",
}
ALLURE = {"passed": "passed", "failed": "failed", "error": "broken", "unproven": "skipped"}
TAGS = {"passed": None, "failed": "failure", "error": "error", "unproven": "skipped", "not_applicable": "skipped"}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["alone", "xdist"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(project(tmp_path_factory.mktemp("whole"), CHECKS), *request.param)


def test_verdict_has_every_check_with_its_worst_case(whole: Run) -> None:
    assert whole.status == 1
    assert (whole.verdict["verdict"], whole.verdict["target"]) == ("no-go", "nested.example")
    assert whole.verdict["selection"] == "all"
    assert {name: entry["status"] for name, entry in whole.checks.items()} == {
        "check-01": "failed", "check-02": "error", "check-03": "error", "check-04": "unproven",
        "check-05": "error", "check-06": "failed", "check-07": "error", "check-08": "passed",
        "check-09": "failed", "check-10": "failed", "check-11": "failed", "check-12": "failed",
    }  # fmt: skip
    assert whole.verdict["not_applicable"] == [
        {"check": "check-13", "title": "Partitions", "reason": "partitioning is not enabled"}
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", whole.verdict["finished_at"])


def test_cases_have_their_reasons(whole: Run) -> None:
    reasons = {
        f"{name}/{case['id']}": (case["status"], case["reason"])
        for name, entry in whole.checks.items()
        for case in entry["cases"]
    }
    assert reasons == {
        "check-01/webhook_dlq": ("unproven", "its rows cannot be counted"),
        "check-01/dlq_processing_log": ("failed", "dlq_processing_log does not exist"),
        "check-02/test_cron": ("error", "no connection to 127.0.0.1:5432: connection refused"),
        "check-03/test_pass": ("error", "no connection to 127.0.0.1:5432: connection refused"),
        "check-04/test_signatures": ("unproven", "no app secret"),
        "check-05/test_rate": ("error", "RuntimeError: division by nobody"),
        "check-06/test_logs": ("failed", "the sum is off\nassert (2 + 2) == 5"),
        "check-07/test_vacuous": (
            "error",
            "RuntimeError: this check required nothing of its evidence, so it proves nothing",
        ),
        "check-08/test_passes": ("passed", ""),
        "check-09/failed": ("failed", "the table is missing"),
        "check-09/unproven": ("unproven", "no traffic"),
        "check-09/look": ("error", "a timeout"),
        "check-09/bug": ("error", "ValueError: a bug"),
        "check-10/False": ("error", "OSError: disk full"),
        "check-10/True": ("failed", "lost 3 messages; then OSError: disk full"),
        "check-11/doubt": ("failed", "the breaker is open; then cannot see the rest"),
        "check-11/bug": ("failed", "the breaker is open; then RuntimeError: a bug"),
        "check-12/test_expected": ("failed", "dead tuples"),
    }


def test_junit_has_outcomes_and_properties(whole: Run) -> None:
    for name, status in STATUSES.items():
        case = whole.junit[name]
        properties = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        assert properties["status"] == status, name
        found = [element.tag for element in case if element.tag in ("failure", "error", "skipped")]
        assert found == ([TAGS[status]] if TAGS[status] else []), name
    assert properties == {
        "check": "check-12", "title": "An expected failure is a failure", "criterion": "should",
        "area": "database", "status": "failed",
    }  # fmt: skip
    counted = list(whole.suite.iter("testcase"))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert whole.suite.get(attribute) == str(sum(case.find(tag) is not None for case in counted))
    assert whole.suite.get("tests") == str(len(counted))


def test_junit_messages_are_sentences(whole: Run) -> None:
    unproven = whole.junit["test_setup[unproven]"].find("skipped")
    assert (unproven.get("message"), unproven.get("type")) == ("no traffic (wait for some)", "unproven")
    failed = whole.junit["test_tables[dlq_processing_log]"].find("failure")
    assert failed.get("message").splitlines() == [
        "dlq_processing_log does not exist",
        "  expected: it exists",
        "  why it matters: messages get lost",
        "  what to do: supabase db push",
    ]
    error = whole.junit["test_rate"].find("error")
    assert "Traceback" not in error.text
    assert error.get("message").startswith("RuntimeError: division by nobody")
    assert 'raise RuntimeError("division by nobody")' in error.text
    assert "_pytest" not in error.text
    assert "test_nested.py" not in whole.junit["test_cron"].find("error").text


def test_allure_has_outcomes_and_names(whole: Run) -> None:
    found = {result["fullName"].partition("#")[2] + "/" + name: result for name, result in whole.allure.items()}
    assert len(found) == len(STATUSES)
    expected = {
        "test_tables/Check 1 · DLQ tables exist and accessible [dlq_processing_log]": "failed",
        "test_tables/Check 1 · DLQ tables exist and accessible [webhook_dlq]": "skipped",
        "test_cron/Check 2 · Cron jobs are active": "broken",
        "test_setup/Check 9 · Setup decides [failed]": "failed",
        "test_setup/Check 9 · Setup decides [none]": "skipped",
        "test_teardown/Check 10 · Teardown counts [False]": "broken",
        "test_teardown/Check 10 · Teardown counts [True]": "failed",
        "test_expected/Check 12 · An expected failure is a failure": "failed",
        "test_passes/Check 8 · Alerts": "passed",
    }
    assert {name: found[name]["status"] for name in expected} == expected


def test_allure_results_are_complete(whole: Run) -> None:
    result = whole.allure["Check 1 · DLQ tables exist and accessible [dlq_processing_log]"]
    labels = [(label["name"], label["value"]) for label in result["labels"]]
    assert [value for name, value in labels if name == "severity"] == ["blocker"]
    assert ("epic", "Immediate checks (first hour)") in labels
    assert ("feature", "Database") in labels
    assert ("story", "Check 1 · DLQ tables exist and accessible") in labels
    assert {value for name, value in labels if name == "tag"} == {"immediate", "must", "check-01"}
    assert [link["url"] for link in result["links"]] == ["../docs/checks/check-01.md"]
    assert result["parameters"] == [{"name": "dlq_table", "value": "dlq_processing_log"}]
    for words in ("Table exists.", "it has 5 rows", "messages get lost", "supabase db push"):
        assert words in result["descriptionHtml"]
    assert "trace" not in result["statusDetails"]
    (attachment,) = result["attachments"]
    assert (attachment["name"], attachment["type"]) == ("Columns (first 2 of 30)", "text/csv")
    text = (whole.folder / "allure-results" / attachment["source"]).read_text()
    assert text == "column,type\nc0,text\nc1,text\n"


def test_allure_messages_distinguish_skipped_cases(whole: Run) -> None:
    """Unproven, not applicable and known issues have messages that begin differently."""
    messages = {name: result.get("statusDetails", {}).get("message") for name, result in whole.allure.items()}
    assert messages["Check 9 · Setup decides [unproven]"] == "unproven: no traffic (wait for some)"
    assert messages["Check 13 · Partitions"] == "not applicable: partitioning is not enabled"
    assert messages["Check 8 · Alerts"] is None
    assert messages["Check 12 · An expected failure is a failure"] == "known issue (known): dead tuples"
    assert "- known issue: known\n- dead tuples" in whole.summary
    assert "trace" in whole.allure["Check 5 · Success rate"]["statusDetails"]
    assert "trace" not in whole.allure["Check 2 · Cron jobs are active"]["statusDetails"]


def test_allure_describes_the_run(whole: Run) -> None:
    folder = whole.folder / "allure-results"
    assert not list(folder.glob("*-container.json"))
    facts = dict(line.split("=", 1) for line in (folder / "environment.properties").read_text().splitlines())
    assert (facts["target"], facts["verdict"]) == ("nested.example", "no-go")
    assert json.loads((folder / "executor.json").read_text())["type"] == "local"
    assert len(json.loads((folder / "categories.json").read_text())) == 5


def test_terminal_shows_advice_once(whole: Run) -> None:
    assert "= verdict: no-go =" in whole.output
    assert whole.output.count("no connection to 127.0.0.1:5432") == 1
    assert "ERROR Check 2 (must), Check 3 (must)\n  no connection" in whole.output
    assert "    what to do: start it\n" in whole.output
    assert "UNPROVEN Check 9 (should)\n  no traffic\n    what would prove it: wait for some" in whole.output
    assert "NOT APPLICABLE Check 13 (nice)\n  partitioning is not enabled" in whole.output
    for noise in ("= FAILURES =", "= ERRORS =", "short test summary", "Traceback"):
        assert noise not in whole.output
    assert all(
        len(line) <= 80 for line in whole.output.splitlines() if "plugins:" not in line and "/out/" not in line
    )
    assert whole.output.index("= verdict: no-go =") < whole.output.index("FAILED Check 1")
    assert "Reports: out\nVerdict: no-go (a must failed, or could not be looked at)\n" in whole.output


def test_checks_are_judged_in_the_checklists_order(tmp_path: Path) -> None:
    """Checks run in the checklist's order, independent of the order of files and functions."""
    declared = "".join(
        f'@check({number!r}, "T", criterion="must", area="database")\ndef test_{index}(judge):\n'
        '    judge.requires(True, "")\n'
        for index, number in enumerate((10, 2, "step-2.5", 9, "step-2.1"))
    )
    finished = run(project(tmp_path, declared), "-v")
    assert re.findall(r"::test_(\d)", finished.output) == ["4", "2", "1", "3", "0"]


def test_summary_has_the_verdict_first(whole: Run) -> None:
    lines = whole.summary.splitlines()
    assert lines[0] == "# Verdict: no-go"
    titles = [line for line in lines if line.startswith("## ")]
    assert titles == [
        "## Must-haves", "## What failed", "## What could not be looked at", "## What is unproven",
        "## What does not apply", "## Other checks",
    ]  # fmt: skip
    assert "| Check 2 · Cron jobs are active | must | 💥 error | 0 of 1 |" in whole.summary
