"""The reports of a real run of the suite: no secret or personal data, and the charts of its checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.reports.html.browser import DOCUMENTS, Browser
from tests.reports.html.conftest import skip_without_generator
from tests.reports.html.embedded import decoded, embedded
from tests.reports.html.rendering import render
from tests.reports.test_links import GITHUB
from tests.running import environment, run_suite
from tests.runs.test_secrets import PERSONAL_ROWS, PHONE, TEXT, WAMID, encodings, secret_values

RUN = "https://github.example/easymo/verification/actions/runs/19731234567"
FAULTS = """
UPDATE public.processed_webhook_messages SET processed = false WHERE created_at > now() - interval '1 hour';
UPDATE cron.job SET active = false WHERE jobname = 'process-dlq-entries'
"""


@pytest.fixture
def broken(any_deployment, tmp_path):
    """The reports of a broken deployment with personal data, and the values that must not be in them."""
    any_deployment.superuser_execute(PERSONAL_ROWS)
    any_deployment.superuser_execute(FAULTS)
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error",
        "service": "wa-webhook-core",
        "message": f'cannot answer +{PHONE}: "{TEXT}" body: {TEXT}',
    }
    with Path(str(any_deployment.access.log_file)).open("a") as log:
        log.write(json.dumps(line) + "\n")
    environ = environment(any_deployment.access, **GITHUB, GITHUB_STEP_SUMMARY=str(tmp_path / "step.md"))
    run = run_suite(tmp_path / "out", "-m", "immediate or daily", environ=environ)
    assert run.verdict["verdict"] == "no-go", run.output
    return run.folder, [PHONE, TEXT, WAMID, *secret_values(any_deployment.access)]


def test_pages_have_charts_and_no_secrets(broken, tmp_path, page: Browser):
    """No planted value is in the pages, neither plain nor in their base64 data and the pictures in it."""
    folder, planted = broken
    done = render(folder, tmp_path / "history", environ=environment())
    skip_without_generator(done.returncode, done.stderr)
    assert done.returncode == 0, done.stderr
    report = (folder / "report.html").read_text(encoding="utf-8")
    (history,) = (tmp_path / "history").iterdir()
    texts = {
        "report": decoded("\n".join([report[report.index("window.allureReportDataReady") :]])),
        "page": decoded((folder / "index.html").read_text(encoding="utf-8")),
        "history": history.read_text(encoding="utf-8"),
        "summary": (folder / "summary.md").read_text(encoding="utf-8"),
        "step": (tmp_path / "step.md").read_text(encoding="utf-8"),
    }
    assert "job process-dlq-entries is inactive" in texts["report"], "encoded data is searched too"
    assert "job process-dlq-entries is inactive" not in report[report.index("allureReportDataReady = false;\n ") :]
    assert [
        (where, form)
        for where, text in texts.items()
        for value in planted
        for form in encodings(value)
        if form in text
    ] == []
    _links_its_charts(texts["summary"], texts["step"])
    _shows_its_chart(folder, page, embedded(report))


def _links_its_charts(summary: str, step: str) -> None:
    """The step summary on GitHub links the artefacts instead of the files."""
    title, artefacts = "Messages received, processed and queued by hour", f"{RUN}#artifacts"
    assert f"- [{title}](charts/messages.svg)\n" in summary
    assert f"- [{title}]({artefacts}): `charts/messages.svg`\n" in step
    assert "](charts/" not in step


def _shows_its_chart(folder: Path, page: Browser, data: dict[str, str]) -> None:
    """Both pages show the chart of check 10, and Allure's report has it as an attachment."""
    assert any(name.endswith(".svg") for name in data)
    page.open_report(folder / "report.html")
    page.show_case("Check 10 · No message loss incidents")
    pictures = f"{DOCUMENTS}.flatMap(part => [...part.images]).filter(image => image.naturalWidth > 300).length"
    page.wait(f"{pictures} == 1")
    assert "Messages received, processed and queued by hour" in page.text()
    assert page.errors == []
    page.open(folder / "index.html")
    assert page.evaluate("[...document.querySelectorAll('#run a')].map(a => a.href)") == [RUN]
    page.wait("[...document.querySelectorAll('#failed-check-10 img')].some(image => image.naturalWidth > 300)")
    assert page.overflow() == 0
    assert page.errors == []
