"""pytest hooks of the reports: the option, the redaction of logs and terminal, and the recorder of a run."""

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
"""Removes the redaction of log records."""

_INFORMATION_OPTIONS = (
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
"""Options with which pytest prints information and runs no test."""


def only_informs(config: pytest.Config) -> bool:
    """Whether pytest only prints information, such as its fixtures, and runs no test."""
    return any(config.getoption(option, False) for option in _INFORMATION_OPTIONS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--report-dir``."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        "--report-dir",
        metavar="DIR",
        help="folder for verdict.json, summary.md, index.html, junit.xml, evidence.json and allure-results "
        "(default: reports/latest in the project)",
    )


def report_dir(config: pytest.Config) -> Path:
    """The folder of this run's reports: ``--report-dir``, or ``reports/latest`` in the project."""
    given = config.getoption("--report-dir")
    return config.invocation_params.dir / given if given else config.rootpath / "reports" / "latest"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Redact log records from here on, prepare the folder of the reports, and register the recorder.

    Runs first, because the plugins for Allure and junit.xml read in the same hook the options that are set here.

    Raises:
        pytest.UsageError: the folder of the reports cannot be written.
    """
    if not runs_checks(config):
        return
    config.stash[REDACTOR] = redactor = Redactor()
    config.stash[UNDO] = install_log_redaction(redactor)
    if not only_informs(config):
        _register_recorder(config, redactor)


def _register_recorder(config: pytest.Config, redactor: Redactor) -> None:
    directory = report_dir(config)
    if not hasattr(config, "workerinput"):
        prepare(directory, keep=config.getoption("--replay", None))
    allure_results.configure(config, directory)
    junit.configure(config, directory)
    config.pluginmanager.register(
        Recorder(config, Record(directory, redactor, config.rootpath)), "easymo_recorder"
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the redaction of log records."""
    if UNDO in config.stash:
        config.stash[UNDO]()
        del config.stash[UNDO]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Give the redactor the secrets of the run, and redact the terminal and Allure's files."""
    config = session.config
    if REDACTOR not in config.stash:
        return
    if ACCESS in config.stash:
        for secret in config.stash[ACCESS].secrets:
            config.stash[REDACTOR].learn(secret)
    terminal.redact(config, config.stash[REDACTOR])
    allure_results.redact(config, config.stash[REDACTOR])
