"""``index.html`` in a browser: verdict, counts, failures with evidence and advice, several screens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.judge import Table
from fixtures.outcome import Status, Violation
from reports.case import Case
from reports.findings import readable
from reports.html.cases import References
from reports.html.markup import prose, rows, tag
from reports.html.page import document
from reports.verdict import RunResult, results
from tests.reports.html.browser import DESKTOP, PHONE, Browser
from tests.reports.html.conftest import CHECKS, HOSTILE
from tests.reports.nested import Run, project, run

MOMENT = datetime(2025, 11, 27, 12, 0, tzinfo=UTC)
PASSED = Case(
    check="check-01", title="Tables", criterion="must", area="database", page="docs/checks/check-01.md",
    id="test_tables", test="test_tables", node="checks/test_x.py::test_tables", cadences=("immediate",),
)  # fmt: skip


def texts(page: Browser, selector: str) -> list[str]:
    """The visible texts of the elements of a selector."""
    found: list[str] = page.evaluate(f"[...document.querySelectorAll({selector!r})].map(e => e.innerText.trim())")
    return found


def test_page_begins_with_verdict_and_reasons(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    assert page.evaluate("document.title") == "no-go · nested.example · all"
    assert texts(page, "h1") == ["no-go"]
    assert texts(page, ".why") == ["A must failed, or could not be looked at."]
    assert texts(page, ".deciding li") == [
        "failed Check 1 · DLQ tables exist and accessible",
        "error Check 2 · Cron jobs are active",
        "failed Check 6 · No errors in logs",
    ]
    assert texts(page, ".counts li") == ["3 failed", "1 error", "1 unproven", "1 passed", "1 not applicable"]
    assert "0 of 4 must-haves proven." in page.text()
    top = page.evaluate("document.querySelector('h1').getBoundingClientRect().bottom")
    assert 0 < top < 200


def test_failed_check_has_advice_and_evidence(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    (shown,) = texts(page, "#failed-check-01")
    for expected in (
        "Check 1 · DLQ tables exist and accessible", "must", "dlq_processing_log does not exist", "it exists",
        "messages get lost", "supabase db push", "Columns (first 3 of 30)", "docs/checks/check-01.md",
    ):  # fmt: skip
        assert expected in shown
    assert "webhook_dlq does not" not in shown
    assert texts(page, "#failed-check-01 .advice code") == ["supabase db push"]
    assert texts(page, "#failed-check-01 th") == ["column", "rows", "null"]
    assert texts(page, "#failed-check-01 tbody tr:first-child td") == ["c0", "0", "–"]


def test_musts_come_first_and_known_issues_are_named(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    assert [text.split(" ·")[0] for text in texts(page, "article h3")] == ["Check 1", "Check 6", "Check 5"]
    assert texts(page, ".known") == ["Known issue: ticket 17: half of the services report late"]


def test_errors_and_unproven_checks_have_advice(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    assert texts(page, "#errors .advice") == ["start it"]
    assert "connection refused" in texts(page, "#errors")[0]
    assert "there is no app secret" in texts(page, "#unproven")[0]
    assert "set WHATSAPP_APP_SECRET" in texts(page, "#unproven")[0]
    assert "partitioning is not enabled" in texts(page, "#not-applicable")[0]


def test_checks_are_grouped_and_open_on_a_click(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    assert texts(page, "#checks .group") == [
        "Immediate checks (first hour) · Database",
        "Immediate checks (first hour) · Reliability",
        "Immediate checks (first hour) · Security",
        "Immediate checks (first hour) · Observability",
    ]
    assert "Table webhook_dlq exists." not in page.text()
    page.evaluate("document.querySelector('#check-01 > summary').click()")
    assert "Table webhook_dlq exists." in page.text()
    assert "1 of 2 cases" in texts(page, "#check-01 > summary")[0]


def test_page_lists_the_facts_of_the_run(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    facts = dict(zip(texts(page, "#run dt"), texts(page, "#run dd"), strict=True))
    assert {"verdict", "target", "selection", "started", "run by", "suite", "python"} <= facts.keys()
    assert (facts["target"], facts["verdict"]) == ("nested.example", "no-go")


def test_run_on_github_is_linked(tmp_path: Path, page: Browser) -> None:
    github = {
        "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "a/b",
        "GITHUB_RUN_ID": "17", "GITHUB_SHA": "0123abcd" * 5, "GITHUB_TRIGGERING_ACTOR": "amina",
    }  # fmt: skip
    finished = run(project(tmp_path, CHECKS), variables=github)
    page.open(finished.folder / "index.html")
    facts = dict(zip(texts(page, "#run dt"), texts(page, "#run dd"), strict=True))
    assert (facts["run by"], facts["suite's commit"]) == ("amina", "0123abcd" * 5)
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.href)")
    assert "https://github.example/a/b/actions/runs/17" in links
    assert f"https://github.example/a/b/blob/{'0123abcd' * 5}/docs/checks/check-01.md" in links


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_fits_and_has_contrast(whole: Run, page: Browser, size: tuple[int, int], dark: bool) -> None:
    """The page does not scroll sideways, and every text has a contrast of 4.5 or more (WCAG 2, level AA)."""
    page.look(size, dark=dark)
    page.open(whole.folder / "index.html")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert page.overflow() == 0
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(channels(background)) < 128 * 3) is dark
    assert [pair for pair in page.evaluate(COLOURS) if contrast(pair[1], pair[2]) < 4.5] == []
    assert len(page.screenshot()) > 10_000
    assert page.errors == []


COLOURS = """[...document.querySelectorAll('body *')]
  .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
  .map(e => {
    let behind = e, colour = 'rgba(0, 0, 0, 0)';
    while (behind && /, 0\\)$/.test(colour = getComputedStyle(behind).backgroundColor))
      behind = behind.parentElement;
    return [e.innerText.slice(0, 40), getComputedStyle(e).color, colour];
  })"""


def channels(colour: str) -> list[int]:
    """Red, green and blue of ``rgb(…)``, 0 to 255."""
    return [int(float(part)) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        linear = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in channels(colour))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_evidence_with_markup_is_escaped(whole: Run, page: Browser) -> None:
    """Markup in the evidence is shown as text, and no script runs."""
    page.open(whole.folder / "index.html")
    assert page.evaluate("window.escaped") is None
    assert page.evaluate("document.querySelectorAll('script, img').length") == 0
    assert HOSTILE in texts(page, "#failed-check-06")[0]
    assert page.evaluate("document.querySelectorAll('#failed-check-06 table').length") == 1


def test_page_loads_nothing(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    assert [url for url in page.requested if not url.startswith("data:")] == [
        (whole.folder / "index.html").resolve().as_uri()
    ]
    assert page.errors == []


def of(*cases: Case) -> RunResult:
    return RunResult("production", "immediate", MOMENT, MOMENT, results(cases))


def shown(page: Browser, folder: Path, result: RunResult, references: References | None = None) -> None:
    """Open the page of a run."""
    (folder / "index.html").write_text(document(result, {}, references or References()), encoding="utf-8")
    page.open(folder / "index.html")


@pytest.mark.parametrize(
    ("status", "criterion", "verdict"),
    [
        (Status.PASSED, "must", "go"),
        (Status.FAILED, "should", "concerns"),
        (Status.UNPROVEN, "must", "unproven"),
        (Status.ERROR, "must", "no-go"),
    ],
)
def test_every_verdict_has_its_word_and_colour(
    page: Browser, tmp_path: Path, status: Status, criterion: str, verdict: str
) -> None:
    shown(page, tmp_path, of(replace(PASSED, status=status, criterion=criterion, reason="because")))
    assert texts(page, "h1") == [verdict]
    red, green, _ = channels(page.evaluate("getComputedStyle(document.querySelector('h1')).color"))
    assert (green > red) is (verdict == "go")
    deciding = texts(page, ".deciding li")
    assert deciding == ([] if verdict == "go" else [f"{status.value} Check 1 · Tables"])


def test_every_link_in_the_page_has_a_target(whole: Run, page: Browser) -> None:
    page.open(whole.folder / "index.html")
    links = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href'))")
    assert len(links) == 6
    assert [link for link in links if not page.evaluate(f"document.querySelector({link!r}) != null")] == []


def test_only_web_addresses_become_links(page: Browser, tmp_path: Path) -> None:
    address = "https://github.example/easymo/verification/blob/abc/docs/checks/check-01.md"
    failed = replace(PASSED, status=Status.FAILED, violations=(Violation("gone"),))
    shown(page, tmp_path, of(failed), References(addresses={PASSED.page: address}))
    assert page.evaluate("document.querySelector('article .page a').href") == address
    shown(page, tmp_path, of(failed), References(addresses={PASSED.page: "javascript:alert(1)"}))
    assert page.evaluate("document.querySelectorAll('article .page a').length") == 0


def test_chart_cannot_run_scripts(page: Browser, tmp_path: Path) -> None:
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>parent.escaped = 3</script></svg>'
    )
    failed = replace(PASSED, status=Status.FAILED, charts=("dlq",), violations=(Violation("gone"),))
    shown(page, tmp_path, of(failed), References({"dlq": ("DLQ entries", svg)}))
    page.wait("document.images.length == 2 && [...document.images].every(image => image.complete)")
    assert page.evaluate("[document.images[0].naturalWidth, document.images[0].alt]") == [40, "DLQ entries"]
    assert page.evaluate("window.escaped") is None


def test_chart_stays_legible_on_a_phone(page: Browser, tmp_path: Path) -> None:
    """The chart scrolls sideways, the page does not."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="518" height="216"></svg>'
    failed = replace(PASSED, status=Status.FAILED, charts=("dlq",), violations=(Violation("gone"),))
    page.look(PHONE)
    shown(page, tmp_path, of(failed), References({"dlq": ("DLQ entries", svg)}))
    page.wait("[...document.images].every(image => image.complete)")
    assert page.evaluate("document.querySelector('article img').getBoundingClientRect().width") > 500
    assert page.evaluate("(part => part.scrollWidth - part.clientWidth)(document.querySelector('figure'))") > 100
    assert page.overflow() == 0


