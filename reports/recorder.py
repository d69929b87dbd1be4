"""The plugin that records a run of checks: judges every phase, keeps the cases, and writes the reports."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.keys import EVIDENCE, SETTINGS
from fixtures.outcome import CouldNotLook, Status
from reports import junit, terminal
from reports.allure import results as allure_results
from reports.case import Case
from reports.case_builder import case_of, in_one_line, in_words, judged, traceback_of
from reports.ci import github
from reports.labels import STATUS_WORDS
from reports.notify.plugin import notify
from reports.record import Record
from reports.verdict import RunResult, Verdict, position_of, results
from reports.writing import write_reports

CASE = pytest.StashKey[Case]()
TRACE = pytest.StashKey[str]()
"""The redacted traceback of an unexpected exception."""

FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
"""Exit statuses of a run that finished; after any other there is no verdict."""


class Recorder:
    """Records one run. Workers of pytest-xdist only judge and report; the controlling process does the rest."""

    def __init__(self, config: pytest.Config, record: Record) -> None:
        self.config = config
        self.record = record
        self.is_worker = hasattr(config, "workerinput")
        self.result: RunResult | None = None
        self.problems: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the checks into the checklist's order, which every report shows; other tests follow.

        Last, because pytest itself puts tests of one parameter together.
        """
        items.sort(key=_position)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record which checks were selected."""
        nodes = [item.nodeid for item in session.items if case_of(item) is not None]
        self.record.selected = dict.fromkeys(nodes)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """Record what the workers have collected; all of them collect the same."""
        self.record.selected = dict.fromkeys(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record that a file was not collected or skipped itself: it is unknown which checks are missing."""
        self.record.collection_failed |= not report.passed

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge the phase, and replace the traceback in its report with the judgement in words.

        Outermost wrapper, so that Allure's listener has finished before. A generator, as pluggy requires.
        """
        report = yield
        unjudged = case_of(item)
        if unjudged is not None:
            phase = self._with_known_issue(judged(unjudged, item, call, self.record.redactor), report)
            so_far = item.stash.get(CASE, None)
            item.stash[CASE] = case = phase if so_far is None else so_far.after(phase)
            self._present(report, phase, item, call)
            report.__dict__["judgement"] = case.plain()
            report.user_properties = [*report.user_properties, *junit.properties(case)]
            allure_results.describe(self.config, case, report.when, item.stash.get(TRACE, ""))
        report.sections = [(name, self.record.redactor.text(text)) for name, text in report.sections]
        return report

    def _with_known_issue(self, phase: Case, report: pytest.TestReport) -> Case:
        """The case with the reason of its ``xfail`` mark, if it failed as the mark expects."""
        expected = getattr(report, "wasxfail", None)
        if expected is None or phase.status is not Status.FAILED:
            return phase
        return replace(phase, known_issue=self.record.redactor.text(expected) or "no reason is given")

    def _present(
        self, report: pytest.TestReport, phase: Case, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> None:
        """Set outcome and text of the report from the judgement; an expected failure is a failure too."""
        report.__dict__.pop("wasxfail", None)
        if phase.status is Status.PASSED:
            report.outcome, report.longrepr = "passed", None
        elif phase.status in (Status.UNPROVEN, Status.NOT_APPLICABLE):
            path, line, _ = item.location
            report.outcome, report.longrepr = "skipped", (path, (line or 0) + 1, in_one_line(phase))
        else:
            report.outcome, report.longrepr = "failed", in_words(phase)
            if phase.status is Status.ERROR and call.excinfo and not isinstance(call.excinfo.value, CouldNotLook):
                item.stash[TRACE] = self.record.redactor.text(traceback_of(call.excinfo))
                report.longrepr = f"{in_words(phase)}\n\n{item.stash[TRACE]}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the judgement."""
        self.record.add(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Show the suite's own words for the outcomes of checks."""
        plain = getattr(report, "judgement", None)
        if plain is None or report.when == "teardown" or (report.when == "setup" and report.passed):
            return None
        words = STATUS_WORDS[Status(plain["status"])]
        return words.word, words.letter, (words.word.upper(), {words.colour: True})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Write the reports and set the exit status. Runs last, after junit.xml and Allure's results."""
        if self.is_worker:
            return
        junit.finish(self.config, self.record.redactor)
        cases = tuple(self.record.judged())
        if exitstatus not in FINISHED or self.record.collection_failed or not cases:
            if exitstatus == pytest.ExitCode.OK and self.record.collection_failed:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            return
        self.result = RunResult(
            self.record.redactor.data(target_of(self.config)),
            self.record.redactor.data(selection_of(self.config)),
            self.record.started_at,
            datetime.now(UTC),
            results(cases),
        )
        self.problems = write_reports(self.config, self.record, self.result)
        terminal.emit(self.config, github.commands(self.result))
        if self.result.verdict is not Verdict.GO or self.problems:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.problems += notify(self.config, self.record, self.result)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode
    ) -> Iterator[None]:
        """Write the verdict instead of pytest's own summary of checks. A generator, as pluggy requires."""
        with terminal.without_checks(terminalreporter, self.record):
            yield
        terminal.summarise(terminalreporter, self.record, self.result, self.problems, exitstatus)


def _position(item: pytest.Item) -> tuple[int, tuple[int, list[int], str]]:
    case = case_of(item)
    return (1, (0, [], "")) if case is None else (0, position_of(case.check))


def target_of(config: pytest.Config) -> str:
    """The name of the deployment under verification; in a replay, the name recorded in the evidence."""
    if EVIDENCE in config.stash:
        return config.stash[EVIDENCE].settings.target
    return config.stash[SETTINGS].target if SETTINGS in config.stash else "unknown"


def selection_of(config: pytest.Config) -> str:
    """Which checks were selected: the marker expression or ``all``, then other filters and named files."""
    option = config.option
    parts = [getattr(option, "markexpr", "") or "all"]
    parts += [f"-k {option.keyword}"] if getattr(option, "keyword", "") else []
    parts += ["--last-failed"] if getattr(option, "lf", False) else []
    parts += [f"--deselect {node}" for node in getattr(option, "deselect", None) or ()]
    return " and ".join(parts) + _named_files(config)


def _named_files(config: pytest.Config) -> str:
    """The files and tests named on the command line; empty if the whole folder of the checks was named."""
    checks = config.rootpath / "checks"
    paths = {argument: Path(os.path.normpath(config.invocation_params.dir / argument)) for argument in config.args}
    if any(checks.is_relative_to(path) for path in paths.values()):
        return ""
    return " in " + ", ".join(argument for argument, path in paths.items() if path.is_relative_to(checks))
