"""Draws the charts that checks request, each once per process, from the judged evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.keys import EVIDENCE
from reports.charts import figures
from reports.directory import CHARTS

if TYPE_CHECKING:
    from reports.verdict import RunResult


@dataclass
class Gallery:
    """The charts of a run, and why others are missing."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    """Name → SVG."""
    problems: dict[str, str] = field(default_factory=dict)
    """Name → why it could not be drawn."""


GALLERY = pytest.StashKey[Gallery]()


def gallery(config: pytest.Config, names: Iterable[str]) -> Gallery:
    """The gallery of this process, after drawing these charts; one that cannot be drawn is a problem in it."""
    found = config.stash.setdefault(GALLERY, Gallery())
    wanted = [name for name in names if name not in found.pictures and name not in found.problems]
    if not wanted or EVIDENCE not in config.stash:
        return found
    for name in wanted:
        try:
            found.pictures[name] = figures.draw(name, config.stash[EVIDENCE])
        except ImportError:
            found.problems[name] = f"charts need matplotlib: {figures.NEEDED}"
        except KeyError:
            found.problems[name] = f"the evidence has no data for the chart {name}"
        except Exception as error:  # noqa: BLE001 - no error in a chart may cost the verdict
            found.problems[name] = f"{name} could not be drawn: {type(error).__name__}"
    return found


def write(config: pytest.Config, result: RunResult, folder: Path) -> None:
    """Write the charts of a run's checks into the folder of its reports.

    Raises:
        OSError: a file cannot be written.
    """
    names = [name for check in result.checks for case in check.cases for name in case.charts]
    for name, picture in gallery(config, dict.fromkeys(names)).pictures.items():
        path = folder / CHARTS / f"{name}.svg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)


def links(config: pytest.Config, folder: Path, artefacts: str = "") -> list[str]:
    """Lines of Markdown for a summary: a link to each written chart, and why others are missing.

    Args:
        config: pytest's configuration of the run.
        folder: the folder of the reports.
        artefacts: address of the folder's artefact, for a summary that is read without the files; else empty.
    """
    found = config.stash.get(GALLERY, Gallery())
    written = [name for name in found.pictures if (folder / CHARTS / f"{name}.svg").exists()]
    files = {name: f"{CHARTS}/{name}.svg" for name in written}
    lines = [f"- [{figures.title(name)}]({file})" for name, file in files.items()]
    if artefacts:
        lines = [f"- [{figures.title(name)}]({artefacts}): `{file}`" for name, file in files.items()]
    return lines + [f"- {problem}" for problem in dict.fromkeys(found.problems.values())]
