"""The project's documentation as its tests read it: pages, headings, blocks of code."""

from __future__ import annotations

import re
from pathlib import Path

from tests.running import ROOT

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)\n\1```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    """The text of a page of ``docs``."""
    return (DOCS / name).read_text(encoding="utf-8")


def snippet(name: str, file: str) -> str:
    """The block of code that a page shows as the content of a file."""
    found = [content for _, _, label, content in BLOCK.findall(page(name)) if label == file]
    assert len(found) == 1, f"{name} shows {file} {len(found)} times"
    return found[0] + "\n"


def pages() -> list[Path]:
    """Every page, with the README."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
