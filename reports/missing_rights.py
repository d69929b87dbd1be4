"""The rights that the suite's role lacked in a run, as one block of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from fixtures import advice
from fixtures.advice import Kind
from fixtures.database.contract import SERVICE_ROLE
from fixtures.outcome import Status
from reports.case import Case
from reports.verdict import RunResult

TITLE = "Missing rights"
NOTE = (
    "What the suite's role lacked in this run. Run it as the owner of the tables. Where BYPASSRLS is refused, "
    "pytest --role-sql prints policies that serve instead."
)

READING = re.compile(rf"GRANT (SELECT|USAGE)\b.* TO (?!{SERVICE_ROLE}$).+")
"""What check 1 advises where the suite's own role may not read a table."""

COLUMNS = re.compile(r'GRANT SELECT \(([^"]+)\) ON (.+) TO (.+)')


def as_sql(run: RunResult) -> str:
    """Return the SQL that grants what the run lacked, one statement a line; empty if it lacked nothing."""
    cases = [case for check in run.checks for case in check.cases]
    statements: dict[str, str] = {}
    for statement, instead in (pair for case in cases for pair in _of(case)):
        statements[statement] = statements.get(statement, "") or instead
    return "\n".join(_merged(f"{statement}{instead}" for statement, instead in statements.items()))


def _of(case: Case) -> Iterator[tuple[str, str]]:
    """The statements among what would prove a case, each with its alternative as a comment."""
    for doubt in case.doubts if case.status is Status.UNPROVEN else ():
        steps = advice.of(doubt.proof).steps
        for step, later in zip_longest(steps, steps[1:]):
            if step.kind is Kind.SQL:
                instead = later is not None and later.kind is Kind.SENTENCE and later.text.startswith("or ")
                yield step.command, f" -- {later.text}" if instead else ""
    for violation in case.violations:
        commands = advice.of(violation.advice).commands
        if commands and all(READING.fullmatch(step.text) for step in commands):
            yield from ((step.command, "") for step in commands)


def _merged(statements: Iterable[str]) -> list[str]:
    """One grant of columns for each table: checks need different columns of it."""
    merged: dict[object, list[str]] = {}
    for statement in statements:
        found = COLUMNS.fullmatch(statement.removesuffix(";"))
        if found is None:
            merged[statement] = []
        else:
            merged.setdefault((found[2], found[3]), []).extend(found[1].split(", "))
    return [_statement(key, columns) for key, columns in merged.items()]


def _statement(key: object, columns: list[str]) -> str:
    if not isinstance(key, tuple):
        return str(key)
    table, role = key
    return f"GRANT SELECT ({', '.join(dict.fromkeys(columns))}) ON {table} TO {role};"
