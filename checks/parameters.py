"""Parameters of the checks: one case per table, job, endpoint, log source, dashboard or alert.

The cases are names from the settings: a report shows them, ``-k`` selects them, and Allure's history matches them
in the next run.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from checks.checklist import item_of
from checks.rules import bloat, performance, protection, vacuum
from fixtures.database.table_statistics import measured_tables
from fixtures.keys import SETTINGS
from fixtures.logs.cases import log_cases
from fixtures.settings.model import Settings
from fixtures.settings.naming import dlq_tables
from fixtures.thresholds.measures import measures
from fixtures.webhooks.cases import cases as endpoint_cases


def cases(settings: Settings) -> dict[str, Sequence[str]]:
    """Return the cases of each parameter of the checks, by the parameter's name."""
    return {
        "dlq_table": dlq_tables(settings),
        "customer_table": protection.customer_tables(settings),
        "cron_job": tuple(job.name for job in settings.jobs),
        "application_log": log_cases(settings),
        "run_log": ("cron-runs",),
        "dashboard": tuple(dashboard.name for dashboard in settings.dashboards),
        "alert": tuple(alert.name for alert in settings.alerts),
        "threshold": measures(settings),
        "database_aspect": tuple(performance.ASPECTS),
        "measured_table": (*measured_tables(settings), bloat.OTHERS),
        "vacuumed": (vacuum.SERVER, *settings.names.hot_tables),
        **endpoint_cases(settings),
    }


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise each check with its cases."""
    if item_of(metafunc.function) is None or SETTINGS not in metafunc.config.stash:
        return
    for name, values in cases(metafunc.config.stash[SETTINGS]).items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=list(values), scope="session")
