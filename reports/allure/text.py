"""The text of Allure's results: labels, categories, descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from reports.case import Case
from reports.html.markup import caption, image, join, prose, rows, tag
from reports.labels import of_case

EPICS = {
    "immediate": "Immediate checks (first hour)",
    "daily": "24-hour checks",
    "weekly": "Weekly checks",
    "deploy": "Deployment steps",
    "predeploy": "Pre-deployment",
    "staging": "Staging",
    "rollback": "Rollback",
}
AREAS = {
    "documentation": "Documentation",
    "security": "Security",
    "reliability": "Reliability",
    "observability": "Observability",
    "testing": "Testing",
    "database": "Database",
    "ci_cd": "CI/CD",
}

KNOWN_ISSUE = "known issue"

CATEGORIES = [
    {
        "name": "Known issue: marked with xfail, and it still fails",
        "matchedStatuses": ["failed"],
        "messageRegex": rf"^{KNOWN_ISSUE}[\s\S]*",
    },
    {"name": "Check violated: the evidence shows that it does not hold", "matchedStatuses": ["failed"]},
    {
        "name": "Could not look: no connection, a timeout, or a fault of the suite",
        "matchedStatuses": ["broken"],
    },
    {
        "name": "Unproven: there is no evidence either way",
        "matchedStatuses": ["skipped"],
        "messageRegex": r"^unproven: [\s\S]*",
    },
    {
        "name": "Not applicable to this deployment",
        "matchedStatuses": ["skipped"],
        "messageRegex": r"^not applicable: [\s\S]*",
    },
]
"""Allure's categories in the suite's words, selected by the beginning of the messages. The expressions work in
Allure 2, which matches whole messages in Java, and in Allure 3, which searches them in JavaScript."""


def labels(case: Case, severities: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The labels of a case: epic, feature and story as in the checklist, one severity, and tags."""
    yield from (("epic", EPICS[cadence]) for cadence in case.cadences[:1] if cadence in EPICS)
    yield "feature", AREAS.get(case.area, case.area)
    yield "story", f"{case.label} · {case.title}"
    yield "severity", severities[case.criterion]
    yield from (("tag", tag) for tag in dict.fromkeys((*case.cadences, case.criterion, case.check)))


def description(case: Case, charts: Mapping[str, bytes], proves: str) -> str:
    """The description of a case as HTML: expectation, findings, why they matter, what to do, and the evidence.

    Args:
        case: the case, judged and redacted.
        charts: title → chart as SVG, for the charts that the case requests.
        proves: what a pass of the check proves, from its page.
    """
    parts: list[str] = []
    for (label, command), shown in groupby(of_case(case), key=lambda part: (part.label, part.command)):
        texts = [part.text for part in shown]
        parts += _commands(label, texts) if command else _paragraphs(label.capitalize(), texts)
    for table in case.tables:
        scrolled = tag("div", rows(table), style="overflow-x: auto")
        parts.append(join(tag("p", tag("strong", f"{caption(table)}:")), scrolled))
    for title, svg in charts.items():
        # On a phone a chart keeps a legible size and scrolls sideways.
        scrolled = tag("div", image(title, svg, style="min-width: 34rem"), style="overflow-x: auto")
        parts.append(join(tag("p", tag("strong", f"{title}:")), scrolled))
    return "".join([*parts, *_paragraphs("What a pass of this check proves", [proves])])


def _commands(label: str, texts: Iterable[str]) -> list[str]:
    return [f"<p><strong>{label.capitalize()}:</strong></p>{tag('pre', tag('code', text))}" for text in texts]


def _paragraphs(label: str, sentences: Iterable[str]) -> list[str]:
    shown = [prose(sentence) for sentence in sentences if sentence]
    if len(shown) <= 1:
        return [f"<p><strong>{label}:</strong> {sentence}</p>" for sentence in shown]
    return [f"<p><strong>{label}:</strong></p><ul>{''.join(f'<li>{sentence}</li>' for sentence in shown)}</ul>"]
