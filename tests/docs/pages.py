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


def with_snippet(text: str, label: str, content: str) -> str:
    """Return a page's text with another content in the block of that label."""
    return BLOCK.sub(lambda found: _block(found, content) if found[3] == label else found[0], text)


def _block(found: re.Match[str], content: str) -> str:
    return f"{found[1]}```{found[2]} {found[3]}\n{content.rstrip()}\n{found[1]}```"


def pages() -> list[Path]:
    """Every page, with the README."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