def test_long_list_of_cases_is_shortened(page: Browser, tmp_path: Path) -> None:
    many = [
        replace(PASSED, id=f"case-{number}", status=Status.FAILED, violations=(Violation("gone"),))
        for number in range(50)
    ]
    shown(page, tmp_path, of(*many))
    assert texts(page, ".where") == ["case-0, case-1, case-2, case-3, case-4, case-5 and 44 more"]


def test_markup_escapes_text() -> None:
    assert tag("p", "<b>", tag("b", "&"), title='"') == '<p title="&quot;">&lt;b&gt;<b>&amp;</b></p>'
    assert tag("details", open=True, hidden=False) == "<details open></details>"
    assert prose("run `a < b`\nthen <wait>") == "run <code>a &lt; b</code><br>then &lt;wait&gt;"
    assert rows(Table("empty", (), 0)) == "<p>no rows</p>"
    mixed = Table("t", ({"a": True, "b": 0}, {"a": False, "c": "x"}), 2)
    assert "<td>yes</td>" in rows(mixed)
    assert '<td class="number">0</td>' in rows(mixed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("webhook_dlq", "webhook_dlq"),
        ("test_dlq_is_processing", "DLQ is processing"),
        ("test_handshake_is_answered[wa-webhook]", "handshake is answered [wa-webhook]"),
    ],
)
def test_test_names_become_words(name: str, words: str) -> None:
    assert readable(name) == words
