"""``junit.xml``: each check's identity as properties, the suite's outcomes as JUnit's, everything redacted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from fixtures.files import write_atomically
from fixtures.outcome import Status
from reports import directory
from reports.case import Case
from reports.labels import STATUS_WORDS

if TYPE_CHECKING:
    from reports.redaction.redactor import Redactor

PROPERTIES = ("check", "title", "criterion", "area", "status")

_OUTCOMES = frozenset(words.junit for words in STATUS_WORDS.values()) - {""}


def configure(config: pytest.Config, folder: Path) -> None:
    """Make pytest write junit.xml into the folder, unless ``--junitxml`` names another file."""
    if not getattr(config.option, "xmlpath", None):
        config.option.xmlpath = str(folder / directory.JUNIT)


def properties(case: Case) -> list[tuple[str, object]]:
    """The identity of a check, for the properties of its test's element."""
    return [(name, str(getattr(case, name))) for name in PROPERTIES]


def finish(config: pytest.Config, redactor: Redactor) -> None:
    """Correct the outcomes in the file that pytest has written, and redact it.

    A file that cannot be parsed is deleted, because it may contain secrets.
    """
    written = getattr(config.option, "xmlpath", None)
    if not written or not Path(written).is_file():
        return
    path = Path(written)
    try:
        tree = ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - pytest wrote it
        text = ElementTree.tostring(_redacted(_corrected(tree), redactor), encoding="unicode")
        write_atomically(path, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
    except (ElementTree.ParseError, OSError):
        path.unlink(missing_ok=True)


def _corrected(tree: ElementTree.Element) -> ElementTree.Element:
    """Set every case's outcome by its status; pytest reports every exception in setup as an error."""
    for suite in tree.iter("testsuite"):
        for case in suite.iter("testcase"):
            _correct(case)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(attribute, str(sum(1 for case in suite.iter("testcase") if case.find(tag) is not None)))
        suite.set("tests", str(sum(1 for _ in suite.iter("testcase"))))
    return tree


def _correct(case: ElementTree.Element) -> None:
    status = next((found.get("value") for found in case.iter("property") if found.get("name") == "status"), None)
    tag = STATUS_WORDS[Status(status)].junit if status else ""
    for outcome in (element for element in case if element.tag in _OUTCOMES and tag):
        outcome.tag = tag
        if tag == "skipped":
            outcome.set("type", str(status))
        else:
            outcome.set("message", (outcome.text or "").partition("\n\n")[0])


def _redacted(tree: ElementTree.Element, redactor: Redactor) -> ElementTree.Element:
    for element in tree.iter():
        constant = element.tag == "property" and element.get("name") in PROPERTIES
        for name, value in element.items():
            if not constant and not (element.tag == "testcase" and name in ("classname", "time")):
                element.set(name, redactor.data(value))
        if element.text:
            element.text = redactor.text(element.text)
    return tree
