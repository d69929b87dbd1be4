"""The checklist items that the checks declare, with their markers, in the checklist's order."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import FunctionType

import checks
from checks.checklist import Item, item_of
from reports.case_builder import unjudged
from reports.verdict import CheckResult, results


def proofs() -> Iterator[tuple[FunctionType, Item, list[str]]]:
    """Every test of a checklist item, with the names of all its markers."""
    for module in pkgutil.iter_modules(checks.__path__):
        if not module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"checks.{module.name}")
        marks = loaded.pytestmark if isinstance(loaded.pytestmark, list) else [loaded.pytestmark]
        for value in vars(loaded).values():
            item = item_of(value) if isinstance(value, FunctionType) else None
            if item is not None:
                yield value, item, [mark.name for mark in (*marks, *value.pytestmark)]


def declared() -> tuple[CheckResult, ...]:
    """The items, each once; nothing is judged."""
    return results(
        unjudged(item, test.__name__, test.__name__, f"checks::{test.__name__}", marks)
        for test, item, marks in proofs()
    )
