"""Finds the imports between the project's own modules, from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.running import ROOT

FOLDERS = ("checks", "fixtures", "reports")


@dataclass(frozen=True)
class OwnImport:
    """An import of one of the project's modules by another."""

    importer: str
    imported: str
    line: int
    in_function: bool
    for_types: bool
    """Whether it is under ``if TYPE_CHECKING``, so that nothing is loaded at run time."""


def modules() -> dict[str, Path]:
    """Return module → file, of all the suite's modules."""
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return {_name(path): path for path in files}


def own_imports() -> list[OwnImport]:
    """Return every import of one of the project's modules by another."""
    known = modules()
    found: list[OwnImport] = []
    for importer, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, in_function, for_types in _statements(tree, False, False):
            for name in dict.fromkeys(_imported(node)):
                module = name if name in known else name.rpartition(".")[0]
                if module in known and module != importer:
                    found.append(OwnImport(importer, module, node.lineno, in_function, for_types))
    return found


def circles(edges: set[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of modules that import one another in a circle (Tarjan's algorithm)."""
    graph: dict[str, list[str]] = {}
    for start, end in edges:
        graph.setdefault(start, []).append(end)
        graph.setdefault(end, [])
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == order[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            groups.append(sorted(group))

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return [group for group in groups if len(group) > 1]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _statements(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[tuple[ast.stmt, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, in_function, for_types
        inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        typing = for_types or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        yield from _statements(child, inside, typing)


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    return [f"{node.module}.{alias.name}" for alias in node.names]
