"""``pytest --role-sql``: prints the SQL of the suite's role for the present settings.

Like ``pytest --checks`` it only prints: no deployment is contacted, and none is started.
"""

from __future__ import annotations

import pytest

from fixtures.database.role_sql import role_sql
from fixtures.keys import SETTINGS
from reports.listing import write


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--role-sql``."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        "--role-sql",
        action="store_true",
        help="print the SQL that creates the suite's database role with the least rights that the checks need of "
        "the tables in the settings",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """With ``--role-sql``, print the SQL, and end."""
    if not config.option.role_sql:
        return None
    from _pytest.main import wrap_session

    # With collectonly, the plugins that read evidence, write reports or start workers do nothing.
    config.option.collectonly = True
    return wrap_session(config, _print)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Suppress pytest's own header and footer: the output is SQL."""
    if config.option.role_sql:
        config.pluginmanager.unregister(name="terminalreporter")


def _print(config: pytest.Config, _: pytest.Session) -> None:
    if SETTINGS not in config.stash:
        raise pytest.UsageError("--role-sql takes the settings of the folder checks; expected no other path")
    write([role_sql(config.stash[SETTINGS])])
