"""A browser, and the reports of a run with every outcome, with evidence, and with markup in its texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reports.html.browser import Browser, browser, find_chromium
from tests.reports.html.rendering import render
from tests.reports.nested import Run, project, run

HOSTILE = '<script>window.escaped = 1</script><img src=x onerror="window.escaped = 2">\'"&amp;</p></style>'

CHECKS = f"""
HOSTILE = {HOSTILE!r}

@check(1, "DLQ tables exist and accessible", criterion="must", area="database")
@pytest.mark.parametrize("dlq_table", ["webhook_dlq", "dlq_processing_log"])
def test_tables(dlq_table, judge):
    judge.expects("Table " + dlq_table + " exists.")
    judge.finds("it has 5 rows")
    judge.shows("Columns", [{{"column": f"c{{n}}", "rows": n, "null": None}} for n in range(30)], limit=3)
    judge.requires(dlq_table == "webhook_dlq", dlq_table + " does not exist", expected="it exists",
                   why="messages get lost", advice="apply it (`supabase db push`)\\nthen run again")

@check(2, "Cron jobs are active", criterion="must", area="reliability")
def test_cron(judge):
    raise CouldNotLook("no connection to 127.0.0.1:5432: connection refused", "start it")

@check(4, "Webhook signature verification working", criterion="must", area="security")
def test_signatures(judge):
    raise Unproven("there is no app secret", "set WHATSAPP_APP_SECRET")

@check(5, "Success rate > 99%", criterion="should", area="reliability")
@pytest.mark.xfail(reason="ticket 17: half of the services report late")
def test_rate(judge):
    judge.requires(False, "it is 97 %")

@check(6, "No errors in logs", criterion="must", area="observability")
def test_logs(judge):
    judge.expects(HOSTILE)
    judge.finds(HOSTILE)
    judge.shows(HOSTILE, [{{HOSTILE: HOSTILE}}])
    judge.requires(False, HOSTILE, expected=HOSTILE, why=HOSTILE, advice=HOSTILE)

@check(8, "Alerts", criterion="should", area="observability")
def test_alerts(judge):
    judge.requires(True, "never shown")

@check(13, "Partitions", criterion="nice", area="database")
@pytest.mark.daily
def test_partitions(judge):
    raise NotApplicable("partitioning is not enabled")
"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser for all tests of this process; skips loudly without Chromium."""
    if find_chromium() is None:
        pytest.skip("NO CHROMIUM on this machine, so the reports were not tested: apt-get install chromium")
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium: Browser) -> Browser:
    """The browser in its initial state: a desktop's window, light colours, no recorded requests and errors."""
    chromium.look()
    chromium.requested.clear()
    chromium.errors.clear()
    return chromium


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with every outcome, under the target ``nested.example``."""
    return run(project(tmp_path_factory.mktemp("html"), CHECKS))


@dataclass(frozen=True)
class Rendered:
    """Allure's report of a run."""

    run: Run
    report: Path
    history: Path
    output: str


@pytest.fixture(scope="session")
def rendered(whole: Run, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The run with its ``report.html``; skips loudly without Node.js or the registry."""
    history = tmp_path_factory.mktemp("history")
    done = render(whole.folder, history)
    skip_without_generator(done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr
    return Rendered(whole, whole.folder / "report.html", history, done.stdout)


def skip_without_generator(status: int, output: str) -> None:
    """Skip if the machine cannot render reports; any other error fails the test."""
    if status == 1 and ("Node.js" in output or "could not be fetched" in output):
        pytest.skip(f"NO ALLURE REPORT was rendered, so none was tested: {output.strip()}")
