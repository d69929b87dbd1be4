"""``index.html``: the whole run on one page, without generator, script or other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from importlib.resources import files
from itertools import groupby

from fixtures.outcome import Status
from reports import findings, labels, missing_rights
from reports.allure.text import AREAS, EPICS
from reports.case import WORST_FIRST
from reports.html.cases import (
    References,
    evidence,
    faults,
    known_issues,
    labelled,
    mark,
    page_link,
    weight,
    whole_check,
)
from reports.html.dlq_report import ANCHOR, TITLE, dlq_report
from reports.html.markup import Markup, join, prose, tag
from reports.labels import STATUS_WORDS
from reports.verdict import CheckResult, RunResult, Verdict

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What the page may load: its own style and its embedded pictures."""

SECTIONS = {Status.FAILED: "failed", Status.ERROR: "errors", Status.UNPROVEN: "unproven"}
"""Outcome → the section to which its count at the top links."""

DECIDING = {
    Verdict.NO_GO: ((Status.FAILED, Status.ERROR), True),
    Verdict.UNPROVEN: ((Status.UNPROVEN,), True),
    Verdict.CONCERNS: ((Status.FAILED, Status.ERROR), False),
    Verdict.GO: ((), False),
}
"""Verdict → the outcomes that decide it, and whether they are those of musts."""


