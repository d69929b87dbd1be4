"""Writes a finished run's reports, each on its own: one that cannot be written does not keep back the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.files import write_atomically
from fixtures.keys import EVIDENCE
from reports import directory, pages, summary
from reports.allure import environment as allure_environment
from reports.charts import gallery
from reports.ci import github
from reports.ci.place import place as place_of_run
from reports.html import index
from reports.record import Record
from reports.verdict import RunResult


def write_reports(config: pytest.Config, record: Record, result: RunResult) -> list[str]:
    """Write verdict.json, summary.md, index.html and what Allure and GitHub get beside the tests' own results.

    Returns:
        A sentence for each report that could not be written.
    """
    folder = record.directory
    tasks: dict[str, Callable[[], None]] = {
        directory.VERDICT: lambda: write_verdict(folder / directory.VERDICT, result),
        "the charts": lambda: gallery.write(config, result, folder),
        directory.SUMMARY: lambda: write_atomically(folder / directory.SUMMARY, _summary(config, result, folder)),
        directory.PAGE: lambda: index.write(config, record, result),
        directory.ALLURE: lambda: allure_environment.write(config, record, result),
        "the summary of the GitHub step": lambda: github.append_step_summary(_of_step(config, result, folder)),
    }
    problems = []
    for name, write in tasks.items():
        try:
            write()
        except OSError as error:
            problems.append(f"{name} could not be written: {error.strerror}")
    return problems


def _summary(config: pytest.Config, result: RunResult, folder: Path) -> str:
    """The summary as it is read in the folder of the reports, beside charts and pages."""
    ways = summary.Ways((directory.PAGE, directory.PAGE), _pages(config, result), gallery.links(config, folder))
    return summary.markdown(result, ways, _release(config))


def _of_step(config: pytest.Config, result: RunResult, folder: Path) -> str:
    """The summary as it is read on the page of the run, which has no files beside it, but the run's artefacts."""
    place = place_of_run()
    url = place.artefacts_url if place else ""
    charts = gallery.links(config, folder, url) if url else ()
    ways = summary.Ways(("artefacts of the run", url), _pages(config, result), charts)
    return summary.markdown(result, ways, _release(config))


def _pages(config: pytest.Config, result: RunResult) -> dict[str, str]:
    return {check.page: pages.address(config, check.page) for check in result.checks}


def _release(config: pytest.Config) -> str:
    return (config.stash[EVIDENCE].settings.release or "") if EVIDENCE in config.stash else ""


def write_verdict(path: Path, result: RunResult) -> None:
    """Write ``verdict.json``, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_atomically(path, json.dumps(result.document(), ensure_ascii=False, indent=2) + "\n")
