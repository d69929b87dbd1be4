"""Builds dashboards, panels and data for the stand-in for Grafana."""

from __future__ import annotations

import time
from typing import Any

from fixtures.local.stand_ins.grafana import Grafana, Result, frames, reply

TOKEN = "glsa_planted_token_of_the_tests"

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
MIXED = {"uid": "-- Mixed --", "type": "datasource"}
OF_DASHBOARD = {"uid": "-- Dashboard --", "type": "datasource"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "pg"}


def target(expr: str = "dlq_pending", ref_id: str = "A", **more: Any) -> dict[str, Any]:
    """A query to Prometheus."""
    return {"refId": ref_id, "expr": expr, "datasource": PROMETHEUS, "range": True} | more


def sql(text: str = "SELECT count(*) FROM webhook_dlq", ref_id: str = "A", **more: Any) -> dict[str, Any]:
    """A query to Postgres that wants a table."""
    return {"refId": ref_id, "rawSql": text, "format": "table", "datasource": POSTGRES} | more


def panel(title: str = "Pending", *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A panel with these queries; with one, if none is given."""
    wanted: dict[str, Any] = {"targets": list(targets) or [target()]}
    wanted["datasource"] = wanted["targets"][0].get("datasource", PROMETHEUS)
    return {"id": 1, "type": "timeseries", "title": title} | wanted | more


def dashboard(*panels: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The dashboard of the DLQ."""
    base = {"uid": "dlq1", "title": "DLQ", "schemaVersion": 39, "time": {"from": "now-6h", "to": "now"}}
    return base | {"panels": list(panels)} | more


def variable(name: str, value: Any, kind: str = "query", **more: Any) -> dict[str, Any]:
    """A variable with its saved value."""
    return {"name": name, "type": kind, "current": {"text": value, "value": value}} | more


def minutes(*values: float | None, ends_ago: float = 0) -> Result:
    """A series with a value a minute, whose last one is that many seconds old."""
    end = (time.time() - ends_ago) * 1000
    first = end - 60_000 * (len(values) - 1)
    return frames([first + 60_000 * number for number in range(len(values))], values)


def several(*results: Result) -> Result:
    """A result with the frames of several."""
    return {"status": 200, "frames": [frame for result in results for frame in result["frames"]]}


def error(text: str, status: int = 400) -> Result:
    """An error of the data source."""
    return {"status": status, "error": text, "frames": []}


def grafana(*panels: dict[str, Any], **more: Any) -> Grafana:
    """A Grafana with the dashboard of the DLQ, whose data sources answer with three values."""
    one = Grafana(None, "", TOKEN)
    one.sources["Postgres"] = {"uid": "pg", "type": "grafana-postgresql-datasource"}
    one.canned = _usual
    one.add(dashboard(*(panels or (panel(),)), **more))
    return one


def _usual(query: dict[str, Any]) -> Result | None:
    """Three values; nothing for what the stand-in answers itself: expressions, and SQL without a text."""
    kind = query["datasource"]["type"]
    left = kind == "__expr__" or ("sql" in kind and not query.get("rawSql"))
    return None if left else minutes(1, 0, 3)


def answering(answer: Any, *panels: dict[str, Any], **more: Any) -> Grafana:
    """A Grafana whose data sources give this answer, or answer by this function."""
    one = grafana(*panels, **more)
    one.canned = answer if callable(answer) else lambda query: answer
    return one


def refusing(path: str, status: int, *panels: dict[str, Any]) -> Grafana:
    """A Grafana that refuses a path."""
    one = grafana(*panels)
    one.refused[path] = status
    return one


def routed(path: str, status: int, document: Any, *panels: dict[str, Any]) -> Grafana:
    """A Grafana that answers a path with this."""
    one = grafana(*panels)
    one.routes[path] = lambda request: reply(status, document)
    return one


def titled(*titles: str, folder: str = "") -> Grafana:
    """A Grafana with empty dashboards of these titles only."""
    one = grafana()
    one.dashboards.clear()
    for number, title in enumerate(titles):
        one.add(dashboard(uid=f"u{number}", title=title), folder)
    return one
