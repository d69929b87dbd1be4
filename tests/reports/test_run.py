"""Whole runs: every phase and outcome, with and without pytest-xdist, read back from the files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.reports.nested import CONFTEST, Run, project, run

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


def test_junit_has_our_outcomes_and_properties(whole: Run) -> None:
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


def test_junit_messages_are_for_people(whole: Run) -> None:
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


def test_allure_has_our_outcomes_and_names(whole: Run) -> None:
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


def test_allure_messages_tell_unproven_from_not_applicable(whole: Run) -> None:
    messages = {name: result.get("statusDetails", {}).get("message") for name, result in whole.allure.items()}
    assert messages["Check 9 · Setup decides [unproven]"] == "unproven: no traffic (wait for some)"
    assert messages["Check 13 · Partitions"] == "not applicable: partitioning is not enabled"
    assert messages["Check 8 · Alerts"] is None
    assert messages["Check 12 · An expected failure is a failure"] == "known issue (known): dead tuples"
    assert "trace" in whole.allure["Check 5 · Success rate"]["statusDetails"]
    assert "trace" not in whole.allure["Check 2 · Cron jobs are active"]["statusDetails"]


def test_allure_knows_the_run(whole: Run) -> None:
    folder = whole.folder / "allure-results"
    assert not list(folder.glob("*-container.json"))
    facts = dict(line.split("=", 1) for line in (folder / "environment.properties").read_text().splitlines())
    assert (facts["target"], facts["verdict"]) == ("nested.example", "no-go")
    assert json.loads((folder / "executor.json").read_text())["type"] == "local"
    assert len(json.loads((folder / "categories.json").read_text())) == 5


def test_terminal_says_what_to_do_once(whole: Run) -> None:
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


def test_summary_has_the_verdict_first(whole: Run) -> None:
    lines = whole.summary.splitlines()
    assert lines[0] == "# Verdict: no-go"
    titles = [line for line in lines if line.startswith("## ")]
    assert titles == [
        "## Must-haves", "## What failed", "## What could not be looked at", "## What is unproven",
        "## What does not apply", "## All checks",
    ]  # fmt: skip
    assert "| Check 2 · Cron jobs are active | must | 💥 error | 0 of 1 |" in whole.summary


GO = """
@check(1, "Tables", criterion="must", area="database")
def test_tables(judge):
    judge.requires(True, "")

@check(7, "Dashboards", criterion="should", area="observability")
def test_dashboards(judge):
    judge.cannot_tell("no Grafana", "set EASYMO_GRAFANA_URL")

@pytest.mark.daily
@check(9, "Daily", criterion="must", area="observability")
def test_daily(judge):
    judge.requires(False, "never in a go")
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_go_is_exit_status_0(tmp_path: Path, options: tuple[str, ...]) -> None:
    finished = run(project(tmp_path, GO), "-m", "immediate and not daily", "-k", "not nothing", *options)
    assert (finished.status, finished.verdict["verdict"]) == (0, "go")
    assert finished.verdict["selection"] == "immediate and not daily and -k not nothing"
    assert "Verdict: go" in finished.output


@pytest.mark.parametrize(
    ("body", "verdict"),
    [("judge.cannot_tell('no traffic')", "unproven"), ("pytest.skip('not today')", "unproven")],
)
def test_a_must_without_evidence_is_no_go_for_pipelines(tmp_path: Path, body: str, verdict: str) -> None:
    source = f'@check(1, "T", criterion="must", area="database")\ndef test_t(judge):\n    {body}\n'
    finished = run(project(tmp_path, source))
    assert (finished.status, finished.verdict["verdict"]) == (1, verdict)


def test_selection_names_what_was_picked(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "checks/test_nested.py::test_tables")
    assert finished.status == 0
    assert finished.verdict["selection"] == "all in checks/test_nested.py::test_tables"


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_an_interrupted_run_leaves_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
    stop = '@check(2, "S", criterion="must", area="database")\ndef test_stop():\n    raise KeyboardInterrupt\n'
    folder = project(tmp_path, GO + stop)
    assert run(folder, "-k", "tables").status == 0
    finished = run(folder, *options)
    assert finished.status == 2
    assert not (finished.folder / "verdict.json").exists()
    assert not (finished.folder / "summary.md").exists()
    assert "No verdict: the run was interrupted." in finished.output


def test_an_empty_selection_leaves_no_verdict(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "-m", "weekly")
    assert finished.status == 5
    assert not (finished.folder / "verdict.json").exists()


@pytest.mark.parametrize(
    "options", [(), ("--continue-on-collection-errors",), ("-n", "2")], ids=["alone", "continued", "xdist"]
)
def test_checks_that_cannot_be_collected_leave_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = project(tmp_path, GO)
    (folder / "checks" / "test_broken.py").write_text("raise ImportError('broken')\n")
    finished = run(folder, "-m", "not daily", *options)
    assert finished.status in (1, 2)
    assert not (finished.folder / "verdict.json").exists()
    assert "No verdict: a file of checks could not be collected" in finished.output


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_file_that_skips_itself_leaves_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = project(tmp_path, GO)
    (folder / "checks" / "test_skips.py").write_text("import pytest\npytest.skip('x', allow_module_level=True)\n")
    finished = run(folder, "-m", "not daily", *options)
    assert finished.status == 1
    assert not (finished.folder / "verdict.json").exists()


DEADLY = """
@check(2, "Dies", criterion="should", area="database")
def test_die():
    os._exit(9)

@pytest.mark.parametrize("n", range(6))
@check(3, "Next", criterion="should", area="security")
def test_next(n, judge):
    judge.requires(True, "")
"""


