"""The verdict of a run as a short message for Slack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from fixtures.outcome import Status
from reports import findings
from reports.ci.run import run_url
from reports.verdict import CheckResult, RunResult, Verdict, reasons

SIGNS = {Verdict.GO: "✅", Verdict.CONCERNS: "⚠️", Verdict.UNPROVEN: "❔", Verdict.NO_GO: "⛔"}
SHOWN = 5
"""Checks that a message names; the report has the others."""

PATTERNS = "check-15"
"""The check whose findings begin the weekly report."""
REPORT_LINES = 4
"""Sentences of the weekly report: the week in figures, and the three patterns with most entries."""
WORST_LINES = 2
"""Checks that a weekly message names."""

LONGEST_HEADER = 150
LONGEST_TITLE = 100
LONGEST_SENTENCE = 240
"""Characters. Slack accepts 150 in a header and 3000 in a section; escaping may turn one into five."""


def message(result: RunResult, *, replayed: bool = False) -> dict[str, Any]:
    """The message of a run: the verdict, the worst checks with what to do, and a link to the run."""
    title = _cut(
        f"{SIGNS[result.verdict]} {result.verdict.value} · {result.target} · {result.selection}", LONGEST_HEADER
    )
    why = f"{findings.WHY[result.verdict].capitalize()}. {findings.headline(result)}."
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        _section(f"*{escape(why)}*"),
        *(_weekly(result) or _worst(result)),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _where(result, replayed)}]},
    ]
    return {"text": escape(f"{title}: {why}"), "blocks": blocks}


def escape(text: str) -> str:
    """Escape text for Slack, so that it mentions nobody and links nothing."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _weekly(result: RunResult) -> list[dict[str, Any]]:
    """The weekly report on the dead-letter queue, so that the whole message has ten lines at most."""
    patterns = [case for check in result.checks if check.check == PATTERNS for case in check.cases]
    found = [sentence for case in patterns for sentence in case.findings][:REPORT_LINES]
    if not found:
        return []
    worst = findings.worst(result)
    names = [f"{check.label} · {check.title} ({check.criterion}): {check.status.value}" for check in worst]
    lines = [f"*Dead-letter queue:* {escape(_cut(found[0], LONGEST_SENTENCE))}"]
    lines += [f"• {escape(_cut(sentence, LONGEST_SENTENCE))}" for sentence in found[1:]]
    lines += [escape(_cut(name, LONGEST_TITLE)) for name in names[:WORST_LINES]]
    if len(names) > WORST_LINES:
        lines.append(f"and {len(names) - WORST_LINES} more in the report")
    return [_section("\n".join(lines))]


def _worst(result: RunResult) -> Iterator[dict[str, Any]]:
    worst = findings.worst(result)
    yield from (_section(_check(check)) for check in worst[:SHOWN])
    if len(worst) > SHOWN:
        yield _section(f"and {len(worst) - SHOWN} more in the report")


def _check(check: CheckResult) -> str:
    cases = [case for case in check.cases if case.status is check.status]
    name = _cut(f"{check.label} · {check.title}", LONGEST_TITLE)
    lines = [f"*{escape(name)}* ({check.criterion}): {check.status.value}"]
    lines.append(escape(_cut(reasons(cases), LONGEST_SENTENCE)))
    if advice := _advice(check):
        lines.append(f"_What to do:_ {escape(_cut(advice, LONGEST_SENTENCE))}")
    return "\n".join(lines)


def _advice(check: CheckResult) -> str:
    """The first thing to do about a check."""
    if check.status is Status.FAILED:
        return next((str(fault.advice) for fault in findings.faults(check) if fault.advice), "")
    cases = [case for case in check.cases if case.status is check.status]
    proofs = (doubt.proof for case in cases for doubt in case.doubts)
    return next((str(help_) for help_ in (*(case.advice for case in cases), *proofs) if help_), "")


def _where(result: RunResult, replayed: bool) -> str:
    moment = f"{result.finished_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    again = "; evidence of an earlier run, judged again" if replayed else ""
    return f"{moment}{again}" + (f" · <{run_url()}|the run and its report>" if run_url() else "")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 2]} …"
