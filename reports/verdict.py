"""From judged cases to checks, and from checks to one verdict; pure, and written into ``verdict.json``."""

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
    """What a run says of the deployment, as ``verdict.json`` spells it."""

    GO = "go"
    CONCERNS = "concerns"
    UNPROVEN = "unproven"
    NO_GO = "no-go"


@dataclass(frozen=True)
class CheckResult:
    """A check with its cases: as bad as the worst of them."""

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
        """The cases that the deployment has something for."""
        return tuple(case for case in self.cases if case.status is not Status.NOT_APPLICABLE)


def results(cases: Iterable[Case]) -> tuple[CheckResult, ...]:
    """The checks of these cases, in the checklist's order."""
    by_check: dict[str, list[Case]] = {}
    for case in cases:
        by_check.setdefault(case.check, []).append(case)
    return tuple(
        CheckResult(
            check, group[0].title, group[0].criterion, group[0].area, group[0].page, group[0].label,
            tuple(dict.fromkeys(cadence for case in group for cadence in case.cadences)), tuple(group),
        )
        for check, group in sorted(by_check.items(), key=lambda entry: place_of(entry[0]))
    )  # fmt: skip


def verdict_of(checks: Iterable[CheckResult]) -> Verdict:
    """The verdict over checks: a must that isn't passed stops the deployment, the others are concerns."""
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
    """A finished run: its target, its time and its checks, those that apply and those that don't."""

    target: str
    selection: str
    started_at: datetime
    finished_at: datetime
    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """What the run says of the deployment."""
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
        """The checks that came out so."""
        return tuple(check for check in self.checks if check.status is status)

    @property
    def counts(self) -> Counter[Status]:
        """How many of the judged checks came out how."""
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
    """The different reasons of some cases in one line."""
    return "; ".join(dict.fromkeys(case.reason for case in cases if case.reason))


def case_names(cases: Sequence[Case]) -> tuple[str, ...]:
    """A name for each case of a check: its id, with its test's name where two cases share one."""
    often = Counter(case.id for case in cases)
    return tuple(case.id if often[case.id] == 1 else f"{case.test}[{case.id}]" for case in cases)


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


def place_of(check: str) -> tuple[int, list[int], str]:
    """The place of an item in the checklist: by its kind, then by its numbers."""
    kind, _, number = check.partition("-")
    order = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    return order, [int(digits) for digits in re.findall(r"\d+", number)], check
