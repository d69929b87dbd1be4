"""What the documentation refers to exists: pages, headings, files, options, variables."""

from __future__ import annotations

import re

import pytest

from fixtures.settings.environment import VARIABLES
from tests.docs.pages import BLOCK, pages
from tests.running import ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s]*)\)")
CODE = re.compile(r"`[^`\n]+`")


def prose(path):
    """A page without its blocks of code."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    """To a file of the project, and to a heading in it."""
    for link in LINK.findall(CODE.sub("", prose(path))):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_are_the_suites(path):
    """A variable that is misspelt in the documentation costs its reader an evening."""
    known = {variable.name for variable in VARIABLES}
    allowed = {"EASYMO_TEST_KINDS", "EASYMO_DATABSE_URL"}
    named = set(re.findall(r"\bEASYMO_[A-Z_]+\b", path.read_text(encoding="utf-8")))
    assert named - known - allowed == set()


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path):
    """Paths below the project's folders, in prose."""
    named = re.findall(r"`((?:checks|fixtures|tests|docs|\.ci|\.github)/[\w./-]+\w)`", prose(path))
    optional = {".ci/fetch-log"}
    assert [name for name in named if name not in optional and not (ROOT / name).exists()] == []
