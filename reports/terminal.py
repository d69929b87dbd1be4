"""Terminal output of a run: verdict and findings at the end, and redaction of everything that pytest writes."""

from __future__ import annotations

import contextlib
import itertools
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fixtures.wording import counted
from reports import findings, labels
from reports.record import Record
from reports.redaction.redactor import Redactor
from reports.redaction.stream import RedactingStream
from reports.verdict import CheckResult, RunResult, Verdict

LINES = 40
"""At most so many lines for one check or one cause; the summary has the rest."""
SHOWN = 10
"""Faults with the same explanation that are shown."""

WIDEST = 110

COLOURS: dict[Verdict, dict[str, bool]] = {
    Verdict.GO: {"green": True, "bold": True},
    Verdict.CONCERNS: {"yellow": True, "bold": True},
    Verdict.UNPROVEN: {"yellow": True, "bold": True},
    Verdict.NO_GO: {"red": True, "bold": True},
}


def redact(config: pytest.Config, redactor: Redactor) -> None:
    """Redact everything that pytest writes to the terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        # pytest has no public way to reach the file that its writer writes to.
        reporter._tw._file = RedactingStream(reporter._tw._file, redactor)


def emit(config: pytest.Config, lines: Iterable[str]) -> None:
    """Write lines for programs that read the output, each on a line of its own, with or without a reporter."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        for line in lines:
            if reporter._tw.width_of_current_line:
                reporter._tw.line()
            reporter.write_line(line)
        return
    capture = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else contextlib.nullcontext():
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()


@contextlib.contextmanager
def without_checks(reporter: pytest.TerminalReporter, record: Record) -> Iterator[None]:
    """Hide the checks from pytest's own summaries, which would repeat the section of the verdict."""
    hidden: dict[str, list[Any]] = {}
    for outcome in ("failed", "error"):
        reports = reporter.stats.get(outcome, [])
        ours = [report for report in reports if record.is_check(getattr(report, "nodeid", ""))]
        if ours:
            hidden[outcome] = reports
            reporter.stats[outcome] = [report for report in reports if report not in ours]
    try:
        yield
    finally:
        reporter.stats.update(hidden)