def test_a_crashed_worker_makes_its_checks_errors(tmp_path: Path) -> None:
    finished = run(project(tmp_path, DEADLY), "-n", "1")
    assert (finished.status, finished.verdict["verdict"]) == (1, "concerns")
    (died,) = finished.checks["check-02"]["cases"]
    assert died["status"] == "error"
    assert "crashed while running" in died["reason"]
    assert finished.checks["check-03"]["title"] == "Next"
    assert {case["status"] for case in finished.checks["check-03"]["cases"]} == {"error"}
    assert [case["id"] for case in finished.checks["check-03"]["cases"]] == list("012345")
    assert "= FAILURES =" not in finished.output


def test_what_was_selected_but_never_ran_is_an_error(tmp_path: Path) -> None:
    first = '@check(2, "Fails", criterion="nice", area="database")\ndef test_fails():\n    assert 0, "no"\n'
    finished = run(project(tmp_path, first + GO), "-m", "not daily", "-x")
    assert (finished.status, finished.verdict["verdict"]) == (1, "no-go")
    assert "did not run to its end" in finished.checks["check-01"]["cases"][0]["reason"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    folder = project(tmp_path, GO)
    (folder / "file").write_text("")
    finished = run(folder, "--report-dir", "file/below")
    assert finished.status == 4
    assert finished.output.strip().splitlines() == [
        f"ERROR: --report-dir: the reports cannot be written into {folder}/file/below (Not a directory); "
        "expected a folder that can be made and written"
    ]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_without_a_terminal_the_files_are_written_all_the_same(tmp_path: Path, options: tuple[str, ...]) -> None:
    finished = run(project(tmp_path, GO), "-p", "no:terminal", "-m", "not daily", *options)
    assert (finished.status, finished.output) == (0, "")
    assert finished.verdict["verdict"] == "go"
    assert len(finished.allure) == 2


def test_without_allure_and_junit_the_verdict_is_written_all_the_same(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "-p", "no:allure_pytest", "-p", "no:junitxml", "-m", "not daily")
    assert (finished.status, finished.verdict["verdict"]) == (0, "go")
    assert not (finished.folder / "junit.xml").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--markers", "--help", "--fixtures", "--setup-plan"])
def test_what_only_informs_touches_no_report(tmp_path: Path, option: str) -> None:
    folder = project(tmp_path, GO)
    (folder / "out").mkdir()
    (folder / "out" / "verdict.json").write_text("earlier")
    assert run(folder, option).status == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["verdict.json"]


def test_other_tests_make_no_report(tmp_path: Path) -> None:
    folder = project(tmp_path, GO)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_other.py").write_text("def test_other():\n    pass\n")
    finished = run(folder, "tests")
    assert finished.status == 0
    assert not finished.folder.exists()


def test_only_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    folder = project(tmp_path, GO)
    history = folder / "out" / "allure-results" / "history"
    history.mkdir(parents=True)
    kept = [history / "trend.json", folder / "out" / "mine.txt"]
    stale = [folder / "out" / "evidence.json", folder / "out" / "allure-results" / "0-result.json"]
    for path in kept + stale:
        path.write_text("{}")
    run(folder, "-m", "weekly")
    assert [path.exists() for path in kept + stale] == [True, True, False, False]


def test_places_that_were_asked_for_are_kept(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "--junitxml", "mine.xml", "--alluredir", "mine", "-m", "not daily")
    assert finished.status == 0
    assert not (finished.folder / "junit.xml").exists()
    assert 'name="criterion"' in (tmp_path / "mine.xml").read_text()
    assert (tmp_path / "mine" / "environment.properties").exists()


def test_identities_are_the_same_in_every_run(tmp_path: Path) -> None:
    folder = project(tmp_path, CHECKS)
    first, second = run(folder, "-k", "tables or setup"), None
    identities = {name: result["historyId"] for name, result in first.allure.items()}
    second = run(folder, "-k", "tables or setup", "-n", "2")
    assert {name: result["historyId"] for name, result in second.allure.items()} == identities


def test_a_failing_test_that_is_no_check_keeps_pytests_exit_status(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO + "\ndef test_plain():\n    assert 0\n"), "-m", "not daily")
    assert (finished.status, finished.verdict["verdict"]) == (1, "go")
    assert "= FAILURES =" in finished.output


REPLAY = (
    CONFTEST
    + """
def pytest_addoption(parser):
    parser.addoption("--replay")
"""
)


def test_the_evidence_that_is_judged_again_is_not_removed(tmp_path: Path) -> None:
    folder = project(tmp_path, GO, REPLAY)
    (folder / "out").mkdir()
    (folder / "out" / "evidence.json").write_text("{}")
    run(folder, "--replay", "out/evidence.json", "-m", "weekly")
    assert (folder / "out" / "evidence.json").read_text() == "{}"


def test_quiet_runs_say_the_verdict(tmp_path: Path) -> None:
    folder = project(tmp_path, CHECKS)
    quiet, silent = run(folder, "-q"), run(folder, "-qq")
    assert "what to do: start it" in quiet.output
    assert "what to do" not in silent.output
    assert "Verdict: no-go" in silent.output


def test_verbose_runs_use_our_words(tmp_path: Path) -> None:
    finished = run(project(tmp_path, CHECKS), "-v", "-k", "setup or partitions")
    for words in ("test_setup[unproven] UNPROVEN", "test_setup[none] NOT APPLICABLE", "test_setup[failed] FAILED"):
        assert words in finished.output
    last = finished.output.splitlines()[-1]
    assert all(words in last for words in ("1 failed", "2 errors", "1 unproven", "2 not applicable"))
