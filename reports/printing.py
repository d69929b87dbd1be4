"""Options with which pytest prints something and ends: no check runs, and no report is written.

``--checks`` and ``--role-sql`` contact nothing; ``--propose-settings`` reads the database of the settings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from reports import listing, proposal, role


@dataclass(frozen=True)
class Printed:
    """What an option prints."""

    option: str
    help: str
    lines: Callable[[pytest.Config, pytest.Session], Iterable[str]]
    """Returns the lines; raises ``pytest.UsageError`` if there is nothing to print."""

    def is_wanted(self, config: pytest.Config) -> bool:
        """Whether the option is given."""
        return bool(config.getoption(self.option))


PRINTED = (
    Printed("--propose-settings", proposal.HELP, proposal.proposed_settings),
    Printed("--role-sql", role.HELP, role.sql_of_the_role),
    Printed("--checks", listing.HELP, listing.list_of_checks),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("easymo", "verification of an EasyMO deployment")
    for one in PRINTED:
        group.addoption(one.option, action="store_true", help=one.help)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """With one of the options, print its lines, and end."""
    wanted = _wanted(config)
    if wanted is None:
        return None
    from _pytest.main import wrap_session

    # With collectonly, the plugins that read evidence, write reports or start workers do nothing.
    config.option.collectonly = True
    return wrap_session(config, lambda config, session: write(wanted.lines(config, session)))


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Suppress pytest's own output, which would stand between the lines."""
    if _wanted(config) is not None:
        config.pluginmanager.unregister(name="terminalreporter")


def write(lines: Iterable[str]) -> None:
    """Write to standard output; a reader that stops early, as in ``pytest --checks | head``, is no error."""
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the rest of the buffer when it exits, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wanted(config: pytest.Config) -> Printed | None:
    return next((one for one in PRINTED if one.is_wanted(config)), None)
