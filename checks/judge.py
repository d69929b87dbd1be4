"""The judge of a check: collects expectations, findings, violations and tables, and decides one outcome.

A check fills its judge; when the test function returns, the plugin calls :meth:`Judge.decide`. All violations are
collected before one exception is raised, so that the report names all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from fixtures.advice import Help, in_turn
from fixtures.outcome import CheckFailed, Gap, Unproven, Violation

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Table:
    """A small table for the report; its columns are the keys of the first row."""

    title: str
    rows: tuple[Mapping[str, Cell], ...]
    total: int
    """Number of rows before the table was cut."""


@dataclass
class Judge:
    """Collects what a check expects and finds, and decides its outcome."""

    expectation: str = ""
    findings: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    doubts: list[Unproven] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    asked: int = 0
    """Number of requirements that were stated; a check without any proves nothing."""

    def expects(self, sentence: str) -> None:
        """State what must be true, in one sentence for the report."""
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
        advice: Help = "",
    ) -> bool:
        """Require a condition of the evidence; record a violation if it is false.

        Args:
            condition: whether the evidence meets the requirement.
            found: what was found, in figures and names. A function where the text takes work: it is called only
                if the condition is false.
            expected: what was expected instead.
            why: why it matters.
            advice: what to do next.

        Returns:
            ``condition``, so that a check can skip requirements that depend on it.
        """
        if condition:
            self.holds()
        else:
            self.fails(found() if callable(found) else found, expected=expected, why=why, advice=advice)
        return condition

    def fails(self, found: str, *, expected: str = "", why: str = "", advice: Help = "") -> None:
        """Record a violation; the arguments are those of :meth:`requires`."""
        self.asked += 1
        self.violations.append(Violation(_line(found), expected, why, advice))

    def holds(self) -> None:
        """Count a requirement that the evidence meets."""
        self.asked += 1

    def cannot_tell(self, reason: str, proof: Help = "", cause: str = "") -> None:
        """Record that a part of the check is unproven, and what would prove it; a violation still fails it.

        Args:
            reason: why it cannot be judged.
            proof: what would prove it.
            cause: id of the checklist item that names the cause; empty if this reason is the cause.
        """
        self.asked += 1
        self.doubts.append(Unproven(_line(reason), proof, cause))

    def lacks(self, gap: Gap) -> None:
        """Record that a piece of evidence is missing which a part of the check needs."""
        self.cannot_tell(gap.reason, gap.advice, gap.cause)

    def shows(self, title: str, rows: Sequence[Mapping[str, Cell]], limit: int = 20) -> None:
        """Attach a table of at most ``limit`` rows; the report shows how many there were."""
        self.tables.append(Table(title, tuple(rows[:limit]), len(rows)))

    def draws(self, name: str) -> None:
        """Request a chart of ``reports.charts.figures``; the report draws it from the same evidence."""
        self.charts.append(name)

    def decide(self) -> None:
        """Raise the check's outcome, or return if it passed.

        Raises:
            CheckFailed: a requirement is not met.
            Unproven: no requirement is violated, but a part could not be judged.
            RuntimeError: the check stated no requirement, so it cannot fail and proves nothing.
        """
        if self.violations:
            raise CheckFailed(*self.violations)
        if self.doubts:
            reasons = "; ".join(doubt.reason for doubt in self.doubts)
            causes = {doubt.cause for doubt in self.doubts}
            cause = causes.pop() if len(causes) == 1 else ""
            raise Unproven(reasons, in_turn(doubt.proof for doubt in self.doubts), cause)
        if not self.asked:
            raise RuntimeError("this check required nothing of its evidence, so it proves nothing")


def _line(sentence: str) -> str:
    """The sentence on one line: names from the deployment may contain line breaks."""
    return " ".join(sentence.splitlines())


JUDGE = pytest.StashKey[Judge]()


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """The judge of this check; the plugin calls its ``decide`` when the test function returns."""
    judge = Judge()
    request.node.stash[JUDGE] = judge
    return judge


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[Any]:
    """Call the judge's ``decide`` inside the call phase, so that its outcome is the test's outcome.

    A pluggy wrapper: it yields once, to run the test function.
    """
    result = yield
    if JUDGE in pyfuncitem.stash:
        pyfuncitem.stash[JUDGE].decide()
    return result
