"""The documentation pages of the checks, as reports refer to them: where they are, and what they say first."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fixtures.keys import SETTINGS
from reports.ci.place import place as place_of_run

_PROVES = re.compile(r"^## Proves\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def address(config: pytest.Config, page: str) -> str:
    """Where whoever gets a report can read a page; empty where neither the settings nor a CI system tells.

    Args:
        config: pytest's configuration of the run.
        page: path of the page in the project.
    """
    place = place_of_run()
    told = config.stash[SETTINGS].reports.documentation if SETTINGS in config.stash else None
    base = told or (place.files_url if place else "")
    return f"{base}/{page}" if base else ""


def proves(config: pytest.Config, page: str) -> str:
    """What a pass proves, as the page says it, for readers whom no link leads to it; empty without the page."""
    try:
        text = (config.rootpath / page).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = _PROVES.search(text)
    return " ".join(found[1].split()) if found else ""


def beside(config: pytest.Config, page: str, folder: Path) -> str:
    """The way to a page in the checkout from a folder of reports: good for as long as neither is moved."""
    return Path(os.path.relpath(config.rootpath / page, folder)).as_posix()
