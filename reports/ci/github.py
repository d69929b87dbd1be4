"""Output for GitHub Actions: the summary of the step, and an annotation for each of the worst checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fixtures.outcome import Status
from reports import findings, summary
from reports.verdict import CheckResult, RunResult, reasons

LIMIT = 10
"""Annotations of a step that GitHub shows; it drops the rest."""

_LONGEST = 1000


def append_step_summary(text: str) -> None:
    """Append to the summary of the step, up to GitHub's limit; nothing outside GitHub Actions.

    Raises:
        OSError: the file cannot be written.
    """
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    used = path.stat().st_size if path.exists() else 0
    if summary.LIMIT - used > len(summary.CUT.encode()):
        with path.open("a", encoding="utf-8") as file:
            file.write(summary.cut(text, summary.LIMIT - used))


def commands(result: RunResult) -> Iterator[str]:
    """Workflow commands for the worst checks, musts first; none outside GitHub Actions."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for check in findings.worst(result)[:LIMIT]:
        yield _command(check)


def _command(check: CheckResult) -> str:
    level = "warning" if check.status is Status.UNPROVEN else "error"
    title = f"{check.label} {check.status.value} ({check.criterion}): {check.title}"
    cases = [case for case in check.cases if case.status is check.status]
    return f"::{level} title={_escaped(title, ':,')}::{_escaped(reasons(cases)[:_LONGEST])}"


def _escaped(text: str, special: str = "") -> str:
    """Escape text for a workflow command; ``special`` are further characters that would end the value."""
    return "".join(f"%{ord(letter):02X}" if letter in f"%\r\n{special}" else letter for letter in text)
