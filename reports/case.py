"""One judged case of a check, as plain data; every report is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from checks.checklist import label_of
from checks.judge import Table
from fixtures.advice import Help
from fixtures.outcome import Status, Violation

WORST_FIRST = (Status.FAILED, Status.ERROR, Status.UNPROVEN, Status.PASSED, Status.NOT_APPLICABLE)
_PHASES = (Status.FAILED, Status.ERROR, Status.UNPROVEN, Status.NOT_APPLICABLE, Status.PASSED)
"""Worst first within one test: its setup and teardown pass, so not applicable outweighs passed."""


def worst(*statuses: Status) -> Status:
    """The worst of the statuses: failed, error, unproven, passed; not applicable if there is no other."""
    return min(statuses, key=WORST_FIRST.index)


def words_of(name: str) -> str:
    """The name of a test function as words: ``test_dlq_is_processing`` is "DLQ is processing"."""
    words = name.removeprefix("test_").split("_")
    return " ".join("DLQ" if word == "dlq" else word for word in words)


@dataclass(frozen=True)
class Doubt:
    """Something that could not be judged, and what would prove it."""

    reason: str
    proof: Help = ""
    cause: str = ""
    """Id of the checklist item that names the cause; empty if this reason is the cause."""


@dataclass(frozen=True)
class Case:
    """One case of a check: its identity, how it was judged, and why. All its prose is redacted."""

    check: str
    """Id of the checklist item: ``check-01``."""
    title: str
    criterion: str
    area: str
    page: str
    """Path of the item's page below the project's root."""
    id: str
    """The parameter's id, or the test's name if it has no parameters."""
    test: str
    """The test function's name."""
    node: str
    """pytest's node id."""
    cadences: tuple[str, ...] = ()
    """Markers that say when the check runs: immediate, daily, weekly, deploy, predeploy, rollback."""
    aspect: str = ""
    """What distinguishes it from the other cases of its check: the parameter's id, or the test's name in words if
    several tests prove the check."""
    status: Status = Status.PASSED
    reason: str = ""
    """Why it did not pass, in one line; empty if it passed."""
    advice: Help = ""
    """What to do about an error."""
    cause: str = ""
    """Id of the checklist item that names the cause of an error; empty if the reason is the cause."""
    expectation: str = ""
    findings: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[str, ...] = ()
    known_issue: str = ""
    """The reason of its ``xfail`` mark, if it has one and failed."""

    @property
    def label(self) -> str:
        """The item's label: ``Check 2``, ``Step 1.2``."""
        return label_of(self.check)

    @property
    def name(self) -> str:
        """The case's name: label and title of its checklist item, and its aspect."""
        return f"{self.label} · {self.title}" + (f" [{self.aspect}]" if self.aspect else "")

    def after(self, later: Case) -> Case:
        """Merge with the case of a later phase of the same test: the worse of the two."""
        if _PHASES.index(later.status) <= _PHASES.index(self.status):
            return later
        if later.status is Status.ERROR:
            return replace(self, reason=f"{self.reason}; then {later.reason}")
        return self

    def plain(self) -> dict[str, Any]:
        """The case as builtin types, which pytest-xdist can send."""
        import msgspec

        plain = msgspec.to_builtins(self)
        assert isinstance(plain, dict)
        return plain

    @staticmethod
    def of(plain: Mapping[str, Any]) -> Case:
        """The case from what :meth:`plain` returned."""
        import msgspec

        return msgspec.convert(plain, Case)
