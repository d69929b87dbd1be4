"""The index of the checks' pages, made from the checks themselves."""

from __future__ import annotations

from tests.docs.declared import declared
from tests.docs.pages import DOCS

FILE = DOCS / "checks" / "README.md"

HEAD = """\
# The checks

One page for each checklist item: what a pass proves, what it reads, when it fails, when it is unproven, what to
do, and its thresholds. `pytest --checks` lists the checks with the settings that they need, and which are set.

**Must**: a blocker; if it fails or the suite cannot look, the verdict is `no-go`. **Should** and **nice**: goals
of the first weeks; if one fails, the verdict is `concerns`. The areas are those of the checklist's scorecard.

| item | title | criterion | area | marker |
| --- | --- | --- | --- | --- |
"""

FOOT = """
This table is written by `tox run -e docs`.
"""


def render() -> str:
    """The whole page."""
    rows = [
        f"| [{check.label}]({check.check}.md) | {check.title} | {check.criterion} "
        f"| {check.area.replace('_', '/').replace('ci/cd', 'CI/CD')} | `{'`, `'.join(check.cadences)}` |\n"
        for check in declared()
    ]
    return HEAD + "".join(rows) + FOOT
