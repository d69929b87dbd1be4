"""``pytest --checks``: what each checklist item needs to be proven, and whether the settings give it that.

Like ``pytest --markers`` it only tells: no deployment is looked at, and none is brought up.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from checks.checklist import CHECKLIST, SHARED, label_of
from fixtures.evidence.pieces import DATABASE, ENDPOINTS, NEEDS, needs_of
from fixtures.keys import SETTINGS
from fixtures.settings.environment import LOCAL_VARIABLES
from reports.case_builder import case_of
from reports.verdict import results

if TYPE_CHECKING:
    from fixtures.settings.model import Settings
    from reports.verdict import CheckResult

WIDEST = 100
"""Columns that the list takes at the most, and where nobody says how wide the terminal is."""

NARROWEST_TITLE = 12

HEADINGS = ("item", "marker", "criterion", "title", "needs")
ADDRESSES = (DATABASE, ENDPOINTS)
NOTHING = "nothing proves it yet"


@dataclass(frozen=True)
class Listed:
    """A checklist item with what it needs."""

    check: CheckResult
    pieces: frozenset[str]
    """Kinds of evidence that its tests take."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that lead to its evidence."""
        return tuple(sorted({name for piece in self.pieces for name in NEEDS[piece]}))

    def missing(self, given: Iterable[str]) -> tuple[str, ...]:
        """The variables that are not among those given."""
        return tuple(name for name in self.variables if name not in given)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that asks for the list."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        "--checks",
        action="store_true",
        help="list the checks (those that -m and -k select) with what they need, and whether it is set",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """Collect, list, and end."""
    if not config.option.checks:
        return None
    from _pytest.main import wrap_session

    # Everything that reads evidence, writes reports or starts workers leaves a mere collection alone.
    config.option.collectonly = True
    return wrap_session(config, _collect_and_list)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest's own list of the collected tests from the terminal."""
    if config.option.checks:
        config.pluginmanager.unregister(name="terminalreporter")


def _collect_and_list(config: pytest.Config, session: pytest.Session) -> None:
    session.perform_collect()
    if session.testsfailed:
        raise pytest.UsageError("a file of checks could not be collected; pytest --collect-only says why")
    if SETTINGS not in config.stash:
        raise pytest.UsageError("--checks lists the checks of the folder checks; name no other")
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    lines = _lines(config, config.stash[SETTINGS], _listed(session.items), width)
    _write(f"{line}\n" for line in lines)


def _write(lines: Iterable[str]) -> None:
    """Write to standard output for as long as anybody reads it: ``pytest --checks | head`` is no fault."""
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail once more when Python flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _listed(items: Iterable[pytest.Item]) -> list[Listed]:
    """The checklist items that the tests prove, in the checklist's order."""
    cases = []
    functions: dict[str, set[object]] = {}
    for item in items:
        if (case := case_of(item)) is not None and isinstance(item, pytest.Function):
            cases.append(case)
            functions.setdefault(case.check, set()).add(item.function)
    return [Listed(check, needs_of(functions[check.check])) for check in results(cases)]


def _lines(config: pytest.Config, settings: Settings, listed: list[Listed], width: int) -> Iterator[str]:
    if not listed:
        yield f"no check is selected by {config.option.markexpr or config.option.keyword or 'these arguments'}"
        return
    given = settings.configured
    named = {*given, *settings.set_but_empty} & set(ADDRESSES) or config.getoption("--target")
    if config.getoption("--local") or not named:
        given = LOCAL_VARIABLES
        target = "a deployment that a run brings up on this machine, and that gives all variables below"
    else:
        target = settings.target
    yield from textwrap.wrap(f"target: {target}", width)
    yield ""
    yield from _table([_cells(entry, given, config.option.verbose > 0) for entry in listed], width)
    yield ""
    for sentence in _conclusion(listed, given, settings):
        yield from textwrap.wrap(sentence, width)
    if not (config.option.markexpr or config.option.keyword):
        yield from _not_looked_at([entry.check.check for entry in listed], width)


def _cells(entry: Listed, given: Iterable[str], detailed: bool) -> tuple[str, str, str, str, list[str]]:
    missing = entry.missing(given)
    needs = [f"{name} not set" if name in missing else name for name in entry.variables]
    if detailed:
        needs += [f"evidence: {piece}" for piece in sorted(entry.pieces)]
    check = entry.check
    return check.label, ", ".join(check.cadences), check.criterion, check.title, needs or [NOTHING]


def _table(rows: list[tuple[str, str, str, str, list[str]]], width: int) -> Iterator[str]:
    """Aligned columns; titles are wrapped into the room that the others leave of the width."""
    whole = [*rows, (*HEADINGS[:4], [HEADINGS[4]])]
    widths = [max(len(row[column]) for row in whole) for column in range(3)]
    last = max(len(need) for row in whole for need in row[4])
    room = max(width - sum(widths) - last - 2 * len(widths) - 2, NARROWEST_TITLE)
    title = min(room, max(len(row[3]) for row in whole))
    for label, marker, criterion, words, needs in [whole[-1], *rows]:
        wrapped = textwrap.wrap(words, title, break_on_hyphens=False) or [""]
        for number in range(max(len(wrapped), len(needs))):
            cells = [label, marker, criterion] if number == 0 else ["", "", ""]
            cells.append(wrapped[number] if number < len(wrapped) else "")
            padded = [cell.ljust(width) for cell, width in zip(cells, [*widths, title], strict=True)]
            need = needs[number] if number < len(needs) else ""
            yield "  ".join([*padded, need]).rstrip()


def _not_looked_at(proven: Iterable[str], width: int) -> Iterator[str]:
    """The rest of the checklist: what this version does not look at is not proven."""
    rest = {item: title for item, title in CHECKLIST.items() if item not in set(proven)}
    column = max((len(label_of(item)) for item in rest), default=0)
    yield ""
    yield from textwrap.wrap("not looked at by this version, so to be looked at by hand:", width)
    for item, title in rest.items():
        hint = f" ({SHARED[item]} looks at this)" if item in SHARED else ""
        yield from textwrap.wrap(
            f"{title}{hint}",
            width,
            initial_indent=f"  {label_of(item).ljust(column)}  ",
            subsequent_indent=" " * (column + 4),
        )


def _conclusion(listed: list[Listed], given: Iterable[str], settings: Settings) -> Iterator[str]:
    """How many checks have what they need; a variable that is set is no evidence yet."""
    ready = [entry for entry in listed if entry.variables and not entry.missing(given)]
    noun = "check has" if len(listed) == 1 else "checks have"
    yield f"{len(ready)} of {len(listed)} {noun} all that is needed; whether it leads anywhere, a run tells"
    if settings.set_but_empty:
        yield f"set but empty, so taken as not set: {', '.join(settings.set_but_empty)}"
