"""Writes a finished run's reports; if one of them cannot be written, the others still are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.files import write_atomically
from fixtures.keys import EVIDENCE
from reports import directory, pages, summary
from reports.allure import environment
from reports.charts import gallery
from reports.ci import github
from reports.ci.run import ci_run
from reports.html import index
from reports.record import Record
from reports.verdict import RunResult


def write_reports(config: pytest.Config, record: Record, result: RunResult) -> list[str]:
    """Write verdict.json, summary.md, index.html, charts, Allure's description of the run and GitHub's summary.

    Returns:
        One sentence for each report that could not be written.
    """
    folder = record.directory
    tasks: dict[str, Callable[[], None]] = {
        directory.VERDICT: lambda: write_verdict(folder / directory.VERDICT, result),
        "the charts": lambda: gallery.write(config, result, folder),
        directory.SUMMARY: lambda: write_atomically(folder / directory.SUMMARY, _summary(config, result, folder)),
        directory.PAGE: lambda: index.write(config, record, result),
        directory.ALLURE: lambda: environment.write(config, record, result),
        "the summary of the GitHub step": lambda: github.append_step_summary(
            _step_summary(config, result, folder)
        ),
    }
    problems = []
    for name, write in tasks.items():
        try:
            write()
        except OSError as error:
            problems.append(f"{name} could not be written: {error.strerror}")
    return problems


def _summary(config: pytest.Config, result: RunResult, folder: Path) -> str:
    """The summary for the folder of the reports, with links to the files beside it."""
    links = summary.Links((directory.PAGE, directory.PAGE), _pages(config, result), gallery.links(config, folder))
    return summary.markdown(result, links, _release(config))


def _step_summary(config: pytest.Config, result: RunResult, folder: Path) -> str:
    """The summary for GitHub's page of the run, with links to the run's artefacts instead of files."""
    run = ci_run()
    url = run.artefacts_url if run else ""
    charts = gallery.links(config, folder, url) if url else ()
    links = summary.Links(("artefacts of the run", url), _pages(config, result), charts)
    return summary.markdown(result, links, _release(config))


def _pages(config: pytest.Config, result: RunResult) -> dict[str, str]:
    return {check.page: pages.address(config, check.page) for check in result.checks}


def _release(config: pytest.Config) -> str:
    return (config.stash[EVIDENCE].settings.release or "") if EVIDENCE in config.stash else ""


def write_verdict(path: Path, result: RunResult) -> None:
    """Write ``verdict.json``, completely or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_atomically(path, json.dumps(result.document(), ensure_ascii=False, indent=2) + "\n")
