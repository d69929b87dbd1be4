"""The findings of a run in the order in which a reader needs them, the same for terminal, summary and page.

Equal findings are merged: sixty checks that could not reach the database have one cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fixtures.advice import Help
from fixtures.outcome import Status
from fixtures.wording import counted
from reports.case import WORST_FIRST, Case, words_of
from reports.verdict import CheckResult, RunResult, Verdict, case_names, reasons

Reasons = Callable[[Case], list[tuple[str, Help]]]
"""Returns the reasons of a case, each with what would help."""

WHY = {
    Verdict.GO: "every must holds, and nothing else failed",
    Verdict.CONCERNS: "every must holds; a should or nice failed, or could not be looked at",
    Verdict.UNPROVEN: "no must failed, but one could not be judged",
    Verdict.NO_GO: "a must failed, or could not be looked at",
}


@dataclass(frozen=True)
class Fault:
    """One violation, with the cases in which it was found."""

    cases: tuple[str, ...]
    found: str
    expected: str
    why: str
    advice: Help


@dataclass(frozen=True)
class Cause:
    """One reason why checks could not be looked at or judged, with what would help."""

    reason: str
    help: Help
    checks: tuple[str, ...]
    """Labels of the checks with this reason, each with its criterion."""
    cases: int
    """Number of cases with this reason."""


def faults(check: CheckResult) -> tuple[Fault, ...]:
    """The violations of a failed check, each once."""
    failed = [case for case in check.cases if case.status is Status.FAILED]
    found: dict[tuple[str, str, str, Help], list[str]] = {}
    for name, case in zip(case_names(failed), failed, strict=True):
        for violation in case.violations:
            key = (violation.found, violation.expected, violation.why, violation.advice)
            found.setdefault(key, []).append(name)
        if not case.violations:
            found.setdefault((case.reason, "", "", ""), []).append(name)
    return tuple(Fault(tuple(dict.fromkeys(names)), *key) for key, names in found.items())


def alike(faults: Iterable[Fault]) -> tuple[tuple[Fault, ...], ...]:
    """The faults, together where they are explained in the same words: expected, why, and what to do."""
    groups: dict[tuple[str, str, Help], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.expected, fault.why, fault.advice), []).append(fault)
    return tuple(map(tuple, groups.values()))


def waiting(run: RunResult) -> dict[str, str]:
    """Check by its name → the cases that were not judged because of what it found, in words."""
    causing = _causing(run)
    counts: dict[str, Counter[str]] = {}
    for check in run.checks:
        for case in check.cases:
            for cause in {cause for cause in _pointers(case) if cause in causing}:
                counts.setdefault(name(causing[cause]), Counter())[check.label] += 1
    return {
        cause: f"{counted(of_cause.total(), 'case')} of {_numbers(of_cause)}" for cause, of_cause in counts.items()
    }


def _numbers(checks: Iterable[str]) -> str:
    """Labels of checks, each word once: ``Step 2.4, 2.5, Check 1, 2``."""
    parts: list[str] = []
    word = ""
    for label in checks:
        kind, _, number = label.partition(" ")
        parts.append(number if kind == word else label)
        word = kind
    return some(parts, 20)


def _causing(run: RunResult) -> dict[str, CheckResult]:
    """The checks that have a cause of their own to tell, by their id."""
    return {check.check: check for check in run.checks if any(map(_has_its_own_reason, check.cases))}


def _has_its_own_reason(case: Case) -> bool:
    if case.status is Status.UNPROVEN:
        return any(not doubt.cause for doubt in case.doubts) or not case.doubts
    return case.status is Status.FAILED or (case.status is Status.ERROR and not case.cause)


def _pointers(case: Case) -> Iterator[str]:
    """Ids of the checks to which the case points, instead of a reason of its own."""
    if case.status is Status.ERROR:
        yield case.cause
    elif case.status is Status.UNPROVEN:
        yield from (doubt.cause for doubt in case.doubts)


def where(check: CheckResult, fault: Fault) -> str:
    """The cases in which a fault was found; empty if the check has only one case."""
    return some([readable(name) for name in fault.cases]) if len(check.cases) > 1 else ""


def readable(name: str) -> str:
    """A case's name for readers: a test's name becomes words, a parameter's id stays."""
    test, bracket, parameter = name.partition("[")
    if not test.startswith("test_"):
        return name
    return f"{words_of(test)} {bracket}{parameter}".strip()


def errors(run: RunResult) -> tuple[Cause, ...]:
    """Why cases could not be looked at, those first for which others wait; without what only points to a cause."""
    causing = _causing(run)
    found = _causes(
        run.checks,
        Status.ERROR,
        lambda case: [] if case.cause in causing else [(case.reason, case.advice)],
    )
    first = waiting(run)
    return tuple(sorted(found, key=lambda cause: not any(check in first for check in cause.checks)))


def unproven(run: RunResult) -> tuple[Cause, ...]:
    """Why cases could not be judged, and what would prove them; without what only points to a cause."""
    causing = _causing(run)
    return _causes(
        run.checks,
        Status.UNPROVEN,
        lambda case: (
            [(doubt.reason, doubt.proof) for doubt in case.doubts if doubt.cause not in causing]
            if case.doubts
            else [(case.reason, "")]
        ),
    )


def not_applicable(run: RunResult) -> tuple[Cause, ...]:
    """Which checks do not apply, and why."""
    return tuple(Cause(reasons(check.cases), "", (name(check),), len(check.cases)) for check in run.not_applicable)


def _causes(checks: Iterable[CheckResult], status: Status, reasons_of: Reasons) -> tuple[Cause, ...]:
    names: dict[tuple[str, Help], list[str]] = {}
    for check, case in _cases(checks, status):
        for reason_and_help in reasons_of(case):
            names.setdefault(reason_and_help, []).append(name(check))
    return tuple(
        Cause(reason, help_, tuple(dict.fromkeys(found)), len(found)) for (reason, help_), found in names.items()
    )


def _cases(checks: Iterable[CheckResult], status: Status) -> Iterator[tuple[CheckResult, Case]]:
    for check in checks:
        yield from ((check, case) for case in check.cases if case.status is status)


def worst(run: RunResult) -> list[CheckResult]:
    """The checks that did not pass: musts first, then by status, the worst first."""
    found = [check for check in run.judged if check.status is not Status.PASSED]
    return sorted(found, key=lambda check: (check.criterion != "must", WORST_FIRST.index(check.status)))


def failed(run: RunResult) -> list[CheckResult]:
    """The failed checks: those first for which others wait, then the musts."""
    first = waiting(run)
    found = run.with_status(Status.FAILED)
    return sorted(found, key=lambda check: (name(check) not in first, check.criterion != "must"))


def name(check: CheckResult) -> str:
    """The check's label with its criterion: ``Check 2 (must)``."""
    return f"{check.label} ({check.criterion})"


def headline(run: RunResult) -> str:
    """The number of checks with each outcome, in words."""
    counts = run.counts
    parts = [
        f"{counts[status]} {status.value}{'s' if status is Status.ERROR and counts[status] > 1 else ''}"
        for status in WORST_FIRST
        if counts[status]
    ]
    parts += [f"{len(run.not_applicable)} not applicable"] if run.not_applicable else []
    return f"{len(run.judged)} {'check' if len(run.judged) == 1 else 'checks'}: {', '.join(parts)}"


def some(names: Sequence[str], limit: int = 6) -> str:
    """The first of the names, and how many more there are."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
