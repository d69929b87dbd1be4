"""What a check says of its evidence: expectations, findings, tables, and in the end one outcome.

A check fills its judge; when the test function returns, the plugin asks the judge to decide. All violations
are collected before anything is raised, so that one report names everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from fixtures.outcome import CheckFailed, Unproven, Violation

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """A small table of evidence: column names taken from the first row, every row a mapping."""

    title: str
    rows: tuple[Mapping[str, Cell], ...]
    total: int
    """Rows that there were; larger than ``len(rows)`` where the table was cut."""


@dataclass
class Judge:
    """Collects what a check expects and finds, and decides."""

    expectation: str = ""
    findings: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    doubts: list[Unproven] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    asked: int = 0
    """How many requirements were stated; a check that states none proves nothing."""

    def expects(self, sentence: str) -> None:
        """State what must be true, as one sentence for the report."""
        self.expectation = sentence

    def finds(self, sentence: str) -> None:
        """State what was found, passing or not: figures and names, for the report."""
        self.findings.append(_line(sentence))

    def requires(
        self,
        condition: bool,
        found: str | Callable[[], str],
        *,
        expected: str = "",
        why: str = "",
        advice: str = "",
    ) -> bool:
        """Require something of the evidence; where it does not hold, remember the violation.

        Args:
            condition: whether the evidence shows it.
            found: what a person reads when it does not hold: what was found, in figures and names. A function
                where the text takes work: it is called only then.
            expected: what was expected instead.
            why: why it matters.
            advice: what to do next, with its exact command.

        Returns:
            ``condition``, so that dependent requirements can be left out.
        """
        if condition:
            self.holds()
        else:
            self.fails(found() if callable(found) else found, expected=expected, why=why, advice=advice)
        return condition

    def fails(self, found: str, *, expected: str = "", why: str = "", advice: str = "") -> None:
        """Remember a violation; the arguments are those of :meth:`requires`."""
        self.asked += 1
        self.violations.append(Violation(_line(found), expected, why, advice))

    def holds(self) -> None:
        """Count a requirement that the evidence meets."""
        self.asked += 1

    def cannot_tell(self, reason: str, proof: str = "") -> None:
        """Say that a part of the check is unproven, and what would prove it; violations outweigh it."""
        self.asked += 1
        self.doubts.append(Unproven(_line(reason), proof))

    def shows(self, title: str, rows: Sequence[Mapping[str, Cell]], limit: int = 20) -> None:
        """Attach evidence as a small table of at most ``limit`` rows; the cut is visible in the report."""
        self.tables.append(Table(title, tuple(rows[:limit]), len(rows)))

    def draws(self, name: str) -> None:
        """Ask for a chart of ``reports.charts.figures``, which the report draws from the same evidence."""
        self.charts.append(name)

    def decide(self) -> None:
        """Turn what was collected into the check's outcome.

        Raises:
            CheckFailed: something required does not hold.
            Unproven: nothing is violated, but a part could not be judged.
            RuntimeError: the check required nothing, so it cannot fail and proves nothing.
        """
        if self.violations:
            raise CheckFailed(*self.violations)
        if self.doubts:
            reasons = "; ".join(doubt.reason for doubt in self.doubts)
            proofs = "; ".join(dict.fromkeys(doubt.proof for doubt in self.doubts if doubt.proof))
            raise Unproven(reasons, proofs)
        if not self.asked:
            raise RuntimeError("this check required nothing of its evidence, so it proves nothing")


def _line(sentence: str) -> str:
    """One line, whatever line breaks stand in the names that a deployment gives its things."""
    return " ".join(sentence.splitlines())


JUDGE = pytest.StashKey[Judge]()


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Where a check states what it expects, requires and finds; decides when the test function returns."""
    judge = Judge()
    request.node.stash[JUDGE] = judge
    return judge


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[Any]:
    """Let a check's judge decide inside the call phase, so that the outcome is the test's own.

    A generator in pluggy's sense: yields once, to run the test function.
    """
    result = yield
    if JUDGE in pyfuncitem.stash:
        pyfuncitem.stash[JUDGE].decide()
    return result
