"""``summary.md``: the verdict first, then the must-haves, what failed, what is unproven, and all checks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from reports import digest
from reports.outcome import Status
from reports.verdict import CheckResult, RunResult, reasons

LIMIT = 1_000_000
"""Bytes: GitHub takes no summary of a step above 1 MiB."""

CUT = "\n\n*The summary is cut here: it is longer than GitHub takes. The whole result is in verdict.json.*\n"

_MARKS = {
    Status.PASSED: "✅ passed",
    Status.FAILED: "❌ failed",
    Status.ERROR: "💥 error",
    Status.UNPROVEN: "❔ unproven",
    Status.NOT_APPLICABLE: "➖ not applicable",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


def markdown(result: RunResult, charts: Sequence[str] = ()) -> str:
    """The summary of a run, short enough for GitHub; ``charts`` are lines of Markdown that link to charts."""
    return cut("\n".join([*_lines(result), *_charts(charts)]) + "\n", LIMIT)


def cut(text: str, limit: int) -> str:
    """The text, or as many of its lines as fit into so many bytes with a note that it is cut."""
    if len(text.encode()) <= limit:
        return text
    room = max(limit - len(CUT.encode()), 0)
    begin = text.encode()[:room].decode(errors="ignore")
    return begin.rpartition("\n")[0] + CUT


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False)).replace("\n", "<br>")


def _lines(result: RunResult) -> Iterator[str]:
    yield f"# Verdict: {result.verdict.value}"
    yield ""
    yield f"{digest.WHY[result.verdict].capitalize()}."
    yield ""
    yield f"- target: {escape(result.target)}"
    yield f"- selection: {escape(result.selection)}"
    yield f"- {digest.headline(result)}"
    times = [moment.isoformat(timespec="seconds") for moment in (result.started_at, result.finished_at)]
    yield f"- from {times[0]} to {times[1]}"
    yield from _table("Must-haves", [check for check in result.judged if check.criterion == "must"])
    yield from _failed(result)
    yield from _causes("What could not be looked at", "What to do", digest.errors(result))
    yield from _causes("What is unproven", "What would prove it", digest.unproven(result))
    yield from _causes("What does not apply", "", digest.not_applicable(result))
    yield from _table("All checks", result.checks)


def _charts(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", "## Charts", "", *lines)


def _table(title: str, checks: Iterable[CheckResult]) -> Iterator[str]:
    rows = [
        f"| {escape(check.label)} · {escape(check.title)} | {check.criterion} | {_MARKS[check.status]} "
        f"| {_passed(check)} | {escape(_shortened(reasons(check.cases)))} |"
        for check in checks
    ]
    if rows:
        yield from ("", f"## {title}", "", "| check | criterion | status | cases passed | reason |")
        yield from ("| --- | --- | --- | --- | --- |", *rows)


def _passed(check: CheckResult) -> str:
    passed = sum(case.status is Status.PASSED for case in check.applicable)
    return f"{passed} of {len(check.applicable)}"


def _shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[:limit]} …"


def _failed(result: RunResult) -> Iterator[str]:
    failed = result.with_status(Status.FAILED)
    if failed:
        yield from ("", "## What failed")
    for check in failed:
        yield from ("", f"### {escape(check.label)} · {escape(check.title)} ({check.criterion})", "")
        for reason in dict.fromkeys(case.known_issue for case in check.cases if case.known_issue):
            yield f"- known issue: {escape(reason)}"
        for fault in digest.faults(check):
            yield f"- **{escape(digest.some(fault.cases))}**: {escape(fault.found)}"
            labelled = ("expected", fault.expected), ("why it matters", fault.why), ("what to do", fault.advice)
            yield from (f"  - {label}: {escape(text)}" for label, text in labelled if text)


def _causes(title: str, helps: str, causes: Iterable[digest.Cause]) -> Iterator[str]:
    for number, cause in enumerate(causes):
        if number == 0:
            yield from ("", f"## {title}", "")
        yield f"- {escape(', '.join(cause.checks))}: {escape(cause.reason)}"
        if cause.help:
            yield f"  - {helps.lower()}: {escape(cause.help)}"
