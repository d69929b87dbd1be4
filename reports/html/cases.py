"""Parts of the page ``index.html``: checks, cases, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """What cases refer to by name: charts, and the documentation pages of their checks."""

    pictures: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """Name of a chart → its title, and the chart as SVG."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Path of a page in the project → its address; empty without one."""
    proves: Mapping[str, str] = field(default_factory=dict)
    """Path of a page → what a pass proves, from the page."""


def mark(status: Status, text: str = "") -> Markup:
    """An outcome as a coloured word."""
    return tag("span", text or STATUS_WORDS[status].word, class_=f"mark {status.value}")


def weight(criterion: str) -> Markup:
    """The criterion of a check as a quiet word."""
    return tag("span", criterion, class_="weight")


ADVICE = frozenset({labels.WHAT_TO_DO, labels.THEN, labels.OR})


def labelled(parts: Iterable[labels.Part]) -> Markup:
    """Labelled parts: sentences, of which advice is highlighted, and commands as a block to copy."""
    terms = [(tag("dt", part.label), _described(part)) for part in parts if part.text]
    return tag("dl", terms, class_="labelled") if terms else Markup()


def _described(part: labels.Part) -> Markup:
    if part.command:
        return tag("dd", tag("pre", tag("code", part.text)), class_="command")
    return tag("dd", prose(part.text), class_="advice" if part.label in ADVICE else False)


def faults(check: CheckResult, alike: Sequence[Fault]) -> Markup:
    """Violations with one explanation, each with the cases in which it was found."""
    sentences = [
        (
            tag("p", names, class_="where") if (names := where(check, found)) else Markup(),
            tag("p", prose(found.found)),
        )
        for found in alike
    ]
    return tag("div", sentences, labelled(labels.of_fault(alike[0])), class_="fault failed")


def evidence(cases: Iterable[Case], references: References, *, opened: bool) -> Iterator[Markup]:
    """The tables and charts of these cases, each once."""
    shown = list(cases)
    for table in {(table.title, repr(table.rows)): table for case in shown for table in case.tables}.values():
        inside = tag("div", rows(table), class_="scroll", tabindex="0", role="region", aria_label=table.title)
        yield tag("details", tag("summary", caption(table)), inside, class_="evidence", open=opened)
    for name in dict.fromkeys(name for case in shown for name in case.charts):
        if name in references.pictures:
            title, svg = references.pictures[name]
            yield tag("figure", tag("figcaption", title), image(title, svg))


def page_link(check: CheckResult, references: References) -> Markup:
    """What a pass of the check proves, and a link to the page that explains it."""
    address = references.addresses.get(check.page, "")
    page = (
        tag("a", check.page, href=address)
        if address.startswith(("https://", "http://"))
        else tag("code", check.page)
    )
    proves = references.proves.get(check.page, "")
    if not proves:
        return tag("p", "What this check proves, and how: ", page, class_="faint page")
    return tag("p", "What a pass proves: ", prose(proves), " How: ", page, class_="faint page")


def known_issues(cases: Iterable[Case]) -> Iterator[Markup]:
    """The known issues of failed cases."""
    for reason in dict.fromkeys(case.known_issue for case in cases if case.known_issue):
        yield tag("p", f"Known issue: {reason}", class_="known")


def whole_check(check: CheckResult, references: References, *, opened: bool) -> Markup:
    """A check with all its cases, which opens on a click."""
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
    return tag("li", head, labelled(labels.of_case(case)), evidence([case], references, opened=False))
