"""The index of the checks' pages, made from the checks themselves."""

from __future__ import annotations

from tests.docs.declared import declared
from tests.docs.pages import DOCS

FILE = DOCS / "checks" / "README.md"

HEAD = """\
# The checks

One page for each item of the checklist that the suite proves: what a pass proves, what is read for it, when it
fails, when it is unproven, what to do, and its thresholds. `pytest --checks` lists them with what they need, and
what of that is set.

**Must**: a blocker; failed or not to be looked at, the verdict is `no-go`. **Should** and **nice** are goals of
the first weeks; failed, the verdict is `concerns`. The area is that of the checklist's readiness scorecard.

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

