"""How a test declares which checklist item it proves: number, title, criterion and area, once.

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
    """One checklist item: its identity in ``verdict.json``, the title that people know, and its weight."""

    id: str
    """``check-01`` … ``check-19``, ``step-1.2``, ``phase-4.1``, ``rollback-1``, ``partial-1``."""
    title: str
    """The checklist's own words."""
    criterion: Criterion
    area: Area

    @property
    def label(self) -> str:
        """The item as people say it: ``Check 2``, ``Step 1.2``, ``Rollback 1``."""
        kind, _, number = self.id.partition("-")
        return f"{kind.capitalize()} {number.lstrip('0')}"

    @property
    def page(self) -> str:
        """Path of the item's page, relative to the project's root."""
        return f"docs/checks/{self.id}.md"


BY_HAND = {
    "Phases 1 to 4": "Review & planning, code review, testing, infrastructure",
    "Step 1.1": "Deploy migrations via supabase db push",
    "Step 1.2": "Verify DLQ tables created (check 1 looks at them)",
    "Step 1.3": "Verify cron jobs scheduled (check 2 looks at them)",
    "Step 1.4": "Verify auto-vacuum settings applied (check 14 looks at them)",
    "Step 1.5": "Test partition creation function",
    "Step 3.1": "Set OpenTelemetry env vars (if using)",
    "Step 3.2": "Verify webhook secrets",
    "Step 3.3": "Configure database app settings",
    "Step 4.1": "Import DLQ dashboard to Grafana",
    "Step 4.2": "Import webhook performance dashboard to Grafana",
    "Step 4.3": "Configure PagerDuty integration",
    "Step 4.4": "Configure Slack alerting",
    "Step 4.5": "Test alert notifications",
    "Step 4.6": "Set alert thresholds",
    "Check 15": "Review DLQ failure patterns",
    "Check 16": "Database growth monitoring",
    "Check 17": "Review alert history",
    "Check 18": "Tune alert thresholds if needed",
    "Check 19": "Review and archive old DLQ entries",
    "Rollbacks 1 to 6": "Emergency rollback",
    "Partials 1 and 2": "Partial rollback: DLQ processing only, partitioning only",
}
"""Items of the checklist that no test proves yet, so that somebody has to look at them."""


def check(number: int | str, title: str, *, criterion: Criterion, area: Area) -> Callable[[Test], Test]:
    """Declare that a test proves a checklist item.

    Args:
        number: the number of a check (2), or the full id of another item (``"step-1.2"``).
        title: the item's title in the checklist's words.
        criterion: ``must``, ``should`` or ``nice``, as the checklist's success criteria have it.
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
