"""Groups judged cases into checks, and derives the verdict of a run, written as ``verdict.json``."""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fixtures.outcome import Status
from reports.case import Case, worst

SCHEMA = 1

_KINDS = ("phase", "step", "check", "rollback", "partial")


class Verdict(enum.StrEnum):
    """The verdict of a run, as ``verdict.json`` spells it."""

    GO = "go"
    CONCERNS = "concerns"
    UNPROVEN = "unproven"
    NO_GO = "no-go"


@dataclass(frozen=True)
class CheckResult:
    """A check with its cases; its status is that of the worst case."""

    check: str
    title: str
    criterion: str
    area: str
    page: str
    label: str
    cadences: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def status(self) -> Status:
        """The worst of the cases that apply: failed, error, unproven, passed."""
        return worst(*(case.status for case in self.cases))

    @property
    def applicable(self) -> tuple[Case, ...]:
        """The cases that apply to the deployment."""
        return tuple(case for case in self.cases if case.status is not Status.NOT_APPLICABLE)


def results(cases: Iterable[Case]) -> tuple[CheckResult, ...]:
    """Group cases into checks, in the checklist's order."""
    by_check: dict[str, list[Case]] = {}
    for case in cases:
        by_check.setdefault(case.check, []).append(case)
    return tuple(
        CheckResult(
            check, group[0].title, group[0].criterion, group[0].area, group[0].page, group[0].label,
            tuple(dict.fromkeys(cadence for case in group for cadence in case.cadences)), tuple(group),
        )
        for check, group in sorted(by_check.items(), key=lambda entry: position_of(entry[0]))
    )  # fmt: skip


def verdict_of(checks: Iterable[CheckResult]) -> Verdict:
    """The verdict over checks: a must that did not pass stops the deployment, other failures are concerns."""
    found = {(check.criterion == "must", check.status) for check in checks}
    if found & {(True, Status.FAILED), (True, Status.ERROR)}:
        return Verdict.NO_GO
    if (True, Status.UNPROVEN) in found:
        return Verdict.UNPROVEN
    if found & {(False, Status.FAILED), (False, Status.ERROR)}:
        return Verdict.CONCERNS
    return Verdict.GO


@dataclass(frozen=True)
class RunResult:
    """A finished run: its target, its times and its checks, applicable or not."""

    target: str
    selection: str
    started_at: datetime
    finished_at: datetime
    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict over the judged checks."""
        return verdict_of(self.judged)

    @property
    def judged(self) -> tuple[CheckResult, ...]:
        """The checks that apply to the deployment."""
        return tuple(check for check in self.checks if check.status is not Status.NOT_APPLICABLE)

    @property
    def not_applicable(self) -> tuple[CheckResult, ...]:
        """The checks that do not apply to the deployment."""
        return tuple(check for check in self.checks if check.status is Status.NOT_APPLICABLE)

    def with_status(self, status: Status) -> tuple[CheckResult, ...]:
        """The checks with this status."""
        return tuple(check for check in self.checks if check.status is status)

    @property
    def counts(self) -> Counter[Status]:
        """Number of judged checks by status."""
        return Counter(check.status for check in self.judged)

    def document(self) -> dict[str, Any]:
        """The content of ``verdict.json``."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "selection": self.selection,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "finished_at": self.finished_at.isoformat(timespec="seconds"),
            "verdict": self.verdict.value,
            "checks": [_entry(check) for check in self.judged],
            "not_applicable": [
                {"check": check.check, "title": check.title, "reason": reasons(check.cases)}
                for check in self.not_applicable
            ],
        }


def reasons(cases: Iterable[Case]) -> str:
    """The distinct reasons of these cases, in one line."""
    return "; ".join(dict.fromkeys(case.reason for case in cases if case.reason))


def case_names(cases: Sequence[Case]) -> tuple[str, ...]:
    """A name for each case of a check: its id, and its test's name too if cases share an id."""
    count = Counter(case.id for case in cases)
    return tuple(case.id if count[case.id] == 1 else f"{case.test}[{case.id}]" for case in cases)


def _entry(check: CheckResult) -> dict[str, Any]:
    cases = check.applicable
    return {
        "check": check.check,
        "title": check.title,
        "criterion": check.criterion,
        "status": check.status.value,
        "cases": [
            {"id": name, "status": case.status.value, "reason": case.reason}
            for name, case in zip(case_names(cases), cases, strict=True)
        ],
    }


def position_of(check: str) -> tuple[int, list[int], str]:
    """Sort key of an item in the checklist: its kind, then its numbers."""
    kind, _, number = check.partition("-")
    order = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return order, [int(digits) for digits in re.findall(r"\d+", number)], check
