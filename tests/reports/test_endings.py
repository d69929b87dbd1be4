"""How runs end: exit status and written files, also of runs that do not finish."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports.nested import CONFTEST, project, run
from tests.reports.test_run import CHECKS

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
def test_unproven_must_fails_the_pipeline(tmp_path: Path, body: str, verdict: str) -> None:
    """The exit status is 1 if a must is unproven or skipped."""
    source = f'@check(1, "T", criterion="must", area="database")\ndef test_t(judge):\n    {body}\n'
    finished = run(project(tmp_path, source))
    assert (finished.status, finished.verdict["verdict"]) == (1, verdict)


def test_selection_names_the_given_tests(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "checks/test_nested.py::test_tables")
    assert finished.status == 0
    assert finished.verdict["selection"] == "all in checks/test_nested.py::test_tables"


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_interrupted_run_writes_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
    stop = '@check(2, "S", criterion="must", area="database")\ndef test_stop():\n    raise KeyboardInterrupt\n'
    folder = project(tmp_path, GO + stop)
    assert run(folder, "-k", "tables").status == 0
    finished = run(folder, *options)
    assert finished.status == 2
    assert not (finished.folder / "verdict.json").exists()
    assert not (finished.folder / "summary.md").exists()
    assert "No verdict: the run was interrupted." in finished.output


def test_empty_selection_writes_no_verdict(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "-m", "weekly")
    assert finished.status == 5
    assert not (finished.folder / "verdict.json").exists()


@pytest.mark.parametrize(
    "options", [(), ("--continue-on-collection-errors",), ("-n", "2")], ids=["alone", "continued", "xdist"]
)
def test_collection_error_writes_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = project(tmp_path, GO)
    (folder / "checks" / "test_broken.py").write_text("raise ImportError('broken')\n")
    finished = run(folder, "-m", "not daily", *options)
    assert finished.status in (1, 2)
    assert not (finished.folder / "verdict.json").exists()
    assert "No verdict: a file of checks could not be collected" in finished.output


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_skipped_file_writes_no_verdict(tmp_path: Path, options: tuple[str, ...]) -> None:
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


def test_checks_of_a_crashed_worker_are_errors(tmp_path: Path) -> None:
    finished = run(project(tmp_path, DEADLY), "-n", "1")
    assert (finished.status, finished.verdict["verdict"]) == (1, "concerns")
    (died,) = finished.checks["check-02"]["cases"]
    assert died["status"] == "error"
    assert "crashed while running" in died["reason"]
    assert finished.checks["check-03"]["title"] == "Next"
    assert {case["status"] for case in finished.checks["check-03"]["cases"]} == {"error"}
    assert [case["id"] for case in finished.checks["check-03"]["cases"]] == list("012345")
    assert "= FAILURES =" not in finished.output


def test_selected_check_that_never_ran_is_an_error(tmp_path: Path) -> None:
    first = '@check("step-1.1", "F", criterion="nice", area="database")\ndef test_fails():\n    assert 0, "no"\n'
    finished = run(project(tmp_path, first + GO), "-m", "not daily", "-x")
    assert (finished.status, finished.verdict["verdict"]) == (1, "no-go")
    assert "did not finish" in finished.checks["check-01"]["cases"][0]["reason"]


def test_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    """One sentence, exit status 4."""
    folder = project(tmp_path, GO)
    (folder / "file").write_text("")
    finished = run(folder, "--report-dir=file/below")
    assert finished.status == 4
    assert finished.output.strip().splitlines() == [
        f"ERROR: --report-dir: the reports cannot be written to {folder}/file/below (Not a directory); "
        "expected a folder that can be created and written"
    ]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_reports_are_written_without_a_terminal(tmp_path: Path, options: tuple[str, ...]) -> None:
    finished = run(project(tmp_path, GO), "-p", "no:terminal", "-m", "not daily", *options)
    assert (finished.status, finished.output) == (0, "")
    assert finished.verdict["verdict"] == "go"
    assert len(finished.allure) == 2


def test_verdict_is_written_without_allure_and_junit(tmp_path: Path) -> None:
    finished = run(project(tmp_path, GO), "-p", "no:allure_pytest", "-p", "no:junitxml", "-m", "not daily")
    assert (finished.status, finished.verdict["verdict"]) == (0, "go")
    assert not (finished.folder / "junit.xml").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--markers", "--help", "--fixtures", "--setup-plan"])
def test_information_options_change_no_report(tmp_path: Path, option: str) -> None:
    """An earlier verdict stays when pytest only prints information."""
    folder = project(tmp_path, GO)
    (folder / "out").mkdir()
    (folder / "out" / "verdict.json").write_text("earlier")
    assert run(folder, option).status == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["verdict.json"]


def test_other_tests_write_no_report(tmp_path: Path) -> None:
    folder = project(tmp_path, GO)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_other.py").write_text("def test_other():\n    pass\n")
    finished = run(folder, "tests")
    assert finished.status == 0
    assert not finished.folder.exists()


def test_only_files_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    folder = project(tmp_path, GO)
    history = folder / "out" / "allure-results" / "history"
    history.mkdir(parents=True)
    kept = [history / "trend.json", folder / "out" / "mine.txt"]
    stale = [folder / "out" / "evidence.json", folder / "out" / "allure-results" / "0-result.json"]
    for path in kept + stale:
        path.write_text("{}")
    run(folder, "-m", "weekly")
    assert [path.exists() for path in kept + stale] == [True, True, False, False]


def test_paths_given_as_options_are_kept(tmp_path: Path) -> None:
    """``--junitxml`` and ``--alluredir`` override the folder of the reports."""
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


def test_failure_of_another_test_is_exit_status_1(tmp_path: Path) -> None:
    """A failing test that is not a check fails the run, but does not change the verdict."""
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


def test_replayed_evidence_is_not_removed(tmp_path: Path) -> None:
    """``--replay`` may name a file in the folder of the reports."""
    folder = project(tmp_path, GO, REPLAY)
    (folder / "out").mkdir()
    (folder / "out" / "evidence.json").write_text("{}")
    run(folder, "--replay=out/evidence.json", "-m", "weekly")
    assert (folder / "out" / "evidence.json").read_text() == "{}"


def test_quiet_runs_show_the_verdict(tmp_path: Path) -> None:
    """``-q`` shows findings too, ``-qq`` only the verdict."""
    folder = project(tmp_path, CHECKS)
    quiet, silent = run(folder, "-q"), run(folder, "-qq")
    assert "what to do: start it" in quiet.output
    assert "what to do" not in silent.output
    assert "Verdict: no-go" in silent.output


def test_verbose_runs_use_the_suites_words(tmp_path: Path) -> None:
    finished = run(project(tmp_path, CHECKS), "-v", "-k", "setup or partitions")
    for words in ("test_setup[unproven] UNPROVEN", "test_setup[none] NOT APPLICABLE", "test_setup[failed] FAILED"):
        assert words in finished.output
    last = finished.output.splitlines()[-1]
    assert all(words in last for words in ("1 failed", "2 errors", "1 unproven", "2 not applicable"))
