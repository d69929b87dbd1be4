"""House rules that are cheap to check: size of modules and functions, markers, and checks that touch nothing."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from checks.checklist import CHECKLIST
from tests.docs.declared import declared, proofs
from tests.imports import circles, modules, own_imports
from tests.running import ROOT

LONGEST_MODULE = 400
LONGEST_FUNCTION = 50

MODULES = [path for folder in ("checks", "fixtures", "reports", "tests") for path in (ROOT / folder).rglob("*.py")]
CHECKS = [path for path in MODULES if path.is_relative_to(ROOT / "checks")]

TO_COME = {"weekly", "predeploy", "staging", "rollback"}
"""Markers of the checklist's parts that no check proves yet."""

NOT_LOOKED_AT = {"check-07", "check-08"}
"""Checks that are always unproven, because the suite reads no dashboards and alerts yet."""

OUTSIDE = {
    *("asyncio", "ftplib", "http", "httpx", "io", "os", "pathlib", "psycopg", "requests", "shutil", "smtplib"),
    *("socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib", "uvicorn"),
}
"""Modules that lead out of the process."""

READERS = (
    "fixtures.database.client",
    "fixtures.local",
    "fixtures.evidence.reading",
    "fixtures.run",
    "fixtures.webhooks.http.client",
    "fixtures.webhooks.http.sender",
)
"""Our own modules that read evidence."""

ROOT_OF_COMPOSITION = "fixtures.run"
"""The one module that may import from all three folders, and that none of them imports."""

GROUND_FLOOR = {f"fixtures.{name}" for name in ("outcome", "wording", "schedule", "files", "keys", "secret")}
"""What every folder may use, and what uses none of them."""

IMPORTS = own_imports()


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


def test_declared_titles_are_the_checklists():
    """A check keeps the words that people know its item by, and every item stands in the table."""
    assert {check.check: check.title for check in declared()}.items() <= CHECKLIST.items()


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


def folder_of(module):
    """The top-level folder that a module stands in."""
    return module.partition(".")[0]


def test_imports_run_one_way():
    """``fixtures`` imports nothing above it but the redaction gate, ``checks`` imports ``fixtures`` only."""
    upward = {
        (one.importer, one.imported)
        for one in IMPORTS
        if (folder_of(one.importer), folder_of(one.imported))
        in {("fixtures", "checks"), ("fixtures", "reports"), ("checks", "reports")}
    }
    assert {
        (importer, imported)
        for importer, imported in upward
        if importer != ROOT_OF_COMPOSITION and not imported.startswith("reports.redaction.")
    } == set()


def test_nobody_imports_the_composition_root():
    """What the run knows reaches the others as evidence or by a key of the stash."""
    assert [one.importer for one in IMPORTS if one.imported == ROOT_OF_COMPOSITION] == []


def test_redaction_imports_the_secret_type_only():
    """The gate can be read, and trusted, by itself."""
    assert {
        one.imported
        for one in IMPORTS
        if one.importer.startswith("reports.redaction") and not one.imported.startswith("reports.redaction")
    } == {"fixtures.secret"}


def test_the_ground_floor_imports_nothing_above():
    """Types alone may be named there: the keys of the stash say what they hold."""
    assert GROUND_FLOOR <= modules().keys()
    assert [
        one
        for one in IMPORTS
        if one.importer in GROUND_FLOOR and one.imported not in GROUND_FLOOR and not one.for_types
    ] == []


def test_no_circle_of_imports():
    """Not even among imports for types."""
    assert circles({(one.importer, one.imported) for one in IMPORTS}) == []


def test_circles_are_found():
    """The search finds a circle of two and one of three, and leaves a chain alone."""
    edges = {("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "c"), ("f", "a")}
    assert sorted(circles(edges)) == [["a", "b"], ["c", "d", "e"]]


def test_imports_in_functions_say_what_they_save():
    """Our own modules are imported at the top, unless a run that does not need them starts quicker."""
    files = modules()
    silent = [
        f"{one.importer}:{one.line}"
        for one in IMPORTS
        if one.in_function and "# start-up:" not in files[one.importer].read_text().splitlines()[one.line - 1]
    ]
    assert silent == []


def test_no_two_classes_of_one_name():
    """A name means one thing in the whole project."""
    homes: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_check_is_named_by_a_test():
    """A check that no test of ours runs is not proven to find anything."""
    proving = [path.read_text(encoding="utf-8") for path in MODULES if path.is_relative_to(ROOT / "tests")]
    unproven = [
        test.__name__
        for test, item, _ in proofs()
        if item.id not in NOT_LOOKED_AT and not any(test.__name__ in text for text in proving)
    ]
    assert unproven == []
