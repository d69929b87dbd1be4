"""Configuration of Allure's generator: name, grouping, categories, charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reports.allure.text import CATEGORIES

CHARTS = (
    {"type": "statusDynamics", "title": "Cases by outcome, run by run", "limit": 15},
    {
        "type": "testResultSeverities",
        "title": "Cases by weight (blocker: must, normal: should, minor: nice)",
        "levels": ["blocker", "normal", "minor"],
        "statuses": ["passed", "failed", "broken", "skipped"],
        "includeUnset": False,
    },
)
"""Without durations, because a check only judges evidence and takes milliseconds; without the share of passed
cases, which is high with any verdict."""


def allurerc(name: str, output: Path, history: Path) -> dict[str, Any]:
    """The content of ``allurerc.json``.

    Args:
        name: the heading of the report.
        output: the folder that Allure writes its page into.
        history: the file with the earlier runs, which Allure appends this run to.
    """
    options = {
        "singleFile": True,
        "reportLanguage": "en",
        "groupBy": ["epic", "feature", "story"],
        "sections": ["charts"],
        "charts": list(CHARTS),
    }
    return {
        "name": name,
        "output": str(output),
        "historyPath": str(history),
        "plugins": {"awesome": {"options": options}},
        "categories": {"rules": CATEGORIES},
    }
