"""Takes the pictures of the documentation: ``python -m tests.reports.html.screenshots`` writes ``docs/images``.

A local deployment is verified several times while healthy, and then with three real faults; the reports are opened
in Chromium. The target is called ``staging``, because ``127.0.0.1`` in a picture explains nothing.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from tests.deployments import Deployment
from tests.reports.html.browser import DESKTOP, PHONE, Browser, browser
from tests.reports.html.rendering import render
from tests.running import ROOT, environment, run_suite

IMAGES = ROOT / "docs" / "images"
EARLIER_RUNS = 3
"""Runs before the two in the pictures, so that there is a trend."""

CHARTS_HEIGHT = 500
"""Height of the window for Allure's charts; the page is empty below."""

COLOURS = 128
"""Colours of a picture; enough for text and areas, at a third of the size."""

FAULTS = """
UPDATE cron.job SET active = false WHERE jobname = 'process-dlq-entries';
DELETE FROM public.dlq_processing_log WHERE processed_at > now() - interval '2 hours';
UPDATE public.processed_webhook_messages SET processed = false
WHERE created_at > now() - interval '1 hour' AND id::text < '2'
"""
"""The cron job is inactive, nothing was processed for two hours, and every eighth message has failed."""


def main() -> None:
    """Verify a deployment, break it, verify it again, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        deployment = Deployment.start("native", services=True)
        try:
            for number in range(EARLIER_RUNS):
                _verify(deployment, folder, f"go-{number}")
            _verify(deployment, folder, "go")
            deployment.superuser_execute(FAULTS)
            _verify(deployment, folder, "no-go")
        finally:
            deployment.stop()
        with browser() as page:
            _pages(page, folder)
            _reports(page, folder)


def _verify(deployment: Deployment, folder: Path, name: str) -> None:
    """Run the checks into a folder of this name, and render the report with the history of the runs before."""
    settings = folder / "deployment.toml"
    settings.write_text(f'[targets.staging]\nbase_url = "{deployment.access.base_url}"\n')
    options = ["-m", "immediate or daily", f"--deployment={settings}", "--target", "staging"]
    environ = environment(deployment.access)
    del environ["EASYMO_BASE_URL"]
    run = run_suite(folder / name, *options, environ=environ)
    assert name.startswith(run.verdict["verdict"]), run.output
    assert render(folder / name, folder / "history").returncode == 0


def _pages(page: Browser, folder: Path) -> None:
    for verdict in ("go", "no-go"):
        page.look(DESKTOP)
        page.open(folder / verdict / "index.html")
        _save(page, f"{verdict}.png")
    page.look(PHONE, dark=True)
    page.open(folder / "no-go" / "index.html")
    _save(page, "no-go-phone-dark.png")


def _reports(page: Browser, folder: Path) -> None:
    page.look(DESKTOP)
    page.open_report(folder / "no-go" / "report.html")
    _save(page, "report.png")
    page.show_case("Check 10 · No message loss incidents")
    page.look((DESKTOP[0], 1500))
    _save(page, "report-case.png")
    page.look((DESKTOP[0], CHARTS_HEIGHT))
    page.show_charts()
    _save(page, "report-trend.png")


def _save(page: Browser, name: str) -> None:
    from PIL import Image

    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
