"""The documentation pages of the checks: their addresses, and their section *Proves*."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from fixtures.keys import SETTINGS
from reports.ci.run import ci_run

_PROVES = re.compile(r"^## Proves\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def address(config: pytest.Config, page: str) -> str:
    """The address of a page for readers of a report; empty if neither the settings nor a CI system provide one.

    Args:
        config: pytest's configuration of the run.
        page: path of the page in the project.
    """
    run = ci_run()
    configured = config.stash[SETTINGS].reports.documentation if SETTINGS in config.stash else None
    base = configured or (run.files_url if run else "")
    return f"{base}/{page}" if base else ""


def proves(config: pytest.Config, page: str) -> str:
    """What a pass proves, copied from the page for readers without a link to it; empty if the page is missing."""
    try:
        text = (config.rootpath / page).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = _PROVES.search(text)
    return " ".join(found[1].split()) if found else ""


def relative_path(config: pytest.Config, page: str, folder: Path) -> str:
    """The path from a folder of reports to a page in the checkout; valid until one of them is moved."""
    return Path(os.path.relpath(config.rootpath / page, folder)).as_posix()
