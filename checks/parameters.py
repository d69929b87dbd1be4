"""What the checks are parametrised with: one case per table, job, endpoint, source or alert, by its name.

Names come from the settings and are strings, so that a report names the culprit, ``-k`` can select it, and
Allure's history recognises it in the next run.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from checks.checklist import item_of
from checks.rules import bloat, performance, vacuum
from fixtures.database.table_statistics import measured_tables
from fixtures.keys import SETTINGS
from fixtures.settings.model import Settings
from fixtures.webhooks.cases import cases as endpoint_cases

DASHBOARDS = ("dlq", "webhook-performance")
ALERTS = ("dlq-pending", "dlq-processor-silent", "webhook-error-rate")


def cases(settings: Settings) -> dict[str, Sequence[str]]:
    """The cases of every parameter of the checks, by the parameter's name."""
    return {
        "dlq_table": settings.names.dlq_tables,
        "cron_job": tuple(job.name for job in settings.jobs),
        "function_log": ("functions",),
        "run_log": ("cron-runs",),
        "dashboard": DASHBOARDS,
        "alert": ALERTS,
        "database_aspect": tuple(performance.ASPECTS),
        "measured_table": (*measured_tables(settings), bloat.OTHERS),
        "vacuumed": (vacuum.SERVER, *settings.names.hot_tables),
        **endpoint_cases(settings),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each check its cases."""
    if item_of(metafunc.function) is None or SETTINGS not in metafunc.config.stash:
        return
    for name, values in cases(metafunc.config.stash[SETTINGS]).items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=list(values), scope="session")
