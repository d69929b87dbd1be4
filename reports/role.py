"""The SQL of the suite's role for the present settings: ``pytest --role-sql``."""

from __future__ import annotations

import pytest

from fixtures.database.role_sql import role_sql
from fixtures.keys import SETTINGS

HELP = (
    "print the SQL that creates the suite's database role with the least rights that the checks need of the "
    "tables in the settings"
)


def sql_of_the_role(config: pytest.Config, _: pytest.Session) -> list[str]:
    """Return the lines of the SQL.

    Raises:
        pytest.UsageError: a path other than the folder of the checks was given.
    """
    if SETTINGS not in config.stash:
        raise pytest.UsageError("--role-sql takes the settings of the folder checks; expected no other path")
    return role_sql(config.stash[SETTINGS]).splitlines()
