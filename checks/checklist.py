"""The go-live checklist, and the decorator by which a test declares the item that it proves.

Allure labels and severity, junit properties, the summary, the index of the pages and the verdict are all
derived from this declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import pytest

Criterion = Literal["must", "should", "nice"]
Area = Literal["documentation", "security", "reliability", "observability", "testing", "database", "ci_cd"]
"""The areas of the checklist's production readiness scorecard."""

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Item:
    """One checklist item: its id in ``verdict.json``, its title, criterion and area."""

    id: str
    """``check-01`` … ``check-19``, ``step-1.2``, ``phase-4.1``, ``rollback-1``, ``partial-1``."""
    title: str
    """The checklist's own words."""
    criterion: Criterion
    area: Area

    @property
    def label(self) -> str:
        """The item as reports write it: ``Check 2``, ``Step 1.2``, ``Rollback 1``."""
        return label_of(self.id)

    @property
    def page(self) -> str:
        """Path of the item's page, relative to the project's root."""
        return f"docs/checks/{self.id}.md"


CHECKLIST = {
    "phase-1.1": "Review all session documentation",
    "phase-1.2": "Validate production readiness (78% achieved)",
    "phase-1.3": "Identify remaining gaps to 90%",
    "phase-1.4": "Create deployment timeline",
    "phase-1.5": "Stakeholder approval obtained",
    "phase-2.1": "Review all 4 database migrations",
    "phase-2.2": "Review DLQ integration code",
    "phase-2.3": "Review circuit breaker implementation",
    "phase-2.4": "Review webhook signature verification",
    "phase-2.5": "No hardcoded secrets in code",
    "phase-2.6": "All env vars documented in .env.example",
    "phase-3.1": "Test migrations in staging environment",
    "phase-3.2": "Test DLQ flow end-to-end",
    "phase-3.3": "Test circuit breaker behavior",
    "phase-3.4": "Test webhook signature rejection",
    "phase-3.5": "Load test webhook handlers",
    "phase-3.6": "Verify rollback procedures",
    "phase-4.1": "Database backup created (<1 hour old)",
    "phase-4.2": "Point-in-time recovery enabled",
    "phase-4.3": "Staging environment validated",
    "phase-4.4": "Production credentials verified",
    "phase-4.5": "Service role keys secured",
    "phase-4.6": "Monitoring infrastructure ready",
    "step-1.1": "Deploy migrations via supabase db push",
    "step-1.2": "Verify DLQ tables created",
    "step-1.3": "Verify cron jobs scheduled",
    "step-1.4": "Verify auto-vacuum settings applied",
    "step-1.5": "Test partition creation function",
    "step-2.1": "Deploy wa-webhook",
    "step-2.2": "Deploy wa-webhook-unified",
    "step-2.3": "Deploy wa-webhook-core",
    "step-2.4": "Deploy dlq-processor",
    "step-2.5": "Verify all health endpoints",
    "step-3.1": "Set OpenTelemetry env vars (if using)",
    "step-3.2": "Verify webhook secrets",
    "step-3.3": "Configure database app settings",
    "step-4.1": "Import DLQ dashboard to Grafana",
    "step-4.2": "Import webhook performance dashboard to Grafana",
    "step-4.3": "Configure PagerDuty integration",
    "step-4.4": "Configure Slack alerting",
    "step-4.5": "Test alert notifications",
    "step-4.6": "Set alert thresholds",
    "check-01": "DLQ tables exist and accessible",
    "check-02": "Cron jobs are active",
    "check-03": "First DLQ processing ran successfully",
    "check-04": "Webhook signature verification working",
    "check-05": "Webhook processing success rate > 99%",
    "check-06": "No errors in application logs",
    "check-07": "Monitoring dashboards showing data",
    "check-08": "Alerts are triggering correctly",
    "check-09": "DLQ is processing entries",
    "check-10": "No message loss incidents",
    "check-11": "Circuit breaker not stuck in OPEN state",
    "check-12": "Database performance normal",
    "check-13": "Partition creation working (if enabled)",
    "check-14": "Auto-vacuum running",
    "check-15": "Review DLQ failure patterns",
    "check-16": "Database growth monitoring",
    "check-17": "Review alert history",
    "check-18": "Tune alert thresholds if needed",
    "check-19": "Review and archive old DLQ entries",
    "rollback-1": "Revert edge functions",
    "rollback-2": "Disable cron jobs",
    "rollback-3": "Restore database from backup (if needed)",
    "rollback-4": "Notify stakeholders",
    "rollback-5": "Document rollback reason",
    "rollback-6": "Schedule post-mortem",
    "partial-1": "Disable DLQ processing only",
    "partial-2": "Disable partitioning only",
}
"""Every item of the go-live checklist, in its own words; items without a test are listed as not looked at."""

SHARED = {"step-1.2": "check 1", "step-1.3": "check 2", "step-1.4": "check 14"}
"""Items without a test of their own, with the check that covers them."""


def label_of(item: str) -> str:
    """An item's id as reports write it: ``Check 2``, ``Step 1.2``, ``Rollback 1``."""
    kind, _, number = item.partition("-")
    return f"{kind.capitalize()} {number.lstrip('0')}"


def check(number: int | str, title: str, *, criterion: Criterion, area: Area) -> Callable[[Test], Test]:
    """Declare that a test proves a checklist item.

    Args:
        number: the number of a check (2), or the full id of another item (``"step-1.2"``).
        title: the item's title in the checklist's words.
        criterion: ``must``, ``should`` or ``nice``, from the checklist's success criteria.
        area: an area of the readiness scorecard.
    """
    if criterion not in get_args(Criterion) or area not in get_args(Area):
        raise ValueError(f"{title}: unknown criterion {criterion!r} or area {area!r}")
    item = Item(f"check-{number:02d}" if isinstance(number, int) else number, title, criterion, area)
    return pytest.mark.check(item)


def item_of(test: object) -> Item | None:
    """The checklist item that a test function declares, or None."""
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "check":
            item = mark.args[0]
            assert isinstance(item, Item)
            return item
    return None
