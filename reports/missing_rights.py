"""The rights that the suite's role lacked in a run, as one block of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fixtures.database.contract import SERVICE_ROLE
from fixtures.outcome import Status
from reports.case import Case
from reports.verdict import RunResult

TITLE = "Missing rights"
NOTE = (
    "What the suite's role lacked in this run. Run it as the owner of the tables. Where BYPASSRLS is refused, "
    "pytest --role-sql prints policies that serve instead."
)

STATEMENT = re.compile(r"(GRANT .+ TO .+|ALTER ROLE .+ BYPASSRLS|CREATE POLICY .+)")
READING = re.compile(rf"GRANT (SELECT|USAGE)\b.* TO (?!{SERVICE_ROLE}$).+")
"""What check 1 advises where the suite's own role may not read a table."""

BETWEEN = re.compile(r'; (?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A semicolon between two statements, not one in a quoted name."""

COLUMNS = re.compile(r'GRANT SELECT \(([^"]+)\) ON (.+) TO (.+)')


def as_sql(run: RunResult) -> str:
    """Return the SQL that grants what the run lacked, one statement a line; empty if it lacked nothing."""
    cases = [case for check in run.checks for case in check.cases]
    statements = list(dict.fromkeys(statement for case in cases for statement in _of(case)))
    return "\n".join(_merged(statements))


def _of(case: Case) -> Iterator[str]:
    """The statements among what would prove a case, with the alternative of each as a comment."""
    for text in [doubt.proof for doubt in case.doubts] if case.status is Status.UNPROVEN else []:
        for part in BETWEEN.split(text):
            statement, _, instead = part.partition(", or ")
            if STATEMENT.fullmatch(statement):
                yield f"{statement}; -- or {instead}" if instead else f"{statement};"
    for violation in case.violations:
        parts = BETWEEN.split(violation.advice)
        yield from (f"{part};" for part in parts if all(map(READING.fullmatch, parts)))


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
