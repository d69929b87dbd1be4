"""Allure's single file in a browser: the suite's words, the checklist's order, several screens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reports.html.single_file import WAIT
from tests.reports.html.browser import DESKTOP, DOCUMENTS, PHONE, Browser
from tests.reports.html.conftest import HOSTILE, Rendered

FAILED = "Check 1 · DLQ tables exist and accessible [dlq_processing_log]"


def test_report_begins_with_the_verdict(rendered: Rendered, page: Browser) -> None:
    """The verdict is in the visible heading, the facts of the run are below, and no percentage contradicts it."""
    page.open_report(rendered.report)
    text = page.text()
    assert "no-go · nested.example · all" in text
    assert re.search(r"Failed\n3\n", text)
    assert re.search(r"Broken\n1\n", text)
    assert re.search(r"verdict\nno-go\ntarget\nnested.example\n", text)
    assert re.findall(r"^[\d.]+%$", text, re.MULTILINE) == [], "a share of passed cases misleads"
    for empty in ("Quality Gates", "Global Attachments", "Global Errors"):
        assert empty not in text
    top = "[...document.querySelectorAll('*')].find(e => e.innerText == 'no-go · nested.example · all')"
    assert 0 < page.evaluate(f"{top}.getBoundingClientRect().top") < 200


def test_list_is_grouped_by_cadence_and_area(rendered: Rendered, page: Browser) -> None:
    page.open_report(rendered.report)
    lines = page.text().splitlines()
    titles = [
        "Immediate checks (first hour)",
        "Database",
        "Check 1 · DLQ tables exist and accessible",
        FAILED,
    ]
    places = [lines.index(title) for title in titles]
    assert places == sorted(places)


def test_failed_case_has_everything_to_act_on(rendered: Rendered, page: Browser) -> None:
    """Its page has expectation, finding, evidence, why it matters, what to do, and the page of the check."""
    page.open_report(rendered.report)
    page.show_case(FAILED)
    text = page.text()
    for expected in (
        "Failed", "Blocker", "Category: Check violated", "dlq_processing_log does not exist",
        "Expected: Table dlq_processing_log exists.", "Found: it has 5 rows", "Why it matters: messages get lost",
        "What to do: apply it (supabase db push)", "Columns (first 3 of 30):", "docs/checks/check-01.md",
    ):  # fmt: skip
        assert expected in text, expected
    cells = f"{DOCUMENTS}.flatMap(part => [...part.querySelectorAll('td')]).map(cell => cell.innerText)"
    assert page.evaluate(cells)[:3] == ["c0", "0", "–"]
    assert not {"parentSuite", "host", "thread", "package"} & set(text.splitlines())


CATEGORIES = {
    "Check 2 · Cron jobs are active": "Could not look: ",
    "Check 4 · Webhook signature verification working": "Unproven: ",
    "Check 5 · Success rate > 99%": "Known issue: ",
    "Check 13 · Partitions": "Not applicable",
}


def test_categories_have_the_suites_words(rendered: Rendered, page: Browser) -> None:
    page.open_report(rendered.report)
    for title, category in CATEGORIES.items():
        page.show_case(title)
        page.wait(f"document.body.innerText.includes({json.dumps(f'Category: {category}')})")


def test_report_opens_in_a_slow_browser(rendered: Rendered, page: Browser, tmp_path: Path) -> None:
    """Allure's application starts before the browser has read the data, and must wait for them."""
    text = rendered.report.read_text(encoding="utf-8")
    busy = (
        f"<script>{{const end = Date.now() + 1000; while (Date.now() < end);}}</script>{'<i hidden></i>' * 2000}"
    )
    begin = "<script async>\n      window.allureReportDataReady"
    assert text.count(begin) == text.count(WAIT) == 1
    slow = text.replace(begin, busy + begin)
    (tmp_path / "slow.html").write_text(slow, encoding="utf-8")
    page.open_report(tmp_path / "slow.html")
    assert "no-go · nested.example · all" in page.text()
    (tmp_path / "slow.html").write_text(slow.replace(WAIT, ""), encoding="utf-8")
    page.open(tmp_path / "slow.html")
    assert any("Fetch API cannot load" in error for error in page.errors), "without waiting it asks a server"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_report_fits_the_window(rendered: Rendered, page: Browser, size: tuple[int, int], dark: bool) -> None:
    page.look(size, dark=dark)
    page.open_report(rendered.report)
    assert page.evaluate("innerWidth") == size[0]
    assert page.overflow() == 0
    theme = page.evaluate("document.documentElement.getAttribute('data-theme')")
    assert theme == ("dark" if dark else "light")
    assert page.evaluate(CUT_OFF) == []
    page.show_case(FAILED)
    assert page.overflow() == 0
    assert page.evaluate(CUT_OFF) == []
    assert len(page.screenshot()) > 10_000


CUT_OFF = """[...document.querySelectorAll('[data-testid=metadata-item] *')]
  .filter(part => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflow == 'hidden')
  .map(part => part.innerText)"""


def test_evidence_with_markup_is_escaped(rendered: Rendered, page: Browser) -> None:
    page.open_report(rendered.report)
    page.show_case("Check 6 · No errors in logs")
    assert page.text().count(HOSTILE) > 5
    assert page.evaluate(f"{DOCUMENTS}.map(part => part.defaultView.escaped)") == [None, None]
    assert page.evaluate(f"{DOCUMENTS}.flatMap(part => [...part.querySelectorAll('img')]).length") == 0


def test_results_have_one_severity(rendered: Rendered) -> None:
    for result in rendered.run.allure.values():
        labels = [label["name"] for label in result["labels"]]
        assert labels.count("severity") == 1, result["name"]
        assert set(labels) <= {"epic", "feature", "story", "severity", "tag"}
        assert all(len(parameter["value"]) <= 80 for parameter in result.get("parameters", []))
