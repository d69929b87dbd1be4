"""The words of every report for the outcomes and for the parts of a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from fixtures.advice import Help, Kind, of
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
RUN = "run"
LOOK = "look"
THEN = "then"
OR = "or"
WAITING = "not judged because of this"
REASON = "reason"
KNOWN_ISSUE = "known issue"


@dataclass(frozen=True)
class Part:
    """One part of a finding, with its label."""

    label: str
    text: str
    """A sentence; of commands one to a line."""
    command: bool = False
    """Whether the text is commands, which are shown as they are, never wrapped and never escaped."""


def of_advice(help_: Help, label: str) -> list[Part]:
    """Advice in its order: sentences, and commands that belong together as one part.

    Args:
        help_: the advice.
        label: the label of a sentence that comes first.
    """
    parts: list[Part] = []
    for step in of(help_).steps:
        if step.kind is Kind.SENTENCE:
            other, _, rest = step.text.partition(" ")
            if parts and other == OR:
                parts.append(Part(OR, rest))
            else:
                parts.append(Part(THEN if parts else label, step.text))
            continue
        word = LOOK if step.kind is Kind.LOOK else RUN
        name = f"{word}, as role {step.role}" if step.role else word
        if parts and parts[-1].command and parts[-1].label == name:
            parts[-1] = Part(name, f"{parts[-1].text}\n{step.command}", command=True)
        else:
            parts.append(Part(name, step.command, command=True))
    return parts


class Explained(Protocol):
    """A violation of one case, or a fault that several cases share."""

    @property
    def expected(self) -> str: ...  # noqa: D102  as in Violation
    @property
    def why(self) -> str: ...  # noqa: D102
    @property
    def advice(self) -> Help: ...  # noqa: D102


def of_fault(fault: Explained) -> list[Part]:
    """The parts below the first sentence of a violation; empty parts are left out."""
    parts = [Part(EXPECTED, fault.expected), Part(WHY, fault.why), *of_advice(fault.advice, WHAT_TO_DO)]
    return [part for part in parts if part.text]


def of_case(case: Case) -> Iterator[Part]:
    """Every part of a case."""
    yield from (part for part in _parts(case) if part.text)


def _parts(case: Case) -> Iterator[Part]:
    yield Part(EXPECTED, case.expectation)
    yield from (Part(FOUND, finding) for finding in case.findings)
    for violation in case.violations:
        yield Part(DOES_NOT_HOLD, violation.found)
        yield Part(EXPECTED_INSTEAD, violation.expected)
        yield Part(WHY, violation.why)
        yield from of_advice(violation.advice, WHAT_TO_DO)
    for doubt in case.doubts:
        yield Part(UNPROVEN, doubt.reason)
        yield from of_advice(doubt.proof, WOULD_PROVE)
    if case.status in (Status.ERROR, Status.NOT_APPLICABLE):
        yield Part(REASON, case.reason)
    yield from of_advice(case.advice, WHAT_TO_DO)
    yield Part(KNOWN_ISSUE, case.known_issue)
