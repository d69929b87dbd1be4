"""Allure's results: every check under its checklist item's name, with the suite's outcomes, words and evidence.

allure-pytest writes the results; this module completes each of them first, and redacts what is written. They
contain no captured output, and no traceback of a judged check.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checks.judge import Table
from fixtures.outcome import Status
from reports import directory, pages
from reports.allure.text import KNOWN_ISSUE, description, labels
from reports.case import Case
from reports.case_builder import in_one_line, in_words
from reports.charts import figures, gallery
from reports.html.markup import caption
from reports.labels import STATUS_WORDS

if TYPE_CHECKING:
    from reports.redaction.redactor import Redactor

SEVERITIES = {"must": "blocker", "should": "normal", "nice": "minor"}
"""Criterion → Allure's severity; the checklist calls its must-haves deployment blockers."""

_LONGEST_PARAMETER = 80
_CONSTANT = frozenset(
    {"uuid", "historyId", "testCaseId", "fullName", "titlePath", "status", "stage", "source", "type", "labels"}
)


def configure(config: pytest.Config, folder: Path) -> None:
    """Make allure-pytest write into the folder, unless ``--alluredir`` names another; without captured output."""
    if hasattr(config.option, "allure_report_dir"):
        config.option.allure_report_dir = config.option.allure_report_dir or str(folder / directory.ALLURE)
        config.option.attach_capture = False


def redact(config: pytest.Config, redactor: Redactor) -> None:
    """Replace Allure's file logger by one that redacts, until the end of the run."""
    if not getattr(config.option, "allure_report_dir", None):
        return
    from allure_commons import plugin_manager
    from allure_commons.logger import AllureFileLogger

    from reports.allure.logger import RedactingFileLogger  # start-up: allure_commons, which a listing does without

    for logger in [found for found in plugin_manager.get_plugins() if isinstance(found, AllureFileLogger)]:
        ours = RedactingFileLogger(config.option.allure_report_dir, redactor, _CONSTANT)
        plugin_manager.unregister(logger)
        plugin_manager.register(ours)
        # At the end allure-pytest unregisters its own logger, and fails if that is not registered.
        config.add_cleanup(lambda logger=logger, ours=ours: _restore(logger, ours))  # type: ignore[misc] # mypy#12557


def _restore(logger: object, ours: object) -> None:
    from allure_commons import plugin_manager

    plugin_manager.unregister(ours)
    plugin_manager.register(logger)


def describe(config: pytest.Config, case: Case, when: str | None, trace: str = "") -> None:
    """Complete Allure's result of the running test, after its last phase has been judged."""
    listener = config.pluginmanager.get_plugin("allure_listener")
    result = listener.allure_logger.get_test(None) if listener is not None and when == "teardown" else None
    if result is None:
        return
    from allure_commons.model2 import Label, Link, StatusDetails

    charts = _charts(config, case.charts)
    result.name = case.name
    result.status = STATUS_WORDS[case.status].allure
    result.statusDetails = StatusDetails(message=message(case), trace=trace or None) if message(case) else None
    proves = pages.proves(config, case.page)
    result.description, result.descriptionHtml = None, description(case, charts, proves)
    result.labels = [Label(name=name, value=value) for name, value in labels(case, SEVERITIES)]
    folder = Path(config.option.allure_report_dir).parent
    url = pages.address(config, case.page) or pages.relative_path(config, case.page, folder)
    result.links = [Link(type="link", url=url, name=case.page)]
    for parameter in result.parameters:
        parameter.value = parameter.value.strip("'\"")[:_LONGEST_PARAMETER]
    _attach(case.tables)
    _attach_charts(charts)


def message(case: Case) -> str:
    """The message beside the status; the categories distinguish outcomes by its beginning."""
    if case.status is Status.PASSED:
        return ""
    if case.status in (Status.UNPROVEN, Status.NOT_APPLICABLE):
        return f"{case.status.value.replace('_', ' ')}: {in_one_line(case)}"
    known = f"{KNOWN_ISSUE} ({case.known_issue}): " if case.known_issue else ""
    return known + in_words(case)


def _attach(tables: Iterable[Table]) -> None:
    import allure

    for table in tables:
        allure.attach(as_csv(table), name=caption(table), attachment_type=allure.attachment_type.CSV)


def _charts(config: pytest.Config, names: Iterable[str]) -> dict[str, bytes]:
    """Title → chart as SVG, for the charts that could be drawn."""
    pictures = gallery.gallery(config, names).pictures
    return {figures.title(name): pictures[name] for name in names if name in pictures}


def _attach_charts(charts: Mapping[str, bytes]) -> None:
    import allure

    for title, svg in charts.items():
        allure.attach(svg, name=title, attachment_type=allure.attachment_type.SVG)


def as_csv(table: Table) -> str:
    """A table of evidence as CSV, its columns in the order in which rows first name them."""
    columns: dict[str, Any] = {column: None for row in table.rows for column in row}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row) for row in table.rows)
    return text.getvalue()
