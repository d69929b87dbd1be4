"""House rules that are cheap to check: size of modules and functions, markers, and checks that touch nothing."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tests.docs.declared import declared, proofs
from tests.running import ROOT

LONGEST_MODULE = 400
LONGEST_FUNCTION = 50

MODULES = [path for folder in ("checks", "fixtures", "reports", "tests") for path in (ROOT / folder).rglob("*.py")]
CHECKS = [path for path in MODULES if path.is_relative_to(ROOT / "checks")]

TO_COME = {"weekly", "predeploy", "staging", "rollback"}
"""Markers of the checklist's parts that no check proves yet."""

OUTSIDE = {
    *("asyncio", "ftplib", "http", "httpx", "io", "os", "pathlib", "psycopg", "requests", "shutil", "smtplib"),
    *("socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib", "uvicorn"),
}
"""Modules that lead out of the process."""

READERS = ("fixtures.database", "fixtures.local", "fixtures.reading", "fixtures.run", "fixtures.webhooks.client")
"""Our own modules that read evidence."""


def name_of(path: Path) -> str:
    """A module as a failure or a test's id names it."""
    return str(path.relative_to(ROOT))


def tree_of(path):
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def test_modules_and_functions_are_short():
    """What does not fit on a few screens is two things."""
    modules = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in modules.items() if lines > LONGEST_MODULE} == {}
    functions = {
        f"{name_of(path)}::{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", CHECKS, ids=name_of)
def test_checks_do_no_input_or_output(path):
    """A check judges the evidence that it is given, so that a replay judges the same."""
    imported = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input")
    assert {name for name in imported if name.split(".")[0] in OUTSIDE} == set()
    assert {name for name in imported if f"{name}.".startswith(tuple(f"{reader}." for reader in READERS))} == set()


def test_registered_markers_are_those_in_use():
    """A marker that no check has selects nothing; those of parts to come are named above."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    registered = {line.partition(":")[0] for line in settings["tool"]["pytest"]["markers"]}
    used = {mark for _, _, marks in proofs() for mark in marks} - {"parametrize"}
    assert used | TO_COME == registered
    assert used & TO_COME == set()


@pytest.mark.parametrize(
    ("marker", "items"),
    [
        ("immediate", [f"check-{number:02d}" for number in range(1, 9)]),
        ("daily", [f"check-{number:02d}" for number in range(9, 15)]),
        ("deploy", [f"step-2.{number}" for number in range(1, 6)]),
    ],
)
def test_a_marker_has_exactly_its_part_of_the_checklist(marker, items):
    """Each numbered check belongs to one cadence, as the checklist has it."""
    assert [check.check for check in declared() if marker in check.cadences] == items
    assert {len(check.cadences) for check in declared()} == {1}
