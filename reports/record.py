"""What a run has recorded so far: which cases were selected, and how each was judged."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from checks.checklist import item_of
from fixtures.outcome import Status
from reports.case import Case
from reports.case_builder import unjudged
from reports.redaction.redactor import Redactor

NEVER_RAN = "was selected but did not finish: the run stopped early, or the process that ran it died"


@dataclass
class Record:
    """The selected and judged cases of a run, with what its reports need."""

    directory: Path
    """The folder of the reports."""
    redactor: Redactor
    root: Path
    """The project's root, to which node ids are relative."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    selected: dict[str, None] = field(default_factory=dict)
    """Node ids of the selected tests, in order."""
    cases: dict[str, Case] = field(default_factory=dict)
    """The judged cases, by node id."""
    finished: set[str] = field(default_factory=set)
    """Node ids of the tests whose teardown has been reported."""
    deaths: dict[str, str] = field(default_factory=dict)
    """What pytest-xdist reports about tests whose process died, by node id."""
    collection_failed: bool = False
    """Whether a file could not be collected, so that it is unknown which checks are missing."""

    def add(self, report: pytest.TestReport) -> None:
        """Record the report of one phase of a test."""
        plain = getattr(report, "judgement", None)
        if plain is not None:
            self.cases[report.nodeid] = Case.of(plain)
        elif report.failed and report.when not in ("setup", "call", "teardown"):
            self.deaths[report.nodeid] = self.redactor.text(str(report.longrepr))
        if report.when == "teardown":
            self.finished.add(report.nodeid)

    def judged(self) -> Iterator[Case]:
        """Every selected case; one that did not finish is an error."""
        for node in self.selected:
            case = self.cases.get(node)
            if case is not None and node in self.finished:
                yield case
            elif case is not None or (case := self._never_reported(node)) is not None:
                reason = self.deaths.get(node, NEVER_RAN)
                yield replace(case, status=Status.ERROR, reason=reason)

    def is_check(self, node: str) -> bool:
        """Whether this node id is a check that the reports show."""
        return node in self.cases or (node in self.deaths and node in self.selected)

    def _never_reported(self, node: str) -> Case | None:
        """The case of a node id without any report, built from the declaration above its test."""
        path, _, rest = node.partition("::")
        test, _, parameter = rest.partition("[")
        module = _module(self.root / path)
        declared = item_of(getattr(module, test, None))
        if declared is None:
            return None
        case: str = self.redactor.data(parameter.removesuffix("]") or test)
        return unjudged(declared, case, test, self.redactor.data(node), list(_marks(module, test)))


def _marks(module: ModuleType, test: str) -> Iterator[str]:
    for owner in (getattr(module, test), module):
        marks = getattr(owner, "pytestmark", [])
        yield from (mark.name for mark in (marks if isinstance(marks, list) else [marks]))


def _module(path: Path) -> ModuleType:
    """The test module at this path; under pytest-xdist the controlling process has not imported it."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path):
            return module
    spec = importlib.util.spec_from_file_location(f"_reported_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
