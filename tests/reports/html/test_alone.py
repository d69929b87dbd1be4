"""An opened report requests nothing from any host: a proxy refuses and records all traffic of the browser."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from reports.html.page import POLICY
from reports.html.single_file import HEAD, LOOKS, TOP, WAIT, UnknownPage, self_contained
from tests.reports.html.browser import Browser, browser, find_chromium
from tests.reports.html.conftest import Rendered
from tests.reports.html.refusing import RefusingProxy
from tests.reports.nested import Run

TRACKER = """
    <script async src="https://www.googletagmanager.com/gtag/js?id=G-LNDJ3J7WT0"></script>
    <script>
        window.dataLayer = window.dataLayer || [];
        function gtag(){dataLayer.push(arguments);}
        gtag('js', new Date());
        gtag('config', 'G-LNDJ3J7WT0', {"single_file": "true"});
    </script>
"""
PAGE = f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{TRACKER}<p>report</p></body></html>'


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Browser, RefusingProxy]]:
    """A browser whose traffic all goes to the proxy."""
    if find_chromium() is None:
        pytest.skip(
            "NO CHROMIUM on this machine, so what the report loads was not tested: apt-get install chromium"
        )
    with RefusingProxy() as proxy, browser(*proxy.flags) as page:
        yield page, proxy


def browse(page: Browser, report: Path) -> None:
    """Open a report, one of its cases, and its charts."""
    page.open_report(report)
    page.show_case("Check 1 · DLQ tables exist and accessible [dlq_processing_log]")
    page.show_charts()


def test_report_requests_no_host(rendered: Rendered, watched: tuple[Browser, RefusingProxy]) -> None:
    page, proxy = watched
    page.requested.clear()
    page.errors.clear()
    browse(page, rendered.report)
    assert [url for url in page.requested if not url.startswith(("data:", "blob:"))] == [
        rendered.report.resolve().as_uri()
    ]
    assert proxy.requested_by_pages == []
    assert page.errors == []


def test_page_requests_no_host(whole: Run, watched: tuple[Browser, RefusingProxy], tmp_path: Path) -> None:
    """With all details open the page loads nothing; without its policy the proxy sees an image added to it."""
    page, proxy = watched
    page.requested.clear()
    page.errors.clear()
    file = whole.folder / "index.html"
    page.open(file)
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    page.evaluate("new Promise(done => setTimeout(done, 300))")
    assert [url for url in page.requested if not url.startswith("data:")] == [file.resolve().as_uri()]
    assert proxy.requested_by_pages == []
    assert page.errors == []
    text = file.read_text(encoding="utf-8").replace("</main>", '<img src="http://pixel.example/x.gif"></main>')
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    page.open(tmp_path / "page.html")
    assert proxy.requested_by_pages == []
    assert any("Content Security Policy" in error for error in page.errors)
    (tmp_path / "page.html").write_text(text.replace(escape(POLICY), ""), encoding="utf-8")
    page.open(tmp_path / "page.html")
    assert proxy.requested_by_pages == ["pixel.example"]
    proxy.requested.clear()


def test_proxy_sees_the_analytics_script(
    rendered: Rendered, watched: tuple[Browser, RefusingProxy], tmp_path: Path
) -> None:
    """With the script and without the policy the proxy sees a request: the tests above can fail."""
    page, proxy = watched
    report = tmp_path / "report.html"
    text = rendered.report.read_text(encoding="utf-8")
    report.write_text(text.replace(HEAD, "").replace("</body>", f"{TRACKER}</body>"), encoding="utf-8")
    page.open_report(report)
    page.wait("performance.getEntriesByType('resource').some(entry => entry.name.includes('googletagmanager'))")
    assert "www.googletagmanager.com:443" in proxy.requested_by_pages
    proxy.requested.clear()


def test_policy_alone_blocks_a_script(
    rendered: Rendered, watched: tuple[Browser, RefusingProxy], tmp_path: Path
) -> None:
    """The browser would refuse a script that a later version of Allure adds elsewhere in the page."""
    page, proxy = watched
    report = tmp_path / "report.html"
    text = rendered.report.read_text(encoding="utf-8")
    report.write_text(text.replace("</body>", f"{TRACKER}</body>"), encoding="utf-8")
    page.errors.clear()
    browse(page, report)
    assert proxy.requested_by_pages == []
    assert any("googletagmanager" in error and "Content Security Policy" in error for error in page.errors)


def test_only_the_script_is_removed() -> None:
    alone = self_contained(PAGE)
    assert alone.replace(HEAD + LOOKS + WAIT, "").replace(TOP, "") == PAGE.replace(TRACKER.rstrip(), "")


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (PAGE.replace(TRACKER, ""), "not built as expected"),
        (PAGE.replace("<p>", TRACKER + "<p>"), "not built as expected"),
        (PAGE.replace("googletagmanager", "elsewhere"), "not built as expected"),
        (PAGE.replace("<p>", '<script src="https://cdn.example/x.js"></script><p>'), "from another host"),
        (PAGE.replace("<p>", '<img src="//pixel.example/x.gif"><p>'), "from another host"),
        ("", "not built as expected"),
    ],
)
def test_unexpected_page_is_rejected(page: str, fault: str) -> None:
    with pytest.raises(UnknownPage, match=fault):
        self_contained(page)
