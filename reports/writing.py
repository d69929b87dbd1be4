"""Writes a finished run's reports, each on its own: one that cannot be written does not keep back the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import directory
from reports.files import write_atomically
from reports.record import Record
from reports.verdict import RunResult


def write_reports(config: pytest.Config, record: Record, result: RunResult) -> list[str]:
    """Write verdict.json, summary.md, index.html and what Allure and GitHub get beside the tests' own results.

    Returns:
        A sentence for each report that could not be written.
    """
    from reports import allure_environment, charting, github, summary
    from reports.html import index

    folder = record.directory
    tasks: dict[str, Callable[[], None]] = {
        directory.VERDICT: lambda: write_verdict(folder / directory.VERDICT, result),
        "the charts": lambda: charting.write(config, result, folder),
        directory.SUMMARY: lambda: write_atomically(
            folder / directory.SUMMARY, summary.markdown(result, charting.links(config, folder))
        ),
        directory.PAGE: lambda: index.write(config, record, result),
        directory.ALLURE: lambda: allure_environment.write(config, record, result),
        "the summary of the GitHub step": lambda: github.append_step_summary(_for_step(config, result, folder)),
    }
    problems = []
    for name, write in tasks.items():
        try:
            write()
        except OSError as error:
            problems.append(f"{name} could not be written: {error.strerror}")
    return problems


def _for_step(config: pytest.Config, result: RunResult, folder: Path) -> str:
    """The summary as it is read on the page of the run, which has no files beside it, but the run's artefacts."""
    from reports import charting, ci, summary

    place = ci.place()
    return summary.markdown(result, charting.links(config, folder, place.artefacts_url) if place else ())


def write_verdict(path: Path, result: RunResult) -> None:
    """Write ``verdict.json``, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    write_atomically(path, json.dumps(result.document(), ensure_ascii=False, indent=2) + "\n")
