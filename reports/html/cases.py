"""What the page shows of a check and of its cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fixtures.outcome import Status
from reports import labels
from reports.case import Case
from reports.findings import Fault, readable, where
from reports.html.markup import Markup, caption, image, prose, rows, tag
from reports.labels import STATUS_WORDS
from reports.verdict import CheckResult, case_names


@dataclass(frozen=True)
class References:
    """What cases refer to by name: charts, and the checks' pages."""

    pictures: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """Name of a chart → its title, and the chart as SVG."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Path of a page in the project → where it can be read, if anywhere."""
    proves: Mapping[str, str] = field(default_factory=dict)
    """Path of a page → what a pass proves, in the page's words."""


def mark(status: Status, text: str = "") -> Markup:
    """An outcome as a coloured word."""
    return tag("span", text or STATUS_WORDS[status].word, class_=f"mark {status.value}")


def weight(criterion: str) -> Markup:
    """The criterion of a check as a quiet word."""
    return tag("span", criterion, class_="weight")


def said(entries: Iterable[tuple[str, str]]) -> Markup:
    """What is said of something, each sentence with its label; advice stands out."""
    terms = [
        (tag("dt", label), tag("dd", prose(text), class_="advice" if label == labels.WHAT_TO_DO else False))
        for label, text in entries
        if text
    ]
    return tag("dl", terms, class_="said") if terms else Markup()


def fault(check: CheckResult, found: Fault) -> Markup:
    """One thing that does not hold, and where."""
    names = where(check, found)
    place = tag("p", names, class_="where") if names else Markup()
    return tag("div", place, tag("p", prose(found.found)), said(labels.of_fault(found)), class_="fault failed")


def evidence(cases: Iterable[Case], references: References, *, opened: bool) -> Iterator[Markup]:
    """The tables and charts of some cases, each once."""
    shown = list(cases)
    for table in {(table.title, repr(table.rows)): table for case in shown for table in case.tables}.values():
        inside = tag("div", rows(table), class_="scroll", tabindex="0", role="region", aria_label=table.title)
        yield tag("details", tag("summary", caption(table)), inside, class_="evidence", open=opened)
    for name in dict.fromkeys(name for case in shown for name in case.charts):
        if name in references.pictures:
            title, svg = references.pictures[name]
            yield tag("figure", tag("figcaption", title), image(title, svg))


def page_link(check: CheckResult, references: References) -> Markup:
    """What a pass of the check proves, and where that is explained."""
    address = references.addresses.get(check.page, "")
    way = (
        tag("a", check.page, href=address)
        if address.startswith(("https://", "http://"))
        else tag("code", check.page)
    )
    proves = references.proves.get(check.page, "")
    if not proves:
        return tag("p", "What this check proves, and how: ", way, class_="faint page")
    return tag("p", "What a pass proves: ", prose(proves), " How: ", way, class_="faint page")


def known_issues(cases: Iterable[Case]) -> Iterator[Markup]:
    """Which known issues stand behind failed cases."""
    for reason in dict.fromkeys(case.known_issue for case in cases if case.known_issue):
        yield tag("p", f"Known issue: {reason}", class_="known")


def whole_check(check: CheckResult, references: References, *, opened: bool) -> Markup:
    """A check that can be opened: all its cases, with what was expected and found."""
    passed = sum(case.status is Status.PASSED for case in check.applicable)
    count = f"{passed} of {len(check.applicable)} cases" if len(check.applicable) > 1 else ""
    summary = tag(
        "summary",
        tag("h3", f"{check.label} · {check.title}"),
        tag("span", count, class_="faint"),
        weight(check.criterion),
        mark(check.status),
    )
    entries = [
        _case(case, name, references) for name, case in zip(case_names(check.cases), check.cases, strict=True)
    ]
    inside = tag("div", page_link(check, references), tag("ul", entries, class_="cases"), class_="inside")
    return tag("details", summary, inside, class_="check card", open=opened, id=check.check)


def _case(case: Case, name: str, references: References) -> Markup:
    head = tag("div", tag("h4", readable(name)), mark(case.status), class_="head")
    return tag("li", head, said(labels.of_case(case)), evidence([case], references, opened=False))
