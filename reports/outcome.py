"""The four outcomes of a check, and the exceptions that carry them.

A violated check is an ``AssertionError``; what could not be judged for want of evidence is a skip with a
reason (unproven); a check that does not apply is a skip of its own kind; everything else is an error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NoReturn

from _pytest.outcomes import Skipped


class Status(enum.StrEnum):
    """Outcome of a check or of one of its cases, as ``verdict.json`` spells it."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Violation:
    """One thing that the evidence shows not to hold, as a person has to read it."""

    found: str
    """What was found, in figures and names."""
    expected: str = ""
    """What was expected instead."""
    why: str = ""
    """Why it matters."""
    advice: str = ""
    """What to do next, with its exact command."""


class CheckFailed(AssertionError):
    """The evidence shows that a check does not hold; carries every violation found."""

    def __init__(self, *violations: Violation) -> None:
        self.violations = violations
        super().__init__("; ".join(violation.found for violation in violations))


class Unproven(Skipped):
    """There is no evidence either way: no traffic, a source not configured, no permission."""

    def __init__(self, reason: str, proof: str = "") -> None:
        self.reason = reason
        self.proof = proof
        """What would prove it: the grant, the variable, the option or the wait that is missing."""
        super().__init__(msg=f"{reason} ({proof})" if proof else reason)


class NotApplicable(Skipped):
    """The check has nothing to apply to in this deployment, such as partitions where none are enabled."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(msg=reason)


class CouldNotLook(Exception):
    """The suite could not look: no connection, a timeout, an unreadable file. Neither passed nor failed."""

    def __init__(self, reason: str, advice: str = "") -> None:
        self.reason = reason
        self.advice = advice
        super().__init__(reason)


@dataclass(frozen=True)
class Gap:
    """Why a piece of evidence is missing, kept in place of the evidence so that a replay says the same."""

    status: Status
    """What a check that needs the piece becomes: failed, unproven or error."""
    reason: str
    advice: str = ""
    """What to do, or what would prove it."""

    def raise_as_outcome(self) -> NoReturn:
        """Raise the exception that gives a check this gap's status.

        Raises:
            CheckFailed, Unproven or CouldNotLook, by status.
        """
        if self.status is Status.FAILED:
            raise CheckFailed(Violation(found=self.reason, advice=self.advice))
        if self.status is Status.UNPROVEN:
            raise Unproven(self.reason, self.advice)
        raise CouldNotLook(self.reason, self.advice)
