"""Reads and judges a deployment in this process, with the readers, evidence and checks of a run.

Report files and exit statuses are tested by the tests of whole runs.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from checks.checklist import item_of
from checks.judge import Judge
from checks.parameters import cases
from fixtures.advice import Advice, Help, Step, in_turn
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.evidence.pieces import OR_GAP, PIECES, needs_of
from fixtures.evidence.reading import Reading
from fixtures.outcome import CheckFailed, CouldNotLook, NotApplicable, Status, Unproven
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from reports.redaction.redactor import Redactor

ADVISED: dict[Step, None] = {}
"""Every command that a judged case advised, for the ledger of ``tests/following.py``."""


@dataclass(frozen=True)
class Outcome:
    """Result of one case of a check."""

    status: Status
    reason: str = ""
    judge: Judge | None = None
    gap: Help = ""
    """What helps against the gap in the case's evidence."""

    @property
    def advice(self) -> Advice:
        """What the case advises, be it by a violation, a doubt, or the gap in its evidence."""
        said = self.judge or Judge()
        parts = [one.advice for one in said.violations] + [one.proof for one in said.doubts]
        return in_turn(parts or [self.gap])

    @property
    def commands(self) -> list[str]:
        """The commands in its advice, as a person would copy them without the semicolon."""
        return [step.text for step in self.advice.commands]


def read(access: Access, tests: list[Any], settings: Settings | None = None) -> Evidence:
    """Read what the tests need; return it as a run's checks get it: redacted, encoded and decoded."""
    reading = Reading(settings or Settings(), access, needs_of(tests), lambda line: None)
    try:
        reading.open_database()
        reading.read_logs()
        reading.begin_services()
        reading.probe_endpoints()
        reading.read_database()
        reading.end_services()
    finally:
        reading.close()
    return decode(to_text(Redactor().data(plain(reading.evidence()))))


def judge(test: Callable[..., None], evidence: Evidence, **parameters: str) -> Outcome:
    """Run one case of a check on evidence and return its outcome."""
    outcome = _judge(test, evidence, **parameters)
    ADVISED.update(dict.fromkeys(outcome.advice.commands))
    return outcome


def _judge(test: Callable[..., None], evidence: Evidence, **parameters: str) -> Outcome:
    statement = Judge()
    known = {"judge": statement, "settings": evidence.settings, "evidence": evidence, **parameters}
    try:
        wanted = inspect.signature(test).parameters
        known |= {
            name: evidence.piece_or_gap(piece)
            for name in wanted
            if (piece := name.removesuffix(OR_GAP)) != name and piece in PIECES
        }
        arguments = {name: evidence.piece(name) if name in PIECES else known[name] for name in wanted}
        test(**arguments)
        statement.decide()
    except CheckFailed as failure:
        return Outcome(Status.FAILED, str(failure), statement)
    except NotApplicable as absence:
        return Outcome(Status.NOT_APPLICABLE, absence.reason, statement)
    except Unproven as doubt:
        return Outcome(Status.UNPROVEN, str(doubt.msg), statement, doubt.proof)
    except CouldNotLook as error:
        return Outcome(Status.ERROR, error.reason, statement, error.advice)
    return Outcome(Status.PASSED, "", statement)


def judge_all(tests: list[Any], evidence: Evidence) -> dict[str, Outcome]:
    """Run every case of several checks; return outcomes with keys such as ``check-01[webhook_dlq]``."""
    values = cases(evidence.settings)
    outcomes: dict[str, Outcome] = {}
    for test in tests:
        item = item_of(test)
        assert item is not None
        names = [name for name in inspect.signature(test).parameters if name in values]
        for chosen in itertools.product(*(values[name] for name in names)):
            case = "-".join(chosen) or test.__name__.removeprefix("test_")
            outcomes[f"{item.id}[{case}]"] = judge(test, evidence, **dict(zip(names, chosen, strict=True)))
    return outcomes


def expect(outcomes: Mapping[str, Outcome], expected: Mapping[str, tuple[Status, str]]) -> None:
    """Assert that all cases pass except the expected ones, which have this status and contain this reason."""
    unexpected = {
        case: f"{outcome.status}: {outcome.reason}"
        for case, outcome in outcomes.items()
        if outcome.status is not Status.PASSED and case not in expected
    }
    assert not unexpected, unexpected
    for case, (status, part) in expected.items():
        assert (outcomes[case].status, part in outcomes[case].reason) == (status, True), outcomes[case].reason


def assert_outcome(outcome: Outcome, status: Status, *parts: str) -> None:
    """Assert the status of a case and parts of its reason."""
    assert outcome.status is status, f"{outcome.status}: {outcome.reason}"
    for part in parts:
        assert part in outcome.reason, outcome.reason
