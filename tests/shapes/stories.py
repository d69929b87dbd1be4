"""The stories of all shapes, and how a shape is judged."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checks import test_daily, test_deploy, test_immediate
from checks.checklist import item_of
from fixtures.evidence.pieces import ENDPOINTS, needs_of, pieces_from
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from reports.case_builder import unjudged
from reports.verdict import Verdict, results, verdict_of
from tests.deployments import Deployment
from tests.outcomes import Outcome, judge_all, read
from tests.shapes.model import Story
from tests.webhooks.outcomes import access_to

SHAPES = (
    "hand_grown",
    "half_migrated",
    "renamed",
    "drained_in_sql",
    "outside_worker",
    "jobs_by_url",
    "router",
)
STORIES: dict[str, Story] = {
    shape: importlib.import_module(f"tests.shapes.{shape}.story").STORY for shape in SHAPES
}

ALWAYS_UNPROVEN = (
    "test_dashboard_shows_data",
    "test_dlq_dashboard_is_imported",
    "test_webhook_dashboard_is_imported",
    "test_alert_triggers",
    "test_alert_thresholds_are_set",
    "test_pagerduty_is_configured",
    "test_slack_is_configured",
    "test_alert_notifications_work",
    "test_alert_thresholds_are_set",
)
"""Checks of services around the deployment, which the shapes do not have."""


def checks_of(marker: str) -> list[Any]:
    """Return the checks of a marker, without those of services around it."""
    module = {"immediate": test_immediate, "daily": test_daily, "deploy": test_deploy}[marker]
    found = [value for name, value in vars(module).items() if name.startswith("test_")]
    return [test for test in found if item_of(test) and test.__name__ not in ALWAYS_UNPROVEN]


FROM_ENDPOINTS = pieces_from(ENDPOINTS)


def of_database(tests: list[Any]) -> list[Any]:
    """Return the checks that need no endpoint."""
    return [test for test in tests if not needs_of([test]) & FROM_ENDPOINTS]


def judged(
    deployment: Deployment, tests: list[Any], settings: Settings, base_url: str | None = None
) -> dict[str, Outcome]:
    """Judge a grown shape as it is now.

    Args:
        deployment: where it was grown.
        tests: the checks.
        settings: its own, or the defaults.
        base_url: its endpoints; None where no check needs them.
    """
    access = deployment.access
    if base_url:
        access = access_to(base_url, database=access.database, log_file=access.log_file)
    return judge_all(tests, read(access, tests, settings))


def verdict(outcomes: Mapping[str, Outcome], tests: list[Any]) -> Verdict:
    """Return the verdict over these outcomes, as a run derives it."""
    items = {item.id: item for test in tests if (item := item_of(test))}
    cases = []
    for name, outcome in outcomes.items():
        check, _, case = name.partition("[")
        if check in items:
            cases.append(replace(unjudged(items[check], case, "", "", []), status=outcome.status))
    checks = [check for check in results(cases) if check.status is not Status.NOT_APPLICABLE]
    return verdict_of(checks)