class Section:
    """The section of the verdict, written through pytest's terminal writer."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self.reporter = reporter
        self.width = min(reporter._tw.fullwidth, WIDEST)

    def line(self, text: str = "", indent: int = 0, **markup: bool) -> None:
        """Write text, wrapped; its line breaks stay."""
        for paragraph in text.splitlines() or [""]:
            for line in self._wrapped(paragraph, indent):
                self.reporter.write_line(line, **markup)

    def _wrapped(self, text: str, indent: int) -> list[str]:
        before = " " * indent
        return textwrap.wrap(
            text,
            max(self.width, 40),
            initial_indent=before,
            subsequent_indent=before,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]

    def _parts(self, parts: Iterable[labels.Part], indent: int) -> list[str]:
        """The lines of labelled parts; commands stand below their label, one to a line, however long."""
        lines: list[str] = []
        before = " " * indent
        for part in parts:
            if part.command:
                lines += [f"{before}{part.label}:", *(f"{before}  {line}" for line in part.text.splitlines())]
            else:
                lines += self._wrapped(f"{part.label}: {part.text}", indent)
        return lines

    def _told(self, sentences: Sequence[str], parts: list[labels.Part]) -> list[str]:
        """The lines of sentences with one explanation; commands that take too many lines are only counted."""
        shown = list(sentences[:SHOWN])
        if len(sentences) > SHOWN:
            shown.append(f"and {len(sentences) - SHOWN} more in summary.md")
        found = [line for sentence in shown for line in self._wrapped(sentence, 2)]
        lines = [*found, *self._parts(parts, 4)]
        if len(lines) < LINES:
            return lines
        return [*found, *self._parts([_counted(part) for part in parts], 4)][: LINES - 1]

    def faults(self, check: CheckResult, waiting: str) -> None:
        """Write the violations of a failed check, and which cases wait for it."""
        self.line(f"FAILED {check.label} · {check.title} ({check.criterion})", red=True, bold=True)
        groups = findings.alike(findings.faults(check))
        lines: list[str] = []
        for number, group in enumerate(groups):
            more = self._told([_found(check, fault) for fault in group], labels.of_fault(group[0]))
            if lines and len(lines) + len(more) > LINES - 2:
                left = sum(map(len, groups[number:]))
                lines += self._wrapped(f"and {left} more in summary.md", 2)
                break
            lines += more
        self._write([*lines, *self._waiting(waiting)])

    def _waiting(self, waiting: str) -> list[str]:
        return self._parts([labels.Part(labels.WAITING, waiting)], 4) if waiting else []

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.reporter.write_line(line)

    def causes(
        self,
        title: str,
        help_label: str,
        causes: Iterable[findings.Cause],
        waiting: dict[str, str] | None = None,
        **markup: bool,
    ) -> None:
        """Write why checks could not be judged, each reason once, and which cases wait for them.

        What waits for a check is taken out of ``waiting``, so that it is told once.
        """
        for checks, group in itertools.groupby(causes, lambda cause: cause.checks):
            self.line(f"{title} {', '.join(checks)}", **markup)
            for help_, reasons in itertools.groupby(group, lambda cause: cause.help):
                told = [
                    f"{cause.reason} ({cause.cases} cases)" if cause.cases > len(checks) else cause.reason
                    for cause in reasons
                ]
                self._write(self._told(told, labels.of_advice(help_, help_label)))
            if waiting is not None:
                self._write(line for check in checks for line in self._waiting(waiting.pop(check, "")))


def _found(check: CheckResult, fault: findings.Fault) -> str:
    where = findings.where(check, fault)
    return f"{where}: {fault.found}" if where else fault.found


def _counted(part: labels.Part) -> labels.Part:
    """The part, with its commands only counted."""
    if not part.command:
        return part
    return labels.Part(part.label, f"{counted(len(part.text.splitlines()), 'command')}, in summary.md")


def summarise(
    reporter: pytest.TerminalReporter,
    record: Record,
    result: RunResult | None,
    problems: list[str],
    exitstatus: int | pytest.ExitCode,
) -> None:
    """Write the verdict and its findings, or why there is no verdict."""
    section = Section(reporter)
    if result is None:
        if record.selected or record.collection_failed:
            section.line(f"No verdict: {_why_no_verdict(record, exitstatus)}.", yellow=True, bold=True)
        return
    colours = COLOURS[result.verdict]
    reporter.write_sep("=", f"verdict: {result.verdict.value}", **colours)
    section.line(f"{result.target}, {result.selection}: {findings.headline(result)}")
    if reporter.verbosity >= -1 and not reporter.no_summary:
        _details(section, result)
    for problem in problems:
        section.line(problem, red=True, bold=True)
    folder = record.directory.resolve()
    section.line(f"Reports: {folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder}")
    section.line(f"Verdict: {result.verdict.value} ({findings.WHY[result.verdict]})", **colours)


def _details(section: Section, result: RunResult) -> None:
    waiting, errors = findings.waiting(result), findings.errors(result)
    first = [cause for cause in errors if any(check in waiting for check in cause.checks)]
    section.causes("ERROR", labels.WHAT_TO_DO, first, waiting, red=True, bold=True)
    for check in findings.failed(result):
        section.faults(check, waiting.pop(findings.name(check), ""))
    section.causes("ERROR", labels.WHAT_TO_DO, errors[len(first) :], red=True, bold=True)
    section.causes("UNPROVEN", labels.WOULD_PROVE, findings.unproven(result), waiting, yellow=True)
    section.causes("NOT APPLICABLE", "", findings.not_applicable(result))


def _why_no_verdict(record: Record, exitstatus: int | pytest.ExitCode) -> str:
    if record.collection_failed:
        return "a file of checks could not be collected, so it is unknown which checks are missing"
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        return "the run was interrupted"
    return "the run did not finish"
