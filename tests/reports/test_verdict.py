"""From cases to checks to the verdict: precedence as a table, and the document ``verdict.json``."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fixtures.outcome import Status, Violation
from reports.case import Case, Doubt, worst
from reports.verdict import RunResult, Verdict, results, verdict_of

P, F, U, E, N = Status.PASSED, Status.FAILED, Status.UNPROVEN, Status.ERROR, Status.NOT_APPLICABLE


def case(check: str = "check-01", status: Status = P, criterion: str = "must", **more: object) -> Case:
    known = Case(
        check=check,
        title=f"Title of {check}",
        criterion=criterion,
        area="database",
        page=f"docs/checks/{check}.md",
        id="webhook_dlq",
        test="test_tables",
        node=f"checks/test_x.py::{check}",
        status=status,
        reason="" if status is P else f"reason of {check}",
    )
    return replace(known, **more)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((P,), P),
        ((P, U), U),
        ((U, E), E),
        ((P, U, E, F), F),
        ((F, E), F),
        ((P, N), P),
        ((N, U), U),
        ((N, N), N),
    ],
)
def test_check_has_the_status_of_its_worst_case(statuses: tuple[Status, ...], expected: Status) -> None:
    for order in itertools.permutations(statuses):
        assert worst(*order) is expected
        (check,) = results(case(status=status) for status in order)
        assert check.status is expected


@pytest.mark.parametrize(
    ("must", "other", "expected"),
    [
        ((P,), (P,), Verdict.GO),
        ((), (P,), Verdict.GO),
        ((), (), Verdict.GO),
        ((P,), (U,), Verdict.GO),
        ((), (U,), Verdict.GO),
        ((P,), (F,), Verdict.CONCERNS),
        ((P,), (E,), Verdict.CONCERNS),
        ((P,), (U, E), Verdict.CONCERNS),
        ((U,), (P,), Verdict.UNPROVEN),
        ((U, P), (F, E), Verdict.UNPROVEN),
        ((F,), (P,), Verdict.NO_GO),
        ((E,), (P,), Verdict.NO_GO),
        ((F, U), (), Verdict.NO_GO),
        ((E, U), (F,), Verdict.NO_GO),
        ((F, E, U, P), (F, E, U, P), Verdict.NO_GO),
    ],
)
@pytest.mark.parametrize("criterion", ["should", "nice"])
def test_precedence_of_verdicts(must: tuple, other: tuple, expected: Verdict, criterion: str) -> None:
    cases = [case(f"check-{number:02d}", status) for number, status in enumerate(must)]
    cases += [case(f"check-{number + 50}", status, criterion) for number, status in enumerate(other)]
    for order in (cases, cases[::-1]):
        assert verdict_of(results(order)) is expected


def test_checks_are_in_the_checklists_order() -> None:
    names = ["rollback-1", "check-10", "check-02", "step-1.10", "step-1.2", "phase-4.1", "partial-1"]
    assert [check.check for check in results(map(case, names))] == [
        "phase-4.1", "step-1.2", "step-1.10", "check-02", "check-10", "rollback-1", "partial-1",
    ]  # fmt: skip


MOMENT = datetime(2025, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)


def test_verdict_document_has_exactly_the_contracts_keys() -> None:
    cases = [
        case(),
        case(status=F, id="dlq_processing_log", violations=(Violation("missing"),)),
        case("check-13", N, "nice", reason="partitioning is not enabled"),
        case("check-02", N, reason="no monthly job"),
        case("check-02", P, id="process-dlq-entries"),
    ]
    assert RunResult("production", "immediate", MOMENT, MOMENT, results(cases)).document() == {
        "schema": 1,
        "target": "production",
        "selection": "immediate",
        "started_at": "2025-11-27T12:00:00+00:00",
        "finished_at": "2025-11-27T12:00:00+00:00",
        "verdict": "no-go",
        "checks": [
            {
                "check": "check-01",
                "title": "Title of check-01",
                "criterion": "must",
                "status": "failed",
                "cases": [
                    {"id": "webhook_dlq", "status": "passed", "reason": ""},
                    {"id": "dlq_processing_log", "status": "failed", "reason": "reason of check-01"},
                ],
            },
            {
                "check": "check-02",
                "title": "Title of check-02",
                "criterion": "must",
                "status": "passed",
                "cases": [{"id": "process-dlq-entries", "status": "passed", "reason": ""}],
            },
        ],
        "not_applicable": [
            {"check": "check-13", "title": "Title of check-13", "reason": "partitioning is not enabled"}
        ],
    }


def test_cases_with_the_same_id_get_test_names() -> None:
    cases = [case(id="wa-webhook"), case(id="wa-webhook", test="test_handshake"), case(id="other")]
    document = RunResult("x", "all", MOMENT, MOMENT, results(cases)).document()
    assert [entry["id"] for entry in document["checks"][0]["cases"]] == [
        "test_tables[wa-webhook]",
        "test_handshake[wa-webhook]",
        "other",
    ]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ((P, P, P), P),
        ((P, U, P), U),
        ((P, N, P), N),
        ((P, F, P), F),
        ((U, P), U),
        ((F, P), F),
        ((P, P, E), E),
        ((P, U, E), E),
        ((P, N, E), E),
        ((P, F, E), F),
    ],
)
def test_phases_merge_to_the_worst(phases: tuple[Status, ...], expected: Status) -> None:
    merged = case(status=phases[0])
    for phase in phases[1:]:
        merged = merged.after(case(status=phase))
    assert merged.status is expected


def test_teardown_error_is_added_to_a_failure() -> None:
    """The failure stays, and the reason names both."""
    failed = case(status=F, reason="table missing", violations=(Violation("table missing"),))
    merged = failed.after(case(status=E, reason="OSError: disk full"))
    assert merged.reason == "table missing; then OSError: disk full"
    assert merged.violations == failed.violations


def test_case_round_trips_as_plain_data() -> None:
    """pytest-xdist sends cases as plain data."""
    whole = case(status=U, doubts=(Doubt("no traffic", "wait"),), findings=("5 rows",), cadences=("immediate",))
    assert Case.of(whole.plain()) == whole
