"""The words of every report for the outcomes and for the parts of a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from fixtures.advice import Help
from fixtures.outcome import Status
from reports.case import Case


@dataclass(frozen=True)
class StatusWords:
    """One outcome in the words of each report."""

    word: str
    letter: str
    """On pytest's progress line."""
    colour: str
    """Of the terminal."""
    sign: str
    """In the summary."""
    allure: str
    junit: str = ""
    """Element of junit.xml; empty for a passed test, which has none."""

    @property
    def with_sign(self) -> str:
        """Sign and word."""
        return f"{self.sign} {self.word}"


STATUS_WORDS = {
    Status.PASSED: StatusWords("passed", ".", "green", "✅", "passed"),
    Status.FAILED: StatusWords("failed", "F", "red", "❌", "failed", "failure"),
    Status.ERROR: StatusWords("error", "E", "red", "💥", "broken", "error"),
    Status.UNPROVEN: StatusWords("unproven", "U", "yellow", "❔", "skipped", "skipped"),
    Status.NOT_APPLICABLE: StatusWords("not applicable", "n", "yellow", "➖", "skipped", "skipped"),
}

EXPECTED = "expected"
FOUND = "found"
DOES_NOT_HOLD = "does not hold"
EXPECTED_INSTEAD = "expected instead"
WHY = "why it matters"
WHAT_TO_DO = "what to do"
UNPROVEN = "unproven"
WOULD_PROVE = "what would prove it"
REASON = "reason"
KNOWN_ISSUE = "known issue"


class Explained(Protocol):
    """A violation of one case, or a fault that several cases share."""

    @property
    def expected(self) -> str: ...  # noqa: D102  as in Violation
    @property
    def why(self) -> str: ...  # noqa: D102
    @property
    def advice(self) -> Help: ...  # noqa: D102


def of_fault(fault: Explained) -> list[tuple[str, str]]:
    """The parts below the first sentence of a violation, each with its label; empty parts are left out."""
    parts = ((EXPECTED, fault.expected), (WHY, fault.why), (WHAT_TO_DO, str(fault.advice)))
    return [(label, text) for label, text in parts if text]


def of_case(case: Case) -> Iterator[tuple[str, str]]:
    """Every sentence of a case, with its label."""
    yield from ((label, text) for label, text in _parts(case) if text)


def _parts(case: Case) -> Iterator[tuple[str, str]]:
    yield EXPECTED, case.expectation
    yield from ((FOUND, finding) for finding in case.findings)
    for violation in case.violations:
        yield DOES_NOT_HOLD, violation.found
        yield EXPECTED_INSTEAD, violation.expected
        yield WHY, violation.why
        yield WHAT_TO_DO, str(violation.advice)
    for doubt in case.doubts:
        yield UNPROVEN, doubt.reason
        yield WOULD_PROVE, str(doubt.proof)
    if case.status in (Status.ERROR, Status.NOT_APPLICABLE):
        yield REASON, case.reason
    yield WHAT_TO_DO, str(case.advice)
    yield KNOWN_ISSUE, case.known_issue
