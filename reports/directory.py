"""The folder of a run's reports: its files, and removal of what an earlier run left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

VERDICT = "verdict.json"
SUMMARY = "summary.md"
PAGE = "index.html"
REPORT = "report.html"
JUNIT = "junit.xml"
EVIDENCE = "evidence.json"
ALLURE = "allure-results"
CHARTS = "charts"

_ALLURE_FILES = ("*-result.json", "*-container.json", "*-attachment.*", "*-globals.json", "*.tmp")
_ALLURE_NAMED = ("environment.properties", "executor.json", "categories.json")


def prepare(directory: Path, keep: str | None) -> None:
    """Create the folder and remove the files of an earlier run; other files stay, such as Allure's history.

    Args:
        directory: the folder of the reports.
        keep: a file to keep: the evidence to be replayed may lie in the same folder.

    Raises:
        pytest.UsageError: the folder cannot be written.
    """
    try:
        (directory / ALLURE).mkdir(parents=True, exist_ok=True)
        for folder in (directory, directory / ALLURE):
            with tempfile.TemporaryFile(dir=folder):
                pass
        for stale in _stale(directory):
            if keep is None or not os.path.lexists(keep) or not stale.samefile(keep):
                stale.unlink()
    except OSError as error:
        raise pytest.UsageError(
            f"--report-dir: the reports cannot be written to {directory} ({error.strerror}); "
            "expected a folder that can be created and written"
        ) from None


def _stale(directory: Path) -> Iterator[Path]:
    """The files of an earlier run, found by their names."""
    named = [directory / name for name in (VERDICT, SUMMARY, PAGE, REPORT, JUNIT, EVIDENCE)]
    named += [directory / ALLURE / name for name in _ALLURE_NAMED]
    yield from (path for path in named if path.is_file())
    for pattern in _ALLURE_FILES:
        yield from (directory / ALLURE).glob(pattern)
    yield from (directory / CHARTS).glob("*.svg")
