"""The weekly report on the dead-letter queue: a page of its own within ``index.html``."""

from __future__ import annotations

from collections.abc import Sequence

from fixtures.outcome import Status
from reports.html.cases import References, evidence
from reports.html.markup import Markup, prose, tag
from reports.verdict import CheckResult

ANCHOR = "dlq-report"
TITLE = "Weekly DLQ report"
ITEMS = ("check-15", "check-19")
"""Failure patterns, and old entries (checklist: "Weekly DLQ reports automated")."""

SEEN = (Status.PASSED, Status.FAILED, Status.UNPROVEN)


def dlq_report(checks: Sequence[CheckResult], references: References) -> Markup:
    """The report, if the failure patterns of a week were looked at; on paper it begins a new page."""
    cases = [case for check in checks if check.check in ITEMS for case in check.cases if case.status in SEEN]
    if not any(case.check == ITEMS[0] and case.findings for case in cases):
        return Markup()
    facts = [tag("li", prose(found)) for case in cases for found in case.findings]
    return tag(
        "section",
        tag("h2", TITLE),
        tag("div", tag("ul", facts), evidence(cases, references, opened=True), class_="card"),
        id=ANCHOR,
    )
