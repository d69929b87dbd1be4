"""What each checklist item needs to be proven, and whether the settings provide it: ``pytest --checks``."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import pytest

from checks.checklist import CHECKLIST, SHARED, label_of
from fixtures.evidence.pieces import DATABASE, ENDPOINTS, NEEDS, ONE_OF, needs_of
from fixtures.keys import SETTINGS
from fixtures.settings.environment import LOCAL_VARIABLES
from reports.case_builder import case_of
from reports.verdict import results

if TYPE_CHECKING:
    from fixtures.settings.model import Settings
    from reports.verdict import CheckResult

HELP = "list the checks (those that -m and -k select) with what they need, and whether it is set"

WIDEST = 100
"""Columns of the list at most, and if the width of the terminal is unknown."""

NARROWEST_TITLE = 12

HEADINGS = ("item", "marker", "criterion", "title", "needs")
ADDRESSES = (DATABASE, ENDPOINTS)
NOTHING = "nothing proves it yet"


@dataclass(frozen=True)
class Listed:
    """A checklist item with what it needs."""

    check: CheckResult
    pieces: frozenset[str]
    """Kinds of evidence that its tests judge."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that its evidence requires."""
        return tuple(sorted({name for piece in self.pieces for name in NEEDS[piece]}))

    @property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """The environment variables of which its evidence requires one each."""
        return tuple(sorted({ONE_OF[piece] for piece in self.pieces if piece in ONE_OF}))

    def missing(self, given: Iterable[str]) -> tuple[str, ...]:
        """The required variables that are not given; alternatives as one text."""
        alone = tuple(name for name in self.variables if name not in given)
        return alone + tuple(" or ".join(names) for names in self.alternatives if not set(names) & set(given))


def list_of_checks(config: pytest.Config, session: pytest.Session) -> Iterator[str]:
    """Collect the checks, and return the lines of the list.

    Raises:
        pytest.UsageError: a file could not be collected, or a path other than the folder of the checks was given.
    """
    session.perform_collect()
    if session.testsfailed:
        raise pytest.UsageError("a file of checks could not be collected; pytest --collect-only shows why")
    if SETTINGS not in config.stash:
        raise pytest.UsageError("--checks lists only the folder checks; expected no other path")
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    return _lines(config, config.stash[SETTINGS], _listed(session.items), width)


def _listed(items: Iterable[pytest.Item]) -> list[Listed]:
    """The checklist items of these tests, in the checklist's order."""
    cases = []
    functions: dict[str, set[object]] = {}
    for item in items:
        if (case := case_of(item)) is not None and isinstance(item, pytest.Function):
            cases.append(case)
            functions.setdefault(case.check, set()).add(item.function)
    return [Listed(check, needs_of(functions[check.check], optional=False)) for check in results(cases)]


def _lines(config: pytest.Config, settings: Settings, listed: list[Listed], width: int) -> Iterator[str]:
    if not listed:
        yield f"no check is selected by {config.option.markexpr or config.option.keyword or 'these arguments'}"
        return
    given = settings.configured
    addressed = {*given, *settings.set_but_empty} & set(ADDRESSES) or config.getoption("--target")
    if config.getoption("--local") or not addressed:
        given = LOCAL_VARIABLES
        target = "a local deployment, which a run starts on this machine and which provides all variables below"
    else:
        target = settings.target
    yield from textwrap.wrap(f"target: {target}", width)
    yield ""
    yield from _table([_cells(entry, given, config.option.verbose > 0) for entry in listed], width)
    yield ""
    for sentence in _conclusion(listed, given, settings):
        yield from textwrap.wrap(sentence, width)
    if not (config.option.markexpr or config.option.keyword):
        yield from _by_hand([entry.check.check for entry in listed], width)


def _cells(entry: Listed, given: Iterable[str], detailed: bool) -> tuple[str, str, str, str, list[str]]:
    missing = entry.missing(given)
    needs = [f"{name} not set" if name in missing else name for name in entry.variables]
    for names in entry.alternatives:
        state = " not set" if " or ".join(names) in missing else ""
        needs += [*(f"{name} or" for name in names[:-1]), f"{names[-1]}{state}"]
    if detailed:
        needs += [f"evidence: {piece}" for piece in sorted(entry.pieces)]
    check = entry.check
    return check.label, ", ".join(check.cadences), check.criterion, check.title, needs or [NOTHING]


def _table(rows: list[tuple[str, str, str, str, list[str]]], width: int) -> Iterator[str]:
    """The list as aligned columns; titles are wrapped to the width that the other columns leave."""
    whole = [*rows, (*HEADINGS[:4], [HEADINGS[4]])]
    widths = [max(len(row[column]) for row in whole) for column in range(3)]
    last = max(len(need) for row in whole for need in row[4])
    room = max(width - sum(widths) - last - 2 * len(widths) - 2, NARROWEST_TITLE)
    title = min(room, max(len(row[3]) for row in whole))
    for label, marker, criterion, words, needs in [whole[-1], *rows]:
        wrapped = textwrap.wrap(words, title, break_on_hyphens=False)
        for number, (line, need) in enumerate(zip_longest(wrapped, needs, fillvalue="")):
            cells = [label, marker, criterion, line] if number == 0 else ["", "", "", line]
            padded = [cell.ljust(width) for cell, width in zip(cells, [*widths, title], strict=True)]
            yield "  ".join([*padded, need]).rstrip()


def _by_hand(proven: Iterable[str], width: int) -> Iterator[str]:
    """The checklist items without a test of their own."""
    rest = {item: title for item, title in CHECKLIST.items() if item not in set(proven)}
    column = max((len(label_of(item)) for item in rest), default=0)
    yield ""
    yield from textwrap.wrap("without a test in this version, so check them by hand:", width)
    for item, title in rest.items():
        hint = f" ({SHARED[item]} covers this)" if item in SHARED else ""
        yield from textwrap.wrap(
            f"{title}{hint}",
            width,
            initial_indent=f"  {label_of(item).ljust(column)}  ",
            subsequent_indent=" " * (column + 4),
        )


def _conclusion(listed: list[Listed], given: Iterable[str], settings: Settings) -> Iterator[str]:
    """How many checks have the variables they need; only a run shows whether the values work."""
    ready = [entry for entry in listed if entry.variables and not entry.missing(given)]
    has = "check has all the variables it needs" if len(listed) == 1 else "checks have all the variables they need"
    yield f"{len(ready)} of {len(listed)} {has}; only a run shows whether their values work"
    if settings.set_but_empty:
        yield f"set but empty, so treated as not set: {', '.join(settings.set_but_empty)}"
