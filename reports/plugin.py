"""pytest's side of the reports: the option, the gate before logs and terminal, the plugin that follows a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.keys import ACCESS, REDACTOR
from fixtures.settings.selection import runs_checks
from reports import junit, terminal
from reports.allure import results as allure_results
from reports.directory import prepare
from reports.record import Record
from reports.recorder import Recorder
from reports.redaction.log_records import install_log_redaction
from reports.redaction.redactor import Redactor

UNDO = pytest.StashKey[Callable[[], None]]()

_INFORMS = (
    "help",
    "version",
    "markers",
    "collectonly",
    "showfixtures",
    "show_fixtures_per_test",
    "cacheshow",
    "setuponly",
    "setupplan",
)
"""Options with which pytest tells something and runs no test."""


def only_informs(config: pytest.Config) -> bool:
    """Whether pytest is only to tell something, such as its fixtures, and runs no test."""
    return any(config.getoption(option, False) for option in _INFORMS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that says where the reports go."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        "--report-dir",
        metavar="DIR",
        help="folder for verdict.json, summary.md, index.html, junit.xml, evidence.json and allure-results "
        "(default: reports/latest in the project)",
    )


def report_dir(config: pytest.Config) -> Path:
    """The folder that this run's reports go to: as given, or ``reports/latest`` in the project."""
    given = config.getoption("--report-dir")
    return config.invocation_params.dir / given if given else config.rootpath / "reports" / "latest"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take everything that is written from here on through the gate, and make room for the reports.

    Comes before the plugins that write Allure's results and junit.xml, which read their options here too.

    Raises:
        pytest.UsageError: the folder of the reports cannot be written.
    """
    if not runs_checks(config):
        return
    config.stash[REDACTOR] = redactor = Redactor()
    config.stash[UNDO] = install_log_redaction(redactor)
    if not only_informs(config):
        _follow(config, redactor)


def _follow(config: pytest.Config, redactor: Redactor) -> None:
    directory = report_dir(config)
    if not hasattr(config, "workerinput"):
        prepare(directory, keep=config.getoption("--replay", None))
    allure_results.configure(config, directory)
    junit.configure(config, directory)
    config.pluginmanager.register(
        Recorder(config, Record(directory, redactor, config.rootpath)), "easymo_recorder"
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave logging as it was."""
    if UNDO in config.stash:
        config.stash[UNDO]()
        del config.stash[UNDO]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Teach the gate the secrets of the run, and put it before the terminal and Allure's files."""
    config = session.config
    if REDACTOR not in config.stash:
        return
    if ACCESS in config.stash:
        for secret in config.stash[ACCESS].secrets:
            config.stash[REDACTOR].learn(secret)
    terminal.redact(config, config.stash[REDACTOR])
    allure_results.redact(config, config.stash[REDACTOR])
