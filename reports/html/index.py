"""Collects what ``index.html`` shows of a finished run, and writes the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.files import write_atomically
from reports import directory, pages
from reports.allure.environment import facts_of
from reports.charts import figures
from reports.charts.gallery import gallery
from reports.html.cases import References
from reports.html.page import document

if TYPE_CHECKING:
    from reports.record import Record
    from reports.verdict import RunResult


def write(config: pytest.Config, record: Record, result: RunResult) -> None:
    """Write the page of a finished run.

    Raises:
        OSError: the file cannot be written.
    """
    facts = facts_of(config, record, result)
    page = document(result, facts, references(config, result))
    write_atomically(Path(record.directory) / directory.PAGE, page)


def references(config: pytest.Config, result: RunResult) -> References:
    """The charts and documentation pages to which the run's cases refer."""
    names = dict.fromkeys(name for check in result.checks for case in check.cases for name in case.charts)
    pictures = gallery(config, names).pictures if names else {}
    return References(
        {name: (figures.title(name), svg) for name, svg in pictures.items()},
        {check.page: pages.address(config, check.page) for check in result.checks},
        {check.page: pages.proves(config, check.page) for check in result.checks},
    )
