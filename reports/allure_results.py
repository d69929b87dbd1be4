"""Allure's results: every check under its checklist item's name, with our outcomes, words and evidence.

allure-pytest writes the results; here each is completed before it is written, and what is written goes through
the gate. Nothing of a captured log and no traceback of a judged check gets into them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checks.judge import Table
from reports import allure_text, directory
from reports.case import Case
from reports.judging import in_one_line, in_words
from reports.outcome import Status

if TYPE_CHECKING:
    from reports.redaction import Redactor

STATUSES = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.ERROR: "broken",
    Status.UNPROVEN: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}
SEVERITIES = {"must": "blocker", "should": "normal", "nice": "minor"}
"""The checklist calls its must-haves deployment blockers."""

_OURS = frozenset({"epic", "feature", "story", "severity", "tag"})
_LONGEST_PARAMETER = 80
_CONSTANT = frozenset(
    {"uuid", "historyId", "testCaseId", "fullName", "titlePath", "status", "stage", "source", "type", "labels"}
)


def configure(config: pytest.Config, folder: Path) -> None:
    """Let allure-pytest write into the folder, unless another place was asked for; without captured output."""
    if hasattr(config.option, "allure_report_dir"):
        config.option.allure_report_dir = config.option.allure_report_dir or str(folder / directory.ALLURE)
        config.option.attach_capture = False


def redact(config: pytest.Config, redactor: Redactor) -> None:
    """Put a file logger that redacts in the place of Allure's own, until the end of the run."""
    if not getattr(config.option, "allure_report_dir", None):
        return
    from allure_commons import plugin_manager
    from allure_commons.logger import AllureFileLogger

    from reports.allure_logger import RedactingFileLogger

    for logger in [found for found in plugin_manager.get_plugins() if isinstance(found, AllureFileLogger)]:
        ours = RedactingFileLogger(config.option.allure_report_dir, redactor, _CONSTANT)
        plugin_manager.unregister(logger)
        plugin_manager.register(ours)
        # allure-pytest takes its own logger away at the end, and stumbles where it isn't registered.
        config.add_cleanup(lambda logger=logger, ours=ours: _put_back(logger, ours))  # type: ignore[misc] # mypy#12557


def _put_back(logger: object, ours: object) -> None:
    from allure_commons import plugin_manager

    plugin_manager.unregister(ours)
    plugin_manager.register(logger)


def describe(config: pytest.Config, case: Case, when: str | None, trace: str = "") -> None:
    """Complete Allure's result of the test that is running, when its last phase has been judged."""
    listener = config.pluginmanager.get_plugin("allure_listener")
    result = listener.allure_logger.get_test(None) if listener is not None and when == "teardown" else None
    if result is None:
        return
    from allure_commons.model2 import Label, Link, StatusDetails

    result.name = f"{case.label} · {case.title}" + (f" [{case.id}]" if case.id != case.test else "")
    result.status = STATUSES[case.status]
    result.statusDetails = StatusDetails(message=message(case), trace=trace or None) if message(case) else None
    result.description, result.descriptionHtml = None, allure_text.description(case)
    labels = [label for label in result.labels if label.name not in _OURS]
    result.labels = labels + [
        Label(name=name, value=value) for name, value in allure_text.labels(case, SEVERITIES)
    ]
    result.links = [Link(type="link", url=allure_text.page_url(case.page), name=case.page)]
    for parameter in result.parameters:
        parameter.value = parameter.value.strip("'\"")[:_LONGEST_PARAMETER]
    _attach(case.tables)
    _attach_charts(config, case.charts)


def message(case: Case) -> str:
    """What stands beside the status: short, and for the categories to tell unproven from not applicable."""
    if case.status is Status.PASSED:
        return ""
    if case.status in (Status.UNPROVEN, Status.NOT_APPLICABLE):
        return f"{case.status.value.replace('_', ' ')}: {in_one_line(case)}"
    return in_words(case)


def _attach(tables: Iterable[Table]) -> None:
    import allure

    for table in tables:
        cut = f" (first {len(table.rows)} of {table.total})" if table.total > len(table.rows) else ""
        allure.attach(as_csv(table), name=f"{table.title}{cut}", attachment_type=allure.attachment_type.CSV)


def _attach_charts(config: pytest.Config, names: Iterable[str]) -> None:
    import allure

    from reports import charting, charts

    pictures = charting.gallery(config, names).pictures
    for name in names:
        if name in pictures:
            kind = allure.attachment_type.SVG
            allure.attach(pictures[name], name=charts.title(name), attachment_type=kind)


def as_csv(table: Table) -> str:
    """A table of evidence as CSV: columns in the order in which rows first name them."""
    columns: dict[str, Any] = {column: None for row in table.rows for column in row}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row) for row in table.rows)
    return text.getvalue()
