"""``summary.md``: the verdict first, then the must-haves, what failed, what is unproven, and all checks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from fixtures.outcome import Status
from reports import findings, labels, missing_rights
from reports.labels import STATUS_WORDS
from reports.verdict import CheckResult, RunResult, reasons

LIMIT = 1_000_000
"""Bytes. GitHub accepts at most 1 MiB for the summary of a step."""

CUT = "\n\n*The summary is cut here: it is longer than GitHub accepts. The whole result is in verdict.json.*\n"

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


@dataclass(frozen=True)
class Links:
    """The links of a summary; their addresses depend on where it is read."""

    report: tuple[str, str] = ("", "")
    """Text and address of the link to the whole report; both empty without a link."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """Path of a check's page in the project → its address; empty without one."""
    charts: Sequence[str] = ()
    """Lines of Markdown that link to charts."""


def markdown(result: RunResult, links: Links = Links(), release: str = "") -> str:
    """The summary of a run, cut to GitHub's limit."""
    return cut("\n".join([*_lines(result, links, release), *_charts(links.charts)]) + "\n", LIMIT)


def cut(text: str, limit: int) -> str:
    """The text; if it is longer than ``limit`` bytes, its first lines and a note that it is cut."""
    if len(text.encode()) <= limit:
        return text
    room = max(limit - len(CUT.encode()), 0)
    begin = text.encode()[:room].decode(errors="ignore")
    return begin.rpartition("\n")[0] + CUT


def escape(text: str) -> str:
    """Escape text for one line of Markdown."""
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False)).replace("\n", "<br>")


def _lines(result: RunResult, links: Links, release: str) -> Iterator[str]:
    yield f"# Verdict: {result.verdict.value}"
    yield ""
    yield f"{findings.WHY[result.verdict].capitalize()}."
    yield ""
    yield f"- target: {escape(result.target)}" + (f", release {escape(release)}" if release else "")
    yield f"- selection: {escape(result.selection)}"
    yield f"- {findings.headline(result)}"
    times = [moment.isoformat(timespec="seconds") for moment in (result.started_at, result.finished_at)]
    yield f"- from {times[0]} to {times[1]}"
    if all(links.report):
        yield f"- the whole report: [{links.report[0]}]({links.report[1]})"
    musts = [check for check in result.judged if check.criterion == "must"]
    yield from _table("Must-haves", musts)
    waiting = findings.waiting(result)
    yield from _failed(result, links.pages, waiting)
    yield from _causes("What could not be looked at", labels.WHAT_TO_DO, findings.errors(result), waiting)
    yield from _causes("What is unproven", labels.WOULD_PROVE, findings.unproven(result), waiting)
    yield from _rights(missing_rights.as_sql(result))
    yield from _causes("What does not apply", "", findings.not_applicable(result), {})
    yield from _table("Other checks" if musts else "Checks", [c for c in result.checks if c not in musts])


def _rights(sql: str) -> Iterator[str]:
    """The missing rights as one block to copy; a fence is longer than any in the block."""
    if sql:
        yield from ("", f"## {missing_rights.TITLE}", "", escape(missing_rights.NOTE), "", *_fenced(sql))


def _fenced(commands: str) -> list[str]:
    """Commands as a block to copy; its fence is longer than any in the block."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", commands)), default=0))
    return [f"{fence}{'sql' if ';' in commands else 'sh'}", *commands.splitlines(), fence]


def _labelled(parts: Iterable[labels.Part], indent: str = "  ") -> Iterator[str]:
    """A list of labelled parts; commands are blocks that are not escaped."""
    for part in parts:
        if part.command:
            yield f"{indent}- {part.label}:"
            yield ""
            yield from (f"{indent}  {line}" for line in _fenced(part.text))
            yield ""
        else:
            yield f"{indent}- {part.label}: {escape(part.text)}"


def _charts(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", "## Charts", "", *lines)


def _table(title: str, checks: Iterable[CheckResult]) -> Iterator[str]:
    rows = [
        f"| {escape(check.label)} · {escape(check.title)} | {check.criterion} "
        f"| {STATUS_WORDS[check.status].with_sign} | {_passed(check)} "
        f"| {escape(_shortened(reasons(check.cases)))} |"
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


def _failed(result: RunResult, pages: Mapping[str, str], waiting: dict[str, str]) -> Iterator[str]:
    failed = findings.failed(result)
    if failed:
        yield from ("", "## What failed")
    for check in failed:
        yield from ("", f"### {escape(check.label)} · {escape(check.title)} ({check.criterion})", "")
        for reason in dict.fromkeys(case.known_issue for case in check.cases if case.known_issue):
            yield f"- known issue: {escape(reason)}"
        for group in findings.alike(findings.faults(check)):
            for fault in group:
                where = findings.where(check, fault)
                yield f"- **{escape(where)}**: {escape(fault.found)}" if where else f"- {escape(fault.found)}"
            if len(group) > 1:
                yield f"- each of these {len(group)}:"
            yield from _labelled(labels.of_fault(group[0]))
        yield from _waiting([findings.name(check)], waiting)
        if address := pages.get(check.page):
            yield from ("", f"[What this check proves, and how]({address})")


def _waiting(checks: Iterable[str], waiting: dict[str, str]) -> Iterator[str]:
    """What waits for these checks, which is taken out, so that it is told once."""
    yield from (f"  - {labels.WAITING}: {escape(waiting.pop(check))}" for check in checks if check in waiting)


def _causes(
    title: str, help_label: str, causes: Iterable[findings.Cause], waiting: dict[str, str]
) -> Iterator[str]:
    """Why checks could not be judged; what helps against several reasons of the same checks is written once."""
    groups = groupby(causes, lambda cause: (cause.checks, cause.help))
    for number, ((checks, help_), group) in enumerate(groups):
        if number == 0:
            yield from ("", f"## {title}", "")
        shown = "<br>".join(escape(cause.reason) for cause in group)
        yield f"- {escape(', '.join(checks))}: {shown}"
        yield from _labelled(labels.of_advice(help_, help_label))
        yield from _waiting(checks, waiting)
