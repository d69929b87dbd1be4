"""Builds a judged case from what a test did: status, reason, violations, and the lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from checks.checklist import Item, item_of
from checks.judge import JUDGE, Judge
from fixtures.advice import Help
from fixtures.outcome import CheckFailed, CouldNotLook, NotApplicable, Status, Unproven, Violation
from reports import labels
from reports.case import Case, Doubt, words_of
from reports.redaction.redactor import Redactor

CADENCES = ("immediate", "daily", "weekly", "deploy", "predeploy", "staging", "rollback")
UNEXPECTED = "read the traceback in junit.xml or in Allure's results: the suite did not expect this error"
LONGEST_REASON = 1000
"""Characters of a reason that are shown; its figures and names come first."""


def case_of(item: pytest.Item) -> Case | None:
    """The case of a test, not judged yet; None if the test declares no checklist item."""
    function = getattr(item, "function", None)
    declared = item_of(function)
    if declared is None:
        return None
    callspec = getattr(item, "callspec", None)
    name = str(getattr(function, "__name__", item.name))
    marks = [mark.name for mark in item.iter_markers()]
    case = unjudged(declared, callspec.id if callspec else name, name, item.nodeid, marks)
    return replace(case, aspect=callspec.id if callspec else _aspect(item, declared, name))


def _aspect(item: pytest.Item, declared: Item, name: str) -> str:
    """The test's name in words if several tests prove the checklist item, otherwise empty."""
    tests = [test for test in vars(getattr(item, "module", item)).values() if item_of(test) == declared]
    return words_of(name) if len(tests) > 1 else ""


def unjudged(declared: Item, case: str, test: str, node: str, marks: list[str]) -> Case:
    """A case of a checklist item, not judged yet."""
    return Case(
        check=declared.id,
        title=declared.title,
        criterion=declared.criterion,
        area=declared.area,
        page=declared.page,
        id=case,
        test=test,
        node=node,
        cadences=tuple(cadence for cadence in CADENCES if cadence in marks),
    )


def judged(case: Case, item: pytest.Item, call: pytest.CallInfo[None], redactor: Redactor) -> Case:
    """The case as one phase of its test judges it, with all prose redacted."""
    judge = item.stash.get(JUDGE, Judge())
    raised = call.excinfo.value if call.excinfo is not None else None
    facts = _facts(raised, call.when, judge)
    prose: dict[str, Any] = facts | {
        "id": case.id,
        "aspect": case.aspect,
        "node": case.node,
        "expectation": judge.expectation,
        "findings": list(judge.findings),
        "tables": [
            {"title": table.title, "rows": [dict(row) for row in table.rows], "total": table.total}
            for table in judge.tables
        ],
        "charts": list(judge.charts),
    }
    redacted = redactor.data(prose)
    # Cut after redaction: half a secret would not be recognised.
    redacted["reason"] = _cut(redacted["reason"])
    return Case.of(case.plain() | redacted | {"status": facts["status"]})


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} …"


def _facts(raised: BaseException | None, when: str, judge: Judge) -> dict[str, Any]:
    """Status, reason, advice, violations and doubts, as builtin types.

    A violation outweighs what happened after it in the test.
    """
    import msgspec

    status = _status(raised, when)
    violations = list(judge.violations)
    if isinstance(raised, CheckFailed):
        violations += [violation for violation in raised.violations if violation not in violations]
    if violations and when == "call":
        status = Status.FAILED
    shown = violations if status is Status.FAILED else []
    facts = {
        "status": status,
        "reason": _reason(status, raised, shown),
        "advice": _advice(status, raised),
        "violations": shown,
        "cause": raised.cause if isinstance(raised, CouldNotLook) else "",
        "doubts": list(_doubts(raised, judge)),
    }
    plain: dict[str, Any] = msgspec.to_builtins(facts)
    return plain


def _status(raised: BaseException | None, when: str) -> Status:
    if raised is None:
        return Status.PASSED
    if isinstance(raised, NotApplicable):
        return Status.NOT_APPLICABLE
    if isinstance(raised, pytest.skip.Exception):
        return Status.UNPROVEN
    # An error in teardown, of any type, is not a fault of the deployment.
    if isinstance(raised, AssertionError) and when != "teardown":
        return Status.FAILED
    return Status.ERROR


def _reason(status: Status, raised: BaseException | None, violations: list[Violation]) -> str:
    if violations:
        also = f"; then {_message(raised)}" if raised is not None and not isinstance(raised, CheckFailed) else ""
        return "; ".join(violation.found for violation in violations) + also
    return _message(raised) if raised is not None and status is not Status.PASSED else ""


def _message(raised: BaseException) -> str:
    if isinstance(raised, NotApplicable | Unproven | CouldNotLook):
        return raised.reason
    if isinstance(raised, pytest.skip.Exception):
        return str(raised.msg or "skipped without a reason")
    text = str(raised).strip()
    if not isinstance(raised, AssertionError | pytest.fail.Exception):
        text = f"{type(raised).__name__}: {text}" if text else type(raised).__name__
    return text or "an assertion failed without a message"


def _doubts(raised: BaseException | None, judge: Judge) -> Iterator[Doubt]:
    collected = [Doubt(doubt.reason, doubt.proof, doubt.cause) for doubt in judge.doubts]
    yield from collected
    if isinstance(raised, Unproven) and raised.reason != "; ".join(doubt.reason for doubt in collected):
        yield Doubt(raised.reason, raised.proof, raised.cause)
    elif isinstance(raised, pytest.skip.Exception) and not isinstance(raised, Unproven | NotApplicable):
        yield Doubt(_message(raised))


def _advice(status: Status, raised: BaseException | None) -> Help:
    if isinstance(raised, CouldNotLook):
        return raised.advice
    return UNEXPECTED if status is Status.ERROR and not isinstance(raised, AssertionError) else ""


def traceback_of(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """The traceback of an unexpected exception, without local values and without pytest's own frames."""
    from _pytest._code import filter_traceback

    excinfo.traceback = excinfo.traceback.filter(filter_traceback) or excinfo.traceback
    return str(excinfo.getrepr(style="short", showlocals=False, funcargs=False))


def in_words(case: Case) -> str:
    """The case's outcome in a few lines: what was found, what was expected, why it matters, what to do."""
    lines: list[str] = []
    for violation in case.violations:
        lines.append(violation.found)
        lines += _indented(labels.of_fault(violation))
    if case.status is Status.UNPROVEN and case.doubts:
        for doubt in case.doubts:
            lines.append(doubt.reason)
            lines += _indented(labels.of_advice(doubt.proof, labels.WOULD_PROVE))
    lines = lines or [case.reason]
    return "\n".join([*lines, *_indented(labels.of_advice(case.advice, labels.WHAT_TO_DO))])


def _indented(parts: Iterable[labels.Part]) -> Iterator[str]:
    for part in parts:
        if part.command:
            yield f"  {part.label}:"
            yield from (f"    {line}" for line in part.text.splitlines())
        else:
            yield f"  {part.label}: {part.text}"


def in_one_line(case: Case) -> str:
    """The case's outcome in one line, with what would prove it."""
    doubts = [f"{doubt.reason} ({doubt.proof})" if doubt.proof else doubt.reason for doubt in case.doubts]
    return "; ".join(doubts) if case.status is Status.UNPROVEN and doubts else case.reason
