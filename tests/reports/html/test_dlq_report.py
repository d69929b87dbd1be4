"""The weekly DLQ report in ``index.html``: linked at the top, with findings, tables and charts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.judge import Table
from fixtures.outcome import Status
from reports.html.cases import References
from tests.reports.html.browser import Browser
from tests.reports.html.test_page import PASSED, of, shown, texts

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
PATTERNS = replace(
    PASSED,
    check="check-15",
    title="Review DLQ failure patterns",
    findings=("12 entries since Monday", "upstream timed out: 6 entries"),
    tables=(Table("Failures by pattern", ({"pattern": "upstream timed out", "entries": 6},), 1),),
    charts=("failure-patterns",),
)


@pytest.mark.parametrize("status", [Status.PASSED, Status.FAILED, Status.UNPROVEN])
def test_report_is_linked_and_whole(page: Browser, tmp_path: Path, status: Status) -> None:
    case = replace(PATTERNS, status=status, reason="because")
    shown(page, tmp_path, of(case), References({"failure-patterns": ("DLQ failures by pattern", SVG)}))
    assert texts(page, "header a[href='#dlq-report']") == ["Weekly DLQ report"]
    assert texts(page, "#dlq-report h2") == ["Weekly DLQ report"]
    assert texts(page, "#dlq-report li") == list(PATTERNS.findings)
    assert texts(page, "#dlq-report summary") == ["Failures by pattern"]
    assert texts(page, "#dlq-report figcaption") == ["DLQ failures by pattern"]


@pytest.mark.parametrize("case", [PASSED, replace(PATTERNS, status=Status.ERROR), replace(PATTERNS, findings=())])
def test_no_report_of_what_was_not_looked_at(page: Browser, tmp_path: Path, case: object) -> None:
    shown(page, tmp_path, of(case))  # type: ignore[arg-type]
    assert texts(page, "#dlq-report") == []
    assert texts(page, "header a[href='#dlq-report']") == []
