"""Weekly checks, a week after a deployment (checklist: checks 15 to 19)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import growth
from fixtures.database.sizes import DatabaseSizes
from fixtures.history.model import SizeHistory
from fixtures.history.projection import growth_of
from fixtures.settings.model import Settings

pytestmark = pytest.mark.weekly

growth_monitored = check(16, "Database growth monitoring", criterion="should", area="database")


@growth_monitored
def test_database_stays_below_its_limit(
    database_sizes: DatabaseSizes, size_history: SizeHistory, settings: Settings, judge: Judge
) -> None:
    judge.expects("The database is below its size limit, and its growth does not reach it soon.")
    found = growth_of(database_sizes, size_history, settings)
    judge.shows("Largest tables", growth.by_table(found))
    growth.everything_is_counted(judge, found)
    if growth.is_below_the_limit(judge, found):
        growth.stays_below_the_limit(judge, found, size_history)
    judge.draws("growth")


@growth_monitored
def test_no_table_grows_too_fast(
    database_sizes: DatabaseSizes, size_history: SizeHistory, settings: Settings, judge: Judge
) -> None:
    judge.expects("No large table multiplies within a week.")
    growth.tables_grow_slowly(judge, growth_of(database_sizes, size_history, settings), size_history)
