"""Where something was found on a dashboard: its panels and queries in words, and by their cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fixtures.dashboards.model import Answered, DashboardPanel, GrafanaDashboard, PanelQuery
from fixtures.wording import listed

MOST = 5
"""Panels that one message names."""

Place = tuple[DashboardPanel, PanelQuery]


def places(found: GrafanaDashboard, answered: Answered) -> list[Place]:
    """The queries of a dashboard with that result."""
    return [(panel, query) for panel in found.panels for query in panel.queries if query.answered is answered]


def by_cause(found: GrafanaDashboard, answered: Answered) -> list[tuple[str, list[Place]]]:
    """The queries with that result by the text that explains it: one cause is one message."""
    causes: dict[str, list[Place]] = {}
    for place in places(found, answered):
        causes.setdefault(place[1].text, []).append(place)
    return list(causes.items())


def where(found: GrafanaDashboard, queries: Sequence[Place]) -> str:
    """Dashboard, panels and queries: ``dashboard DLQ, panel Pending messages (query A)``."""
    letters: dict[str, list[str]] = {}
    for panel, query in queries:
        letters.setdefault(panel.title, []).append(query.ref_id)
    texts = [
        f"{title} ({'query' if len(refs) == 1 else 'queries'} {', '.join(dict.fromkeys(refs))})"
        for title, refs in letters.items()
    ]
    return _together(found, texts)


def where_panels(found: GrafanaDashboard, panels: Iterable[DashboardPanel]) -> str:
    """Dashboard and panels, where no query is meant."""
    return _together(found, [panel.title for panel in panels])


def _together(found: GrafanaDashboard, texts: Sequence[str]) -> str:
    noun = "panel" if len(texts) == 1 else "panels"
    return f"dashboard {found.title}, {noun} {listed(texts, MOST, ', ')}"