def document(result: RunResult, facts: Mapping[str, str], references: References) -> str:
    """The page of a run.

    Args:
        result: the run, redacted.
        facts: name → fact about the run as a whole, redacted; an address becomes a link.
        references: charts, and the documentation pages of the checks.
    """
    title = f"{result.verdict.value} · {result.target} · {result.selection}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(files("reports.html").joinpath("style.css").read_text(encoding="utf-8"))),
    )
    waits = findings.waiting(result)
    report = dlq_report(result.checks, references)
    body = tag(
        "main",
        _verdict(result, tag("a", TITLE, href=f"#{ANCHOR}") if report else Markup()),
        _failed(result, references, waits),
        _causes("errors", "What could not be looked at", labels.WHAT_TO_DO, findings.errors(result), waits),
        _causes("unproven", "What is unproven", labels.WOULD_PROVE, findings.unproven(result), waits),
        _rights(missing_rights.as_sql(result)),
        _causes("not-applicable", "What does not apply", "", findings.not_applicable(result), {}),
        report,
        _all(result, references),
        _run(facts),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _verdict(result: RunResult, further: Markup) -> Markup:
    counts = [(status, result.counts[status]) for status in WORST_FIRST if result.counts[status]]
    counts += [(Status.NOT_APPLICABLE, len(result.not_applicable))] if result.not_applicable else []
    started, finished = (moment.astimezone(UTC) for moment in (result.started_at, result.finished_at))
    when = f"{started.day} {started:%B %Y, %H:%M:%S} to {finished:%H:%M:%S} UTC"
    return tag(
        "header",
        tag("p", f"EasyMO verification · {result.target} · {result.selection}", class_="faint"),
        tag("h1", result.verdict.value),
        tag("p", f"{findings.WHY[result.verdict].capitalize()}.", class_="why"),
        _deciding(result),
        tag("ul", (tag("li", _count(status, number)) for status, number in counts), class_="counts"),
        tag("p", further) if further else Markup(),
        tag("p", f"{_musts(result)}{when}.", class_="faint"),
        class_=f"verdict card {result.verdict.value}",
    )


def _deciding(result: RunResult) -> Markup:
    """Links to the checks that decide the verdict."""
    wanted, must = DECIDING[result.verdict]
    checks = [check for check in result.judged if check.status in wanted and (check.criterion == "must") is must]
    entries = [
        tag("li", mark(check.status), " ", tag("a", f"{check.label} · {check.title}", href=_anchor(check)))
        for check in checks
    ]
    return tag("ul", entries, class_="deciding") if entries else Markup()


def _anchor(check: CheckResult) -> str:
    return f"#failed-{check.check}" if check.status is Status.FAILED else f"#{SECTIONS[check.status]}"


def _musts(result: RunResult) -> str:
    """How many must-haves passed, as a sentence; empty without must-haves."""
    musts = [check for check in result.judged if check.criterion == "must"]
    holding = sum(check.status is Status.PASSED for check in musts)
    return f"{holding} of {len(musts)} must-haves proven. " if musts else ""


def _count(status: Status, number: int) -> Markup:
    shown = mark(status, f"{number} {STATUS_WORDS[status].word}")
    return tag("a", shown, href=f"#{SECTIONS[status]}") if status in SECTIONS else shown


def _section(name: str, title: str, *content: Markup) -> Markup:
    return tag("section", tag("h2", title), *content, id=name)


def _failed(result: RunResult, references: References, waits: dict[str, str]) -> Markup:
    failed = findings.failed(result)
    cards = (_failure(check, references, waits) for check in failed)
    return _section("failed", "What failed", *cards) if failed else Markup()


def _failure(check: CheckResult, references: References, waits: dict[str, str]) -> Markup:
    cases = [case for case in check.cases if case.status is Status.FAILED]
    head = tag("div", tag("h3", f"{check.label} · {check.title}"), weight(check.criterion), class_="head")
    return tag(
        "article",
        head,
        known_issues(cases),
        (faults(check, alike) for alike in findings.alike(findings.faults(check))),
        labelled(_waiting([findings.name(check)], waits)),
        evidence(cases, references, opened=True),
        page_link(check, references),
        class_="card",
        id=f"failed-{check.check}",
    )


def _causes(
    name: str, title: str, help_label: str, causes: Iterable[findings.Cause], waits: dict[str, str]
) -> Markup:
    entries = [
        tag(
            "li",
            tag("p", ", ".join(checks), class_="faint"),
            (tag("p", prose(cause.reason)) for cause in group),
            labelled([*labels.of_advice(help_, help_label), *_waiting(checks, waits)]),
        )
        for (checks, help_), group in groupby(causes, lambda cause: (cause.checks, cause.help))
    ]
    return _section(name, title, tag("ul", entries, class_="causes card")) if entries else Markup()


def _waiting(checks: Iterable[str], waits: dict[str, str]) -> Iterator[labels.Part]:
    """What waits for these checks, which is taken out, so that it is told once."""
    yield from (labels.Part(labels.WAITING, waits.pop(check)) for check in checks if check in waits)


def _rights(sql: str) -> Markup:
    """The missing rights as one block to copy."""
    if not sql:
        return Markup()
    block = tag("pre", tag("code", sql))
    return _section(
        "rights", missing_rights.TITLE, tag("div", tag("p", missing_rights.NOTE), block, class_="card")
    )


def _all(result: RunResult, references: References) -> Markup:
    return _section("checks", "All checks", *_groups(result.checks, references))


def _groups(checks: Sequence[CheckResult], references: References) -> Iterator[Markup]:
    """The checks by cadence and area; areas in the order of their first check."""
    cadences, areas = list(EPICS), list(dict.fromkeys(check.area for check in checks))

    def position(check: CheckResult) -> tuple[int, int]:
        cadence = check.cadences[0] if check.cadences else ""
        return (
            cadences.index(cadence) if cadence in cadences else len(cadences),
            areas.index(check.area),
        )

    for (cadence, area), group in groupby(sorted(checks, key=position), key=position):
        name = list(EPICS.values())[cadence] if cadence < len(cadences) else "Other checks"
        heading = f"{name} · {AREAS.get(areas[area], areas[area])}"
        yield tag("p", heading, class_="group", role="heading", aria_level="3")
        yield join(whole_check(check, references, opened=False) for check in group)


def _run(facts: Mapping[str, str]) -> Markup:
    shown = [(tag("dt", name), tag("dd", _fact(value))) for name, value in facts.items()]
    return _section("run", "The run", tag("div", tag("dl", shown, class_="labelled"), class_="card"))


def _fact(value: str) -> Markup:
    return tag("a", value, href=value) if value.startswith("https://") else join(value)
