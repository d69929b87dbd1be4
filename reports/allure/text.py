"""What Allure's results say in words: labels, the link to the check's page, the description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

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
        "name": "Known issue: somebody has marked it as one, and it still does not hold",
        "matchedStatuses": ["failed"],
        "messageRegex": rf"^{KNOWN_ISSUE}[\s\S]*",
    },
    {"name": "Check violated: the evidence shows that it does not hold", "matchedStatuses": ["failed"]},
    {
        "name": "Could not look: the suite had no connection, no time, or a fault of its own",
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
"""Allure's categories in our words, told apart by how the messages begin; the expressions mean the same to
Allure 2, which matches whole messages in Java, and to Allure 3, which searches them in JavaScript."""


def labels(case: Case, severities: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The labels of a case: one severity, and epic, feature and story as the checklist has them."""
    yield from (("epic", EPICS[cadence]) for cadence in case.cadences[:1] if cadence in EPICS)
    yield "feature", AREAS.get(case.area, case.area)
    yield "story", f"{case.label} · {case.title}"
    yield "severity", severities[case.criterion]
    yield from (("tag", tag) for tag in dict.fromkeys((*case.cadences, case.criterion, case.check)))


def description(case: Case, charts: Mapping[str, bytes], proves: str) -> str:
    """What was expected, what was found, why it matters, what to do, and the evidence, as HTML.

    Args:
        case: the case, judged and redacted.
        charts: title → chart as SVG, for those that the case asked for.
        proves: what a pass of the check proves, in the words of its page.
    """
    parts: list[str] = []
    for label, sentences in groupby(of_case(case), key=itemgetter(0)):
        parts += _paragraphs(label.capitalize(), [text for _, text in sentences])
    for table in case.tables:
        scrolled = tag("div", rows(table), style="overflow-x: auto")
        parts.append(join(tag("p", tag("strong", f"{caption(table)}:")), scrolled))
    for title, svg in charts.items():
        # On a phone a chart keeps the size at which its figures can be read, and is moved sideways.
        scrolled = tag("div", image(title, svg, style="min-width: 34rem"), style="overflow-x: auto")
        parts.append(join(tag("p", tag("strong", f"{title}:")), scrolled))
    return "".join([*parts, *_paragraphs("What a pass of this check proves", [proves])])


def _paragraphs(label: str, sentences: Iterable[str]) -> list[str]:
    said = [prose(sentence) for sentence in sentences if sentence]
    if len(said) <= 1:
        return [f"<p><strong>{label}:</strong> {sentence}</p>" for sentence in said]
    return [f"<p><strong>{label}:</strong></p><ul>{''.join(f'<li>{sentence}</li>' for sentence in said)}</ul>"]
