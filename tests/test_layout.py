"""House rules: size of modules and functions, markers, imports, and checks without input or output."""

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

PARTS = {"phase": "predeploy", "step": "deploy", "rollback": "rollback", "partial": "rollback"}
"""Kind of checklist item → its marker; numbered checks have theirs by number."""

LAST_CHECKS = {"immediate": 8, "daily": 14, "weekly": 19}

OUTSIDE = {
    *("asyncio", "ftplib", "http", "httpx", "io", "os", "pathlib", "psycopg", "requests", "shutil", "smtplib"),
    *("socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib", "uvicorn"),
}
"""Modules with access to files, network or processes."""

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

GROUND_FLOOR = {
    f"fixtures.{name}" for name in ("advice", "outcome", "wording", "schedule", "files", "keys", "secret")
}
"""Modules that every folder may import, and that import no other modules of ours."""

IMPORTS = own_imports()


def name_of(path: Path) -> str:
    """Return a module's name for test ids and failures."""
    return str(path.relative_to(ROOT))


def tree_of(path):
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def test_modules_and_functions_are_short():
    """Modules have at most 400 lines, functions at most 50."""
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
    """Checks judge only the evidence passed to them, so that a replay gets the same verdict."""
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


def marker_of(item):
    """Return the marker of the part of the checklist that an item stands in."""
    kind, _, number = item.partition("-")
    if kind != "check":
        return PARTS[kind]
    return next(marker for marker, last in LAST_CHECKS.items() if int(number) <= last)


def test_markers_in_use_are_registered():
    """A marker without checks is one of the checklist's parts that has none yet."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    registered = {line.partition(":")[0] for line in settings["tool"]["pytest"]["markers"]}
    used = {mark for _, _, marks in proofs() for mark in marks} - {"parametrize"}
    assert used <= registered
    assert registered - used <= {*LAST_CHECKS, *PARTS.values(), "staging"}


def test_titles_of_checks_are_the_checklists():
    """Every check has the title of its checklist item."""
    assert {check.check: check.title for check in declared()}.items() <= CHECKLIST.items()


def test_check_has_its_parts_marker():
    """Each item belongs to one part of the checklist, and is selected by that part's marker alone."""
    assert {check.check: check.cadences for check in declared()} == {
        check.check: (marker_of(check.check),) for check in declared()
    }


def folder_of(module):
    """Return a module's top-level folder."""
    return module.partition(".")[0]


def test_imports_run_one_way():
    """``fixtures`` imports only ``reports.redaction`` from above; ``checks`` imports ``fixtures`` only."""
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


def test_no_module_imports_fixtures_run():
    """Other modules get the run's data as evidence or from the stash."""
    assert [one.importer for one in IMPORTS if one.imported == ROOT_OF_COMPOSITION] == []


def test_redaction_imports_the_secret_type_only():
    """So it can be reviewed on its own."""
    assert {
        one.imported
        for one in IMPORTS
        if one.importer.startswith("reports.redaction") and not one.imported.startswith("reports.redaction")
    } == {"fixtures.secret"}


def test_ground_floor_imports_nothing_above():
    """Except for types: the stash keys name the types of their values."""
    assert modules().keys() >= GROUND_FLOOR
    assert [
        one
        for one in IMPORTS
        if one.importer in GROUND_FLOOR and one.imported not in GROUND_FLOOR and not one.for_types
    ] == []


def test_no_circle_of_imports():
    """Imports for types included."""
    assert circles({(one.importer, one.imported) for one in IMPORTS}) == []


def test_circles_are_found():
    """The search finds a circle of two and one of three, and leaves a chain alone."""
    edges = {("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "c"), ("f", "a")}
    assert sorted(circles(edges)) == [["a", "b"], ["c", "d", "e"]]


def test_imports_in_functions_have_a_reason():
    """Own modules are imported at the top, except with a comment ``# start-up:`` that says what it saves."""
    files = modules()
    silent = [
        f"{one.importer}:{one.line}"
        for one in IMPORTS
        if one.in_function and "# start-up:" not in files[one.importer].read_text().splitlines()[one.line - 1]
    ]
    assert silent == []


def test_class_names_are_unique():
    """In the whole project."""
    homes: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_check_is_named_by_a_test():
    """A check that no test runs may find nothing."""
    proving = [path.read_text(encoding="utf-8") for path in MODULES if path.is_relative_to(ROOT / "tests")]
    unproven = [test.__name__ for test, item, _ in proofs() if not any(test.__name__ in text for text in proving)]
    assert unproven == []
